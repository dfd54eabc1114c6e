"""Why a transaction is in the books: from the request to the proof of every event."""

import datetime as dt
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec
from litestar import get
from litestar.params import FromPath
from litestar.types import ASGIApp, ControllerRouterHandler

from api.audit import CheckpointOut, checkpoint_out, checkpoint_over
from api.call import Call, told
from api.documents import answers, described
from application.audit_trail import ANONYMOUS
from application.commands import SYSTEM
from application.pools import borrowed
from domain.money import decimal_of
from domain.refusals import TransactionNotFound
from ledger.journal import Recorded
from readmodels.explaining import approvals_of, asked_for
from readmodels.log_proofs import EventLeaf, log_events, proof_of_inclusion
from readmodels.stream_history import original

# Who asks for what another is then said to have done: in registrations, and in what the program does.
ASKING_FOR_OTHERS: Final = (ANONYMOUS, SYSTEM.name, "operator")


class ExplainedPosting(msgspec.Struct, kw_only=True):
    """`sub_account` is the stream of the customer account within a control account."""

    ledger_account: int
    sub_account: str | None
    side: Literal["debit", "credit"]
    amount: Decimal
    currency: str


class ExplainedEvent(msgspec.Struct, kw_only=True):
    """An event, what it means in money, and its proof under the explanation's checkpoint."""

    position: int
    stream: str
    version: int
    tag: str
    state: str
    entry: list[ExplainedPosting]
    leaf_hash: bytes
    path: list[bytes]


class Explanation(msgspec.Struct, kw_only=True):
    """Why a transaction is in the books: who asked for what, who agreed, and what was written.

    `command_agrees` is whether request and answer, as they are stored, are those whose hash stands in the log;
    where they were changed it is false, and the events and their proofs hold as they are. It is null, as they
    are, where there is no record.
    """

    transaction_id: int
    actor: str
    idempotency_key: str
    request: Any
    answer_status: int | None
    answer: Any
    command_agrees: bool | None
    approvals: dict[str, Any]
    recorded_at: dt.datetime
    booking_date: dt.date
    value_date: dt.date
    description: str | None
    reason: str | None
    events: list[ExplainedEvent]
    checkpoint: CheckpointOut


@get(
    "/audit/explain/{transaction_id:int}",
    **described(
        "Why a transaction is in the books", answers(200, Explanation, 401, 403, 404, 429, 503)
    ),
)
async def explain(request: Call, transaction_id: FromPath[int]) -> ASGIApp:
    """What was asked, by whom, who agreed, what was written, and the proof of each event."""
    async with borrowed(request.bank.reads) as connection:
        events = await original(connection, transaction_id) if transaction_id > 0 else []
        if not events:
            raise TransactionNotFound(transaction_id=transaction_id)
        first = events[0].event
        asked = await asked_for(connection, events, ASKING_FOR_OTHERS)
        last = events[-1].position
        checkpoint = await checkpoint_over(connection, last, None)
        leaves = await log_events(connection, transaction_id - 1, last)
        paths = [await proof_of_inclusion(connection, leaf, checkpoint) for leaf in leaves]
    return told(
        Explanation(
            transaction_id=transaction_id,
            actor=first.actor,
            idempotency_key=first.command_id,
            request=asked.request if asked else None,
            answer_status=asked.status if asked else None,
            answer=asked.answer if asked else None,
            command_agrees=asked.agrees if asked else None,
            approvals=approvals_of(events),
            recorded_at=first.recorded_at,
            booking_date=first.booking_date,
            value_date=first.value_date,
            description=first.description,
            reason=first.reason,
            events=[
                _explained(recorded, leaf, path)
                for recorded, leaf, path in zip(events, leaves, paths, strict=True)
            ],
            checkpoint=checkpoint_out(checkpoint),
        ),
        position=last,
    )


def _explained(recorded: Recorded, leaf: EventLeaf, path: list[bytes]) -> ExplainedEvent:
    return ExplainedEvent(
        position=leaf.position,
        stream=leaf.stream,
        version=leaf.version,
        tag=leaf.tag,
        state=leaf.state.decode(),
        entry=[
            ExplainedPosting(
                ledger_account=posting.ledger_account,
                sub_account=posting.sub_account,
                side="debit" if posting.side == "D" else "credit",
                amount=decimal_of(posting.amount, posting.currency),
                currency=posting.currency,
            )
            for posting in recorded.event.entry
        ],
        leaf_hash=leaf.leaf,
        path=path,
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [explain]
