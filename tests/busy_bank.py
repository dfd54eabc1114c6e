"""A bank in which everything happens that can stand in books: late, reversed, in three currencies."""

import random
from decimal import Decimal
from functools import partial
from typing import Any

from application import accounts, corrections
from application.audit_trail import noted
from application.books import Command
from domain.access import AccessFact
from domain.money import decimals_of
from tests.bank import CUSTOMER, Bank, ask, open_account, register
from tests.ledger.access_samples import ACCESS_FACTS
from tests.readmodels.asking import details

CURRENCIES = ("EUR", "JPY", "BHD")
# Each means something to a program that reads books.
TEXTS = (
    None,
    'rent "March"; flat | house \\',
    "date:2024-99-99 [2024-01-77] [=2024-01-77]",
    "  two  spaces,  a:b, :tag: key:: 1/0 (code) ! * @ {5 EUR} = 100",
    "Žluťoučký 🏦 \u200e\u3000 日本",
    "%_' -- $$ ~ #tag ^link 2024-01-01 open Assets:X",
    "assert balance include end comment apply account",
)


def keep_busy(bank: Bank, seed: int, moves: int) -> None:
    """Six accounts, two in each currency, and so many moves; some are refused, and leave evidence at most.

    Beside them stands every kind of access there is.
    """
    chance = random.Random(seed)
    numbers = {currency: (10 * n + 1, 10 * n + 2) for n, currency in enumerate(CURRENCIES)}
    commands = [register(CUSTOMER)]
    for currency, (one, other) in numbers.items():
        commands.append(open_account(one, currency=currency))
        commands.append(open_account(other, currency=currency, account_type="savings"))
    bank.submit_all(commands)
    bank.submit_all([noted("teller-7", partial(_always, fact)) for fact in ACCESS_FACTS])
    for _ in range(moves):
        currency = chance.choice(CURRENCIES)
        bank.submit(_move(bank, chance, currency, *chance.sample(numbers[currency], 2)))


def _always(fact: AccessFact, _: int) -> AccessFact:
    return fact


def _move(bank: Bank, chance: random.Random, currency: str, one: int, other: int) -> Command:
    minor_units = chance.choice((1, 99, 100_005, chance.randrange(1, 10**7)))
    amount = Decimal(minor_units).scaleb(-decimals_of(currency))
    at: Any = details(
        chance.choice((0, 0, 1, 2, 9)),
        description=chance.choice(TEXTS),
        category=chance.choice((None, "food: a; b|c")),
        tags=chance.choice(((), ("a b", "c:d"))),
    )
    move = chance.choice((*["deposit"] * 5, "withdraw", "transfer", "fee", "pay", "get", "undo"))
    match move:
        case "deposit":
            return accounts.deposit(ask(), one, amount, at)
        case "withdraw":
            return accounts.withdraw(ask(), one, amount, at)
        case "transfer":
            return accounts.transfer(ask(), one, other, amount, at)
        case "fee":
            return accounts.charge_fee(ask(), one, amount, at)
        case "pay":
            return accounts.send_payment(ask(), one, amount, at, 'Shop "A"; B | C')
        case "undo":
            moved = [recorded for recorded in bank.log() if recorded.event.entry]
            if moved:
                wanted = chance.choice(moved).event.transaction_id
                original = [r for r in moved if r.event.transaction_id == wanted]
                return corrections.reverse(ask(), original, at, None)
    return accounts.receive_payment(ask(), one, amount, at, "Somebody")
