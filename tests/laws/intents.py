"""What is asked of the bank, apart from how: the same intents go to the core, the writers and the API."""

import datetime as dt
from decimal import Decimal
from typing import Any, Literal

import msgspec

from application import accounts, corrections
from application.books import Answer, Command
from application.commands import NO_DETAILS, Details
from ledger.journal import Recorded
from tests.bank import CUSTOMER, ask, told

Call = Literal[
    "open",
    "deposit",
    "withdraw",
    "charge_fee",
    "transfer",
    "reverse",
    "limit",
    "freeze",
    "unfreeze",
    "make_dormant",
    "reactivate",
    "close",
]


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """`number` is the account, or the transaction to reverse; amounts are in major units."""

    call: Call
    number: int = 0
    destination: int = 0
    amount: Decimal = Decimal(0)
    account_type: str = "checking"
    currency: str = "EUR"
    restriction: Literal["debit", "full"] = "full"
    booking_date: dt.date | None = None
    reason: str | None = None
    key: str | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `refused` is the name of the refusal."""

    refused: str | None
    transaction_id: int | None = None
    account_id: int | None = None
    figures: dict[str, str] = {}
    body: bytes = b""
    position: int | None = None
    replayed: bool = False


def command_of(intent: Intent, log: list[Recorded]) -> Command:
    one = ask(intent.key)
    number, amount = intent.number, intent.amount
    details = NO_DETAILS
    if intent.booking_date is not None:
        details = Details(booking_date=intent.booking_date, reason=intent.reason)
    match intent.call:
        case "open":
            return accounts.open_account(
                one,
                account_id=number,
                user_id=CUSTOMER,
                account_type=intent.account_type,
                currency=intent.currency,
            )
        case "deposit" | "withdraw" | "charge_fee":
            move: Any = getattr(accounts, intent.call)
            command: Command = move(one, number, amount, details)
            return command
        case "transfer":
            return accounts.transfer(one, number, intent.destination, amount, details)
        case "reverse":
            original = [r for r in log if r.event.transaction_id == number]
            return corrections.reverse(one, original, details)
        case "limit":
            return accounts.change_overdraft_limit(one, number, amount)
        case "freeze":
            return accounts.freeze(one, number, intent.restriction, "a court order", None)
        case _:
            change: Any = getattr(accounts, intent.call)
            changed: Command = change(one, number, "asked for")
            return changed


def outcome_of(intent: Intent, answer: Answer) -> Outcome:
    said = told(answer)
    return Outcome(
        refused=said.refused,
        transaction_id=said.transaction_id,
        account_id=intent.number,
        figures=said.figures,
        body=answer.body,
        position=answer.position,
        replayed=answer.replayed,
    )
