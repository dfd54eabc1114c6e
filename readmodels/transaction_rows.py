"""From the events of a transaction to its one row."""

import datetime as dt
import re
from typing import Any, Final

from domain.account_facts import (
    AdjustmentCredited,
    AdjustmentDebited,
    CreditReversed,
    DebitReversed,
    Deposited,
    FeeCharged,
    InterestCapitalised,
    InterestCharged,
    InterestCredited,
    LoanReceived,
    LoanRefunded,
    LoanRepaid,
    Movement,
    OverdraftInterestCapitalised,
    PaymentReceived,
    PaymentSent,
    TaxWithheld,
    TransferReceived,
    TransferSent,
    Withdrawn,
)
from domain.accrued_interest import Accrued, Capitalised, Unclaimed
from domain.bills.bill_facts import RefundClaimed, RefundUnclaimed, UnclaimedTakenBack
from domain.bills.bill_movements import (
    BillPaid,
    BillRefundAdvanced,
    BillRefunded,
    BillRefundPassedOn,
    BillRefundTakenBack,
    FeeRefunded,
)
from domain.bills.biller import BillerSettled, GatewayFeeCharged, RefundLost, RefundRepaid
from domain.capital import CapitalPaidIn
from domain.facts import Fact
from domain.interbank import InterbankSettled
from domain.labels import Labelled
from domain.loans import loan_facts as loans
from domain.periods import YearEnded
from ledger.journal import JournalEvent
from readmodels.copy_text import NULL, number_of, text_of, texts_of

YEAR_END: Final = "year_end"
KINDS: Final[dict[type[Fact], str]] = {
    Deposited: "deposit",
    Withdrawn: "withdrawal",
    TransferSent: "transfer",
    TransferReceived: "transfer",
    PaymentSent: "payment_sent",
    PaymentReceived: "payment_received",
    LoanReceived: "loan_disbursement",
    LoanRepaid: "loan_repayment",
    LoanRefunded: "loan_refund",
    InterestCredited: "interest_credited",
    InterestCharged: "interest_charged",
    InterestCapitalised: "interest_credited",
    OverdraftInterestCapitalised: "interest_charged",
    TaxWithheld: "tax_withheld",
    Accrued: "interest_accrued",
    Capitalised: "interest_capitalised",
    Unclaimed: "interest_unclaimed",
    FeeCharged: "fee",
    AdjustmentCredited: "adjustment_credited",
    AdjustmentDebited: "adjustment_debited",
    CreditReversed: "reversal",
    DebitReversed: "reversal",
    BillPaid: "bill_payment",
    BillRefunded: "bill_refund",
    BillRefundAdvanced: "bill_refund",
    BillRefundPassedOn: "bill_refund",
    BillRefundTakenBack: "bill_refund_taken_back",
    FeeRefunded: "fee_refund",
    BillerSettled: "biller_settlement",
    GatewayFeeCharged: "gateway_fee",
    RefundRepaid: "refund_repaid",
    RefundLost: "refund_lost",
    RefundUnclaimed: "refund_unclaimed",
    RefundClaimed: "refund_claimed",
    UnclaimedTakenBack: "bill_refund_taken_back",
    CapitalPaidIn: "capital_paid_in",
    InterbankSettled: "interbank_settlement",
    YearEnded: YEAR_END,
    loans.Disbursed: "loan_disbursement",
    loans.Repaid: "loan_repayment",
    loans.Recovered: "loan_recovery",
    loans.OverpaymentRefunded: "loan_refund",
    loans.OverpaymentApplied: "loan_overpayment_applied",
    loans.InterestAccrued: "loan_interest",
    loans.NonAccrualStarted: "loan_interest",
    loans.NonAccrualEnded: "loan_interest",
    loans.AllowanceChanged: "loan_impairment",
    loans.LoanCostPaid: "loan_cost",
    loans.ChargedBack: "loan_charge_back",
    loans.LoanFeeCharged: "loan_fee",
    loans.InstalmentFeeCharged: "loan_fee",
    loans.PenaltyCharged: "loan_penalty",
    loans.Waived: "loan_waiver",
    loans.Rescheduled: "loan_reschedule",
    loans.ChargedOff: "loan_charge_off",
    loans.WrittenOff: "loan_write_off",
    loans.MovementUndone: "loan_correction",
    loans.AgreementUndone: "loan_correction",
    loans.Approved: "loan_commitment",
    loans.Withdrawn: "loan_commitment",
    loans.ApprovalUndone: "loan_commitment",
    loans.ApprovalExpired: "loan_commitment",
    loans.LoanClosed: "loan_commitment",
}
# A key that was made here, for a command that came without one; it says nothing to anyone.
MADE_HERE: Final = re.compile("[0-9a-f]{32}")
SAID_NOTHING: Final = f"{NULL}\t{{}}\t{NULL}\t{NULL}"


