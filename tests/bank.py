"""A bank to test against: the writer, with its event loop in a thread, driven by plain calls."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from decimal import Decimal
from typing import Any, Self

import msgspec
import psycopg

from application import accounts
from application.books import Answer, Books, Command, Posted, Transaction
from application.commands import NO_DETAILS, SYSTEM, Actor, Ask, transaction
from application.transact import Writer
from domain import customer as customers
from domain.refusals import Refused
from ledger.journal import Recorded, decode

CUSTOMER = 1
LOG = """
    SELECT originator_id, originator_version, notification_id, topic, state
      FROM daybook_events WHERE notification_id > %s ORDER BY notification_id
"""


class Told(msgspec.Struct, omit_defaults=True):
    """What the answers of these tests say: what was posted, or what was refused."""

    transaction_id: int | None = None
    balances: list[int] = []
    refused: str | None = None
    detail: str | None = None
    figures: dict[str, str] = {}


def _answer(posted: list[Posted]) -> Answer:
    told = Told()
    if posted:
        facts = posted[0].facts
        told = Told(posted[0].transaction_id, [fact.balance for fact in facts if has_balance(fact)])
    return Answer(201, msgspec.json.encode(told))


def _refuse(refusal: Refused) -> Answer:
    figures = {name: str(figure) for name, figure in refusal.figures.items()}
    told = Told(refused=type(refusal).__name__, detail=str(refusal), figures=figures)
    return Answer(409, msgspec.json.encode(told))


def has_balance(fact: Any) -> bool:
    return hasattr(fact, "balance")


def told(answer: Answer) -> Told:
    return msgspec.json.decode(answer.body, type=Told)


def ask(key: str | None = None, actor: Actor = SYSTEM) -> Ask:
    return Ask(actor, _answer, _refuse, key)


def register(user_id: int, key: str | None = None) -> Command:
    stream = customers.stream_of(user_id)

    def decide(books: Books) -> list[Transaction]:
        state = books.state(stream)
        assert state is None or isinstance(state, customers.Customer)
        posted = transaction(SYSTEM, NO_DETAILS, books)
        books.add(posted, stream, customers.register(state, "user"))
        return [posted] if posted.drafts else []

    return ask(key).command({"call": "register", "user_id": user_id}, (stream,), decide)


def open_account(account_id: int, *, account_type: str = "checking", **more: Any) -> Command:
    arguments = {"user_id": CUSTOMER, "currency": "EUR", **more}
    key = arguments.pop("key", None)
    return accounts.open_account(
        ask(key), account_id=account_id, account_type=account_type, **arguments
    )


def deposit(account_id: int, amount: str | int, key: str | None = None) -> Command:
    return accounts.deposit(ask(key), account_id, Decimal(amount), NO_DETAILS)


def withdraw(account_id: int, amount: str | int, key: str | None = None) -> Command:
    return accounts.withdraw(ask(key), account_id, Decimal(amount), NO_DETAILS)


def transfer(
    source_id: int, destination_id: int, amount: str | int, key: str | None = None
) -> Command:
    return accounts.transfer(ask(key), source_id, destination_id, Decimal(amount), NO_DETAILS)


class Bank:
    """A running writer. `submit` waits for the answer; `send` does not."""

    def __init__(self, conninfo: str, **options: Any) -> None:
        self.conninfo = conninfo
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.writer = Writer(conninfo, **options)
        self._do(self._start()).result(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self.writer.stop()).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def send(self, command: Command) -> "Future[Answer]":
        return self._do(self.writer.submit(command))

    def send_all(
        self, commands: Sequence[Command], *, linked: bool = False
    ) -> "Future[list[Answer]]":
        return self._do(self.writer.submit_all(commands, linked=linked))

    def submit(self, command: Command) -> Answer:
        return self.send(command).result(60)

    def submit_all(self, commands: Sequence[Command], *, linked: bool = False) -> list[Answer]:
        return self.send_all(commands, linked=linked).result(60)

    def with_accounts(self, balances: dict[int, int]) -> Self:
        """Checking accounts of the one customer in EUR, with these deposits (of whole euros)."""
        commands = [register(CUSTOMER)]
        commands += [open_account(account_id) for account_id in balances]
        commands += [
            deposit(account_id, amount) for account_id, amount in balances.items() if amount
        ]
        for answer in self.submit_all(commands):
            assert answer.status == 201, told(answer)
        return self

    def log(self) -> list[Recorded]:
        return read_log(self.conninfo)

    async def _start(self) -> None:
        self.writer.start()

    def _do(self, coroutine: Any) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


def read_log(conninfo: str, *, after: int = 0) -> list[Recorded]:
    """The events after a position, in order."""
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(LOG, [after]).fetchall()
    return [
        Recorded(stream, version, position, decode(tag, state))
        for stream, version, position, tag, state in rows
    ]


def balances_of(log: Sequence[Recorded]) -> dict[str, int]:
    """The balance that each stream's last event says, and nothing more."""
    return {r.originator_id: r.event.fact.balance for r in log if has_balance(r.event.fact)}
