"""Each report is what the log says, for any history, at any moment."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import strategies as st

from readmodels.moments import Moment
from readmodels.reading import Connection
from readmodels.reports.analysis import analysis
from readmodels.reports.financial import (
    CASH_ACCOUNTS,
    balance_sheet,
    cash_flow,
    income_statement,
)
from readmodels.reports.spending import spend_by_category
from readmodels.reports.subject_lines import Subject
from readmodels.reports.transaction_summary import GROUPS, transaction_summary
from readmodels.transaction_rows import kind_of
from tests.bank import Bank, register
from tests.laws import naive_reports as naive
from tests.laws.histories import History, few, of_any_history


@pytest.fixture
def bank(database: str) -> Iterator[Bank]:
    with Bank(database) as bank:
        bank.submit(register(1))
        yield bank


def asked_of(history: History) -> tuple[Moment, dt.date]:
    moment = history.draw(st.sampled_from(list(history.moments())))
    return moment, moment.as_of - dt.timedelta(history.draw(st.integers(0, 5)))


def subject_of(history: History) -> tuple[Subject, tuple[int, ...] | None]:
    own = history.numbers[0]
    return history.draw(
        st.sampled_from(
            [
                (Subject(account_id=own), (own,)),
                (Subject(user_id=history.user_id), history.numbers),
                (Subject(), None),
            ]
        )
    )


@of_any_history(few)
async def test_balance_sheet_income_and_cash_are_what_the_log_says_and_they_foot(
    connection: Connection, history: History
) -> None:
    log = history.log

    for _ in range(4):
        moment, first = asked_of(history)

        def expected(kind: str, first: dt.date, skip: str = "", at: Moment = moment) -> Any:
            return naive.balances(log, at, first, kind, skip)

        for sheet in await balance_sheet(connection, moment):
            found = [{row.ledger_account: row.balance for row in part} for part in parts(sheet)]
            kinds = ("asset", "liability", "equity")
            assert found == [expected(kind, dt.date.min) for kind in kinds]
            assert sheet.assets_total == sheet.liabilities_total + sheet.equity_total + sheet.result
        for statement in await income_statement(connection, moment, first):
            income = {row.ledger_account: row.balance for row in statement.income}
            expense = {row.ledger_account: row.balance for row in statement.expense}
            assert income == expected("income", first, "year_end")
            assert expense == expected("expense", first, "year_end")
            assert statement.result == sum(income.values()) - sum(expense.values())
        for flow in await cash_flow(connection, moment, first):
            opening, ins, outs = naive.cash(log, moment, first, CASH_ACCOUNTS)
            assert flow.opening == opening
            assert {each.kind: each.amount for each in flow.inflows} == ins
            assert {each.kind: each.amount for each in flow.outflows} == outs
            assert flow.closing == opening + sum(ins.values()) - sum(outs.values())


def parts(sheet: Any) -> list[Any]:
    return [sheet.assets, sheet.liabilities, sheet.equity]


@of_any_history(few)
async def test_a_summary_is_of_the_lines_of_its_subject(
    connection: Connection, history: History
) -> None:
    for group_by in GROUPS:
        moment, first = asked_of(history)
        subject, numbers = subject_of(history)
        found = await transaction_summary(
            connection, moment, subject, booked_from=first, group_by=group_by
        )
        lines = naive.lines(history.log, moment, first, numbers)
        expected = naive.summary(lines, naive.key_of(history.log, moment, group_by))
        assert {row.key: shown(row) for row in found.groups} == expected
        assert [shown(row) for row in found.totals] == ([naive.summed(lines)] if lines else [])
        assert not found.more


def shown(row: Any) -> tuple[int, int, int, int, str]:
    return row.count, row.money_in, row.money_out, row.largest, row.mean


@of_any_history(few)
async def test_spending_is_debits_less_what_was_given_back_and_without_own_transfers(
    connection: Connection, history: History
) -> None:
    for _ in range(4):
        moment, first = asked_of(history)
        subject, numbers = subject_of(history)
        found = await spend_by_category(connection, moment, subject, booked_from=first)
        now = naive.spent(history.log, moment, first, numbers)
        then = Moment(first - dt.timedelta(1), moment.known_at, moment.head)
        before = naive.spent(history.log, then, found.before_from, numbers)
        assert {row.category: (row.count, row.spent) for row in found.categories} == {
            name: now.get(name, (0, 0)) for name in {*now, *before}
        }
        for row in found.categories:
            assert row.spent_before == before.get(row.category, (0, 0))[1]


@of_any_history(few)
async def test_the_analysis_counts_every_transaction_and_finds_every_quiet_account(
    connection: Connection, history: History
) -> None:
    log = history.log

    moment, first = asked_of(history)
    days = history.draw(st.integers(0, 6))
    found = await analysis(connection, moment, booked_from=first, quiet_days=days, limit=1000)
    posted = {r.event.transaction_id: r.event for r in naive.known(log, moment, first)}
    volumes: dict[str, list[int]] = {}
    classes: dict[int, list[int]] = {}
    for event in posted.values():
        amount = event.fact.amount
        volumes.setdefault(kind_of(event.fact), []).append(amount)
        classes.setdefault(10 ** (len(str(amount)) - 1), []).append(amount)
    assert {v.kind: (v.count, v.amount) for v in found.volumes} == counted(volumes)
    assert {c.amount_from: (c.count, c.amount) for c in found.amounts} == counted(classes)
    balances = naive.account_balances(log, moment)
    assert [(row.account_id, row.balance) for row in found.largest] == sorted(
        balances.items(), key=lambda each: (-each[1], each[0])
    )
    quiet = naive.quiet(log, moment, days)
    assert {row.account_id: row.moved_on for row in found.quiet} == quiet
    assert [row.balance for row in found.quiet] == [balances[n] for n in sorted(quiet)]
    assert found.quiet_count == len(quiet)


def counted(amounts: dict[Any, list[int]]) -> dict[Any, tuple[int, int]]:
    return {key: (len(each), sum(each)) for key, each in amounts.items()}
