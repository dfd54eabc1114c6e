"""From events of the log to rows of every view, in memory: one batch of the projector."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from domain.account_facts import Movement, PaymentSent, TermsFact
from domain.bills.bill_movements import BillPaid
from domain.labels import Labelled
from ledger.journal import JournalEvent, decode
from readmodels.access_rows import AccessRows
from readmodels.bill_rows import BillRows
from readmodels.hold_rows import HOLD_FACTS, HoldRows
from readmodels.interest_rows import InterestRows
from readmodels.loan_rows import LOAN, LoanRows, loan_of_line
from readmodels.standing_order_rows import StandingOrderRows
from readmodels.transaction_rows import TransactionRows, kind_of
from readmodels.trial_balance import RUN_BITS
from readmodels.work_item_rows import WORK_ITEM_FACTS, WorkItemRows

ACCOUNT: Final = "account-"
LABELS: Final = "transaction-"
BILLS: Final = ("bill-", "biller-", "autopay-", "registration-")
# What may settle a hold.
PAYMENTS: Final = (PaymentSent, BillPaid)

# Position, stream, version, tag and state, as they stand in the log.
LogRow: TypeAlias = tuple[int, str, int, str, bytes]


class LogGap(Exception):
    """The log does not go on where the views stopped: positions are missing. Nothing is skipped."""


class PoisonedEvent(Exception):
    """An event that cannot be projected: the views stop before it, and someone must look."""

    def __init__(self, position: int, stream: str, tag: str, reason: object) -> None:
        super().__init__(
            f"the event at position {position} ({tag} of {stream}) cannot be projected: {reason}"
        )
        self.position = position


class Contradiction(Exception):
    """An event does not follow from what the log held before it."""


class AccountState(msgspec.Struct, gc=False):
    """What the next event of an account is held against. Not rolled back: throw it away instead."""

    version: int = 0
    balance: int = 0
    booked_through: dt.date | None = None
    lateness_max: int = 0
    drift_max: int = 0
    opened_position: int = 0
    position: int = 0


class AccountLine(NamedTuple):
    """An account as the batch leaves it: a copy, since its state goes on changing."""

    account_id: int
    version: int
    balance: int
    booked_through: dt.date | None
    lateness_max: int
    drift_max: int
    position: int
    opened_position: int


class Batch:
    """The rows of one database transaction of the projector."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.last = after
        self.recorded_at: dt.datetime | None = None
        self.accounts: dict[str, AccountLine] = {}
        # The newest terms of each account whose terms changed, and a row for each change.
        self.terms: dict[str, TermsFact] = {}
        self.terms_lines: list[str] = []
        self.lines: list[str] = []
        self.transactions = TransactionRows()
        self.holds = HoldRows()
        self.interest = InterestRows()
        self.standing_orders = StandingOrderRows()
        self.loans = LoanRows()
        self.bills = BillRows()
        self.work_items = WorkItemRows()
        self.accesses = AccessRows()
        # By run and booking date, then by ledger account, currency and kind: debits and credits.
        # Events that follow one another mostly share the first two, so those sums are kept at hand.
        self.totals: dict[tuple[int, str], dict[tuple[int, str, str], list[int]]] = {}
        self.run = -1
        self.booking_date = dt.date.min
        self.booked = ""
        self.sums: dict[tuple[int, str, str], list[int]] = {}

    @property
    def events(self) -> int:
        return self.last - self.after

    def turn_to(self, run: int, booking_date: dt.date) -> None:
        self.run, self.booking_date, self.booked = run, booking_date, booking_date.isoformat()
        self.sums = self.totals.setdefault((run, self.booked), {})


def fold(after: int, log_rows: Iterable[LogRow], states: dict[str, AccountState]) -> Batch:
    """The rows that follow from the events after position `after`, all of whole transactions.

    `states` holds every account that is in the views and touched by the events, and is changed. Raises
    `LogGap`, and `PoisonedEvent` for the first event that cannot be projected.
    """
    batch = Batch(after)
    changed: set[str] = set()
    position = after
    event: JournalEvent[Any] | None = None
    for found, stream, version, tag, state in log_rows:
        position += 1
        if found != position:
            raise LogGap(f"after position {position - 1} the log goes on at {found}")
        try:
            event = decode(tag, state)
            if stream.startswith(ACCOUNT):
                changed.add(stream)
                _account_event(batch, states, position, stream, version, event)
            elif stream.startswith(LOAN):
                _loan_event(batch, position, stream, version, event)
            elif isinstance(event.fact, WORK_ITEM_FACTS):
                if event.entry:
                    _entry(batch, position, event, None, "")
                batch.work_items.add(int(stream.rpartition("-")[2]), position, event)
            elif isinstance(event.fact, Labelled):
                batch.transactions.label(int(stream[len(LABELS) :]), position, event.fact)
            else:
                if event.entry:
                    _entry(batch, position, event, None, "")
                batch.interest.add(stream, version, position, event)
                batch.standing_orders.add(stream, position, event)
                batch.accesses.add(stream, version, position, event)
            if stream.startswith(BILLS):
                batch.bills.add(stream, version, position, event)
            batch.transactions.add(position, event)
        except Exception as error:
            raise PoisonedEvent(position, stream, tag, error) from error
    batch.transactions.end()
    for stream in changed:
        state_of = states[stream]
        batch.accounts[stream] = AccountLine(
            int(stream[8:]),
            state_of.version,
            state_of.balance,
            state_of.booked_through,
            state_of.lateness_max,
            state_of.drift_max,
            state_of.position,
            state_of.opened_position,
        )
    batch.last = position
    batch.recorded_at = None if event is None else event.recorded_at
    return batch


