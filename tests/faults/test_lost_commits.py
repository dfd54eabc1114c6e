"""The connection dies at COMMIT: every transfer is made once, none is lost, none is made twice (V1)."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from application.books import Command
from tests.bank import Bank, balances_of, read_log, told, transfer
from tests.faults.proxy import Cut, Proxy

TRANSFERS = 100


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proxy")


def after_setup(cut: Cut, *, every: int) -> Callable[[int], Cut | None]:
    """Every `every`th commit is cut, once the accounts are there."""
    return lambda commit: cut if commit > 1 and commit % every == 0 else None


def received(conninfo: str) -> tuple[int, int, int]:
    """Transfers in the log, different keys among them, and the cents on the receiving account."""
    log = read_log(conninfo)
    made = [r for r in log if r.event.fact.TAG == "account.transfer-received.1"]
    return len(made), len({r.event.command_id for r in made}), balances_of(log)["account-2"]


@pytest.mark.parametrize("cut", ["answer", "request"])
@pytest.mark.parametrize("keyed", [True, False], ids=["with keys", "without keys"])
def test_a_hundred_transfers_with_their_commits_cut_are_a_hundred_transfers(
    database: str, folder: Path, cut: Cut, keyed: bool
) -> None:
    # A request that is lost is made again; were that lost too, and so on, the bank would give up.
    cuts = after_setup(cut, every=1 if cut == "answer" else 2)
    with Proxy(database, folder, cuts) as proxy, Bank(proxy.conninfo) as bank:
        bank.with_accounts({1: TRANSFERS, 2: 0})
        keys = [f"key-{number}" if keyed else None for number in range(TRANSFERS)]
        answers = [bank.submit(transfer(1, 2, 1, key)) for key in keys]
        lost = proxy.answers_lost if cut == "answer" else proxy.requests_lost

    assert lost >= TRANSFERS
    assert [answer.status for answer in answers] == [201] * TRANSFERS
    assert len({told(answer).transaction_id for answer in answers}) == TRANSFERS
    assert received(database) == (TRANSFERS, TRANSFERS, TRANSFERS * 100)


def test_many_at_once_with_every_third_commit_cut_are_each_made_once(
    database: str, folder: Path
) -> None:
    numbers = range(600)

    with (
        Proxy(database, folder, after_setup("answer", every=3)) as proxy,
        Bank(proxy.conninfo) as bank,
    ):
        bank.with_accounts({1: len(numbers), 2: 0})
        sent = []
        for number in numbers:
            sent.append(bank.send(transfer(1, 2, 1, f"key-{number}")))
            if number % 20 == 0:
                sent[-1].result(60)
        statuses = [each.result(60).status for each in sent]
        lost = proxy.answers_lost

    assert lost >= 5
    assert {*statuses} == {201}
    assert received(database) == (len(numbers), len(numbers), len(numbers) * 100)


def test_a_bank_that_tries_again_under_a_fresh_key_makes_transfers_twice(
    database: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: with the settling taken out, the same cuts are seen to duplicate."""
    _forget_keys(monkeypatch)

    with (
        Proxy(database, folder, after_setup("answer", every=3)) as proxy,
        Bank(proxy.conninfo) as bank,
    ):
        bank.with_accounts({1: TRANSFERS * 2, 2: 0})
        for _ in range(20):
            bank.submit(transfer(1, 2, 1))
        lost = proxy.answers_lost

    assert lost > 0
    assert received(database)[0] > 20


def _forget_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every run of a batch decide its commands under keys that nobody has seen."""
    from application.transact import Writer

    settle = Writer._decide_locked

    async def with_fresh_keys(self: Any, connection: Any, batch: Any, again: bool) -> Any:
        for waiting in batch:
            waiting.commands = [_renamed(command) for command in waiting.commands]
        return await settle(self, connection, batch, again)

    monkeypatch.setattr(Writer, "_decide_locked", with_fresh_keys)


def _renamed(command: Command) -> Command:
    command.key = uuid.uuid4().hex
    return command
