"""The proof of an issued statement: what an auditor checks it with, without the log and without us.

docs/evidence-format.md says what is in it and how it is checked; `daybook_verify.py` does.
"""

from typing import Final

import msgspec
from litestar import get
from litestar.params import FromPath
from litestar.types import ASGIApp, ControllerRouterHandler

from api.audit import (
    CheckpointOut,
    EventOut,
    SizeIn,
    checkpoint_out,
    checkpoint_over,
    event_out,
    may_read,
)
from api.call import Call, told
from api.documents import answers, described
from api.parameters import id_of
from api.statements import reproduced
from api.visibility import moment_of
from application.commands import Actor
from application.pools import borrowed
from domain.statement import account_of
from readmodels.issued_statements import ends_of
from readmodels.log_proofs import (
    Checkpoint,
    log_events,
    proof_of_consistency,
    proof_of_inclusion,
)
from readmodels.reading import Connection


class EventProof(msgspec.Struct, kw_only=True):
    """An event and its path to the root of the checkpoint. Customers are not shown what staff booked."""

    position: int
    leaf_hash: bytes
    event: EventOut | None
    path: list[bytes]


class StatementProof(msgspec.Struct, kw_only=True):
    """`consistency` leads from the root that stands in the statement to that of the checkpoint.

    `opening` is the last event booked before the period, in the order of the books, `closing` the last
    one booked up to its end; the account's first event where there is none. `issued` holds the hash of
    the statement's JSON form.
    """

    statement_id: int
    account_id: int
    number: int
    sha256: str
    position: int
    root: bytes
    consistency: list[bytes]
    opening: EventProof
    closing: EventProof
    issued: EventProof
    checkpoint: CheckpointOut


@get(
    "/statements/{statement_id:int}/proof",
    **described(
        "The proof of an issued statement",
        answers(200, StatementProof, 401, 404, 422, 429, 503),
    ),
)
async def proof(request: Call, statement_id: FromPath[int], size: SizeIn = None) -> ASGIApp:
    """That it was issued as it is, on a log that is the beginning of the one that was signed.

    With `size` under an older checkpoint, such as one that is held elsewhere.
    """
    wanted = id_of("size", size)
    found, issued = await reproduced(request, statement_id)
    fact = issued.event.fact
    account_id = account_of(issued.originator_id)
    async with borrowed(request.bank.reads) as connection:
        checkpoint = await checkpoint_over(connection, issued.position, wanted)
        standing = Checkpoint(found.position, bytes.fromhex(found.root), found.known_at, "")
        today = request.bank.today()
        moment = await moment_of(connection, today, fact.as_of, fact.known_at, 0)
        ends = await ends_of(connection, account_id, moment, found.booked_from, found.booked_to)
        proofs = [
            await _proof(connection, request.actor, position, checkpoint)
            for position in (*ends, issued.position)
        ]
        path = await proof_of_consistency(connection, standing, checkpoint)
    return told(
        StatementProof(
            statement_id=statement_id,
            account_id=account_id,
            number=fact.number,
            sha256=fact.sha256,
            position=standing.size,
            root=standing.root,
            consistency=path,
            opening=proofs[0],
            closing=proofs[1],
            issued=proofs[2],
            checkpoint=checkpoint_out(checkpoint),
        ),
        position=issued.position,
    )


async def _proof(
    connection: Connection, actor: Actor, position: int, checkpoint: Checkpoint
) -> EventProof:
    (event,) = await log_events(connection, position - 1, position)
    return EventProof(
        position=position,
        leaf_hash=event.leaf,
        event=event_out(event) if may_read(actor, event) else None,
        path=await proof_of_inclusion(connection, event, checkpoint),
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [proof]
