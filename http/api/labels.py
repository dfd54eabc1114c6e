"""Labels: the category and the tags of a transaction, given later, and what they were before."""

import datetime as dt
from collections.abc import Callable
from typing import Final

import msgspec
from litestar import get, put
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.accounts import Tags
from api.call import Call, asked_by, told, written
from api.documents import answers, described
from api.parameters import Word
from api.strict_json import encode
from api.transactions import accounts_in, events_of
from api.visibility import check_transaction, reading
from application import corrections
from application.books import Answer, Command, Posted
from application.commands import Ask
from application.pools import borrowed
from domain.labels import Labelled, stream_of
from domain.refusals import TransactionNotFound
from ledger.journal import Recorded
from readmodels import transactions
from readmodels.stream_history import events as stream_events

HISTORY_MAX: Final = 1000


class Categorising(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`null` takes the category away."""

    category: Word | None


class Tagging(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """All of them: what is not in the list is taken away."""

    tags: Tags


class LabelsOut(msgspec.Struct, kw_only=True):
    """`position` is absent where nothing had to change."""

    transaction_id: int
    category: str | None
    tags: list[str]
    changed: bool
    position: int | None = None


class LabelsAt(msgspec.Struct, kw_only=True):
    position: int
    timestamp: dt.datetime
    category: str | None
    tags: list[str]
    actor: str


_LABELLED: Final = answers(200, LabelsOut, 401, 403, 404, 413, 415, 422, 429, 503)


@put(
    "/transactions/{transaction_id:int}/category",
    **described("Give a transaction another category", _LABELLED, writes=True),
)
async def categorise(
    request: Call, transaction_id: FromPath[int], data: JSONBody[Categorising]
) -> ASGIApp:
    """What was posted stays as it was posted; the earlier categories stay visible."""

    def change(ask: Ask, events: list[Recorded]) -> Command:
        return corrections.categorise(ask, events, data.category)

    return await _label(request, transaction_id, change)


@put(
    "/transactions/{transaction_id:int}/tags",
    **described("Give a transaction other tags", _LABELLED, writes=True),
)
async def tag(request: Call, transaction_id: FromPath[int], data: JSONBody[Tagging]) -> ASGIApp:
    """The whole list takes the place of the one before, which stays visible."""

    def change(ask: Ask, events: list[Recorded]) -> Command:
        return corrections.tag(ask, events, tuple(data.tags))

    return await _label(request, transaction_id, change)


async def _label(
    call: Call, transaction_id: int, change: Callable[[Ask, list[Recorded]], Command]
) -> ASGIApp:
    await _check_seen(call, transaction_id)
    events = await events_of(call, transaction_id)
    async with borrowed(call.bank.reads) as connection:
        history = await stream_events(connection, stream_of(transaction_id), limit=HISTORY_MAX)
    standing = history[-1].event.fact if history else events[0].event

    def answer(posted: list[Posted]) -> Answer:
        fact = posted[0].facts[-1] if posted else standing
        labelled = LabelsOut(
            transaction_id=transaction_id,
            category=fact.category,
            tags=list(fact.tags),
            changed=bool(posted),
            position=posted[0].position if posted else None,
        )
        return Answer(200, encode(labelled))

    return await written(call, change(asked_by(call, answer), events), *accounts_in(events))


@get(
    "/transactions/{transaction_id:int}/labels",
    **described("The labels of a transaction", answers(200, list[LabelsAt], 401, 404, 422, 503)),
)
async def labels(request: Call, transaction_id: FromPath[int]) -> ASGIApp:
    """As it was posted, and every change since: oldest first."""
    await _check_seen(request, transaction_id)
    posted = (await events_of(request, transaction_id))[0]
    async with borrowed(request.bank.reads) as connection:
        changes = await stream_events(connection, stream_of(transaction_id), limit=HISTORY_MAX)
    staff = request.actor.role != "user"
    history = [_at(posted, posted.event.category, posted.event.tags, staff)]
    for change in changes:
        fact: Labelled = change.event.fact
        history.append(_at(change, fact.category, fact.tags, staff))
    return told(history, position=history[-1].position)


def _at(recorded: Recorded, category: str | None, tags: tuple[str, ...], staff: bool) -> LabelsAt:
    actor = recorded.event.actor
    return LabelsAt(
        position=recorded.position,
        timestamp=recorded.event.recorded_at,
        category=category,
        tags=list(tags),
        actor=actor if staff else actor.partition("-")[0],
    )


async def _check_seen(call: Call, transaction_id: int) -> None:
    async with reading(call, transaction_id=transaction_id) as (connection, moment):
        row = await transactions.transaction(connection, transaction_id, moment)
        if row is None:
            raise TransactionNotFound(transaction_id=transaction_id)
        await check_transaction(connection, call.actor, row)


HANDLERS: Final[list[ControllerRouterHandler]] = [categorise, tag, labels]
