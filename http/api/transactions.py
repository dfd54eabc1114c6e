"""Transactions: transfers, one by one or in batches, and reversals."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from litestar import post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.accounts import MoneyDetails, check_late_only
from api.call import Call, asked_by, recorded_at, refused, told, written
from api.documents import answers, described
from api.parameters import Id, Text, key_of
from api.strict_json import Amount, encode
from application import accounts, corrections
from application.books import Answer, Command, Posted
from application.commands import Ask, Details
from application.pools import borrowed
from domain.account_facts import Movement
from domain.money import decimal_of
from domain.refusals import TransactionNotFound
from ledger.journal import Recorded
from readmodels.stream_history import original

BATCH_MAX: Final = 1_000
BATCH_BYTES_MAX: Final = 1024 * 1024
Key: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class Transferring(MoneyDetails, forbid_unknown_fields=True, kw_only=True):
    source_account_id: Id
    destination_account_id: Id
    amount: Annotated[Amount, msgspec.Meta(examples=[100.0])]


class Transferred(msgspec.Struct, kw_only=True):
    transaction_id: int
    source_account_id: int
    destination_account_id: int
    amount: Decimal
    timestamp: dt.datetime
    status: Literal["completed"] = "completed"
    position: int


class BatchItem(Transferring, forbid_unknown_fields=True, kw_only=True):
    idempotency_key: Key | None = None


class Batch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`atomic`: all or none. Otherwise each for itself, in order."""

    transfers: Annotated[list[BatchItem], msgspec.Meta(min_length=1, max_length=BATCH_MAX)]
    atomic: bool = False


class BatchResult(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the item would have been answered by itself."""

    status: int
    replayed: bool = False
    body: dict[str, Any]


class BatchDone(msgspec.Struct, kw_only=True):
    applied: int
    refused: int
    position: int | None
    results: list[BatchResult]


class Reversing(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Without an amount, the whole of it. What is moved back in part is not moved back again."""

    reason: Text
    amount: Annotated[Amount, msgspec.Meta(examples=[40.0])] | None = None
    booking_date: dt.date | None = None


class Reversed(msgspec.Struct, kw_only=True):
    transaction_id: int
    reverses: int
    source_account_id: int | None
    destination_account_id: int | None
    amount: Decimal
    timestamp: dt.datetime
    status: Literal["completed"] = "completed"
    position: int


@post(
    "/transactions/create",
    **described(
        "Transfer money",
        answers(201, Transferred, 401, 403, 404, 409, 413, 415, 422, 429, 503),
    ),
)
async def transfer(request: Call, data: JSONBody[Transferring]) -> ASGIApp:
    """Between two accounts of the bank: both sides at once, or neither."""
    details = data.details()
    check_late_only(request, details)
    source, destination = data.source_account_id, data.destination_account_id
    command = accounts.transfer(
        asked_by(request, _transfer_answer(source, destination)),
        source,
        destination,
        data.amount,
        details,
    )
    return await written(request, command, source, destination)


def _transfer_answer(source: int, destination: int) -> Callable[[list[Posted]], Answer]:
    def answer(posted: list[Posted]) -> Answer:
        one = posted[0]
        # What the payer's account had to be told first, of holds that expired, stands before.
        draft = one.transaction.drafts[-1]
        transferred = Transferred(
            transaction_id=one.transaction_id,
            source_account_id=source,
            destination_account_id=destination,
            amount=decimal_of(draft.fact.amount, draft.entry[0].currency),  # type: ignore[attr-defined]
            timestamp=recorded_at(one),
            position=one.position,
        )
        return Answer(201, encode(transferred))

    return answer


@post(
    "/transactions/batch",
    status_code=200,
    request_max_body_size=BATCH_BYTES_MAX,
    **described(
        "Transfer money, many times",
        answers(200, BatchDone, 401, 403, 413, 415, 422, 429, 503),
        writes=False,
    ),
)
async def transfer_batch(request: Call, data: JSONBody[Batch]) -> ASGIApp:
    """Up to 1,000 transfers in one commit. Each has its own idempotency key and its own answer."""
    commands: list[Command] = []
    touched: set[int] = set()
    for item in data.transfers:
        source, destination = item.source_account_id, item.destination_account_id
        key = item.idempotency_key
        ask = Ask(
            request.actor,
            _transfer_answer(source, destination),
            refused,
            None if key is None else key_of(key.encode()),
            request.via,
        )
        commands.append(accounts.transfer(ask, source, destination, item.amount, item.details()))
        touched.update((source, destination))
    given = await request.bank.writer.submit_all(commands, linked=data.atomic)
    position = max((a.position for a in given if a.position is not None), default=None)
    if position is not None:
        request.bank.own_writes.wrote(position, request.actor.user_id, *touched)
    applied = sum(answer.status < 400 for answer in given)
    # The bodies are put together as they are stored: nothing is decoded to be encoded again.
    results = [
        _Result(answer.status, answer.replayed, msgspec.Raw(answer.body)) for answer in given
    ]
    return told(
        _Done(applied, len(given) - applied, position, results),
        position=position,
    )


class _Result(msgspec.Struct, omit_defaults=True):
    status: int
    replayed: bool = False
    body: msgspec.Raw = msgspec.Raw(b"{}")


class _Done(msgspec.Struct):
    applied: int
    refused: int
    position: int | None
    results: list[_Result]


@post(
    "/transactions/{transaction_id:int}/reverse",
    **described("Reverse a transaction", answers(201, Reversed, 401, 403, 404, 409, 422, 503)),
)
async def reverse(
    request: Call, transaction_id: FromPath[int], data: JSONBody[Reversing]
) -> ASGIApp:
    """Undone once, by a transaction of its own; what was booked stays as it was booked."""
    events = await events_of(request, transaction_id)

    def answer(posted: list[Posted]) -> Answer:
        one = posted[0]
        source = destination = amount = None
        for draft in one.transaction.drafts:
            fact = draft.fact
            # A hold that had expired goes before.
            if not isinstance(fact, Movement):
                continue
            account_id = int(draft.stream.rpartition("-")[2])
            amount = decimal_of(fact.amount, draft.entry[0].currency)
            if fact.SIGN < 0:
                source = account_id
            else:
                destination = account_id
        assert amount is not None
        undone = Reversed(
            transaction_id=one.transaction_id,
            reverses=transaction_id,
            source_account_id=source,
            destination_account_id=destination,
            amount=amount,
            timestamp=recorded_at(one),
            position=one.position,
        )
        return Answer(201, encode(undone))

    details = Details(reason=data.reason, booking_date=data.booking_date)
    command = corrections.reverse(asked_by(request, answer), events, details, data.amount)
    return await written(request, command, *accounts_in(events))


async def events_of(call: Call, transaction_id: int) -> list[Recorded]:
    """The events of a transaction, from the log, which never change; at least one."""
    async with borrowed(call.bank.reads) as connection:
        events = await original(connection, transaction_id)
    if not events or events[0].position != transaction_id:
        raise TransactionNotFound(transaction_id=transaction_id)
    return events


def accounts_in(events: list[Recorded]) -> list[int]:
    """The accounts whose streams the events are in."""
    return [
        int(recorded.originator_id.rpartition("-")[2])
        for recorded in events
        if recorded.originator_id.startswith("account-")
    ]


HANDLERS: Final[list[ControllerRouterHandler]] = [transfer, transfer_batch, reverse]
