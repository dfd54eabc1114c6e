"""The log stream by stream: every state folded from its facts, and restored as the writer restores it.

Versions are gapless from 1; every fact can follow the ones before it; an account's entries come to the
balances its facts carry; and the state that the writer would restore from the newest event is the state
that all of them fold to. The balances of all accounts come to their control accounts.
"""

from itertools import groupby
from typing import Any, Final

import msgspec

from application.aggregates import Aggregate, Newest, kind_of
from daybook.self_audit.findings import Findings
from daybook.self_audit.log_in_order import Connection, Pace, Row, Totals
from domain.account import Account
from domain.bills.bill import Bill
from domain.customer import Registered
from ledger.chart_of_accounts import CONTROL_ACCOUNT
from ledger.journal import decode

FETCH_EVENTS: Final = 2_000
# What a fact that nobody has written can make of the code that follows it.
BROKEN: Final = (
    *(ValueError, TypeError, ArithmeticError, LookupError, AttributeError, AssertionError),
    msgspec.MsgspecError,
)
# The primary key has this order.
STREAMS: Final = """
    SELECT notification_id, originator_id, originator_version, topic, state
      FROM daybook_events WHERE notification_id <= %s
     ORDER BY originator_id, originator_version
"""


class LogByStream(msgspec.Struct):
    streams: int = 0
    # Persons with a key of their own, and so with a row in the table of users.
    persons: int = 0
    # What the accounts' balances come to on their control accounts.
    balances: Totals = msgspec.field(default_factory=dict)
    # Payments that wait for the word of a gateway.
    pending: list[int] = msgspec.field(default_factory=list)


class _Fold:
    """One stream, followed; its state and what the writer would restore it from are all that is kept."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._kind, self._number = kind_of(stream)
        self.state: Aggregate | None = None
        self.is_person = False
        self._version = 0
        self._moved = 0
        self._terms: Any = None
        self._terms_version = 0
        self._newest: Any = None

    def follow(self, version: int, tag: str, state: bytes) -> None:
        """Raises whatever shows that this event cannot stand here."""
        expected, self._version = self._version + 1, version
        if version != expected:
            raise ValueError(f"version {version} stands where {expected} is due")
        event = decode(tag, state)
        fact = self._newest = event.fact
        self.state = self._kind.evolve(self.state, fact, self._number)
        if self.state.version != version:
            raise ValueError(f"its fact makes version {self.state.version} of version {version}")
        if isinstance(fact, Registered):
            self.is_person = fact.key_id is not None
        if not isinstance(getattr(fact, "terms", None), int):
            self._terms, self._terms_version = fact, version
        for posting in event.entry:
            if posting.sub_account == self._stream:
                self._moved += posting.amount if posting.side == "C" else -posting.amount
        if isinstance(self.state, Account) and self.state.balance != self._moved:
            raise ValueError(
                f"it carries a balance of {self.state.balance}, and the entries come to {self._moved}"
            )

    def restored(self) -> Aggregate:
        """The state as the writer knows it from the newest event and the one that names its terms."""
        newest = Newest(self._number, self._newest, self._version)
        pointer = getattr(self._newest, "terms", None)
        if isinstance(pointer, int):
            if pointer != self._terms_version:
                raise ValueError(f"it names version {pointer}, and its terms are of another")
            newest = newest._replace(terms=self._terms, terms_version=pointer)
        return self._kind.restore(newest)


def audit_by_stream(
    connection: Connection, head: int, findings: Findings, pace: Pace
) -> LogByStream:
    """One pass over the first `head` events, within the database transaction of the caller."""
    seen = LogByStream()
    with connection.cursor("streams", binary=True) as cursor:
        cursor.itersize = FETCH_EVENTS
        cursor.execute(STREAMS, [head])
        for stream, rows in groupby(cursor, key=lambda row: str(row[1])):
            seen.streams += 1
            fold = _audit_stream(stream, rows, findings, pace)
            if fold is None:
                continue
            seen.persons += fold.is_person
            state = fold.state
            if isinstance(state, Account):
                key = CONTROL_ACCOUNT[state.terms.account_type], state.terms.currency
                seen.balances[key] = seen.balances.get(key, 0) + state.balance
            if isinstance(state, Bill):
                seen.pending += [
                    payment.payment_id
                    for payment in state.standing.payments
                    if payment.is_pending and payment.gateway is not None
                ]
    return seen


def _audit_stream(stream: str, rows: Any, findings: Findings, pace: Pace) -> _Fold | None:
    fold: _Fold | None = None
    position = 0
    try:
        fold = _Fold(stream)
        row: Row
        for row in rows:
            position, _, version, tag, state = row
            fold.follow(version, tag, state)
            pace(1)
        if fold.restored() != fold.state:
            raise ValueError("the state restored from the newest event is not the folded one")
    except BROKEN as error:
        findings.add("streams", position, f"{type(error).__name__}: {error}", stream=stream)
    return fold
