"""What the people of the demo bank do with their money, day by day: what comes in and what goes out.

A habit says what would happen. Whether the money is there is seen when the days are played.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from daybook.demo_people import Person, amount_near, chance_of, pick, times

Kind: TypeAlias = Literal[
    "deposit",
    "withdrawal",
    "payment received",
    "payment sent",
    "transfer",
    "interest credited",
    "interest charged",
    "fee",
]


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One transaction of the demo bank. `account` and `other` are names like `12-checking`.

    `other` is where a transfer goes, or who is at the other end of a payment.
    """

    on: dt.date
    kind: Kind
    account: str
    amount: int
    description: str
    category: str
    other: str | None = None
    tags: tuple[str, ...] = ()


class Spending(NamedTuple):
    """A category of card payments: how often a month, how much, and where."""

    category: str
    monthly: float
    median: int
    spread: float
    weekend: float
    december: float
    places: tuple[str, ...]


SPENDING: Final = (
    Spending(
        *("groceries", 9.0, 3_200, 0.5, 1.7, 1.1),
        ("Green Basket", "Corner Market", "Daily Bread", "Fresh & Near", "Hill Farm Shop"),
    ),
    Spending(
        *("restaurants", 2.0, 2_400, 0.45, 1.8, 1.5),
        ("Blue Lantern", "Trattoria Otto", "The Copper Pot", "Noodle House 9"),
    ),
    Spending(
        *("transport", 2.0, 900, 0.6, 0.8, 1.0), ("City Trams", "Regional Rail", "Two Wheels")
    ),
    Spending(
        *("shopping", 1.0, 4_500, 0.8, 1.5, 1.5),
        ("Paper & Ink", "Nordlicht", "House of Wool", "Bits & Bolts"),
    ),
    Spending(*("health", 0.4, 2_800, 0.6, 0.5, 1.0), ("Lime Tree Pharmacy", "Dental Care West")),
)
SUBSCRIPTIONS: Final = (
    ("Northern Insurance", "insurance", 2_950),
    ("Stream & Co", "subscriptions", 1_199),
    ("City Gym", "subscriptions", 2_490),
    ("Open Air Mobile", "phone", 1_800),
)
EMPLOYERS: Final = ("Alder Works", "Brook Software", "Canal Hospital", "Delta Foods", "Elm School")
CLIENTS: Final = ("Foxglove Ltd", "Grove Studio", "Harbour Trade", "Iris Media")
LANDLORDS: Final = ("Juniper Homes", "Keystone Living", "Linden Housing")
OCCASIONS: Final = ("Lunch", "Tickets", "Birthday present", "Petrol", "Holiday house", "Thank you!")
# Cash of this much and more is reported; some bring just less of it, and often.
REPORTED_CASH: Final = 1_000_000


def habits_of(person: Person, seed: int, days: list[dt.date]) -> list[Step]:
    """All that one person would do, each kind of it by the day."""
    opening = amount_near(chance_of(seed, person.number, "opening"), person.income, 0.4)
    first = Step(
        days[0],
        "payment received",
        person.checking,
        opening,
        "From my old bank",
        "transfers",
        "old bank",
    )
    if person.part == "dormant":
        return [first]
    steps = [first, *_income(person, seed, days), *_rent(person, seed, days)]
    steps += [*_subscriptions(person, seed, days), *_saving(person, days)]
    for spending in SPENDING:
        steps += _spending(person, seed, days, spending)
    steps += [*_cash(person, seed, days), *_to_friends(person, seed, days)]
    if person.part == "structuring":
        steps += _structuring(person, seed, days)
    return steps


def last_business_day(day: dt.date) -> bool:
    """Whether the day is the last of its month from Monday to Friday."""
    following = day + dt.timedelta(days=3 if day.weekday() == 4 else 1)
    return day.weekday() < 5 and following.month != day.month


