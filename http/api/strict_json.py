"""JSON as this API reads and writes it: one meaning a body, or none.

What a lax reader lets through is refused here: a key twice, NaN and Infinity, numbers with an exponent,
`"15"` or `15.0` for a whole number, unknown fields, control characters, bytes that are not UTF-8. Amounts
are read from the digits that were sent and written with the currency's decimals; no float is ever made.

The body is parsed once by the standard library's scanner, which shows every key of an object (so that a
repeat can be seen) and the digits of every number, and is then converted by msgspec in strict mode.
"""

import json
import re
from decimal import Decimal
from typing import Any, ClassVar, Final, NoReturn, Self, TypeVar

import msgspec
from msgspec import inspect, structs

BODY_BYTES_MAX: Final = 1024 * 1024
DEPTH_MAX: Final = 32

T = TypeVar("T")


class FieldError(msgspec.Struct, frozen=True):
    """One thing wrong with a body: where, as a JSON pointer (RFC 6901), and what."""

    pointer: str
    detail: str


class BodyRefused(Exception):
    """A body that was not read. Each kind has its row in the table of problems."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(error.detail for error in errors))
        self.errors = errors


class BodyMalformed(BodyRefused):
    """No JSON text, or one that two readers could read differently."""


class BodyInvalid(BodyRefused):
    """JSON, and not what this call takes."""


class BodyTooLarge(BodyRefused):
    """More bytes than this call takes."""


class BodyTooSlow(BodyRefused):
    """The body was announced and did not come."""


class BodyNotJson(BodyRefused):
    """The media type of the body is not JSON's."""


class _ReadAsDecimal(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return type(value) is Decimal


class ExactDecimal(Decimal, metaclass=_ReadAsDecimal):
    """A decimal read from the very digits that were sent; see the pattern of each kind.

    A kind is only how the digits are written. What is read is a plain decimal, so that nothing that goes
    on from here into an event is of a type that the log cannot write.
    """

    pattern: ClassVar[re.Pattern[str]]
    expected: ClassVar[str]

    def __new__(cls, value: Decimal | int | str) -> Self:
        return Decimal(value)  # type: ignore[return-value]


class Amount(ExactDecimal):
    """Money in major units, as a JSON number or string. How many of its decimals the currency has,
    and whether it may be zero or negative, is for the domain to say."""

    pattern = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,4})?")
    expected = "an amount such as 100.00: at most 15 digits before the point and 4 after it"


class Rate(ExactDecimal):
    """A rate, a growth or a factor, as a JSON number or string."""

    pattern = re.compile(r"-?(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,12})?")
    expected = "a rate such as 5.25: at most 6 digits before the point and 12 after it"


def decode(body: bytes, body_type: type[T], size_max: int = BODY_BYTES_MAX) -> T:
    """The body as a value of `body_type`, or `BodyRefused` with what is wrong and where."""
    if len(body) > size_max:
        raise BodyTooLarge(FieldError("", f"The body has more than {size_max} bytes."))
    value = parse(body)
    try:
        return msgspec.convert(value, body_type, strict=True, dec_hook=_exact_decimal)
    except msgspec.ValidationError as error:
        raise BodyInvalid(*_field_errors(value, body_type, error)) from None


def parse(body: bytes) -> Any:
    """The JSON value of the body; a number with a point is a `Decimal`. Raises `BodyMalformed`."""
    try:
        text = body.decode()
        value = _DECODER.decode(text)
    except UnicodeDecodeError:
        _malformed("The body is not UTF-8.")
    except json.JSONDecodeError as error:
        _malformed(f"The body is not JSON: {error.msg} at character {error.pos}.")
    except RecursionError:
        _malformed(f"The body is nested deeper than {DEPTH_MAX}.")
    except ValueError:
        _malformed("The body holds a number with too many digits.")
    # Control characters can only have come by an escape, or from outside ASCII; and only a body with
    # many brackets can be deep. Most bodies have none of these and need no second look.
    if "\\" in text or not text.isascii() or text.count("[") + text.count("{") > DEPTH_MAX:
        _inspect(value)
    elif "\x7f" in text:
        _malformed("The body holds a control character.")
    return value


def encode(value: Any) -> bytes:
    """The value as JSON. A `Decimal` is a number with all of its decimals: `100.00`."""
    return _ENCODER.encode(value)


def check_body_type(body_type: Any) -> None:
    """Raise TypeError when the type would read a body laxly: called for each handler as the API starts.

    Every struct must forbid unknown fields, every integer and string must be bounded, and no field may
    be a float, a bare Decimal or untyped.
    """
    seen: set[Any] = set()
    _check_type(inspect.type_info(body_type), getattr(body_type, "__name__", str(body_type)), seen)


def _malformed(detail: str) -> NoReturn:
    raise BodyMalformed(FieldError("", detail)) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        _malformed(f"The key {twice[:64]!a} stands twice in one object.")
    return fields


