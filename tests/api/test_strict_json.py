"""What a body may say, and everything that a lax reader would have let through."""

import json
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from api.strict_json import (
    BODY_BYTES_MAX,
    DEPTH_MAX,
    Amount,
    BodyInvalid,
    BodyMalformed,
    BodyTooLarge,
    FieldError,
    Rate,
    check_body_type,
    decode,
    encode,
    parse,
)

Id = Annotated[int, Meta(gt=0, le=999_999_999_999_999)]
Code = Annotated[str, Meta(pattern="^[A-Z]{3}$", max_length=3)]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    account_id: Id
    amount: Amount


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    account_id: Id
    amount: Amount
    currency: Code = "EUR"
    note: Annotated[str, Meta(max_length=140)] | None = None
    lines: Annotated[list[Line], Meta(max_length=100)] = []
    rate: Rate | None = None


def errors_of(body: bytes) -> list[FieldError]:
    with pytest.raises(BodyInvalid) as refused:
        decode(body, Order)
    return list(refused.value.errors)


@pytest.mark.parametrize("sent", ["100.00", '"100.00"'])
def test_an_amount_is_read_exactly_from_a_number_or_a_string(sent: str) -> None:
    order = decode(b'{"account_id":1,"amount":%s}' % sent.encode(), Order)

    assert order.amount == Decimal("100.00")
    assert str(order.amount) == "100.00"
    assert type(order.amount) is Decimal


@pytest.mark.parametrize("sent", ["0.0000001", "-0.000000000001", "0.0000000", "0.000001"])
def test_a_rate_near_zero_is_the_same_as_a_number_and_as_a_string(sent: str) -> None:
    orders = [
        decode(b'{"account_id":1,"amount":1,"rate":%s}' % rate.encode(), Order)
        for rate in (sent, f'"{sent}"')
    ]

    assert [order.rate for order in orders] == [Decimal(sent)] * 2


def test_an_amount_that_no_double_holds_keeps_all_of_its_digits() -> None:
    order = decode(b'{"account_id":1,"amount":999999999999999.9999}', Order)

    assert str(order.amount) == "999999999999999.9999"


def test_zero_and_negative_amounts_are_left_for_the_domain_to_refuse() -> None:
    assert decode(b'{"account_id":1,"amount":-5}', Order).amount == -5
    assert decode(b'{"account_id":1,"amount":0}', Order).amount == 0


@pytest.mark.parametrize(
    "sent",
    [
        '"NaN"',
        '"Infinity"',
        '"-Infinity"',
        '"1_000"',
        '"1,000"',
        '"\u0661\u0662"',
        '"\uff11\uff12"',
        '"+5"',
        '" 5"',
        '"5 "',
        '"5\\n"',
        '""',
        '"."',
        '"5."',
        '".5"',
        '"007"',
        '"0x10"',
        '"1e2"',
        '"1E2"',
        "1.00001",
        "0.0000001",
        "1000000000000000",
        '"1000000000000000"',
        "true",
        "false",
        "null",
        "[]",
        "[100.00]",
        "{}",
    ],
)
def test_what_is_not_plainly_an_amount_is_refused(sent: str) -> None:
    body = f'{{"account_id":1,"amount":{sent}}}'.encode()

    with pytest.raises((BodyInvalid, BodyMalformed)):
        decode(body, Order)


@pytest.mark.parametrize(
    "sent", ["1e2", "1E2", "1e400", "-1e400", "1.5e-3", "NaN", "Infinity", "-Infinity"]
)
@pytest.mark.parametrize("field", ["account_id", "amount", "rate"])
def test_exponents_and_numbers_that_are_none_are_malformed(sent: str, field: str) -> None:
    body = b'{"%s":%s}' % (field.encode(), sent.encode())

    with pytest.raises(BodyMalformed):
        decode(body, Order)


