"""What stands in a request beside its body: query parameters, path ids, the idempotency key."""

import datetime as dt
import re
from collections.abc import Iterable
from typing import Annotated, Any, Final, NoReturn, TypeAlias

import msgspec
from litestar.openapi.spec import OpenAPIType
from litestar.params import QueryParameter

from api.gate import TWICE
from api.strict_json import BodyRefused, FieldError
from application.commands import EARLIEST

ID_MAX: Final = 2**53 - 1
KEY_LENGTH_MAX: Final = 255
TEXT_LENGTH_MAX: Final = 200

Id: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=ID_MAX, examples=[1])]
Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Word: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]

# What the document says of the parameters that are checked here.
A_DATE: Final[dict[str, Any]] = {"format": "date"}
AN_ID: Final[dict[str, Any]] = {"type": OpenAPIType.INTEGER, "minimum": 1, "maximum": ID_MAX}


def one_of(choices: Iterable[str]) -> dict[str, Any]:
    return {"enum": list(choices)}


AsOf: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        name="as_of",
        description="A booking date, YYYY-MM-DD: what stood in the books at the end of that day.",
        schema_extra=A_DATE,
    ),
]
KnownAt: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        name="known_at",
        description="What was known then: an instant (RFC 3339, with offset) or a position.",
        schema_extra={"examples": ["2026-03-31T17:00:00Z", "40370"]},
    ),
]

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)


class ParameterRefused(BodyRefused):
    """A parameter of the query, or a header, that says nothing or two things."""


class NotAcceptable(Exception):
    """The Accept header names none of the forms that the answer has."""

    def __init__(self, offered: Iterable[str]) -> None:
        super().__init__(f"It can be had as {', '.join(offered)}.")


def refuse(name: str, detail: str) -> NoReturn:
    raise ParameterRefused(FieldError(f"/query/{name}", detail))


def date_of(name: str, text: str | None) -> dt.date | None:
    """A date on which something may have been booked, so that days can be counted back from it."""
    if text is None:
        return None
    if _DATE.fullmatch(text):
        try:
            day = dt.date.fromisoformat(text)
        except ValueError:
            pass
        else:
            if day >= EARLIEST:
                return day
    refuse(name, f"Expected a date such as 1994-01-31, from {EARLIEST} on.")


def known_at_of(text: str | None) -> dt.datetime | int | None:
    if text is None:
        return None
    if (position := whole_of(text)) is not None:
        return position
    if _INSTANT.fullmatch(text):
        try:
            return dt.datetime.fromisoformat(text)
        except ValueError:
            pass
    refuse(
        "known_at",
        "Expected a position, or an instant with its offset such as 2026-03-31T17:00:00Z "
        "(in an address, a plus sign is written %2B).",
    )


def whole_of(text: str) -> int | None:
    """The whole number that is written, in the one way to write it; None for anything else."""
    return int(text) if _WHOLE.fullmatch(text) else None


def id_of(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    number = whole_of(text)
    if number is None or not 1 <= number <= ID_MAX:
        refuse(name, "Expected the number of something.")
    return number


def text_of(name: str, text: str | None) -> str | None:
    """A short text that can be looked for: what is not printable is in no text that we keep."""
    if text is None or (0 < len(text) <= TEXT_LENGTH_MAX and text.isprintable()):
        return text
    refuse(name, "Expected a short printable text.")


def key_of(header: bytes | None) -> str | None:
    """The idempotency key: up to 255 visible characters, bare or in quotes; both mean the same key."""
    if header is None:
        return None
    key = header.strip(b" \t")
    if len(key) >= 2 and key[:1] == key[-1:] == b'"':
        key = key[1:-1]
    if header == TWICE or not 0 < len(key) <= KEY_LENGTH_MAX or not _VISIBLE.fullmatch(key):
        raise ParameterRefused(
            FieldError(
                "/header/Idempotency-Key",
                f"Expected one key of 1 to {KEY_LENGTH_MAX} visible ASCII characters.",
            )
        )
    return key.decode()


_VISIBLE: Final = re.compile(rb"[\x21-\x7e]+")


def check_query(scope: Any, taken: frozenset[str]) -> None:
    """Refuse a parameter that the call does not take, or that stands twice: a slip of the pen in
    `as_of` must not answer with today's balance."""
    seen: set[str] = set()
    for part in scope["query_string"].decode("latin-1").split("&"):
        name = part.partition("=")[0]
        if not part:
            continue
        if name not in taken:
            refuse(name[:64], "This call takes no such parameter.")
        if name in seen:
            refuse(name, "The parameter stands twice.")
        seen.add(name)