def _number(digits: str) -> Decimal:
    if "e" in digits or "E" in digits:
        _malformed("A number is written with an exponent; write its digits out.")
    return Decimal(digits)


def _no_such_number(name: str) -> NoReturn:
    _malformed(f"{name} is no number of JSON.")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_constant=_no_such_number
)
# Category Cc, and the halves of surrogate pairs, which no database can store.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def _inspect(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH_MAX + 1):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, str):
                if _CONTROL.search(item):
                    _malformed("The body holds a control character or half a surrogate pair.")
            elif isinstance(item, dict):
                inner.extend(item)
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        if not inner:
            return
        level = inner
    _malformed(f"The body is nested deeper than {DEPTH_MAX}.")


def _exact_decimal(kind: type[Any], value: Any) -> Any:
    if issubclass(kind, ExactDecimal):
        text = value if type(value) is str else _digits(value) if type(value) in _NUMBERS else ""
        if kind.pattern.fullmatch(text):
            return kind(text)
        raise ValueError(f"Expected {kind.expected}")
    raise NotImplementedError(f"{kind.__name__} cannot be read from a body")


_NUMBERS: Final = frozenset((int, Decimal))


def _digits(number: int | Decimal) -> str:
    """As it was sent: by itself a small decimal is told with an exponent."""
    return f"{Decimal(number):f}"


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")

_WHERE: Final = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>[^`]*)`)?", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>.*)`")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)


def _field_errors(value: Any, body_type: Any, first: msgspec.ValidationError) -> list[FieldError]:
    """What is wrong with each field of the body. msgspec stops at the first, so ask field by field."""
    if not (isinstance(value, dict) and isinstance(body_type, type)) or not issubclass(
        body_type, msgspec.Struct
    ):
        return [_field_error("", first)]
    errors = []
    known = {field.encode_name: field for field in structs.fields(body_type)}
    for name, field in known.items():
        pointer = f"/{_escaped(name)}"
        if name not in value:
            if field.required:
                errors.append(FieldError(pointer, "This field is required"))
            continue
        try:
            msgspec.convert(value[name], field.type, strict=True, dec_hook=_exact_decimal)
        except msgspec.ValidationError as error:
            errors.append(_field_error(pointer, error))
    errors.extend(
        FieldError(f"/{_escaped(name)}", "There is no such field") for name in value.keys() - known
    )
    return sorted(errors, key=lambda error: error.pointer)[:_ERRORS_MAX] or [
        _field_error("", first)
    ]


_ERRORS_MAX: Final = 20


def _field_error(pointer: str, error: msgspec.ValidationError) -> FieldError:
    match = _WHERE.fullmatch(str(error))
    assert match is not None  # every part of the pattern may be absent
    what = match["what"]
    pointer += re.sub(r"\.|\[(\d+)\]", lambda part: f"/{part[1] or ''}", match["path"] or "")
    if missing := _MISSING.fullmatch(what):
        return FieldError(f"{pointer}/{_escaped(missing['name'])}", "This field is required")
    if unknown := _UNKNOWN.fullmatch(what):
        return FieldError(f"{pointer}/{_escaped(unknown['name'])}", "There is no such field")
    return FieldError(pointer, what.replace("`decimal`", "a number with a point").replace("`", ""))


def _escaped(name: str) -> str:
    return name[:64].replace("~", "~0").replace("/", "~1")


def _check_type(kind: inspect.Type, where: str, seen: set[Any]) -> None:
    match kind:
        case inspect.StructType():
            if not kind.forbid_unknown_fields:
                raise TypeError(f"{where}: {kind.cls.__name__} must forbid unknown fields")
            if kind.cls not in seen:
                seen.add(kind.cls)
                for field in kind.fields:
                    _check_type(field.type, f"{where}.{field.encode_name}", seen)
        case inspect.Metadata():
            _check_type(kind.type, where, seen)
        case inspect.UnionType():
            for choice in kind.types:
                _check_type(choice, where, seen)
        case inspect.ListType():
            if kind.max_length is None:
                raise TypeError(f"{where}: a list needs a max_length")
            _check_type(kind.item_type, f"{where}[]", seen)
        case inspect.IntType():
            if (kind.ge is None and kind.gt is None) or (kind.le is None and kind.lt is None):
                raise TypeError(f"{where}: an integer needs a lower and an upper bound")
        case inspect.StrType():
            if kind.max_length is None:
                raise TypeError(f"{where}: a string needs a max_length")
        case inspect.CustomType():
            if not issubclass(kind.cls, ExactDecimal):
                raise TypeError(f"{where}: {kind.cls.__name__} cannot be read from a body")
        case (
            inspect.BoolType()
            | inspect.NoneType()
            | inspect.EnumType()
            | inspect.LiteralType()
            | inspect.UUIDType()
        ):
            pass
        case inspect.DateType():
            pass
        case inspect.DateTimeType():
            if not kind.tz:
                raise TypeError(f"{where}: a time needs tz=True")
        case _:
            raise TypeError(f"{where}: {type(kind).__name__} cannot be read from a body strictly")