@pytest.mark.parametrize("sent", ['"15"', "15.0", "15.5", "true", "null", "[15]", "0", "-1"])
def test_a_whole_number_is_nothing_else(sent: str) -> None:
    [error] = errors_of(b'{"account_id":%s,"amount":1}' % sent.encode())

    assert error.pointer == "/account_id"


@pytest.mark.parametrize("digits", [19, 4_000, 5_000])
def test_a_whole_number_of_any_length_is_refused_and_not_stored(digits: int) -> None:
    with pytest.raises((BodyInvalid, BodyMalformed)):
        decode(b'{"account_id":%s,"amount":1}' % (b"9" * digits), Order)


def test_a_pattern_does_not_let_a_line_break_follow() -> None:
    with pytest.raises(BodyMalformed):
        decode(b'{"account_id":1,"amount":1,"currency":"EUR\\n"}', Order)


@pytest.mark.parametrize(
    "body",
    [
        '{"amount":15,"amount":99,"account_id":1}',
        '{"account_id":1,"amount":15,"\\u0061mount":99}',
        '{"account_id":1,"amount":1,"lines":[{"account_id":1,"account_id":2,"amount":1}]}',
        '{"x":{"y":[{"z":{"a":1,"a":1}}]}}',
    ],
)
def test_a_key_that_stands_twice_is_refused_at_any_depth(body: str) -> None:
    with pytest.raises(BodyMalformed, match="twice"):
        decode(body.encode(), Order)


@pytest.mark.parametrize(
    "escape",
    [
        *("\\u0000", "\\u001f", "\\u007f", "\\u0085", "\\n", "\\t", "\\r", "\\b", "\\f"),
        *("\\ud800", "\\udc00", "\\ud800x", "\x7f", "\x85"),
    ],
)
@pytest.mark.parametrize(
    "place", ['{{"account_id":1,"amount":1,"note":"a{0}b"}}', '{{"a{0}b":1}}', '["{0}"]']
)
def test_control_characters_and_half_surrogates_are_refused_everywhere(
    escape: str, place: str
) -> None:
    with pytest.raises(BodyMalformed):
        decode(place.format(escape).encode(), Order)


@pytest.mark.parametrize("raw", [*range(0x20)])
def test_raw_control_characters_are_refused(raw: int) -> None:
    with pytest.raises(BodyMalformed):
        parse(b'{"note":"a%cb"}' % raw)


def test_letters_of_any_script_and_emoji_are_text() -> None:
    order = decode(
        '{"account_id":1,"amount":1,"note":"Zoë \\ud83d\\ude00 日本 \\/"}'.encode(), Order
    )

    assert order.note == "Zoë \U0001f600 日本 /"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"\xff",
        b'{"note":"\xc3"}',
        b'{"note":"\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
        '{"account_id":1}'.encode("utf-16"),
        b"{",
        b'{"a":1}}',
        b'{"a":1}{"a":1}',
        b"{'a':1}",
        b'{"a":1,}',
        b"[1,]",
        b'{"a":01}',
        b'{"a":.5}',
        b'{"a":5.}',
        b'{"a":+5}',
        b'{"a":0x1}',
        b"{a:1}",
        b"// c\n{}",
        b"/* c */{}",
        b'{"a":undefined}',
        b"nul",
        b"\x0b{}",
        b"\xc2\xa0{}",
    ],
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(BodyMalformed):
        decode(body, Order)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
@pytest.mark.parametrize("depth", [DEPTH_MAX + 1, 1_000, 200_000])
def test_deep_nesting_is_refused(opening: str, depth: int) -> None:
    closing = {"[": "]", '{"a":': "}", '[{"a":': "}]"}[opening]
    body = (opening * depth + "1" + closing * depth).encode()[:BODY_BYTES_MAX]

    with pytest.raises(BodyMalformed):
        decode(body, Order)


