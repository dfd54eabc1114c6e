"""Half a year at a small bank, played out day by day: the same for the same seed and last day.

The days are played on plain numbers first, so that people spend what they have: what would pass the
limit of an account does not happen. Only the bank's own charges may go beyond it, and are marked.
"""

import datetime as dt
import hashlib
from collections import defaultdict
from typing import Final

import msgspec

from daybook.demo_habits import Kind, Step, habits_of
from daybook.demo_people import CUSTOMERS, Person, chance_of, people_of, pick

SEED: Final = 1
CURRENCY: Final = "EUR"
MONTHS: Final = 6
CREDITS: Final[tuple[Kind, ...]] = ("deposit", "payment received", "interest credited")
# By the year, in hundredths of a per cent.
SAVINGS_RATE: Final = 120
OVERDRAFT_RATE: Final = 1_190
MONTHLY_FEE: Final = 250
REVERSALS: Final = 6
MISTAKES: Final = ("Charged twice by the shop", "Goods sent back", "Wrong amount keyed in")


class Correction(msgspec.Struct, frozen=True):
    """A payment (by its number among the steps) that a teller undid, on a day, for a reason."""

    step: int
    on: dt.date
    reason: str


class LateEntry(msgspec.Struct, frozen=True):
    """Cash that was paid in on a day, and booked by a teller long after it."""

    on: dt.date
    account: str
    amount: int
    reason: str


class DemoBank(msgspec.Struct, frozen=True):
    """All that will be posted: the steps in their order, then what was put right afterwards."""

    seed: int
    today: dt.date
    people: list[Person]
    steps: list[Step]
    corrections: list[Correction]
    late_entries: list[LateEntry]

    @property
    def first_day(self) -> dt.date:
        return _days_until(self.today)[0]

    def fingerprint(self) -> str:
        """The SHA-256 of everything in it: equal for two banks that are the same in every fact."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


def demo_bank(seed: int, today: dt.date, customers: int = CUSTOMERS) -> DemoBank:
    """A bank of so many customers, from the first of a month half a year back to `today`."""
    days = _days_until(today)
    people = people_of(seed, days[0], customers)
    steps = _played(people, seed, days)
    return DemoBank(
        seed=seed,
        today=today,
        people=people,
        steps=steps,
        corrections=_corrections(steps, seed, today),
        late_entries=_late_entries(people, seed, days),
    )


def _days_until(today: dt.date) -> list[dt.date]:
    months = today.year * 12 + today.month - 1 - MONTHS
    start = dt.date(months // 12, months % 12 + 1, 1)
    return [start + dt.timedelta(days=n) for n in range((today - start).days + 1)]


def _played(people: list[Person], seed: int, days: list[dt.date]) -> list[Step]:
    """What did happen of all that people would do, with what the bank did at the end of each month."""
    wishes: dict[dt.date, list[Step]] = defaultdict(list)
    for person in people:
        for step in habits_of(person, seed, days):
            wishes[step.on].append(step)
    limits = {person.checking: person.overdraft_limit for person in people}
    balances: dict[str, int] = defaultdict(int)
    # The balance of each day, added up since the month began.
    in_credit: dict[str, int] = defaultdict(int)
    overdrawn: dict[str, int] = defaultdict(int)
    played = []
    for day in days:
        # Money comes in before it goes out.
        for step in sorted(wishes[day], key=lambda step: step.kind not in CREDITS):
            if _happens(step, balances, limits):
                played.append(step)
        for account, balance in balances.items():
            if balance > 0:
                in_credit[account] += balance
            else:
                overdrawn[account] -= balance
        if (day + dt.timedelta(days=1)).day == 1:
            for step in _month_end(people, day, in_credit, overdrawn):
                balances[step.account] += step.amount if step.kind in CREDITS else -step.amount
                played.append(step)
            in_credit.clear()
            overdrawn.clear()
    return played


def _happens(step: Step, balances: dict[str, int], limits: dict[str, int]) -> bool:
    """Play the step, unless the money for it is not there."""
    if step.kind in CREDITS:
        balances[step.account] += step.amount
        return True
    if step.amount > balances[step.account] + limits.get(step.account, 0):
        return False
    balances[step.account] -= step.amount
    if step.kind == "transfer":
        assert step.other is not None
        balances[step.other] += step.amount
    return True


def _month_end(
    people: list[Person], day: dt.date, in_credit: dict[str, int], overdrawn: dict[str, int]
) -> list[Step]:
    """Interest on the balance of each day of the month, and the fee of those who were there."""
    steps = []
    for person in people:
        kind: Kind = "interest credited"
        interest = _interest(in_credit[person.savings], SAVINGS_RATE)
        if interest:
            steps.append(Step(day, kind, person.savings, interest, "Interest", "interest"))
        kind, interest = "interest charged", _interest(overdrawn[person.checking], OVERDRAFT_RATE)
        if interest:
            text = "Interest on overdraft"
            steps.append(Step(day, kind, person.checking, interest, text, "interest"))
        if person.living != "student" and person.part != "dormant":
            steps.append(Step(day, "fee", person.checking, MONTHLY_FEE, "Account fee", "fees"))
    return steps


def _interest(balance_days: int, rate: int) -> int:
    """Minor units, the half cent to the even one; `rate` is hundredths of a per cent by the year."""
    a_year = 10_000 * 365
    whole, rest = divmod(balance_days * rate, a_year)
    return whole + (2 * rest > a_year or (2 * rest == a_year and whole % 2 == 1))


def _corrections(steps: list[Step], seed: int, today: dt.date) -> list[Correction]:
    """Some card payments, undone a few days later."""
    chance = chance_of(seed, 0, "corrections")
    payments = [number for number, step in enumerate(steps) if "card" in step.tags]
    chosen = sorted({pick(chance, payments) for _ in range(REVERSALS)}) if payments else []
    corrections = []
    for number in chosen:
        on = min(today, steps[number].on + dt.timedelta(days=1 + int(chance.random() * 5)))
        corrections.append(Correction(number, on, pick(chance, MISTAKES)))
    return corrections


def _late_entries(people: list[Person], seed: int, days: list[dt.date]) -> list[LateEntry]:
    """Deposits whose slips were found weeks later; the first customer's is among them."""
    chance = chance_of(seed, 0, "late entries")
    entries = []
    for person in people[::50]:
        if person.part == "ordinary":
            on = days[-20 - int(chance.random() * 20)]
            amount = 100 * (50 + int(chance.random() * 400))
            reason = "Deposit slip found in the tray"
            entries.append(LateEntry(on, person.checking, amount, reason))
    return entries
