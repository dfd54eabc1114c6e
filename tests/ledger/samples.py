"""One journal event of every tag, in its place in a log: what the golden files hold."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec

from domain.account_facts import (
    AdjustmentCredited,
    AdjustmentDebited,
    Closed,
    CreditReversed,
    DebitReversed,
    Deposited,
    FeeCharged,
    Frozen,
    Hold,
    Holder,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
    HoldSettled,
    InterestCharged,
    InterestCredited,
    MadeDormant,
    Movement,
    Opened,
    OverdraftLimitChanged,
    PaymentReceived,
    PaymentSent,
    Reactivated,
    Terms,
    TransferReceived,
    TransferSent,
    Unfrozen,
    Withdrawn,
)
from domain.accrued_interest import InterestFact
from domain.bills.autopay import (
    Attempt,
    AutopayResumed,
    AutopaySet,
    AutopayStopped,
    AutopayTried,
    Rule,
)
from domain.bills.bill import restore as restore_bill
from domain.bills.bill_facts import (
    BillCancelled,
    BillDisputed,
    BillFact,
    BillPresented,
    BillSuperseded,
    DisputeEnded,
    LateFeeAdded,
    Payment,
    PaymentAccepted,
    PaymentCaptured,
    PaymentChargedBack,
    PaymentDeclined,
    PaymentHeld,
    PaymentRefunded,
    PaymentSettled,
    PaymentSubmitted,
    PaymentUnknown,
    RefundAsked,
    RefundClaimed,
    RefundEnded,
    RefundUnclaimed,
    Standing,
    UnclaimedTakenBack,
)
from domain.bills.bill_movements import (
    BillPaid,
    BillRefundAdvanced,
    BillRefunded,
    BillRefundPassedOn,
    BillRefundTakenBack,
    FeeRefunded,
)
from domain.bills.biller import (
    BillerChanged,
    BillerFact,
    BillerRegistered,
    BillerSettled,
    BillerTerms,
    GatewayFeeCharged,
    RefundLost,
    RefundRepaid,
)
from domain.bills.recurrence import Recurrence
from domain.bills.references import ReferenceFormat
from domain.bills.registration import (
    Link,
    RegistrationChanged,
    RegistrationMade,
    RegistrationStopped,
)
from domain.business_days import EndBegun, Ended, StepTotals
from domain.capital import CapitalPaidIn
from domain.capital import restore as restore_capital
from domain.customer import (
    DetailsChanged,
    Erased,
    ErasureWasAsked,
    ErasureWithdrawn,
    LegalHoldLifted,
    LegalHoldPlaced,
    Registered,
    SealedField,
)
from domain.facts import Fact
from domain.interbank import InterbankSettled
from domain.interbank import restore as restore_interbank
from domain.labels import Labelled
from domain.periods import CloseAsked, Reopened, Sealed, YearEnded
from domain.periods import Closed as PeriodClosed
from domain.reconciliation import ReconciliationMade
from domain.statement import Letterhead, StatementIssued
from domain.work_items import Difference, WorkItemFact, WorkItemOpened, WorkItemResolved
from domain.work_items import restore as restore_work_item
from ledger.bill_posting_rules import entry_for_bill
from ledger.biller_posting_rules import entry_for_biller
from ledger.capital_posting_rules import entry_for_capital
from ledger.interbank_posting_rules import entry_for_interbank
from ledger.interest_posting_rules import entry_for_interest
from ledger.journal import Entry, JournalEvent, Recorded, mirrored
from ledger.posting_rules import entry_for
from ledger.work_item_posting_rules import entry_for_work_item
from tests.ledger.access_samples import ACCESS_FACTS, STANDING_FACTS
from tests.ledger.end_of_day_samples import END_OF_DAY_FACTS
from tests.ledger.loan_samples import (
    INDEX_FACTS,
    LOAN_ACCOUNT_FACTS,
    LOAN_FACTS,
    LOSS_RATE_FACTS,
    loan_entry_of,
)

TERMS = Terms(
    account_type="checking",
    currency="EUR",
    holders=(Holder(7, "owner"), Holder(8, "authorised")),
    opened_on=dt.date(1993, 1, 1),
    reference="berka-576",
)


def _terms(**changed: Any) -> Terms:
    return msgspec.structs.replace(TERMS, **changed)


HOLD = Hold(41, 1500, dt.datetime(2024, 3, 8, 12, tzinfo=dt.UTC), "QR/35385994", "Hotel")

BILLER = BillerTerms(
    name="Stadtwerke",
    category="utilities/power",
    country="DE",
    currencies=("EUR", "CZK"),
    gateway="girobank",
    reference=ReferenceFormat(length_min=8, length_max=12, pattern=r"\d{8,12}", check="luhn"),
    overpayment="credit",
    payment_min=Decimal("1.00"),
    grace_days=3,
    late_fee=Decimal("2.50"),
    late_fee_rate=Decimal("0.5"),
    settlement="net",
    commission_rate=Decimal("1.25"),
    fee=Decimal("0.50"),
    fee_returned=True,
)
PAYMENT = Payment(
    payment_id=61,
    user_id=7,
    account_id=456,
    hold_id=42,
    amount=2500,
    fee=50,
    state="settled",
    gateway="girobank",
    gateway_reference="GB-1",
    captured_on=dt.date(2024, 2, 29),
    settles_on=dt.date(2024, 3, 1),
    autopay_id=9,
)
BILL = Standing(
    biller_id=3,
    user_id=7,
    currency="EUR",
    amount_due=8437,
    issued_on=dt.date(2024, 2, 1),
    due_date=dt.date(2024, 2, 29),
    external_id="2024/02-7",
    reference="12345674",
    description="Power in January",
    minimum=1000,
    recurrence=Recurrence(1, 31),
    payments=(PAYMENT,),
)
LINK = Link(
    user_id=7,
    biller_id=3,
    verified_on=dt.date(2024, 2, 29),
    reference="12345674",
    nickname="The flat",
    account_id=456,
    tags=("home", "2024"),
)
RULE = Rule(
    user_id=7,
    biller_id=3,
    account_id=456,
    currency="EUR",
    fallback_account_id=789,
    mode="fixed",
    amount=2500,
    cap=10000,
    lead_days=2,
    retry_days=(1, 3),
    attempts=(
        Attempt(bill_id=5, cycle=0, on=dt.date(2024, 2, 27), outcome="failed", why="AccountFrozen"),
        Attempt(bill_id=5, cycle=1, on=dt.date(2024, 2, 28), outcome="paid", payment_id=61),
    ),
)
NAMES: dict[str, Any] = {
    "biller_id": 3,
    "bill_id": 5,
    "payment_id": 61,
    "counterparty": "Stadtwerke",
}


def _bill(**changed: Any) -> Standing:
    return msgspec.structs.replace(BILL, **changed)


def _paid(**changed: Any) -> dict[str, Any]:
    """A bill whose one payment stands so."""
    payment = msgspec.structs.replace(PAYMENT, **changed)
    return {"standing": _bill(payments=(payment,)), "payment_id": 61}


DIFFERENCE = Difference(
    kind="duplicate",
    gateway="city",
    settlement_date=dt.date(2024, 2, 29),
    key="payment-7",
    currency="CZK",
    payment_id=7,
    ours=150_000,
    theirs=150_000,
    detail="line 2 of this payment",
    occurrence=2,
)

FACTS: tuple[Fact, ...] = (
    Registered(role="user"),
    Opened(terms=TERMS, balance=0),
    OverdraftLimitChanged(terms=_terms(overdraft_limit=50000), balance=-2500),
    Frozen(terms=_terms(restriction="debit"), balance=2500, authority="court of Prague 1"),
    Unfrozen(terms=TERMS, balance=2500),
    MadeDormant(terms=_terms(dormant=True), balance=2500),
    Reactivated(terms=TERMS, balance=2500),
    Closed(terms=_terms(closed=True), balance=0),
    Deposited(amount=2500, balance=2500, terms=1),
    Withdrawn(amount=2500, balance=-2500, terms=1, forced=True),
    TransferSent(amount=2500, balance=0, terms=1, to_account=789),
    TransferReceived(amount=2500, balance=2500, terms=1, from_account=789),
    PaymentSent(amount=2500, balance=0, terms=1, counterparty="YZ/87144583"),
    PaymentReceived(amount=2500, balance=2500, terms=1, counterparty="QR/35385994"),
    InterestCredited(amount=2500, balance=2500, terms=1),
    InterestCharged(amount=2500, balance=-2500, terms=1, forced=True),
    FeeCharged(amount=2500, balance=0, terms=1),
    CreditReversed(amount=2500, balance=0, terms=1, reverses=12),
    DebitReversed(amount=2500, balance=2500, terms=1, reverses=12),
    AdjustmentCredited(amount=2500, balance=2500, terms=1),
    AdjustmentDebited(amount=2500, balance=0, terms=1),
    HoldPlaced(terms=TERMS, balance=2500, holds=(HOLD,), hold_id=41),
    HoldSettled(terms=TERMS, balance=2500, hold_id=41),
    HoldReleased(terms=TERMS, balance=2500, hold_id=41),
    HoldExpired(terms=TERMS, balance=2500, hold_id=41),
    CloseAsked(period="2024-01", asked=(("2024-01", "teller-3"),), maker="teller-3"),
    PeriodClosed(period="2024-01", closed=("2024-01",), maker="teller-3", checker="compliance-4"),
    YearEnded(period="2023-12", closed=("2023-12",)),
    Sealed(
        period="2024-01",
        closed=("2024-01",),
        sealed=("2024-01",),
        known_at=40,
        trial_balance="[]",
        sha256="4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
    ),
    Reopened(period="2024-01"),
    Labelled(category="rent", tags=("home",)),
    StatementIssued(
        statement_id=5,
        number=2,
        booked_from=dt.date(2024, 2, 1),
        booked_to=dt.date(2024, 2, 29),
        as_of=dt.date(2024, 3, 1),
        known_at=30,
        bank=Letterhead("Daybook Bank", "DAYBCZPP", ("Husova 5", "110 00 Praha 1"), "+420 1"),
        form="daybook.statement.1",
        code_version="0.1.0",
        sha256="4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
    ),
    EndBegun(date=dt.date(2024, 2, 29), ended=dt.date(2024, 2, 28)),
    Ended(
        date=dt.date(2024, 2, 29),
        ended=dt.date(2024, 2, 29),
        steps=(StepTotals("holds", 2, 0), StepTotals("interest", 40, 1, (("EUR", 1234),))),
    ),
)
# Those of bills are counted apart, so that their places stay what they are.
BILL_FACTS: tuple[Fact, ...] = (
    BillPaid(amount=2500, balance=0, terms=1, **NAMES),
    BillRefunded(amount=2500, balance=2500, terms=1, **NAMES),
    BillRefundAdvanced(amount=2500, balance=2500, terms=1, **NAMES),
    BillRefundPassedOn(amount=2500, balance=2500, terms=1, **NAMES),
    BillRefundTakenBack(amount=2500, balance=-2500, terms=1, forced=True, **NAMES),
    FeeRefunded(amount=2500, balance=2500, terms=1),
    BillerRegistered(terms=BILLER),
    BillerChanged(terms=msgspec.structs.replace(BILLER, active=False)),
    BillerSettled(terms=BILLER, payment_ids=(61, 62), amount=5000, commission=62, currency="EUR"),
    GatewayFeeCharged(terms=BILLER, gateway="girobank", amount=12, currency="EUR"),
    RefundRepaid(terms=BILLER, payment_id=61, amount=2500, currency="EUR"),
    RefundLost(terms=BILLER, payment_id=61, amount=2500, currency="EUR"),
    BillPresented(standing=_bill(payments=())),
    BillSuperseded(standing=_bill(payments=(), condition="superseded", superseded_by=6)),
    BillDisputed(standing=_bill(payments=(), condition="disputed")),
    DisputeEnded(standing=_bill(payments=(), condition="cancelled"), upheld=True),
    BillCancelled(standing=_bill(payments=(), condition="cancelled")),
    LateFeeAdded(standing=_bill(payments=(), late_fees=292), amount=292),
    PaymentHeld(amount=2500, **_paid(state="held", captured_on=None, settles_on=None)),
    PaymentSubmitted(**_paid(state="submitted", captured_on=None, settles_on=None)),
    PaymentUnknown(**_paid(state="unknown", captured_on=None, settles_on=None)),
    PaymentAccepted(**_paid(state="accepted", captured_on=None, settles_on=None)),
    PaymentCaptured(amount=2500, **_paid(state="captured")),
    PaymentDeclined(**_paid(state="declined", captured_on=None, reason="account unknown")),
    PaymentSettled(amount=2500, **_paid()),
    PaymentRefunded(amount=1000, **_paid(refunded=1000, refund_due=1000)),
    PaymentChargedBack(amount=2500, **_paid(state="charged_back", refunded=2500, refund_due=2500)),
    RefundAsked(amount=1000, **_paid(refund_asked=1000)),
    RefundEnded(amount=1000, outcome="lost", **_paid(refunded=1000)),
    AutopaySet(rule=msgspec.structs.replace(RULE, attempts=())),
    AutopayStopped(rule=msgspec.structs.replace(RULE, status="ended")),
    AutopayResumed(rule=RULE),
    AutopayTried(rule=RULE),
    DetailsChanged(
        role="user",
        key_id="6f1c",
        details=(SealedField("username", "AQ=="), SealedField("email", "AQ==")),
    ),
    LegalHoldPlaced(role="user", held=True),
    LegalHoldLifted(role="user"),
    ErasureWasAsked(role="user", asked_by="compliance-3"),
    ErasureWithdrawn(role="user"),
    Erased(role="user", erased=True, maker="compliance-3", checker="compliance-4", key_id="6f1c"),
    RefundUnclaimed(amount=1000, fee=50, source="owed", **_paid(refunded=1000, unclaimed=1050)),
    RefundClaimed(amount=1050, **_paid(refunded=1000)),
    UnclaimedTakenBack(amount=1000, **_paid(unclaimed=50)),
    RegistrationMade(link=LINK),
    RegistrationChanged(link=msgspec.structs.replace(LINK, nickname=None, account_id=None)),
    RegistrationStopped(link=msgspec.structs.replace(LINK, status="ended")),
    CapitalPaidIn(
        amount=2500, currency="EUR", paid_into="vault", totals={"EUR": 10_000, "CZK": 500}
    ),
    InterbankSettled(
        incoming=2500,
        outgoing=1200,
        currency="EUR",
        reference="RTGS-20240229",
        incoming_totals={"EUR": 10_000, "CZK": 500},
        outgoing_totals={"EUR": 1200},
    ),
)

GATEWAY_FACTS: tuple[Fact, ...] = (
    WorkItemOpened(difference=DIFFERENCE),
    WorkItemResolved(difference=DIFFERENCE, resolution="returned"),
    ReconciliationMade(
        gateway="city",
        settlement_date=dt.date(2024, 2, 29),
        sha256="9f" * 32,
        lines=40,
        matched=38,
        settled=37,
        differences={"missing_here": 1, "duplicate": 1},
    ),
)
_UNDONE: dict[type[Fact], Fact] = {
    CreditReversed: Deposited(amount=2500, balance=2500, terms=1),
    DebitReversed: Withdrawn(amount=2500, balance=0, terms=1),
}


STREAMS = {
    "access": "audit-trail",
    "customer": "customer-7",
    "account": "account-456",
    "loan": "loan-5",
    "period": "ledger-periods",
    "business-day": "business-days",
    "transaction": "transaction-12",
    "statement": "statements-456",
    "biller": "biller-3",
    "bill": "bill-5",
    "autopay": "autopay-9",
    "registration": "registration-6",
    "capital": "bank-capital",
    "interbank": "interbank-settlements",
    "interest": "interest-456",
    "rate-plan": "rate-plan-savings-EUR",
    "loss-rates": "loss-rates",
    "rate-index": "rate-index-EURIBOR3M",
    "work-item": "work-item-4",
    "reconciliation": "reconciliation-2",
    "standing-order": "standing-order-11",
}


def _entry(fact: Fact) -> Entry:
    if fact.TAG.startswith("loan."):
        return loan_entry_of(fact)
    if undone := _UNDONE.get(type(fact)):
        return mirrored(entry_for(undone, "account-456", TERMS))  # type: ignore[arg-type]
    if isinstance(fact, BillFact):
        return entry_for_bill(fact, restore_bill(5, fact, 1))
    if isinstance(fact, BillerFact):
        return entry_for_biller(fact, "biller-3")
    if isinstance(fact, InterestFact):
        return entry_for_interest(fact, "interest-456")
    if isinstance(fact, CapitalPaidIn):
        return entry_for_capital(fact, restore_capital(0, fact, 1))
    if isinstance(fact, InterbankSettled):
        return entry_for_interbank(fact, restore_interbank(0, fact, 1))
    if isinstance(fact, WorkItemFact):
        return entry_for_work_item(fact, restore_work_item(4, fact, 1))
    return entry_for(fact, "account-456", TERMS) if isinstance(fact, Movement) else ()


def _recorded(position: int, fact: Fact) -> Recorded:
    event: JournalEvent[Any] = JournalEvent(
        fact=fact,
        entry=_entry(fact),
        transaction_id=position,
        booking_date=dt.date(2024, 2, 29),
        value_date=dt.date(2024, 3, 1),
        recorded_at=dt.datetime(2024, 3, 1, 12, 30, 0, position, tzinfo=dt.UTC),
        actor="teller-3",
        command_id="0b5e9f3c",
        category="household",
        tags=("rent", "2024"),
        description="Nájem únor",
        reason="paid in at the branch on the 29th",
    )
    stream = STREAMS[fact.TAG.partition(".")[0]]
    return Recorded(stream, position, position, event)


# Each family of facts is numbered for itself, since the position stands in the golden file.
SAMPLES: dict[str, Recorded] = {
    fact.TAG: _recorded(position, fact)
    for first, facts in (
        (1, FACTS),
        (101, BILL_FACTS),
        (201, END_OF_DAY_FACTS),
        (301, GATEWAY_FACTS),
        (401, ACCESS_FACTS),
        (1001, LOAN_FACTS),
        (1101, LOAN_ACCOUNT_FACTS),
        (1201, LOSS_RATE_FACTS),
        (1301, INDEX_FACTS),
        (1401, STANDING_FACTS),
    )
    for position, fact in enumerate(facts, start=first)
}
