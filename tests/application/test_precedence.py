"""Where several refusals apply to a command, the one that stands first in the list is the answer."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application import accounts, corrections, holds
from application.books import Command
from application.commands import SYSTEM, Actor, Details
from tests.bank import CUSTOMER, ask, deposit, open_account, told
from tests.laws.drivers import PureCore
from tests.laws.reference_bank import first

HOLDER, STRANGER = Actor(CUSTOMER, "user"), Actor(99, "user")
TODAY = PureCore().today
PAYER, PAYEE, NOBODY = 1, 2, 3

# Each choice with the refusals it brings about; those of dates need no leave where `SYSTEM` asks.
AMOUNTS = {
    "1": set[str](),
    "0": {"AmountNotPositive"},
    "-0.001": {"AmountNotPositive"},
    "0.001": {"TooManyDecimals"},
    "1000000000000000": {"AmountTooLarge"},
}
DETAILS: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set()),
    ({"booking_date": TODAY + dt.timedelta(1), "reason": "why"}, {"BookingDateInFuture"}),
    ({"booking_date": TODAY + dt.timedelta(1)}, {"ReasonMissing", "BookingDateInFuture"}),
    ({"booking_date": TODAY - dt.timedelta(1)}, {"ReasonMissing"}),
    ({"booking_date": dt.date(1899, 12, 31)}, {"ReasonMissing", "DateOutOfRange"}),
    ({"value_date": dt.date(1899, 12, 31)}, {"DateOutOfRange"}),
    ({"description": "\0"}, {"UnprintableText"}),
    (
        {"description": "\0", "value_date": dt.date(1800, 1, 1)},
        {"UnprintableText", "DateOutOfRange"},
    ),
]
STATES: dict[str, tuple[list[Callable[[int], Command]], set[str], set[str]]] = {
    # How it comes about, what it makes of a credit, and of a debit.
    "active": ([], set(), set()),
    "closed": ([lambda n: accounts.close(ask(), n, "why")], {"AccountClosed"}, {"AccountClosed"}),
    "frozen": (
        [lambda n: accounts.freeze(ask(), n, "full", "why", None)],
        {"AccountFrozen"},
        {"AccountFrozen"},
    ),
    "frozen for debits": (
        [lambda n: accounts.freeze(ask(), n, "debit", "why", None)],
        set(),
        {"AccountFrozen"},
    ),
    "dormant": ([lambda n: accounts.make_dormant(ask(), n, "why")], set(), {"AccountDormant"}),
    "dormant and frozen": (
        [
            lambda n: accounts.make_dormant(ask(), n, "why"),
            lambda n: accounts.freeze(ask(), n, "debit", "why", None),
        ],
        set(),
        {"AccountFrozen", "AccountDormant"},
    ),
}
amounts, details = st.sampled_from(sorted(AMOUNTS)), st.sampled_from(DETAILS)
states, actors = st.sampled_from(sorted(STATES)), st.sampled_from([SYSTEM, HOLDER, STRANGER])


def bank(payer: str, payee: str, *, funded: bool, currency: str = "EUR") -> PureCore:
    core = PureCore()
    core.decide([open_account(PAYER), open_account(PAYEE, currency=currency)])
    if funded and payer != "closed":
        core.decide([deposit(PAYER, 1)])
    for number, state in ((PAYER, payer), (PAYEE, payee)):
        core.decide([make(number) for make in STATES[state][0]])
    return core


def answer(core: PureCore, command: Command) -> str | None:
    return told(core.decide([command])[0]).refused


def of_the_command(actor: Actor, amount: str, said: tuple[dict[str, Any], set[str]]) -> set[str]:
    """What is wrong whatever the state of the accounts."""
    wrong = AMOUNTS[amount] | said[1]
    if actor is STRANGER:
        wrong = wrong | {"AccountNotFound"}
    if actor is not SYSTEM and "booking_date" in said[0]:
        wrong = wrong | {"NotPermitted"}
    return wrong


@given(actors, amounts, details, states, st.booleans())
def test_of_all_that_is_wrong_with_a_withdrawal_the_first_is_told(
    actor: Actor, amount: str, said: tuple[dict[str, Any], set[str]], state: str, funded: bool
) -> None:
    core = bank(state, "active", funded=funded)
    command = accounts.withdraw(ask(actor=actor), PAYER, Decimal(amount), Details(**said[0]))

    wrong = of_the_command(actor, amount, said) | STATES[state][2]
    if not funded or state == "closed":
        wrong |= {"InsufficientFunds"}
    assert answer(core, command) == first(wrong)


@given(actors, amounts, details, states, states, st.booleans(), st.sampled_from(["EUR", "JPY"]))
def test_of_all_that_is_wrong_with_a_transfer_the_first_is_told(
    actor: Actor,
    amount: str,
    said: tuple[dict[str, Any], set[str]],
    payer: str,
    payee: str,
    funded: bool,
    currency: str,
) -> None:
    core = bank(payer, payee, funded=funded, currency=currency)
    command = accounts.transfer(ask(actor=actor), PAYER, PAYEE, Decimal(amount), Details(**said[0]))

    wrong = of_the_command(actor, amount, said)
    if currency != "EUR":
        wrong |= {"CurrencyMismatch"}
    of_payer = STATES[payer][2] | (set() if funded and payer != "closed" else {"InsufficientFunds"})
    # Of two accounts, the one that would receive is looked at first.
    assert answer(core, command) == first(wrong or STATES[payee][1] or of_payer)


@given(actors, amounts, details)
def test_of_all_that_is_wrong_with_a_transfer_to_oneself_the_first_is_told(
    actor: Actor, amount: str, said: tuple[dict[str, Any], set[str]]
) -> None:
    core = bank("active", "active", funded=True)
    command = accounts.transfer(ask(actor=actor), PAYER, PAYER, Decimal(amount), Details(**said[0]))

    assert answer(core, command) == first(of_the_command(actor, amount, said) | {"SameAccount"})


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        (
            {"actor": STRANGER, "account_type": "x", "currency": "X", "reference": "r"},
            "CustomerNotFound",
        ),
        ({"authorised": [98], "account_type": "x", "currency": "X"}, "CustomerNotFound"),
        ({"account_type": "x", "currency": "X", "reference": "r"}, "UnknownCurrency"),
        ({"account_type": "x", "currency": "EUR", "reference": "r"}, "UnknownAccountType"),
        ({"account_type": "savings", "currency": "EUR", "reference": "r"}, "ReferenceTaken"),
        ({"account_type": "savings", "currency": "EUR", "reference": "s"}, None),
    ],
)
def test_openings_are_refused_in_order_of_precedence(
    asked: dict[str, Any], refusal: str | None
) -> None:
    core = PureCore()
    core.decide([open_account(PAYER, reference="r")])
    actor = asked.pop("actor", SYSTEM)
    command = accounts.open_account(ask(actor=actor), account_id=PAYEE, user_id=CUSTOMER, **asked)

    assert answer(core, command) == refusal


@pytest.mark.parametrize("state", STATES)
def test_a_reversal_looks_first_at_the_account_that_would_receive(state: str) -> None:
    core = bank("active", "active", funded=True)
    command = accounts.transfer(ask(), PAYER, PAYEE, Decimal(1), Details())
    moved = told(core.decide([command])[0]).transaction_id
    original = [r for r in core.log() if r.event.transaction_id == moved]
    # The payee has spent it, and the payer is as the case may be.
    core.decide([accounts.withdraw(ask(), PAYEE, Decimal(1), Details())])
    core.decide([make(PAYER) for make in STATES[state][0]])

    refused = answer(core, corrections.reverse(ask(), original, Details()))

    assert refused == (first(STATES[state][1]) or "InsufficientFunds")


def test_an_account_that_is_not_there_is_not_found_before_all_else() -> None:
    core = bank("closed", "closed", funded=False)
    said = Details(booking_date=TODAY + dt.timedelta(1))

    for pair in ((PAYER, NOBODY), (NOBODY, PAYEE)):
        command = accounts.transfer(ask(), *pair, Decimal("-0.001"), said)
        assert answer(core, command) == "AccountNotFound"


@pytest.mark.parametrize("call", ["settle", "release"])
@pytest.mark.parametrize("closed", [True, False])
def test_a_hold_that_ended_is_over_and_one_that_never_was_is_not_found(
    call: str, *, closed: bool
) -> None:
    core = bank("active", "active", funded=True)
    core.decide([placed_hold(PAYER, 7)])
    core.decide([after_a_hold(call, PAYER, 7)])
    if closed:
        core.decide([accounts.withdraw(ask(), PAYER, Decimal(1), Details()), closing(PAYER)])

    assert answer(core, after_a_hold(call, PAYER, 7)) == "HoldOver"
    assert answer(core, after_a_hold(call, PAYER, 8)) == "HoldNotFound"
    assert answer(core, after_a_hold(call, PAYEE, 7)) == "HoldNotFound"


def placed_hold(account_id: int, hold_id: int) -> Command:
    return holds.place_hold(
        ask(),
        account_id,
        hold_id,
        Decimal(1),
        expires_at=None,
        counterparty=None,
        description=None,
    )


def after_a_hold(call: str, account_id: int, hold_id: int) -> Command:
    if call == "release":
        return holds.release_hold(ask(), account_id, hold_id)
    return holds.settle_hold(ask(), account_id, hold_id, None, Details())


def closing(account_id: int) -> Command:
    return accounts.close(ask(), account_id, "why")
