"""The audit trail at the writer: one event for one refusal or access, whatever is repeated or lost."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from application import accounts, commands
from application.audit_trail import FactAt, noted
from domain.access import STREAM, CommandRefused, Looked, SignedOut
from ledger.journal import Recorded
from tests.bank import Bank, ask, deposit, open_account, read_log, told, transfer, withdraw
from tests.faults.proxy import Proxy

LOOK = Looked(route="GET /accounts", origin="00", outcome="answered")


def signed_out(number: int) -> FactAt:
    return lambda _: SignedOut(user_id=7, request_id=f"r{number}")


def trail(conninfo: str) -> list[Recorded]:
    return [recorded for recorded in read_log(conninfo) if recorded.originator_id == STREAM]


def refusals(conninfo: str) -> list[str]:
    facts = [recorded.event.fact for recorded in trail(conninfo)]
    return [fact.refusal for fact in facts if isinstance(fact, CommandRefused)]


def check_gapless(conninfo: str) -> None:
    log, found = read_log(conninfo), trail(conninfo)
    assert [r.originator_version for r in found] == list(range(1, len(found) + 1))
    assert [r.position for r in log] == list(range(1, len(log) + 1))


def test_the_first_answer_again_is_no_second_refusal(database: str) -> None:
    with Bank(database).with_accounts({1: 5, 2: 0}) as bank:
        first = bank.submit(withdraw(1, 6, "too-much"))
        again = bank.submit(withdraw(1, 6, "too-much"))
        other = bank.submit(withdraw(1, 7, "too-much"))

    assert (again.body, again.replayed) == (first.body, True)
    assert told(other).refused == "KeyReused"
    assert refusals(database) == ["insufficient-funds"]
    (event,) = trail(database)
    assert (event.event.command_id, event.event.actor) == ("too-much", "system-0")
    assert event.event.fact.subjects == ("account-1",)
    check_gapless(database)


def test_what_is_refused_for_a_slip_of_the_pen_is_no_evidence(database: str) -> None:
    with Bank(database).with_accounts({1: 5}) as bank:
        answers = [
            bank.submit(withdraw(1, 0)),
            bank.submit(withdraw(9, 1)),
            bank.submit(transfer(1, 1, 1)),
        ]

    assert [told(a).refused for a in answers] == [
        *("AmountNotPositive", "AccountNotFound", "SameAccount")
    ]
    assert trail(database) == []


def test_of_linked_commands_the_one_that_was_refused_is_recorded(database: str) -> None:
    with Bank(database).with_accounts({1: 5, 2: 0}) as bank:
        linked = [transfer(1, 2, 4, "a"), transfer(1, 2, 4, "b"), transfer(1, 2, 1, "c")]
        answers = bank.submit_all(linked, linked=True)
        again = bank.submit_all(linked, linked=True)

    assert [told(a).refused for a in answers] == ["NotApplied", "InsufficientFunds", "NotApplied"]
    assert [a.body for a in again] == [a.body for a in answers]
    (event,) = trail(database)
    assert event.event.command_id == "b"
    assert event.event.fact.subjects == ("account-1", "account-2")
    check_gapless(database)


def test_refusals_and_accesses_of_one_batch_and_of_many_are_numbered_in_order(
    database: str,
) -> None:
    with Bank(database).with_accounts({1: 5}) as bank:
        for _ in range(3):
            mixed = [
                withdraw(1, 9),
                noted("teller-7", lambda _: LOOK),
                deposit(1, 1),
                withdraw(1, 99),
            ]
            bank.submit_all(mixed)

    assert len(trail(database)) == 9
    check_gapless(database)


def test_two_writers_side_by_side_number_one_trail(database: str) -> None:
    with Bank(database).with_accounts({1: 5}) as one, Bank(database) as other:
        for _ in range(5):
            sent = [each.send(withdraw(1, 9)) for each in (one, other)]
            sent += [each.send(noted("teller-7", lambda _: LOOK)) for each in (one, other)]
            assert [future.result(60).status for future in sent] == [409, 409, 200, 200]

    assert len(trail(database)) == 20
    check_gapless(database)


@pytest.mark.parametrize("cut", ["answer", "request"])
def test_a_commit_that_was_lost_doubles_neither_a_refusal_nor_an_access(
    database: str, tmp_path_factory: pytest.TempPathFactory, cut: str
) -> None:
    folder: Path = tmp_path_factory.mktemp("proxy")

    def cuts(commit: int) -> str | None:
        return cut if commit > 1 and (cut == "answer" or commit % 2 == 0) else None

    with Proxy(database, folder, cuts) as proxy, Bank(proxy.conninfo) as bank:  # type: ignore[arg-type]
        bank.with_accounts({1: 5})
        for number in range(5):
            assert bank.submit(noted("user-7", signed_out(number))).status == 200
            assert bank.submit(withdraw(1, 9)).status == 409
        lost = proxy.answers_lost + proxy.requests_lost

    assert lost >= 10
    assert refusals(database) == ["insufficient-funds"] * 5
    ids = [r.event.fact.request_id for r in trail(database)]
    assert [one for one in ids if one] == [f"r{number}" for number in range(5)]
    check_gapless(database)


def test_a_writer_that_starts_anew_goes_on_where_the_trail_ends(database: str) -> None:
    for _ in range(3):
        with Bank(database) as bank:
            bank.submit(noted("teller-7", lambda _: LOOK))

    assert [r.originator_version for r in trail(database)] == [1, 2, 3]


def test_a_late_entry_that_is_not_permitted_is_recorded_with_who_tried(database: str) -> None:
    clerk = commands.Actor(3, "auditor")
    details = commands.Details(booking_date=dt.date(2026, 1, 31), reason="late")
    with Bank(database).with_accounts({1: 5}) as bank:
        bank.submit(open_account(2))
        bank.submit(accounts.deposit(ask(actor=clerk), 1, Decimal(1), details))

    (event,) = trail(database)
    assert (event.event.actor, event.event.fact.refusal) == ("auditor-3", "not-permitted")
