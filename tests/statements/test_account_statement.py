"""A statement read from a living bank: it is the books', on both axes, and the next one follows."""

import datetime as dt
from decimal import Decimal

import pytest

from application import accounts, clock, corrections
from application.books import Command
from application.commands import Details
from readmodels.statements.account_statement import account_statement
from readmodels.statements.canonical import Statement, encode
from tests.bank import Bank, ask, deposit, open_account
from tests.readmodels.asking import booked, moment, project, read
from tests.statements.made import BANK


class History:
    """Account 1: +100 twenty days ago, +50 ten days ago, and then, booked fifteen days ago, +7."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        with Bank(conninfo) as bank:

            def posted(command: Command) -> int:
                """The position of the last event of what was posted."""
                position = bank.submit(command).position
                assert position is not None
                return position

            bank.with_accounts({2: 10})
            posted(open_account(1, reference="berka-1"))
            posted(booked(1, 100, 20, description="first"))
            self.before = posted(booked(1, 50, 10, category="pay", tags=("a",)))
            self.after = posted(booked(1, 7, 15))
            said = Details(description="to account two")
            self.unreversed = posted(accounts.transfer(ask("INV-1"), 1, 2, Decimal(30), said))
            sent = [e for e in bank.log() if e.position >= self.unreversed - 1]
            self.sent = sent[0].event.transaction_id
            posted(corrections.reverse(ask(), sent, Details(reason="by mistake")))
            bank.submit_all([deposit(1, 1) for _ in range(1000)])
            self.head = posted(deposit(1, 1))
        project(conninfo)

    def statement(
        self, days: tuple[int, int], known_at: int | None, account_id: int = 1
    ) -> Statement:
        found = self.asked(days, known_at, account_id)
        assert found is not None
        return found

    def asked(
        self, days: tuple[int, int], known_at: int | None, account_id: int = 1
    ) -> Statement | None:
        today = clock.now().date()
        first, last = (today - dt.timedelta(ago) for ago in days)
        return read(
            self.conninfo,
            lambda c: account_statement(
                c,
                account_id,
                bank=BANK,
                booked_from=first,
                booked_to=last,
                moment=moment(known_at or self.head),
                holders=("Ada Lovelace",),
                number=None,
            ),
        )


@pytest.fixture(scope="module")
def history(module_database: str) -> History:
    return History(module_database)


def amounts(statement: Statement) -> list[int]:
    return [entry.signed for entry in statement.entries]


def test_a_late_entry_stands_on_its_day_from_when_it_was_known(history: History) -> None:
    now = history.statement((20, 10), history.after)
    then = history.statement((20, 10), history.before)

    assert amounts(now) == [10000, 700, 5000]
    assert [entry.balance for entry in now.entries] == [10000, 10700, 15700]
    assert amounts(then) == [10000, 5000]
    assert (now.opening_balance, now.closing_balance) == (0, 15700)
    assert now.position == history.after


def test_the_closing_balance_is_the_next_opening_balance(history: History) -> None:
    first = history.statement((30, 15), None)
    second = history.statement((14, 1), None)
    third = history.statement((0, 0), None)

    assert first.closing_balance == second.opening_balance == 10700
    assert second.closing_balance == third.opening_balance == 15700


def test_an_entry_says_what_its_transaction_says(history: History) -> None:
    first, _, third = history.statement((20, 10), history.after).entries
    sent = history.statement((0, 0), None).entries[0]

    assert (first.description, first.kind, first.counterparty_account) == ("first", "deposit", None)
    assert (third.category, third.tags) == ("pay", ("a",))
    assert (sent.description, sent.counterparty_account) == ("to account two", 2)
    assert (sent.transaction_id, sent.side, sent.reference) == (history.sent, "debit", "INV-1")


def test_a_reversal_and_what_it_reverses_name_each_other(history: History) -> None:
    sent, reversal = history.statement((0, 0), None).entries[:2]

    assert sent.reversed_by == reversal.transaction_id
    assert reversal.reverses == sent.transaction_id
    assert (sent.reversed_amount, sent.is_reversed_in_part) == (sent.amount, False)
    assert reversal.reference is None
    assert history.statement((0, 0), history.unreversed).entries[0].reversed_by is None


def test_a_statement_longer_than_a_page_has_every_entry(history: History) -> None:
    statement = history.statement((0, 0), None)

    assert len(statement.entries) == 2 + 1001
    assert statement.closing_balance == 15700 + 1001 * 100
    assert statement.known_at == statement.entries[-1].recorded_at


def test_the_same_statement_is_the_same_bytes_whatever_came_after(history: History) -> None:
    once = encode(history.statement((20, 10), history.after))
    with Bank(history.conninfo) as bank:
        bank.submit(booked(1, 3, 12))
    project(history.conninfo)

    assert encode(history.statement((20, 10), history.after)) == once


def test_an_account_without_entries_has_a_statement_and_one_that_was_not_has_none(
    history: History,
) -> None:
    empty = history.statement((40, 30), None)

    assert (empty.entries, empty.opening_balance, empty.closing_balance) == ((), 0, 0)
    assert empty.account.reference == "berka-1"
    assert history.asked((20, 10), None, account_id=99) is None
    assert history.asked((20, 10), 1) is None
