"""Evidence over HTTP: the log, its checkpoints, and proofs that anybody can check without us.

Hashes are in Base64. How each is made, and how a proof is checked, is in docs/evidence-format.md.
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar

import msgspec
from litestar import get
from litestar.params import QueryParameter
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, told
from api.documents import answers, described
from api.pages import END, Cursor, Limit, limit_of, next_page, page_of, told_page
from api.parameters import AN_ID, id_of, refuse
from api.visibility import WAIT_SECONDS, check_account, reading
from application.commands import Actor
from application.pools import borrowed
from domain.access import Looked
from domain.refusals import AccountNotFound
from ledger.journal import decode
from readmodels.log_proofs import (
    Checkpoint,
    EventLeaf,
    EventNotFound,
    NoSuchCheckpoint,
    NotYetSealed,
    checkpoint_of,
    checkpoints_before,
    latest_checkpoint,
    log_events,
    log_head,
    oldest_checkpoint,
    proof_of_consistency,
    proof_of_inclusion,
)
from readmodels.reading import Connection

POLL_SECONDS: Final = 0.05
# As the route stands in a look at it.
LOG: Final = "GET /audit/log"

PositionIn = Annotated[
    str | None,
    QueryParameter(name="position", description="The position of an event.", schema_extra=AN_ID),
]
AfterIn = Annotated[
    str | None,
    QueryParameter(
        name="after",
        description="A position; 0 if not given. Each reading of the log is an event itself: who follows "
        "the links stops at the `Daybook-Position` of the first answer.",
        schema_extra=AN_ID | {"minimum": 0},
    ),
]
SizeIn = Annotated[
    str | None,
    QueryParameter(
        name="size", description="Of a checkpoint; the newest if not given.", schema_extra=AN_ID
    ),
]
OldIn = Annotated[
    str | None,
    QueryParameter(
        name="from", description="Size of a checkpoint; the first if not given.", schema_extra=AN_ID
    ),
]
NewIn = Annotated[
    str | None,
    QueryParameter(
        name="to", description="Size of a later one; the newest if not given.", schema_extra=AN_ID
    ),
]
Found = TypeVar("Found")


class EventOut(msgspec.Struct, kw_only=True):
    """An event with every byte that is hashed: `state` is the text as it is stored."""

    position: int
    stream: str
    version: int
    tag: str
    state: str
    leaf_hash: bytes


class CheckpointOut(msgspec.Struct, kw_only=True):
    """`note` is the signed note, whole; the rest says what it says."""

    size: int
    root: bytes
    recorded_at: dt.datetime
    note: str


class InclusionOut(msgspec.Struct, kw_only=True):
    """The leaf is number `leaf_index` of the tree of `checkpoint.size`; `path` leads to the root.

    A customer is not shown the event where a member of staff has booked it.
    """

    position: int
    leaf_index: int
    leaf_hash: bytes
    event: EventOut | None
    path: list[bytes]
    checkpoint: CheckpointOut


class ConsistencyOut(msgspec.Struct, kw_only=True, rename={"older": "from", "newer": "to"}):
    older: CheckpointOut
    newer: CheckpointOut
    path: list[bytes]


@get(
    "/audit/log",
    **described("The log", answers(200, list[EventOut], 401, 403, 429, 503)),
)
async def log(request: Call, after: AfterIn = None, limit: Limit = None) -> ASGIApp:
    """Events in their order, as they are stored and hashed.

    For staff, reading them is recorded in the log itself, so whoever follows it finds her own looks there;
    a page of nothing else is none.
    """
    size, first = limit_of(limit), 0 if after == "0" else id_of("after", after) or 0
    async with borrowed(request.bank.reads) as connection:
        events = await log_events(connection, first, first + size)
        head = await log_head(connection)
    if all(_is_quiet(request.actor, event) for event in events):
        request.is_no_look()
    last = events[-1].position if events else head
    link = next_page(request, "after", last) if last < head else None
    return told([event_out(event) for event in events], position=head, link=link)


@get(
    "/audit/checkpoints",
    **described("Checkpoints", answers(200, list[CheckpointOut], 401, 403, 429, 503)),
)
async def checkpoints(request: Call, limit: Limit = None, cursor: Cursor = None) -> ASGIApp:
    """Every one that was signed, the newest first."""
    page = page_of(limit, cursor)
    async with borrowed(request.bank.reads) as connection:
        found = await checkpoints_before(connection, page.place or END, page.rows)
    return told_page(
        request, page, found, shown=checkpoint_out, place=lambda each: each.size, moment=None
    )


@get(
    "/audit/checkpoints/latest",
    **described("The newest checkpoint", answers(200, CheckpointOut, 401, 403, 429, 503)),
)
async def latest(request: Call) -> ASGIApp:
    """The head of the log is signed a second after it has moved, at the latest."""
    async with borrowed(request.bank.reads) as connection:
        found = await _newest(connection, 1)
    return told(checkpoint_out(found))


@get(
    "/audit/proofs/inclusion",
    **described(
        "A proof that an event is in the log", answers(200, InclusionOut, 401, 403, 404, 429, 503)
    ),
)
async def inclusion(request: Call, position: PositionIn = None, size: SizeIn = None) -> ASGIApp:
    """That the event at a position, as a write answers it, is under a checkpoint."""
    place, wanted = id_of("position", position), id_of("size", size)
    if place is None:
        refuse("position", "Expected the position of an event.")
    # Who holds the account is asked of a view, which must have come to the event.
    async with reading(request, transaction_id=place) as (connection, _):
        events = await log_events(connection, place - 1, place)
        if not events:
            raise EventNotFound(place)
        event = events[0]
        await _check_event(connection, request.actor, event)
        checkpoint = await checkpoint_over(connection, place, wanted)
        path = await proof_of_inclusion(connection, event, checkpoint)
    return told(
        InclusionOut(
            position=place,
            leaf_index=place - 1,
            leaf_hash=event.leaf,
            event=event_out(event) if may_read(request.actor, event) else None,
            path=path,
            checkpoint=checkpoint_out(checkpoint),
        )
    )


@get(
    "/audit/proofs/consistency",
    **described(
        "A proof that one checkpoint goes on from another",
        answers(200, ConsistencyOut, 401, 403, 404, 429, 503),
    ),
)
async def consistency(request: Call, older: OldIn = None, newer: NewIn = None) -> ASGIApp:
    """That nothing under the one was changed or taken away in the other."""
    first, last = id_of("from", older), id_of("to", newer)
    async with borrowed(request.bank.reads) as connection:
        one = await _signed(connection, first) if first else await _oldest(connection)
        other = await _signed(connection, last) if last else await _newest(connection, one.size)
        if other.size < one.size:
            refuse("from", "Expected the smaller of the two sizes.")
        path = await proof_of_consistency(connection, one, other)
    return told(ConsistencyOut(older=checkpoint_out(one), newer=checkpoint_out(other), path=path))


# --- Which checkpoint


async def _newest(connection: Connection, size: int) -> Checkpoint:
    """The newest checkpoint, once it covers so many events."""

    async def ask() -> Checkpoint | None:
        found = await latest_checkpoint(connection)
        return found if found is not None and found.size >= size else None

    return await _awaited(ask)


async def checkpoint_over(connection: Connection, position: int, size: int | None) -> Checkpoint:
    if size is None:
        return await _newest(connection, position)
    if size < position:
        refuse("size", "Expected a size that covers the position.")
    return await _signed(connection, size)


async def _signed(connection: Connection, size: int) -> Checkpoint:
    found = await checkpoint_of(connection, size)
    if found is None:
        raise NoSuchCheckpoint(size)
    return found


async def _oldest(connection: Connection) -> Checkpoint:
    return await _awaited(lambda: oldest_checkpoint(connection))


async def _awaited(ask: Callable[[], Awaitable[Found | None]]) -> Found:
    """What is not signed yet will be: it is asked for again for a while."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WAIT_SECONDS
    while (found := await ask()) is None:
        if loop.time() > deadline:
            raise NotYetSealed
        await asyncio.sleep(POLL_SECONDS)
    return found


