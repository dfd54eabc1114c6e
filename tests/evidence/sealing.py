"""A bank whose log is sealed: what the tests of the evidence start from."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import psycopg

from daybook.evidence.checkpoint_keys import CheckpointKeys
from daybook.evidence.publishing import Publisher
from daybook.evidence.sealer import Sealer
from readmodels.log_proofs import Checkpoint
from tests.bank import Bank, transfer

ORIGIN: Final = "bank.example/ledger"
NOW: Final = 1_700_000_000.0
Answer = TypeVar("Answer")


def keys_in(folder: Path) -> CheckpointKeys:
    return CheckpointKeys(folder / "keys", origin=ORIGIN, now=NOW)


def seal(
    conninfo: str, keys: CheckpointKeys, publishers: Sequence[Publisher] = ()
) -> Checkpoint | None:
    """What a sealer that starts now signs, once."""

    async def once() -> Checkpoint | None:
        sealer = Sealer(conninfo, keys, publishers)
        try:
            return await sealer.seal()
        finally:
            await sealer.close()

    return asyncio.run(once())


def reading(conninfo: str, read: Callable[[Any], Any]) -> Any:
    """What an asynchronous reading answers."""

    async def run() -> Any:
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            return await read(connection)

    return asyncio.run(run())


def pay(bank: Bank, times: int) -> None:
    """Transfers of a euro from account 1 to account 2: two events each."""
    bank.submit_all([transfer(1, 2, 1) for _ in range(times)])


def as_superuser(conninfo: str, *statements: Any) -> None:
    """Do what no role of the program may: with the triggers off, as whoever owns the machine can."""
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement)
