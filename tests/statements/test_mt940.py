"""MT940: read back by a reader that is not ours, within the limits of SWIFT."""

import itertools
import re

import mt940
import pytest
from hypothesis import given

from domain.money import decimal_of
from readmodels.statements.canonical import NotExpressible, Statement
from readmodels.statements.mt940 import MESSAGE_MAX, render_mt940
from tests.statements.made import AWKWARD, largest, line, months_lines, statement_of, statements

SWIFT_X = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]*")
FIELD = re.compile(r":\d\d[A-Z]?:")


def read(statement: Statement) -> mt940.models.Transactions:
    return mt940.parse(render_mt940(statement).decode("ascii"))


def information(statement: Statement) -> str:
    (entry,) = read(statement)
    return str(entry.data["transaction_details"])


@given(statements())
def test_opening_balance_and_entries_come_to_the_closing_balance(statement: Statement) -> None:
    entries = read(statement)

    currency = statement.account.currency
    opening = entries.data["final_opening_balance"].amount.amount
    closing = entries.data["final_closing_balance"].amount.amount
    amounts = [entry.data["amount"].amount for entry in entries]
    assert opening == decimal_of(statement.opening_balance, currency)
    assert closing == decimal_of(statement.closing_balance, currency)
    assert opening + sum(amounts) == closing
    assert amounts == [decimal_of(entry.signed, currency) for entry in statement.entries]
    assert [entry.data["date"] for entry in entries] == [e.value_date for e in statement.entries]


@given(statements())
def test_every_line_is_one_that_swift_carries(statement: Statement) -> None:
    lines = render_mt940(statement).decode("ascii").split("\r\n")

    for number, said in enumerate(lines):
        assert SWIFT_X.fullmatch(said)
        assert len(said) <= (65 if said.startswith(":86:") or not FIELD.match(said) else 72)
        if said.startswith("-"):
            assert said == "-"
            assert lines[number + 1] == "" or lines[number + 1].startswith(":20:")
        elif said and not FIELD.match(said):
            assert not said.startswith(":")


@pytest.mark.parametrize("count", [0, 1, 12, 3000])
def test_a_long_statement_is_divided_at_intermediate_balances(count: int) -> None:
    statement = statement_of(months_lines(count), 123_456)
    messages = render_mt940(statement).decode("ascii").split("-\r\n")[:-1]

    assert max(map(len, messages)) + len("-\r\n") <= MESSAGE_MAX
    for number, message in enumerate(messages, 1):
        first, last = number == 1, number == len(messages)
        assert f":28C:00000/{number:05}\r\n" in message
        assert (":60F:" in message, ":60M:" in message) == (first, not first)
        assert (":62F:" in message, ":62M:" in message, ":64:" in message) == (last, not last, last)
    for before, after in itertools.pairwise(messages):
        closing = re.search(r":62M:(.*)\r", before)
        opening = re.search(r":60M:(.*)\r", after)
        assert closing is not None
        assert opening is not None
        assert closing[1] == opening[1]
    assert len(read(statement)) == count


def test_each_message_comes_to_its_own_closing_balance() -> None:
    statement = statement_of(months_lines(100), 123_456)

    for message in render_mt940(statement).decode("ascii").split("-\r\n")[:-1]:
        entries = mt940.parse(message)
        said = entries.data
        opening = said.get("final_opening_balance") or said["intermediate_opening_balance"]
        closing = said.get("final_closing_balance") or said["intermediate_closing_balance"]
        moved = sum(entry.data["amount"].amount for entry in entries)
        assert opening.amount.amount + moved == closing.amount.amount


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("Žluťoučký kůň", "Zlutoucky kun"),
        ("Straße & Söhne", "Strasse + Sohne"),
        ("Привет", "Privet"),
        ("Αθήνα", "Athina"),
        ("漢字", ".."),
        ("🍰!", ".."),
        ("½ €5 @ 50%", "1/2 EUR5 (at) 50pct"),
        ("a\u200db", "ab"),
    ],
)
def test_letters_that_swift_lacks_are_written_with_those_it_has(
    description: str, expected: str
) -> None:
    said = information(statement_of([line(1, 5, description=description)]))

    assert said == f"/KIND/deposit/REMI/{expected}"


@pytest.mark.parametrize("text", AWKWARD)
def test_no_text_ends_a_message_or_begins_a_field(text: str) -> None:
    statement = statement_of([line(1, 5, description=text, counterparty=text, reference=text)])

    assert len(read(statement)) == 1
    assert information(statement).startswith("/KIND/deposit")


def test_a_reversal_is_the_debit_or_credit_that_it_is_and_names_what_it_reverses() -> None:
    statement = statement_of([line(1, 500), line(2, -500, kind="reversal", reverses=1)])

    amounts = [int(entry.data["amount"].amount) for entry in read(statement)]

    assert amounts == [5, -5]
    assert b"/KIND/reversal/RVSL/1\r\n" in render_mt940(statement)


def test_a_short_reference_stands_in_the_line_itself() -> None:
    said = [
        read(statement_of([line(7, 5, reference=reference)]))[0].data["customer_reference"]
        for reference in ("INV-2026-0001", "a//b", "/a", "r" * 17, None)
    ]

    assert said == ["INV-2026-0001", "NONREF", "NONREF", "NONREF", "NONREF"]


def test_an_amount_that_has_no_room_is_refused_by_name() -> None:
    with pytest.raises(NotExpressible, match="9999999999999,99"):
        render_mt940(largest())