def _income(person: Person, seed: int, days: list[dt.date]) -> Iterator[Step]:
    chance = chance_of(seed, person.number, "income")
    payer = pick(chance, CLIENTS if person.living == "self-employed" else EMPLOYERS)
    for day in days:
        # Three per cent more from January on.
        income = person.income * 103 // 100 if day.year > days[0].year else person.income
        description, amount = "", 0
        match person.living:
            case "employed" if last_business_day(day):
                description, amount = "Salary", income
            case "pensioner" if day.day == 5:
                description, amount, payer = "Pension", income, "State pension office"
            case "student" if day.day == 1:
                description, amount, payer = "Grant", income, "Student fund"
            case "self-employed" if chance.random() < 0.1:
                description, amount = "Invoice", amount_near(chance, income // 3, 0.3)
        if amount:
            kind: Kind = "payment received"
            yield Step(day, kind, person.checking, amount, description, "income", payer)


def _rent(person: Person, seed: int, days: list[dt.date]) -> Iterator[Step]:
    chance = chance_of(seed, person.number, "rent")
    rent = person.income * (25 + int(chance.random() * 11)) // 100
    landlord = pick(chance, LANDLORDS)
    tags = ("standing-order",)
    for day in days:
        if day.day == 1:
            yield Step(day, "payment sent", person.checking, rent, "Rent", "rent", landlord, tags)


def _subscriptions(person: Person, seed: int, days: list[dt.date]) -> Iterator[Step]:
    chance = chance_of(seed, person.number, "subscriptions")
    for payee, category, price in SUBSCRIPTIONS:
        taken, due = chance.random() < 0.5, 3 + int(chance.random() * 25)
        for day in days if taken else ():
            if day.day == due:
                dearer = price * 104 // 100 if day.year > days[0].year else price
                yield Step(day, "payment sent", person.checking, dearer, payee, category, payee)


def _saving(person: Person, days: list[dt.date]) -> Iterator[Step]:
    for day in days if person.saves else ():
        if day.day == 2:
            amount = person.income // 10
            yield Step(
                day, "transfer", person.checking, amount, "Put by", "savings", person.savings
            )


def _spending(person: Person, seed: int, days: list[dt.date], spending: Spending) -> Iterator[Step]:
    chance = chance_of(seed, person.number, spending.category)
    # Those who earn less buy as often, and less.
    median = spending.median * min(max(person.income, 100_000), 300_000) // 240_000
    for day in days:
        mean = spending.monthly / 30
        mean *= spending.weekend if day.weekday() in (4, 5) else 1
        mean *= spending.december if day.month == 12 else 1
        for _ in range(times(chance, mean)):
            amount, place = (
                amount_near(chance, median, spending.spread),
                pick(chance, spending.places),
            )
            yield Step(
                *(day, "payment sent", person.checking, amount, place, spending.category, place),
                tags=("card",),
            )


def _cash(person: Person, seed: int, days: list[dt.date]) -> Iterator[Step]:
    chance = chance_of(seed, person.number, "cash")
    for day in days:
        for _ in range(times(chance, 2 / 30)):
            amount = 2_000 * (1 + int(chance.random() * 8))
            yield Step(day, "withdrawal", person.checking, amount, "Cash machine", "cash")


def _to_friends(person: Person, seed: int, days: list[dt.date]) -> Iterator[Step]:
    chance = chance_of(seed, person.number, "friends")
    for day in days if person.friends else ():
        for _ in range(times(chance, 2 / 30)):
            friend, amount = pick(chance, person.friends), amount_near(chance, 2_500, 0.7)
            yield Step(
                *(day, "transfer", person.checking, amount, pick(chance, OCCASIONS), "friends"),
                other=f"{friend}-checking",
            )


def _structuring(person: Person, seed: int, days: list[dt.date]) -> Iterator[Step]:
    """Cash in, several times within days, each time a little less than must be reported."""
    chance = chance_of(seed, person.number, "structuring")
    begin = len(days) // 2 + int(chance.random() * len(days) / 4)
    for offset in sorted({int(chance.random() * 10) for _ in range(7)}):
        amount = REPORTED_CASH - 1_000 * (1 + int(chance.random() * 80))
        day = days[begin + offset]
        yield Step(day, "deposit", person.checking, amount, "Cash paid in", "cash")
