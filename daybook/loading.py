"""Filling a bank in bulk: commands in order, many at once, through the same door as everybody's."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Any, Final, Literal, TypeVar

import msgspec
import psycopg

from application.books import Answer, Command, Posted
from application.commands import SYSTEM, Actor, Ask
from application.keyring import Keyring
from application.transact import Writer
from application.users import NewUser, register_user, seal_user
from domain.refusals import Refused
from readmodels.projector import Projector

CHUNK: Final = 500
CHUNKS_IN_FLIGHT: Final = 4
# No password hashes to this, so nobody signs in by it.
NO_PASSWORD: Final = "!"

VIEWS_SECONDS_MAX: Final = 120.0
BEHIND: Final = """
    SELECT (SELECT position FROM readmodels.projection)
         < (SELECT coalesce(max(last_position), 0) FROM commits)
"""

T = TypeVar("T")


class Told(msgspec.Struct, omit_defaults=True):
    """What a loaded command answers, and its key keeps: `balance` is after it, in minor units.

    `number` is that of the stream that it wrote to first, where that is no customer's and no account's.
    """

    user_id: int | None = None
    account_id: int | None = None
    transaction_id: int | None = None
    balance: int | None = None
    number: int | None = None
    loan_id: int | None = None
    refused: str | None = None


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Told)


def ask(key: str, actor: Actor = SYSTEM) -> Ask:
    return Ask(actor, _answer, _refuse, key)


def told(answer: Answer) -> Told:
    return _DECODER.decode(answer.body)


def _answer(posted: list[Posted]) -> Answer:
    if not posted:
        return Answer(200, _ENCODER.encode(Told()))
    first = posted[0].transaction.drafts[0]
    kind, number = first.stream.rsplit("-", 1)
    if kind == "customer":
        return Answer(201, _ENCODER.encode(Told(user_id=int(number))))
    balance = loan_id = None
    # A repayment is of an account and of a loan, and what it calls for goes before it.
    for draft in (draft for each in posted for draft in each.transaction.drafts):
        balance = getattr(draft.fact, "balance", balance)
        if draft.stream.startswith("loan-"):
            loan_id = int(draft.stream.removeprefix("loan-"))
    said = Told(
        account_id=int(number) if kind == "account" else None,
        number=None if kind == "account" or not number.isdecimal() else int(number),
        transaction_id=posted[0].transaction_id,
        balance=balance,
        loan_id=loan_id,
    )
    return Answer(201, _ENCODER.encode(said))


def _refuse(refusal: Refused) -> Answer:
    return Answer(409, _ENCODER.encode(Told(refused=str(refusal))))


def register(key: str, user: NewUser, keyring: Keyring) -> Command:
    """Register a user whose password, if any, was hashed before.

    The same key again answers the user of the first time, whatever `user_id` it comes with.
    """
    sealed = seal_user(user, keyring)
    return register_user(sealed, key=key, principal=SYSTEM.name, answer=_answer, refuse=_refuse)


async def answered(
    writer: Writer, asked: Iterable[tuple[T, Command]]
) -> AsyncIterator[tuple[T, Answer]]:
    """Submit the commands in their order, some 2,000 in flight, and yield each with its answer.

    `asked` is drawn from as the bank keeps up. Raises what `Writer.submit` raises; what was
    committed until then stays, and the same keys find it.
    """
    source = iter(asked)
    waiting: deque[tuple[list[T], asyncio.Task[list[Answer]]]] = deque()
    try:
        while chunk := list(islice(source, CHUNK)):
            commands = [command for _, command in chunk]
            task = asyncio.ensure_future(writer.submit_all(commands))
            waiting.append(([item for item, _ in chunk], task))
            await asyncio.sleep(0)  # Tasks begin in the order in which they were made.
            while len(waiting) >= CHUNKS_IN_FLIGHT or (waiting and waiting[0][1].done()):
                items, first = waiting.popleft()
                for pair in zip(items, await first, strict=True):
                    yield pair
        while waiting:
            items, first = waiting.popleft()
            for pair in zip(items, await first, strict=True):
                yield pair
    finally:
        for _, task in waiting:
            task.cancel()


async def fresh_ids(
    connection: psycopg.AsyncConnection[Any],
    sequence: Literal[
        "account_ids",
        "autopay_ids",
        "bill_ids",
        "biller_ids",
        "hold_ids",
        "loan_ids",
        "payment_ids",
        "registration_ids",
        "standing_order_ids",
        "user_ids",
    ],
    count: int,
) -> list[int]:
    """That many new numbers in one round trip."""
    cursor = await connection.execute(
        "SELECT nextval(%s::regclass) FROM generate_series(1, %s)", (sequence, count)
    )
    return [number for (number,) in await cursor.fetchall()]


def bring_views_up(conninfo: str) -> bool:
    """Project what was loaded, or wait until the projector that leads has; whether that was in time.

    Whoever asks the bank next is then answered from all of it.
    """
    deadline = time.monotonic() + VIEWS_SECONDS_MAX
    with Projector(conninfo) as projector, psycopg.connect(conninfo, autocommit=True) as connection:
        while True:
            projector.catch_up()
            row = connection.execute(BEHIND).fetchone()
            if row is not None and not row[0]:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
