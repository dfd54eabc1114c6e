"""Values in the text form of COPY, and arrays in the text form of Postgres."""

from collections.abc import Iterable
from typing import Final

NULL: Final = "\\N"
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def text_of(value: str | None) -> str:
    return NULL if value is None else value.translate(_ESCAPES)


def number_of(value: int | None) -> str:
    return NULL if value is None else str(value)


def texts_of(values: Iterable[str]) -> str:
    """An array of texts, as a column of COPY."""
    quoted = ('"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"' for v in values)
    return ("{" + ",".join(quoted) + "}").translate(_ESCAPES)


def array_of(values: Iterable[object]) -> str:
    """An array of what is written without quotes: numbers, dates, codes, and NULL for None."""
    return "{" + ",".join(["NULL" if v is None else f"{v}" for v in values]) + "}"
