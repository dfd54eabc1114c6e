"""Interest on savings and overdrafts: accrued each day, and capitalised on the posting days.

Each account's day is counted by value date. What became known since its last accrual and belongs to days
before it re-opens those: they are counted again, as they were known and as they are, and the difference
is posted. An account whose rounded interest stays what it was is left for a later day, or until the
posting day where it had entries; so a quiet account costs the log nothing.
"""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any, Final

from application.books import Command
from application.interest import Found, accrue_interest, capitalise_interest
from daybook.end_of_day.steps import Day, Step
from domain.accrued_interest import Known, Moved, Standing, earned_since
from domain.interest import ONE_DAY, minor_units, posting_day
from domain.rate_plans import Rates, first_difference, rates_on
from readmodels import interest
from readmodels.interest import TO_ACCRUE, TO_CAPITALISE, LimitRow, PlanRow

_ANY_DAY: Final = dt.date(1, 1, 1)


async def accruals(day: Day) -> AsyncIterator[Command]:
    for plan in await interest.plans(day.connection, day.known_at):
        rates = rates_on(plan.known_at(day.known_at), day.date)
        if rates is None:
            continue
        pages = day.pages(TO_ACCRUE, account_type=plan.account_type, currency=plan.currency)
        async for page in pages:
            for account_id, found in await _found(day, plan, rates, page):
                ask = day.ask(f"account-{account_id}")
                yield accrue_interest(ask, account_id, day.date, day.details, found)


async def _found(
    day: Day, plan: PlanRow, rates: Rates, page: list[tuple[Any, ...]]
) -> list[tuple[int, Found]]:
    """What is to be accrued on the accounts of a page."""
    now = plan.known_at(day.known_at)
    asked = []
    standings: dict[int, tuple[int, Standing | None]] = {}
    for account_id, version, *row, reopened in page:
        standing = Standing(*row) if version is not None else None
        standings[account_id] = (version or 0, standing)
        asked.append(_asked(account_id, standing, reopened, plan, now))
    moves = await interest.moved(day.connection, asked, date=day.date, known_at=day.known_at)
    limits = await _limits(day, now, standings, moves)
    items = []
    for account_id, start, known_at in asked:
        version, standing = standings[account_id]
        moved = moves.get(account_id, [])
        if standing is None and not moved:
            continue
        of_account = limits.get(account_id, [])
        earned, balance = earned_since(
            standing,
            moved,
            Known(_by_day(of_account, known_at), plan.known_at(known_at)),
            Known(_by_day(of_account, day.known_at), now),
            start=max(start, moved[0].day) if standing is None else start,
            through=day.date,
        )
        found = Found(version, earned, plan.currency, day.known_at, balance, rates.rounding)
        if _is_worth_an_event(standing, found, moved, rates, day.date):
            items.append((account_id, found))
    return items


def _asked(
    account_id: int,
    standing: Standing | None,
    reopened: dt.date | None,
    plan: PlanRow,
    now: tuple[Rates, ...],
) -> tuple[int, dt.date, int]:
    """The account, the first day to be counted (again), and what was known at its last accrual."""
    if standing is None:
        return account_id, _ANY_DAY, 0
    start = standing.through + ONE_DAY
    before = plan.known_at(standing.known_at)
    changed = None if before is now else first_difference(before, now)
    return account_id, min(start, reopened or start, changed or start), standing.known_at


async def _limits(
    day: Day,
    plan: tuple[Rates, ...],
    standings: dict[int, tuple[int, Standing | None]],
    moves: dict[int, list[Moved]],
) -> dict[int, list[LimitRow]]:
    """The limits of those accounts that may have been below zero, where going beyond has its price."""
    if all(rates.excess_rate is None for rates in plan):
        return {}
    wanted = []
    for account_id, (_, standing) in standings.items():
        moved = moves.get(account_id, ())
        least = 0 if standing is None else standing.balance
        least -= sum(abs(move.before) + abs(move.now) for move in moved)
        if least < 0:
            wanted.append(account_id)
    return await interest.limits(day.connection, wanted, day.known_at) if wanted else {}


def _by_day(limits: list[LimitRow], known_at: int) -> list[tuple[dt.date, int]]:
    return [(each.day, each.limit) for each in limits if each.position <= known_at]


def _is_worth_an_event(
    standing: Standing | None, found: Found, moved: list[Moved], rates: Rates, date: dt.date
) -> bool:
    credit, debit = found.earned
    posted = (0, 0)
    if standing is not None:
        credit, debit = int(standing.credit) + credit, int(standing.debit) + debit
        posted = (standing.credit_posted, standing.debit_posted)
    if (minor_units(credit, rates.rounding), minor_units(debit, rates.rounding)) != posted:
        return True
    return bool(moved) and posting_day(rates.posting, date) == date


async def capitalisations(day: Day) -> AsyncIterator[Command]:
    for plan in await interest.plans(day.connection, day.known_at):
        rates = rates_on(plan.known_at(day.known_at), day.date)
        if rates is None:
            continue
        rows = day.rows(
            TO_CAPITALISE,
            account_type=plan.account_type,
            currency=plan.currency,
            posting_day=posting_day(rates.posting, day.date),
        )
        async for (account_id,) in rows:
            ask = day.ask(f"account-{account_id}")
            yield capitalise_interest(ask, account_id, day.date, day.details, rates)


ACCRUAL: Final = Step(name="interest", due=accruals)
CAPITALISATION: Final = Step(name="capitalisation", due=capitalisations)
