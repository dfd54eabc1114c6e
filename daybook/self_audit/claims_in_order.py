"""The names that only one can have, against the log: each was claimed by an event, and by no other.

What is claimed follows from the event, or from what was asked of the command that made it. All that the
log tells of must be claimed, by whom it says; and there are as many names of each sort as it tells of.
"""

import collections
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from application import (
    accounts,
    billers,
    corrections,
    holds,
    loan_take_over,
    payment_places,
    presenting,
    reconciliation,
    registrations,
    standing_orders,
    statements,
)
from daybook.self_audit.findings import Findings
from domain.access import STREAM as AUDIT_TRAIL
from domain.account import stream_of as account_stream
from domain.account_facts import HoldPlaced, Opened
from domain.bills.bill_facts import BillPresented, PaymentHeld
from domain.bills.biller import BillerChanged, BillerRegistered
from domain.bills.registration import RegistrationMade
from domain.standing_orders import Created
from domain.statement import StatementIssued, account_of
from domain.work_items import WorkItemOpened
from ledger.journal import JournalEvent

CHECK: Final = "claims"
TOGETHER: Final = 1_000

HOLDERS: Final = "SELECT name, holder FROM claims WHERE name = ANY(%s)"
SORTS: Final = "SELECT split_part(name, '/', 1), count(*) FROM claims GROUP BY 1"
BEGUN: Final = """
    SELECT notification_id FROM daybook_events WHERE originator_id = %s AND originator_version = 1
"""

Claimed: TypeAlias = tuple[str, str]


class Again(NamedTuple):
    """What can be claimed once after the other: the name by the number of times, and the holder."""

    name: Callable[[int], str]
    times_max: int
    holder: str


class ClaimsInOrder:
    """What the events claim, looked up some hundreds at a time."""

    def __init__(self, connection: Any, findings: Findings) -> None:
        self._connection = connection
        self._findings = findings
        # By name: the position, and who holds it.
        self._due: dict[str, tuple[int, str]] = {}
        self._again: list[tuple[int, Again]] = []
        # A biller claims its name again with every change of its terms.
        self._biller_names: set[str] = set()
        self._sorts: collections.Counter[str] = collections.Counter()
        # Whether all that the log told is known.
        self._whole = True

    def event(
        self, position: int, stream: str, event: JournalEvent[Any], request: bytes | None
    ) -> None:
        """The next event of the log, and what was asked of the command that made it, if that is known."""
        if request is None:
            self.damaged()
        if event.transaction_id == position and len(self._due) + len(self._again) >= TOGETHER:
            self._look()
        if isinstance(event.fact, BillerRegistered | BillerChanged):
            name = billers.claim_of(event.fact.terms.name)
            if name in self._biller_names:
                return
            self._biller_names.add(name)
        for name, holder in _claimed(position, stream, event, request):
            self._due[name] = position, holder
        again = _claimed_again(stream, event.fact, request)
        if again is not None:
            self._again.append((position, again))

    def damaged(self) -> None:
        """The log, or what was asked, is not what it was: there may be names of which it told."""
        self._whole = False

    def end(self, head: int) -> None:
        self._look()
        if not self._whole:
            return
        kept = dict(self._connection.execute(SORTS).fetchall())
        for sort in sorted(kept.keys() | self._sorts.keys()):
            if kept.get(sort, 0) != self._sorts[sort]:
                detail = (
                    f"{kept.get(sort, 0)} names of the sort {sort} are claimed, "
                    f"and the log tells of {self._sorts[sort]}"
                )
                self._findings.add(CHECK, head, detail)

    def _look(self) -> None:
        firsts = [again.name(1) for _, again in self._again]
        holders = self._holders([*self._due, *firsts])
        for name, (position, holder) in self._due.items():
            self._hold(position, name, holder, holders.get(name))
        for position, again in self._again:
            name = again.name(1)
            if holders.get(name) == again.holder:
                self._hold(position, name, again.holder, again.holder)
            else:
                self._look_for(position, again)
        self._due.clear()
        self._again.clear()

    def _look_for(self, position: int, again: Again) -> None:
        """One that came later under a name: the one before it was there first."""
        names = [again.name(number) for number in range(1, again.times_max + 1)]
        holders = self._holders(names)
        number = next((n for n, name in enumerate(names) if holders.get(name) == again.holder), 0)
        found = holders.get(names[number])
        if number:
            before = holders.get(names[number - 1], "nobody").partition("/")[0]
            row = self._connection.execute(BEGUN, [before]).fetchone()
            if row is None or row[0] > position:
                found = f"{found}, behind {before}, which was not there yet"
        self._hold(position, names[number], again.holder, found)

    def _hold(self, position: int, name: str, holder: str, found: str | None) -> None:
        self._sorts[name.partition("/")[0]] += 1
        if holder != found:
            detail = f"{name} is {holder}'s, and claimed by {found or 'nobody'}"
            self._findings.add(CHECK, position, detail)

    def _holders(self, names: list[str]) -> dict[str, str]:
        return dict(self._connection.execute(HOLDERS, [names]).fetchall())


def _claimed(
    position: int, stream: str, event: JournalEvent[Any], request: bytes | None
) -> Iterator[Claimed]:
    """What this event claims, once and for all."""
    fact = event.fact
    match fact:
        case Opened() if fact.terms.reference is not None:
            yield accounts.claim_of(fact.terms.reference), stream
        case HoldPlaced():
            yield holds.claim_of(fact.hold_id), stream
        case PaymentHeld():
            # Its hold was placed by an event before, of the same transaction.
            payment = fact.payment
            yield payment_places.claim_of(payment.payment_id), stream
            holder = f"{account_stream(payment.account_id)}/payment-{payment.payment_id}"
            yield holds.claim_of(payment.hold_id), holder
        case StatementIssued():
            yield statements.claim_of(fact.statement_id), f"{stream}/{fact.number}"
            name = statements.claim_of_number(account_of(stream), fact.number)
            yield name, str(fact.statement_id)
        case Created():
            order_id = int(stream.rpartition("-")[2])
            yield standing_orders.claim_of(order_id), account_stream(fact.order.account_id)
        case WorkItemOpened():
            yield reconciliation.claim_of(fact.difference), stream
        case BillerRegistered() | BillerChanged():
            yield billers.claim_of(fact.terms.name), stream
    if request is not None and event.command_hash is not None:
        asked = msgspec.json.decode(request)
        if asked.get("call") == "transactions/reverse" and stream != AUDIT_TRAIL:
            yield corrections.claim_of(asked["transaction_id"]), event.actor
        elif asked.get("call") == "loans/take-over" and stream != AUDIT_TRAIL:
            yield loan_take_over.claim_of(asked["reference"]), stream


def _claimed_again(stream: str, fact: Any, request: bytes | None) -> Again | None:
    match fact:
        case BillPresented() if fact.standing.external_id is not None and request is not None:
            biller_id, external_id = fact.standing.biller_id, fact.standing.external_id
            asked = msgspec.json.decode(request)
            said = {name: asked[name] for name in asked if name not in ("call", "supersede")}
            return Again(
                lambda n: presenting.claim_of(biller_id, n, external_id),
                presenting.REVISIONS_MAX,
                f"{stream}/{presenting.digest_of(said)}",
            )
        case RegistrationMade():
            link = fact.link
            return Again(
                lambda n: registrations.claim_of(link.biller_id, link.reference, link.user_id, n),
                registrations.REVISIONS_MAX,
                stream,
            )
    return None
