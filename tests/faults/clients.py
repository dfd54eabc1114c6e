"""Clients of a writer in a process of its own, which a test may kill: they ask, and write down all.

`python -m tests.faults.clients CONNINFO NAME ACCOUNTS HISTORY STOP BROKEN` runs until the file STOP is
there. BROKEN is empty, or names what is to be wrong with the writer, so that the checker can be checked.
"""

import asyncio
import logging
import random
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from application import accounts
from application.commands import NO_DETAILS
from application.transact import OutcomeUnknown, Unavailable, Writer
from tests.bank import ask, told
from tests.faults.history import Operation

CLIENTS = 8
TELLS_BEFORE_THE_COMMIT = "tells before the commit"
RENAMES_WHAT_IT_RUNS_AGAIN = "renames what it runs again"
TOLD_TOO_EARLY_SECONDS = 0.05


async def run(conninfo: str, name: str, accounts_max: int, history: BinaryIO, stop: Path) -> None:
    writer = Writer(conninfo, cache_max=8)
    writer.start()
    chance = random.Random(name)
    await asyncio.gather(
        *(
            _client(writer, f"{name}-{number}", accounts_max, history, stop, chance)
            for number in range(CLIENTS)
        )
    )
    await writer.stop()


async def _client(
    writer: Writer,
    name: str,
    accounts_max: int,
    history: BinaryIO,
    stop: Path,
    chance: random.Random,
) -> None:
    number = 0
    while not stop.exists():
        number += 1
        source, destination = chance.sample(range(1, accounts_max + 1), 2)
        operation = Operation(
            key=f"{name}-{number}",
            source=source,
            destination=destination,
            amount=chance.choice([1, 5, 100, 10_000, 20_000]),
            invoked=time.monotonic_ns(),
        )
        _note(history, operation)
        await _until_answered(writer, operation, stop)
        _note(history, operation)


async def _until_answered(writer: Writer, operation: Operation, stop: Path) -> None:
    """Ask, and ask again under the same key while the outcome is not known."""
    amount = Decimal(operation.amount).scaleb(-2)
    while True:
        command = accounts.transfer(
            ask(operation.key), operation.source, operation.destination, amount, NO_DETAILS
        )
        try:
            answer = await writer.submit(command)
        except (OutcomeUnknown, Unavailable):
            if stop.exists():
                return
            await asyncio.sleep(0.05)
            continue
        operation.completed = time.monotonic_ns()
        operation.refused = told(answer).refused
        operation.outcome = "done" if operation.refused is None else "refused"
        operation.position = answer.position
        return


def _note(history: BinaryIO, operation: Operation) -> None:
    # Unbuffered: what was written outlives the process that is killed.
    history.write(msgspec.json.encode(operation) + b"\n")


def _tell_before_the_commit() -> None:
    """What answers go out for is committed a moment later, or never."""
    settle, ahead = Writer._settle, Writer._commit_ahead

    async def settle_late(self: Any, batch: Any, *, again: bool = False) -> None:
        connection = await self._connections.get("writer")
        decided = await self._decide_locked(connection, batch, again)
        await connection.execute("ROLLBACK")
        self._answer(batch, decided.answers)
        await asyncio.sleep(TOLD_TOO_EARLY_SECONDS)
        await settle(self, batch, again=again)

    async def commit_late(self: Any, decided: Any, sent: Any) -> bool:
        self._answer(decided.batch, decided.answers)
        await asyncio.sleep(TOLD_TOO_EARLY_SECONDS)
        return await ahead(self, decided, sent)

    Writer._settle = settle_late  # type: ignore[method-assign]
    Writer._commit_ahead = commit_late  # type: ignore[method-assign]


def _rename_what_is_run_again() -> None:
    """A batch whose outcome is unknown is decided under keys that nobody has seen."""
    decide_locked = Writer._decide_locked

    async def under_fresh_keys(self: Any, connection: Any, batch: Any, again: bool) -> Any:
        for command in (command for waiting in batch for command in waiting.commands if again):
            command.key = f"{command.key} again"
        return await decide_locked(self, connection, batch, again)

    Writer._decide_locked = under_fresh_keys  # type: ignore[method-assign]


if __name__ == "__main__":
    conninfo, name, accounts_max, path, stop, broken = sys.argv[1:]
    # As the program does: a pipeline that ends with its connection is no news here. See daybook/logs.py.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    if broken == TELLS_BEFORE_THE_COMMIT:
        _tell_before_the_commit()
    if broken == RENAMES_WHAT_IT_RUNS_AGAIN:
        _rename_what_is_run_again()
    with open(path, "ab", buffering=0) as history:
        asyncio.run(run(conninfo, name, int(accounts_max), history, Path(stop)))