def whole_transactions(log_rows: list[LogRow]) -> list[LogRow]:
    """The rows without the events of the last transaction, of which more may follow in the log.

    Empty where all of them are of one transaction.
    """
    if not log_rows:
        return []
    first, (last, stream, _, tag, state) = log_rows[0], log_rows[-1]
    try:
        transaction_id = decode(tag, state).transaction_id
    except Exception as error:
        raise PoisonedEvent(last, stream, tag, error) from error
    return log_rows[: max(0, transaction_id - first[0])]


def _account_event(
    batch: Batch,
    states: dict[str, AccountState],
    position: int,
    stream: str,
    version: int,
    event: JournalEvent[Any],
) -> None:
    account = states.get(stream)
    if account is None:
        account = states[stream] = AccountState(opened_position=position)
    account.version += 1
    if version != account.version:
        raise Contradiction(f"version {version} follows version {account.version - 1}")
    account.position = position
    fact = event.fact
    if event.entry:
        _entry(batch, position, event, account, stream)
    if isinstance(fact, Movement):
        if isinstance(fact, PAYMENTS):
            batch.holds.pay(position, event)
    elif isinstance(fact, HOLD_FACTS):
        # It changes no terms, and may be booked on a day on which they were others.
        batch.holds.add(int(stream[8:]), position, event)
    elif isinstance(fact, TermsFact):
        batch.terms[stream] = fact
        terms = fact.terms
        batch.terms_lines.append(
            f"{stream[8:]}\t{position}\t{event.booking_date}\t{terms.status}\t"
            f"{terms.restriction}\t{terms.overdraft_limit}\n"
        )
    else:
        raise Contradiction("it is no fact of an account")
    if fact.balance != account.balance:
        raise Contradiction(
            f"it carries a balance of {fact.balance}, and its entries come to {account.balance}"
        )


def _loan_event(
    batch: Batch, position: int, stream: str, version: int, event: JournalEvent[Any]
) -> None:
    if event.entry:
        _entry(batch, position, event, None, stream)
    batch.loans.add(position, int(stream[len(LOAN) :]), version, event)


def _entry(
    batch: Batch,
    position: int,
    event: JournalEvent[Any],
    account: AccountState | None,
    stream: str,
) -> None:
    """A line for each posting of an entry, and its part of the totals."""
    booking_date, value_date = event.booking_date, event.value_date
    if booking_date != batch.booking_date or position >> RUN_BITS != batch.run:
        batch.turn_to(position >> RUN_BITS, booking_date)
    booked, sums = batch.booked, batch.sums
    valued = booked if value_date == booking_date else value_date.isoformat()
    if account is not None and value_date != booking_date:
        account.drift_max = max(account.drift_max, abs((value_date - booking_date).days))
    kind = kind_of(event.fact)
    for number, posting in enumerate(event.entry):
        if posting.side == "D":
            debit, credit = posting.amount, 0
        else:
            debit, credit = 0, posting.amount
        ledger_account, sub_account = posting.ledger_account, posting.sub_account
        currency = posting.currency
        total = sums.get((ledger_account, currency, kind))
        if total is None:
            total = sums[ledger_account, currency, kind] = [0, 0]
        total[0] += debit
        total[1] += credit
        head = f"{position}\t{number}\t{event.transaction_id}\t{ledger_account}\t"
        if sub_account is None or not sub_account.startswith(ACCOUNT):
            if stream.startswith(LOAN) and sub_account not in (None, stream):
                raise Contradiction(f"it posts to {sub_account}, which is not its own")
            batch.lines.append(
                f"{head}\\N\t{currency}\t{debit}\t{credit}\t\\N\t{booked}\t{valued}\t\\N\tf"
                f"\t{loan_of_line(sub_account)}\n"
            )
        else:
            if account is None or sub_account != stream:
                raise Contradiction(f"it posts to {sub_account}, which is not its own account")
            through = _booked(account, booking_date, booked)
            account.balance += credit - debit
            batch.lines.append(
                f"{head}{stream[8:]}\t{currency}\t{debit}\t{credit}\t{account.balance}"
                f"\t{booked}\t{valued}\t{through}\t{'f' if through == booked else 't'}\t\\N\n"
            )
            # A second line of one account at one position would have no place in its order.
            stream = ""


def _booked(account: AccountState, booking_date: dt.date, booked: str) -> str:
    """Note a booking date; answer the latest there has been."""
    through = account.booked_through
    if through is None or booking_date >= through:
        account.booked_through = booking_date
        return booked
    account.lateness_max = max(account.lateness_max, (through - booking_date).days)
    return through.isoformat()
