"""The people of the demo bank: who they are, what they earn, and how chance is drawn for them.

Nobody here is real. Each draw comes from a stream of chance of its own, named by seed, customer and
purpose, so that a new habit changes none of the others. Only `Random.random` is used, whose sequence
Python promises to keep.
"""

import datetime as dt
import math
import random
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, Literal, TypeAlias, TypeVar

import msgspec

Living: TypeAlias = Literal["employed", "pensioner", "self-employed", "student"]
Part: TypeAlias = Literal["ordinary", "dormant", "frozen", "structuring"]

CUSTOMERS: Final = 200
# Of a hundred: up to which number each living goes.
LIVINGS: Final[tuple[tuple[int, Living], ...]] = (
    (60, "employed"),
    (75, "pensioner"),
    (90, "self-employed"),
    (100, "student"),
)
# The median of a month's income in minor units, and its spread.
INCOMES: Final[dict[Living, tuple[int, float]]] = {
    "employed": (240_000, 0.35),
    "pensioner": (145_000, 0.25),
    "self-employed": (260_000, 0.45),
    "student": (85_000, 0.20),
}
# The stories of single customers, by number; the first is the one whose login is shown.
PARTS: Final[dict[int, Part]] = {
    17: "structuring",
    58: "structuring",
    73: "dormant",
    101: "frozen",
    139: "structuring",
    164: "dormant",
}

FIRST_NAMES: Final = (
    "Ada Aino Amir Anna Bela Carl Chiara Dana Emil Emma Eva Filip Greta Hana Ida Ivan Jan Jonas "
    "Julia Karim Klara Lars Lea Leon Lina Luca Maja Marco Marta Mila Nils Nina Noor Olga Oskar "
    "Paul Petra Rosa Sami Sara Sven Tara Theo Tomas Vera Vito Wanda Yara Zoe Zora"
)
LAST_NAMES: Final = (
    "Adler Almeida Bakker Berg Bianchi Costa Dvorak Eder Farkas Fischer Fontana Garcia Haas Hansen "
    "Horvat Ilic Jansen Kaya Keller Klein Koch Kovac Kral Lang Larsen Lehner Lindt Maier Marin "
    "Moreau Moser Nagy Nemec Novak Olsen Peeters Petrov Pinter Popa Rossi Rybar Santos Silva Steiner "
    "Toth Urban Varga Vidal Weber Winter"
)

Item = TypeVar("Item")


class Person(msgspec.Struct, frozen=True):
    """A customer. `income` is what a month brings, in minor units."""

    number: int
    username: str
    living: Living
    part: Part
    income: int
    saves: bool
    overdraft_limit: int
    opened_on: dt.date
    friends: tuple[int, ...]

    @property
    def checking(self) -> str:
        return f"{self.number}-checking"

    @property
    def savings(self) -> str:
        return f"{self.number}-savings"


def people_of(seed: int, start: dt.date, count: int = CUSTOMERS) -> list[Person]:
    """The customers of the bank whose books begin on `start`; the same for the same arguments."""
    return [_person(seed, number, start, count) for number in range(1, count + 1)]


def _person(seed: int, number: int, start: dt.date, count: int) -> Person:
    chance = chance_of(seed, number, "person")
    first, last = pick(chance, FIRST_NAMES.split()), pick(chance, LAST_NAMES.split())
    share = chance.random() * 100
    part = PARTS.get(number, "ordinary")
    living = next(living for limit, living in LIVINGS if share < limit)
    if number == 1:
        living = "employed"
    saves = chance.random() < 0.55 or number == 1
    overdraws = living != "student" and chance.random() < 0.3
    return Person(
        number=number,
        username=f"{first}.{last}.{number}".lower(),
        living=living,
        part=part,
        income=amount_near(chance, *INCOMES[living]),
        saves=saves and part == "ordinary",
        overdraft_limit=pick(chance, (30_000, 50_000, 100_000)) if overdraws else 0,
        opened_on=start - dt.timedelta(days=400 + int(chance.random() * 2_000)),
        friends=tuple(sorted({1 + int(chance.random() * count) for _ in range(5)} - {number})),
    )


def chance_of(seed: int, number: int, purpose: str) -> random.Random:
    """The stream of chance of one customer for one purpose."""
    return random.Random(f"{seed}:{number}:{purpose}")


def pick(chance: random.Random, items: Sequence[Item]) -> Item:
    return items[int(chance.random() * len(items))]


def amount_near(chance: random.Random, median: int, spread: float) -> int:
    """An amount in minor units: half of them above the median, most within a spread of it.

    Drawn from a log-normal distribution, and whole from here on.
    """
    drawn = NormalDist().inv_cdf(max(chance.random(), 1e-9))
    return max(1, round(median * math.exp(spread * drawn)))


def times(chance: random.Random, mean: float) -> int:
    """How often something happens that happens `mean` times on average (Poisson)."""
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count
