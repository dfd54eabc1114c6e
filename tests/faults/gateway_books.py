"""What both sides know of the payments when all is quiet, and what of it must not be."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import msgspec

from tests.bank import read_log
from tests.bills_due import EUROS, account_of, cents_of, in_outbox, payments


class There(msgspec.Struct, frozen=True):
    """A payment in the gateway's own books."""

    key: str
    bill: str
    amount: int
    status: str


def payments_there(folder: Path) -> list[There]:
    with closing(sqlite3.connect(folder / "gateway.sqlite")) as books:
        rows = books.execute("SELECT key, bill, amount, status FROM payments").fetchall()
    return [There(*row) for row in rows]


def findings(conninfo: str, gateway: Path, bills: Iterable[int]) -> list[str]:
    """Everything that is wrong, in words; nothing where every bill was paid once or declined.

    Each bill was to be paid once, in whole, from its account.
    """
    numbers = list(bills)
    there = payments_there(gateway)
    here = {payment.payment_id: payment for payment in payments(conninfo).values()}
    by_bill = {number: _paid(there, number) for number in numbers}
    found = [
        f"bill {number} was paid {len(paid)} times: {paid}"
        for number, paid in by_bill.items()
        if len(paid) > 1
    ]
    found += [f"{len(here)} payments for {len(numbers)} bills"] * (len(here) != len(numbers))
    for payment in here.values():
        if payment.state not in ("captured", "declined"):
            found.append(f"payment {payment.payment_id} is {payment.state}")
    found += _lost(conninfo, by_bill)
    found += _balances(conninfo, by_bill)
    if waiting := in_outbox(conninfo):
        found.append(f"{waiting} payments are in the outbox")
    return found


def _paid(there: list[There], number: int) -> list[int]:
    """The amounts that the gateway has paid for a bill."""
    return [
        payment.amount
        for payment in there
        if payment.bill == f"bill-{number}" and payment.status == "captured"
    ]


def _lost(conninfo: str, by_bill: dict[int, list[int]]) -> list[str]:
    """Bills that one side has paid and the other has not, or in another amount."""
    here: dict[int, list[int]] = {}
    for recorded in read_log(conninfo):
        if recorded.originator_id.startswith("bill-"):
            number = int(recorded.originator_id.rpartition("-")[2])
            paid = [p.amount for p in recorded.event.fact.standing.payments if p.paid]
            here[number] = paid
    return [
        f"bill {number} was paid {paid} there and {here.get(number)} here"
        for number, paid in by_bill.items()
        if paid != here.get(number)
    ]


def _balances(conninfo: str, by_bill: dict[int, list[int]]) -> list[str]:
    """Accounts that do not hold what was put on them less what was paid, or that hold funds still."""
    expected: dict[int, int] = {}
    for number, paid in by_bill.items():
        account_id = account_of(number)
        expected.setdefault(account_id, EUROS * 100)
        expected[account_id] -= cents_of(number) if paid else 0
    balances: dict[int, int] = {}
    holds: dict[int, int] = {}
    for recorded in read_log(conninfo):
        kind, _, text = recorded.originator_id.rpartition("-")
        if kind == "account":
            balances[int(text)] = recorded.event.fact.balance
            if hasattr(recorded.event.fact, "holds"):
                holds[int(text)] = len(recorded.event.fact.holds)
    wrong = [
        f"account {account_id} has {balances.get(account_id)} and should have {amount}"
        for account_id, amount in expected.items()
        if balances.get(account_id) != amount
    ]
    return wrong + [
        f"account {number} has {count} holds" for number, count in holds.items() if count
    ]