def test_nesting_up_to_the_limit_is_read() -> None:
    deepest = b"[" * DEPTH_MAX + b"]" * DEPTH_MAX

    assert parse(deepest) == json.loads(deepest)


def test_brackets_inside_text_are_not_depth() -> None:
    note = "[" * 140

    assert decode(b'{"account_id":1,"amount":1,"note":"%s"}' % note.encode(), Order).note == note


def test_a_body_above_the_limit_is_refused_unread() -> None:
    with pytest.raises(BodyTooLarge):
        decode(b" " * (BODY_BYTES_MAX + 1), Order)


def test_every_wrong_field_is_named_at_once() -> None:
    errors = errors_of(b'{"account_id":"15","currency":"EURO","colour":1,"a/b~c":2}')

    assert {error.pointer for error in errors} == {
        "/account_id",
        "/amount",
        "/a~1b~0c",
        "/colour",
        "/currency",
    }


def test_an_error_inside_a_list_points_to_its_place() -> None:
    body = b'{"account_id":1,"amount":1,"lines":[{"account_id":1,"amount":1},{"account_id":1%s}]}'

    assert errors_of(body % b',"amount":"x"')[0].pointer == "/lines/1/amount"
    assert errors_of(body % b"")[0] == FieldError("/lines/1/amount", "This field is required")
    assert errors_of(body % b',"amount":1,"x":1')[0] == FieldError(
        "/lines/1/x", "There is no such field"
    )


def test_a_body_that_is_no_object_is_refused() -> None:
    for body in (b"[]", b"1", b"null", b'"x"', b"1.5"):
        assert errors_of(body)[0].pointer == ""


def test_decimals_are_written_as_numbers_with_all_of_their_decimals() -> None:
    figures = {
        "eur": Decimal(10000).scaleb(-2),
        "zero": Decimal(0).scaleb(-2),
        "jpy": Decimal(10000).scaleb(0),
        "clf": Decimal(-1).scaleb(-4),
        "echo": Amount("7.10"),
    }

    assert encode(figures) == b'{"eur":100.00,"zero":0.00,"jpy":10000,"clf":-0.0001,"echo":7.10}'


@given(st.decimals(min_value=-(10**15) + 1, max_value=10**15 - 1, places=4))
def test_every_amount_comes_back_as_it_was_written(amount: Decimal) -> None:
    body = encode({"account_id": 1, "amount": amount})

    assert decode(body, Order).amount == amount
    assert str(decode(body, Order).amount) == str(amount)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(json_values)
def test_a_body_is_read_as_every_reader_reads_it_or_refused(value: Any) -> None:
    body = json.dumps(value).encode()

    try:
        read = parse(body)
    except BodyMalformed:
        assert any(code in body for code in (b"\\", b"\x7f"))
    else:
        assert read == value == msgspec.json.decode(body)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_be_read_or_refused(body: bytes) -> None:
    with pytest.raises((BodyMalformed, BodyInvalid)):
        decode(body, Order)


class Lax(msgspec.Struct):
    amount: Amount


class Floating(msgspec.Struct, forbid_unknown_fields=True):
    amount: float


class Bare(msgspec.Struct, forbid_unknown_fields=True):
    amount: Decimal


class Unbounded(msgspec.Struct, forbid_unknown_fields=True):
    account_id: int


class Endless(msgspec.Struct, forbid_unknown_fields=True):
    note: str


class Untyped(msgspec.Struct, forbid_unknown_fields=True):
    anything: Any


class Nested(msgspec.Struct, forbid_unknown_fields=True):
    inner: Lax | None = None


@pytest.mark.parametrize("body_type", [Lax, Floating, Bare, Unbounded, Endless, Untyped, Nested])
def test_a_type_that_would_be_read_laxly_is_refused_at_the_start(body_type: type) -> None:
    with pytest.raises(TypeError):
        check_body_type(body_type)


def test_a_strict_type_is_accepted_at_the_start() -> None:
    check_body_type(Order)
