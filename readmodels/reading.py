"""What every query shares: the connection it is given, and the bound of a page."""

import datetime as dt
from typing import Any, Final, TypeAlias

from psycopg import AsyncConnection

# In autocommit, with tuples for rows; its statement_timeout is set by whoever opened it.
Connection: TypeAlias = AsyncConnection[tuple[Any, ...]]

PAGE_MAX: Final = 1000

# Where a line stands in the order of the books: its booking date, then its position in the log.
BookingOrder: TypeAlias = tuple[dt.date, int]


def page_size(limit: int) -> int:
    """The number of rows to read; a page of less than one row or more than `PAGE_MAX` is a mistake."""
    if not 1 <= limit <= PAGE_MAX:
        raise ValueError(f"a page holds 1 to {PAGE_MAX} rows, not {limit}")
    return limit


def pattern_of(text: str) -> str:
    """The LIKE pattern of what contains the text, whatever characters it is made of."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