class TransactionRows:
    """Rows in the text form of COPY; a transaction's row is made when the next begins."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        # The reversed transaction, the one that reverses it, and what that takes back.
        self.reversals: list[tuple[int, int, int]] = []
        # The labelled transaction and the position from which it is; a row for each time.
        self.labelled: dict[int, int] = {}
        self.label_rows: list[str] = []
        self._transaction_id = 0
        self._recorded_at: dt.datetime | None = None
        self._position = 0
        self._event: JournalEvent[Any] | None = None
        self._source = self._destination = NULL

    def add(self, position: int, event: JournalEvent[Any]) -> None:
        if event.transaction_id != self._transaction_id:
            self.end()
            self._transaction_id = event.transaction_id
            self._recorded_at = event.recorded_at
        if not event.entry:
            return
        if self._event is None:
            self._event, self._position = event, position
        for posting in event.entry:
            sub_account = posting.sub_account
            if sub_account is not None and sub_account.startswith("account-"):
                if posting.side == "D":
                    self._source = sub_account[8:]
                else:
                    self._destination = sub_account[8:]

    def label(self, transaction_id: int, position: int, fact: Labelled) -> None:
        self.labelled.setdefault(transaction_id, position)
        tags = texts_of(fact.tags) if fact.tags else "{}"
        self.label_rows.append(f"{transaction_id}\t{position}\t{text_of(fact.category)}\t{tags}\n")

    def end(self) -> None:
        """The transaction is complete: make its row, if it moved money."""
        event = self._event
        if event is None:
            return
        fact, transaction_id = event.fact, self._transaction_id
        posting, recorded_at = event.entry[0], self._recorded_at
        assert recorded_at is not None, "a transaction has a first event"
        amount = fact.amount if isinstance(fact, Movement) else posting.amount
        reverses: int | None = getattr(fact, "reverses", None)
        if reverses is not None:
            self.reversals.append((reverses, transaction_id, amount))
        self.rows.append(
            f"{transaction_id}\t{self._position}\t{kind_of(fact)}"
            f"\t{self._source}\t{self._destination}\t{amount}\t{posting.currency}"
            f"\t{recorded_at.isoformat()}\t{event.booking_date.isoformat()}"
            f"\t{event.value_date.isoformat()}\t{_said(event)}"
            f"\t{text_of(getattr(fact, 'counterparty', None))}\t{text_of(event.actor)}"
            f"\t{NULL if MADE_HERE.fullmatch(event.command_id) else text_of(event.command_id)}"
            f"\t{number_of(reverses)}\t{NULL}\t{NULL}\t{NULL}\n"
        )
        self._event = None
        self._source = self._destination = NULL


def _said(event: JournalEvent[Any]) -> str:
    """Category, tags, description and reason; mostly nothing was said."""
    if event.category is event.description is event.reason is None and not event.tags:
        return SAID_NOTHING
    tags = texts_of(event.tags) if event.tags else "{}"
    return (
        f"{text_of(event.category)}\t{tags}\t{text_of(event.description)}\t{text_of(event.reason)}"
    )


def kind_of(fact: Fact) -> str:
    """What the views call it; what has no name of its own goes by its tag, without the number."""
    return KINDS.get(type(fact)) or fact.TAG.rsplit(".", 1)[0]
