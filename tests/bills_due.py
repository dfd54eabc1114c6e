"""A bank whose customer has bills of a biller behind a gateway, and pays them by plain commands."""

import datetime as dt
from decimal import Decimal
from typing import Final

import psycopg

from application import bill_payments, billers
from application.billers import PaymentPlace
from application.books import Command
from application.payment_places import Place
from application.presenting import Known, Outcome, PresentedBill, present_bill
from domain.bills.bill_facts import Payment
from domain.bills.biller import BillerTerms
from tests.bank import CUSTOMER, Bank, ask, read_log, told

BILLER: Final = 1
GATEWAY: Final = "city"
# More payments than an account may have holds are spread over more accounts.
BILLS_OF_AN_ACCOUNT: Final = 25
EUROS: Final = 10_000


def cents_of(bill_id: int) -> int:
    """What a bill is for: no two are alike, so that what is mixed up shows."""
    return 1_000 + bill_id


def account_of(bill_id: int) -> int:
    return 1 + (bill_id - 1) // BILLS_OF_AN_ACCOUNT


def with_bills(bank: Bank, count: int, *, gateway: str | None = GATEWAY, **terms: object) -> None:
    """Bills 1 to `count`, due in two weeks, each of which one account can pay."""
    bank.with_accounts(dict.fromkeys(range(1, account_of(count) + 1), EUROS))
    said = {"name": "Waterworks", "currencies": ("EUR",), "gateway": gateway, **terms}
    commands = [billers.register_biller(ask(), BILLER, BillerTerms(**said))]  # type: ignore[arg-type]
    due = dt.date.fromisoformat(_today(bank.conninfo)) + dt.timedelta(days=14)
    for bill_id in range(1, count + 1):
        presented = PresentedBill(
            biller_id=BILLER,
            user_id=CUSTOMER,
            amount=Decimal(cents_of(bill_id)).scaleb(-2),
            currency="EUR",
            due_date=due,
            external_id=f"W-{bill_id}",
        )
        commands.append(
            present_bill(ask(), presented, bill_id=bill_id, known=None, outcome=Outcome())
        )
    for answer in bank.submit_all(commands):
        assert answer.status == 201, told(answer)


def place_of(bill_id: int) -> Place:
    """Payments, holds and bills have the same numbers here."""
    return Place(bill_id, bill_id, account_of(bill_id), BILLER)


def pay(bill_id: int) -> Command:
    """Pay a bill in whole; the same again is the same payment."""
    return bill_payments.authorise(
        ask(f"pay-{bill_id}"),
        place_of(bill_id),
        user_id=CUSTOMER,
        hold_id=bill_id,
        amount=Decimal(cents_of(bill_id)).scaleb(-2),
    )


def presented_anew(bill_id: int, known: Known) -> Command:
    """The first bill once more, for a cent more each time."""
    presented = PresentedBill(
        biller_id=BILLER,
        user_id=CUSTOMER,
        amount=Decimal(cents_of(1) + known.revision).scaleb(-2),
        currency="EUR",
        due_date=dt.date(2099, 1, 31),
        external_id="W-1",
    )
    return present_bill(
        ask(), presented, bill_id=bill_id, known=known, outcome=Outcome(), supersede=True
    )


def settle(bill_ids: list[int]) -> Command:
    return billers.settle(ask(), BILLER, [PaymentPlace(number, number) for number in bill_ids])


def payments(conninfo: str) -> dict[int, Payment]:
    """Every payment as the newest event of its bill has it."""
    found: dict[int, Payment] = {}
    for recorded in read_log(conninfo):
        if recorded.originator_id.startswith("bill-"):
            for payment in recorded.event.fact.standing.payments:
                found[payment.payment_id] = payment
    return found


def in_outbox(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT count(*) FROM outbox").fetchone()
    assert row is not None
    return int(row[0])


def _today(conninfo: str) -> str:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT (now() AT TIME ZONE 'UTC')::date::text").fetchone()
    assert row is not None
    return str(row[0])
