"""The bank that is measured, and who pays whom in it.

Workload W2: every account opens with 1,000,000 minor units; source and destination are drawn from
Zipf's law with exponent 1, so that the hottest of 100,000 accounts takes 8.3 % of the draws; amounts are
1 to 1,000 minor units. No balance may fall below zero.
"""

import datetime as dt
import itertools
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec
import psycopg

from application.accounts import deposit, open_account, transfer
from application.books import Command
from application.clock import business_date, now
from application.commands import NO_DETAILS, Details
from application.key_encryption import LocalKeys
from application.keyring import Keyring, keyring_with
from application.passwords import Passwords
from application.sealing import new_key
from application.transact import Writer
from application.users import NewUser
from daybook.bench.figures import Scale
from daybook.bench.processes import BenchError
from daybook.loading import answered, ask, register

Choice: TypeAlias = Literal["zipf", "ten", "hot"]

HOLDERS: Final = 16
PASSWORD: Final = "a long walk by the river Vltava"
CURRENCY: Final = "EUR"
OPENING_BALANCE: Final = Decimal("10000.00")
AMOUNTS: Final = [Decimal(minor_units).scaleb(-2) for minor_units in range(1, 1001)]
# Made for each second of a run; a faster one begins again with the first.
DRAWS_A_SECOND: Final = 40_000
PAST_DAYS: Final = 730
# Of the past transfers, one in fifty is booked late, by up to three months.
LATE_EVERY: Final = 50
LATE_DAYS_MAX: Final = 90


class Draws(msgspec.Struct):
    """Transfers, drawn beforehand; after the last comes the first again."""

    sources: list[int]
    destinations: list[int]
    amounts: list[Decimal]

    def transfer(self, number: int, key: str, details: Details = NO_DETAILS) -> Command:
        number %= len(self.sources)
        return transfer(
            ask(key),
            self.sources[number],
            self.destinations[number],
            self.amounts[number],
            details,
        )


def draw(choice: Choice, accounts: int, seed: int, count: int) -> Draws:
    """Zipf among all accounts; any of ten accounts; or one account with any of the others."""
    chance = random.Random(seed)
    amounts = chance.choices(AMOUNTS, k=count)
    if choice == "hot":
        others = [chance.randint(2, accounts) for _ in range(count)]
        pairs = [(1, other) if chance.random() < 0.5 else (other, 1) for other in others]
        return Draws([s for s, _ in pairs], [d for _, d in pairs], amounts)
    among = range(1, accounts + 1 if choice == "zipf" else 11)
    weights = list(itertools.accumulate(1 / n if choice == "zipf" else 1 for n in among))
    sources = chance.choices(among, cum_weights=weights, k=count)
    destinations = chance.choices(among, cum_weights=weights, k=count)
    for index in range(count):
        while destinations[index] == sources[index]:
            (destinations[index],) = chance.choices(among, cum_weights=weights)
    return Draws(sources, destinations, amounts)


def ring(accounts: int) -> Draws:
    """Every account pays, and every account is paid: each is touched, and none is richer for it."""
    pairs = [(account, account % accounts + 1) for account in range(1, accounts + 1, 2)]
    return Draws([s for s, _ in pairs], [d for _, d in pairs], [AMOUNTS[0]] * len(pairs))


def holder_of(account_id: int) -> int:
    return (account_id - 1) % HOLDERS + 1


def username_of(user_id: int) -> str:
    return f"holder-{user_id}"


def oldest_day() -> dt.date:
    """The day on which the accounts were opened and funded, and the past begins."""
    return business_date(now(), dt.UTC) - dt.timedelta(days=PAST_DAYS)


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """So many transfers between so many accounts, spread over so many days from the first on."""

    accounts: int
    transfers: int
    first: dt.date
    days: int
    opening_balance: Decimal = OPENING_BALANCE

    @property
    def last(self) -> dt.date:
        return self.first + dt.timedelta(days=self.days)


def past_of(scale: Scale) -> Past:
    """The two years that the reads are asked about."""
    return Past(
        accounts=scale.accounts,
        transfers=scale.past_transfers,
        first=oldest_day(),
        days=PAST_DAYS,
    )


def passing_keyring(conninfo: str) -> Keyring:
    """For a bank that nobody signs in to: the key-encryption key is known to this process alone."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return keyring_with(connection, LocalKeys({"bench": new_key()}))


async def found_bank(conninfo: str, past: Past, keyring: Keyring) -> None:
    """Customers who can sign in, with their accounts and the money on them."""
    passwords = Passwords(environment="dev")
    password_hash = await passwords.hash(PASSWORD)
    passwords.close()
    opened_on = past.first
    funded = Details(booking_date=opened_on, reason="opening balance")

    def commands() -> Iterator[Command]:
        for user_id in range(1, HOLDERS + 1):
            name = username_of(user_id)
            user = NewUser(user_id, name, f"{name}@bank.example", "user", password_hash)
            yield register(name, user, keyring)
        for account_id in range(1, past.accounts + 1):
            yield open_account(
                ask(f"open-{account_id}"),
                account_id=account_id,
                user_id=holder_of(account_id),
                account_type="checking",
                currency=CURRENCY,
                opened_on=opened_on,
            )
        for account_id in range(1, past.accounts + 1):
            yield deposit(ask(f"fund-{account_id}"), account_id, past.opening_balance, funded)

    await write(conninfo, commands())
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        for sequence, count in (("user_ids", HOLDERS), ("account_ids", past.accounts)):
            await connection.execute("SELECT setval(%s::regclass, %s)", (sequence, count))


async def write_past(conninfo: str, past: Past) -> None:
    """The transfers in the order of their days, but for those that were booked late."""
    draws = draw("zipf", past.accounts, 2, past.transfers)
    chance = random.Random(3)

    def commands() -> Iterator[Command]:
        for number in range(past.transfers):
            days = past.days * number // past.transfers
            if number % LATE_EVERY == 0:
                days = max(0, days - chance.randint(1, LATE_DAYS_MAX))
            booked = Details(booking_date=past.first + dt.timedelta(days=days), reason="the past")
            yield draws.transfer(number, f"past-{number}", booked)

    await write(conninfo, commands())


async def write(conninfo: str, commands: Iterator[Command]) -> None:
    """All of them, as fast as the bank takes them."""
    writer = Writer(conninfo)
    writer.start()
    try:
        async for command, answer in answered(writer, ((c, c) for c in commands)):
            if answer.status != 201:
                raise BenchError(f"{command.key} was refused: {answer.body.decode()}")
    finally:
        await writer.stop()


def token_fields(holder: int) -> dict[str, str]:
    """What a holder signs in with."""
    return {"username": username_of(holder), "password": PASSWORD}
