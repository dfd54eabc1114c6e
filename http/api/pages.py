"""Lists, a page at a time: which page is asked for, and the answer with the way to the next one."""

import base64
import binascii
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec
from litestar.openapi.spec import OpenAPIType
from litestar.params import QueryParameter

from api.call import Call, Told, told
from api.parameters import ID_MAX, refuse, whole_of
from readmodels.moments import Moment

LIMIT_MAX: Final = 200
LIMIT: Final = 50
CURSOR_LENGTH_MAX: Final = 512

# The place of a row in a list: where a page ends, and the next one goes on.
Place: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=ID_MAX)]
# Behind the last place of any list that begins with its newest row.
END: Final = ID_MAX

Limit: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        name="limit",
        description=f"1 to {LIMIT_MAX}; {LIMIT} if not given.",
        schema_extra={"type": OpenAPIType.INTEGER, "minimum": 1, "maximum": LIMIT_MAX},
    ),
]
Cursor: TypeAlias = Annotated[
    str | None,
    QueryParameter(name="cursor", description="From the Link header of the page before."),
]

Row = TypeVar("Row")


class Page(msgspec.Struct, frozen=True):
    """The page that is asked for, which goes on after `place`; `place` is None for the first.

    The whole of a `steady` list is as of and as known at the moment of its first page, so that no row
    is told twice or left out because something was booked meanwhile.
    """

    size: int
    place: Any
    steady: bool = False
    as_of: str | None = None
    known_at: str | None = None

    @property
    def rows(self) -> int:
        """How many rows to ask for: one that is not shown tells whether another page follows."""
        return self.size + 1


def page_of(limit: str | None, cursor: str | None) -> Page:
    return Page(limit_of(limit), value_of_cursor(cursor, Place))


def steady_page_of(
    limit: str | None,
    cursor: str | None,
    as_of: str | None,
    known_at: str | None,
    kind: Any = Place,
) -> Page:
    """A page of a list on both axes; `kind` is the type of its places, where they are not numbers."""
    size, found = limit_of(limit), value_of_cursor(cursor, tuple[kind, dt.date, Place])
    if found is None:
        return Page(size, None, True, as_of, known_at)
    place, day, position = found
    return Page(size, place, True, day.isoformat(), str(position))


def told_page(
    call: Call,
    page: Page,
    rows: Sequence[Row],
    *,
    shown: Callable[[Row], Any],
    place: Callable[[Row], Any],
    moment: Moment | None,
) -> Told:
    """The rows as they are said, and in the Link header where the next page goes on."""
    link = None
    if len(rows) > page.size:
        rows = rows[: page.size]
        last = place(rows[-1])
        if page.steady and moment is not None:
            last = (last, moment.as_of, moment.known_at)
        link = next_page(call, "cursor", cursor_for(last))
    position = None if moment is None else moment.known_at
    return told([shown(row) for row in rows], position=position, link=link)


def limit_of(text: str | None) -> int:
    if text is None:
        return LIMIT
    number = whole_of(text)
    if number is None or not 1 <= number <= LIMIT_MAX:
        refuse("limit", f"Expected a whole number from 1 to {LIMIT_MAX}.")
    return number


def cursor_for(value: Any) -> str:
    """An opaque text for where the next page begins."""
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=").decode()


def value_of_cursor(text: str | None, kind: Any) -> Any:
    """What `cursor_for` was given. A cursor of another list, or a made-up one, is refused."""
    if text is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(text[:CURSOR_LENGTH_MAX] + "=" * (-len(text) % 4))
        return msgspec.json.decode(raw, type=kind, strict=True)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        refuse("cursor", "This cursor is from no page of this list.")


def next_page(call: Call, name: str, place: object) -> str:
    """The Link header to the next page: this very address, with the parameter that says where it goes on."""
    query = [
        part
        for part in call.scope["query_string"].decode("latin-1").split("&")
        if part and part.partition("=")[0] != name
    ]
    address = f"{call.scope['path']}?{'&'.join([*query, f'{name}={place}'])}"
    return f'<{address}>; rel="next"'
