"""The same bank behind two doors: the pure core alone, and the writers on Postgres."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Protocol

import psycopg

from application import append, clock
from application.books import Aggregate, Answer, Books, Command
from application.decisions import KnownCommands, decide_together
from ledger.journal import Recorded, decode
from tests.bank import CUSTOMER, Bank, read_log, register


class Driver(Protocol):
    today: dt.date

    def run(self, commands: Sequence[Command], *, linked: bool, at: int) -> list[Answer]:
        """Do it, at one of the doors of the bank."""

    def next_account(self) -> int: ...

    def log(self) -> list[Recorded]:
        """What was recorded since this driver began."""


class PureCore:
    """Decisions on states in memory; nothing is stored."""

    def __init__(self) -> None:
        self.today = dt.date(2024, 2, 29)
        self.states: dict[str, Aggregate | None] = {}
        self._claims: dict[str, str] = {}
        self._known: KnownCommands = {}
        self._head = append.ORIGIN
        self._log: list[Recorded] = []
        self._accounts = 0
        self.run([register(CUSTOMER)], linked=False, at=0)

    def run(self, commands: Sequence[Command], *, linked: bool, at: int) -> list[Answer]:
        instant = dt.datetime.combine(self.today, dt.time(12), dt.UTC)
        instant += dt.timedelta(seconds=self._head.position)
        states = {s: self.states.get(s) for command in commands for s in command.streams}
        rows = append.Batch(self._head, instant)
        books = Books(states, self._claims, self.today)
        answers = decide_together(commands, linked, books, self._known, rows, again=False)
        self.states.update(states)
        self._log += [
            Recorded(stream.decode(), version, position, decode(tag.decode(), state))
            for position, (stream, version, tag, state) in enumerate(
                rows.events, rows.first_position
            )
        ]
        self._head = append.end_of(rows, self._head)
        return answers

    def next_account(self) -> int:
        self._accounts += 1
        return self._accounts

    def log(self) -> list[Recorded]:
        return self._log


class OnPostgres:
    """Two writers side by side on one database, as two processes would be, with small caches."""

    def __init__(self, conninfo: str, banks: Sequence[Bank]) -> None:
        self.today = clock.now().date()
        self._conninfo = conninfo
        self._banks = banks
        with psycopg.connect(conninfo) as connection:
            row: Any = connection.execute("SELECT max(last_position) FROM commits").fetchone()
        self._begin = row[0] or 0

    def run(self, commands: Sequence[Command], *, linked: bool, at: int) -> list[Answer]:
        return self._banks[at].submit_all(commands, linked=linked)

    def next_account(self) -> int:
        with psycopg.connect(self._conninfo) as connection:
            row: Any = connection.execute("SELECT nextval('account_ids')").fetchone()
        return int(row[0])

    def log(self) -> list[Recorded]:
        return read_log(self._conninfo, after=self._begin)
