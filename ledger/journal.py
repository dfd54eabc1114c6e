"""The journal: what happened, together with what it means in money, in the order it was recorded.

A journal event is stored whole, as JSON under its tag, so that the log alone is a complete set of
books: no program is needed to know what was debited and what was credited.
"""

import datetime as dt
from typing import Any, Generic, TypeVar

import msgspec

# These are imported so that the table of facts holds every tag wherever events are read.
from domain import access as _access  # noqa: F401
from domain import account as _account  # noqa: F401
from domain import accrued_interest as _accrued_interest  # noqa: F401
from domain import business_days as _business_days  # noqa: F401
from domain import capital as _capital  # noqa: F401
from domain import customer as _customer  # noqa: F401
from domain import interbank as _interbank  # noqa: F401
from domain import labels as _labels  # noqa: F401
from domain import periods as _periods  # noqa: F401
from domain import rate_plans as _rate_plans  # noqa: F401
from domain import reconciliation as _reconciliation  # noqa: F401
from domain import standing_orders as _standing_orders  # noqa: F401
from domain import statement as _statement  # noqa: F401
from domain import work_items as _work_items  # noqa: F401
from domain.bills import autopay as _autopay  # noqa: F401
from domain.bills import bill_facts as _bill_facts  # noqa: F401
from domain.bills import bill_movements as _bill_movements  # noqa: F401
from domain.bills import biller as _biller  # noqa: F401
from domain.bills import registration as _registration  # noqa: F401
from domain.facts import FACTS, Fact
from domain.loans import loan_facts as _loan_facts  # noqa: F401
from domain.loans import loss_rates as _loss_rates  # noqa: F401
from domain.loans import rate_indexes as _rate_indexes  # noqa: F401
from ledger.chart_of_accounts import CHART, Side

F = TypeVar("F", bound=Fact)


class Posting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of a journal entry. `amount` is minor units, above zero; the side says which way.

    `sub_account` is the stream of the customer account, or of the biller, within an account that has
    sub-accounts, else None.
    """

    ledger_account: int
    sub_account: str | None
    side: Side
    amount: int
    currency: str


class Unbalanced(ValueError):
    """An entry was built whose debits and credits differ: a mistake of ours, never of a customer."""


Entry = tuple[Posting, ...]


def entry_of(*postings: Posting) -> Entry:
    """A journal entry: two or more postings whose debits equal their credits in each currency."""
    if len(postings) == 2:
        # Nearly every entry is a pair, and every command pays for this check.
        one, other = postings
        if (
            one.amount == other.amount > 0
            and one.side != other.side
            and one.currency == other.currency
            and one.ledger_account in CHART
            and other.ledger_account in CHART
        ):
            return postings
    if len(postings) < 2:
        raise Unbalanced(f"an entry has two postings or more: {postings}")
    totals: dict[str, int] = {}
    for posting in postings:
        if posting.amount <= 0 or posting.ledger_account not in CHART:
            raise Unbalanced(f"no posting can be {posting}")
        signed = posting.amount if posting.side == "D" else -posting.amount
        totals[posting.currency] = totals.get(posting.currency, 0) + signed
    if any(totals.values()):
        raise Unbalanced(f"debits and credits differ: {postings}")
    return postings


def mirrored(entry: Entry) -> Entry:
    """The entry that undoes this one: the same postings with their sides exchanged."""
    return entry_of(
        *(msgspec.structs.replace(p, side="C" if p.side == "D" else "D") for p in entry)
    )


def scaled(entry: Entry, amount: int) -> Entry:
    """The same pair of postings for another amount: a part of a transaction, undone."""
    assert len(entry) == 2, "only a pair can be scaled without a rule for the remainder"
    return entry_of(*(msgspec.structs.replace(posting, amount=amount) for posting in entry))


class JournalEvent(
    msgspec.Struct, Generic[F], frozen=True, kw_only=True, omit_defaults=True, gc=False
):
    """A business fact with its entry, its dates, and who asked for it.

    The transaction id is the position of the transaction's first event. `recorded_at` is assigned by
    the writer and grows strictly with the position; `booking_date` says in which day's books it
    stands, `value_date` from when it counts for interest. `entry` is empty where no money moved. The first
    event of a command carries as `command_hash` the hash of its record (`log_tree.command_hash`).
    """

    fact: F
    entry: Entry = ()
    transaction_id: int
    booking_date: dt.date
    value_date: dt.date
    recorded_at: dt.datetime
    actor: str
    command_id: str
    category: str | None = None
    tags: tuple[str, ...] = ()
    description: str | None = None
    reason: str | None = None
    # The last field: it is added to the text once the command is answered.
    command_hash: str | None = None


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """A journal event in its place: the version in its stream, the position in the log.

    The two `originator` names are what the event store library calls stream and version.
    """

    originator_id: str
    originator_version: int
    position: int
    event: JournalEvent[Any]


_ENCODER = msgspec.json.Encoder()
_DECODERS: dict[str, msgspec.json.Decoder[JournalEvent[Any]]] = {}


class UnknownTag(ValueError):
    """The log holds an event that this program has no class for."""


def encode(event: JournalEvent[Any]) -> bytes:
    return _ENCODER.encode(event)


def vouching(state: bytes, command_hash: bytes) -> bytes:
    """The text of an event that has no command hash, with this one."""
    return b'%b,"command_hash":"%b"}' % (state[:-1], command_hash)


def decode(tag: str, state: bytes) -> JournalEvent[Any]:
    """The event stored under `tag`. Only tags of the table of facts are read; nothing is imported."""
    decoder = _DECODERS.get(tag)
    if decoder is None:
        fact = FACTS.get(tag)
        if fact is None:
            raise UnknownTag(f"no fact is stored as {tag!r}")
        decoder = _DECODERS[tag] = msgspec.json.Decoder(JournalEvent[fact])  # type: ignore[valid-type]
    return decoder.decode(state)