# --- Who sees what


async def _check_event(connection: Connection, actor: Actor, event: EventLeaf) -> None:
    """To a customer there are the events of the customer's own accounts, and no others."""
    if actor.role != "user":
        return
    # The statements of an account stand in a stream of their own.
    kind, _, number = event.stream.rpartition("-")
    if kind not in ("account", "statements"):
        raise EventNotFound(event.position)
    try:
        await check_account(connection, actor, int(number))
    except AccountNotFound:
        raise EventNotFound(event.position) from None


def may_read(actor: Actor, event: EventLeaf) -> bool:
    """Which member of staff booked it is not for customers, and the event says it."""
    if actor.role != "user":
        return True
    by = decode(event.tag, event.state).actor
    return by == actor.name or by.startswith("system-")


def _is_quiet(actor: Actor, event: EventLeaf) -> bool:
    """A look at the log, by the actor or at nothing of a customer's: to record that it was read would be
    one more to read, and so without end, for two who follow the log as for one."""
    if event.tag != Looked.TAG:
        return False
    try:
        look = decode(event.tag, event.state)
    except msgspec.MsgspecError:
        # It was damaged in the store, and is shown as it is.
        return False
    by_actor = look.actor == actor.name
    return look.fact.route == LOG and (by_actor or not look.fact.shown)


# --- As it is said


def event_out(event: EventLeaf) -> EventOut:
    return EventOut(
        position=event.position,
        stream=event.stream,
        version=event.version,
        tag=event.tag,
        state=event.state.decode(),
        leaf_hash=event.leaf,
    )


def checkpoint_out(checkpoint: Checkpoint) -> CheckpointOut:
    return CheckpointOut(
        size=checkpoint.size,
        root=checkpoint.root,
        recorded_at=checkpoint.recorded_at,
        note=checkpoint.note,
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [
    log,
    checkpoints,
    latest,
    inclusion,
    consistency,
]
