"""The books as one decision sees them: what the decisions before it in the same batch have left.

A command's decision reads states from a `Books`, drafts transactions on it, and is kept or thrown away
whole. Nothing here touches the store.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from application.aggregates import Aggregate, kind_of
from application.append import KnownCommand
from domain import account as accounts
from domain import customer as customers
from domain import periods
from domain.access import STREAM as AUDIT_TRAIL
from domain.account import Account
from domain.account_facts import AccountFact
from domain.banking_calendar import WEEKENDS, Calendar
from domain.customer import Customer
from domain.facts import Fact
from domain.holds import expire_holds
from domain.periods import Periods
from domain.refusals import KeyReused, Refused
from ledger.journal import Entry
from ledger.posting_rules import entry_for


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What the caller is told, byte for byte, now and whenever the same key comes again."""

    status: int
    body: bytes
    position: int | None = None
    replayed: bool = False


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A fact of a stream with its entry, not yet in the log; `state` is the stream's after it."""

    stream: str
    version: int
    fact: Fact
    entry: Entry
    state: Any = None


class Transaction(msgspec.Struct, kw_only=True):
    """What will stand under one transaction id.

    `statements` run in the commit that records it: rows that must be there if and only if it is.
    """

    actor: str
    booking_date: dt.date
    value_date: dt.date
    category: str | None = None
    tags: tuple[str, ...] = ()
    description: str | None = None
    reason: str | None = None
    drafts: list[Draft] = []
    statements: list[tuple[str, tuple[Any, ...]]] = []


class Posted(msgspec.Struct, frozen=True):
    """A transaction in its place in the log."""

    transaction_id: int
    position: int
    recorded_at: dt.datetime
    transaction: Transaction

    @property
    def facts(self) -> list[Any]:
        return [draft.fact for draft in self.transaction.drafts]


class Via(msgspec.Struct, frozen=True):
    """How a command came: the session, and the id of the call. Empty where it came by neither."""

    session: str = ""
    request_id: str = ""


NO_CALL: Final = Via()


class Command(msgspec.Struct, kw_only=True):
    """An intent, under the key that names it.

    `request` is the canonical form of what was asked: the same key with another request is refused.
    `streams` and `claims` are all that `decide` may read. `answer` and `refuse` render what is told,
    inside the commit, because it is stored with it.
    """

    principal: str
    key: str
    keyed: bool
    request: bytes
    streams: Sequence[str]
    decide: Callable[["Books"], list[Transaction]]
    answer: Callable[[list[Posted]], Answer]
    refuse: Callable[[Refused], Answer]
    claims: Sequence[str] = ()
    statements: Sequence[tuple[str, tuple[Any, ...]]] = ()
    via: Via = NO_CALL


def streams_of(commands: Sequence[Command]) -> set[str]:
    """All that the commands may read or add to: any of them may be refused, which is noted."""
    return {AUDIT_TRAIL}.union(*(command.streams for command in commands))


class Books:
    """States and claims, as the decisions so far have left them; a refused one is taken back.

    Only the streams and claims that the commands named are here, and the audit trail. `calendar` is the
    bank's.
    """

    __slots__ = (
        *("_claims", "_new_claims", "_states", "_undo"),
        *("calendar", "changed", "now", "today"),
    )

    def __init__(
        self,
        states: dict[str, Aggregate | None],
        claims: dict[str, str],
        today: dt.date,
        now: dt.datetime,
        calendar: Calendar = WEEKENDS,
    ) -> None:
        self._states = states
        self._claims = claims
        self._new_claims: list[str] = []
        self._undo: list[tuple[str, Aggregate | None]] = []
        self.changed: set[str] = set()
        self.today = today
        self.now = now
        self.calendar = calendar

    def keep(self) -> None:
        """What was decided since the last `keep` stands."""
        if self._undo:
            self.changed.update([stream for stream, _ in self._undo])
            self._undo.clear()
        self._new_claims.clear()

    def take_back(self) -> None:
        """What was decided since the last `keep` did not happen."""
        while self._undo:
            stream, state = self._undo.pop()
            self._states[stream] = state
        while self._new_claims:
            del self._claims[self._new_claims.pop()]

    def state(self, stream: str) -> Any:
        """Of the type that the name of the stream implies; None where nothing was written to it."""
        return self._states[stream]

    def account(self, account_id: int) -> Account:
        """The account; one that was never opened is refused as not found."""
        return accounts.opened(self.state(f"account-{account_id}"), account_id)

    def customer(self, user_id: int) -> Customer:
        """The customer; one who never registered, or was erased, is refused as not found."""
        return customers.known(self.state(customers.stream_of(user_id)), user_id)

    def claimed(self, name: str) -> str | None:
        """Who holds a name that only one can hold, if anyone does."""
        return self._claims.get(name)

    def claim(self, name: str, holder: str) -> None:
        self._claims[name] = holder
        self._new_claims.append(name)

    def post(
        self,
        transaction: Transaction,
        account_id: int,
        facts: Sequence[AccountFact],
        entry: Entry | None = None,
    ) -> None:
        """Draft facts of an account, each with the entry of its posting rule unless one is given."""
        stream = f"account-{account_id}"
        state = self._states[stream]
        for fact in facts:
            self._undo.append((stream, state))
            state = accounts.evolve(state, fact, account_id)  # type: ignore[arg-type]
            self._states[stream] = state
            posted = entry_for(fact, stream, state.terms) if entry is None else entry
            transaction.drafts.append(Draft(stream, state.version, fact, posted))

    def lapse(self, transaction: Transaction, account_id: int) -> Account:
        """The account, after the holds whose time has passed have expired."""
        account = self.account(account_id)
        if account.holds:
            self.post(transaction, account_id, expire_holds(account, self.now))
            account = self.account(account_id)
        return account

    def periods(self) -> Periods | None:
        """Which periods are closed; None where the command did not ask for any but today's."""
        state = self._states.get(periods.STREAM)
        assert state is None or isinstance(state, Periods)
        return state

    def add(
        self,
        transaction: Transaction,
        stream: str,
        facts: Sequence[Fact],
        entry: Entry | Callable[[Any, Any], Entry] = (),
    ) -> None:
        """Draft facts of a stream that is no account's, each with the entry.

        Where the entry follows from the fact, give its posting rule: it is called with the fact and
        with the state after it.
        """
        state = self._states[stream]
        kind, number = kind_of(stream)
        for fact in facts:
            self._undo.append((stream, state))
            state = kind.evolve(state, fact, number)
            self._states[stream] = state
            posted = entry(fact, state) if callable(entry) else entry
            transaction.drafts.append(Draft(stream, state.version, fact, posted, state))


def answer_known(command: Command, known: KnownCommand, *, replayed: bool) -> Answer:
    """The answer that was given first; another request under the same key is refused by field."""
    if known.request != command.request:
        return command.refuse(KeyReused(field=_differing_field(known.request, command.request)))
    return Answer(known.status, known.answer, known.position, replayed)


def _differing_field(first: bytes, second: bytes) -> str:
    """The name of the first field in which two canonical requests differ."""
    one, other = (msgspec.json.decode(request, type=dict[str, Any]) for request in (first, second))
    for field in sorted({*one, *other}):
        if one.get(field) != other.get(field):
            return field
    return "request"
