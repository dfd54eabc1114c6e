"""The audit trail: who asked for what, and who came in, as events of the log beside those of money.

An access is one of these: a look (a member of staff read what is a customer's), a call or a command that
was refused, a sign-in, one that failed, the end of a session or what came after it, a password changed, or
a member of staff added, given another role, ended or reinstated. All stand in one stream, gapless by version,
so that none can be left out unseen. Nothing that identifies a person stands there in clear: people are
numbers, an address is ciphertext under the key of its person, or a keyed digest.
"""

from typing import Any, Final, Literal, TypeAlias

import msgspec

from domain import customer as customers
from domain.customer import Customer, CustomerFact, Role
from domain.facts import Fact, stored_as
from domain.loans import loan_refusals
from domain.refusals import (
    AccountClosed,
    AccountDormant,
    AccountFrozen,
    AccountsOpen,
    BillsUnpaid,
    CustomerErased,
    ErasureAsked,
    HoldAboveLimit,
    InsufficientFunds,
    LegalHoldStands,
    LoansOpen,
    NotPermitted,
    OverdraftLimitInUse,
    PeriodClosed,
    Refused,
    RetentionRuns,
    ReversalAboveAmount,
    SamePerson,
    TransactionAlreadyReversed,
    code_of,
)

STREAM: Final = "audit-trail"
# Of how many things that a command touched its refusal tells the numbers.
SUBJECTS_MAX: Final = 8

# The refusals of commands that are evidence in themselves: of money that was not there or not owed, of
# books, accounts and persons that the bank or the law had closed, and of who may not. Those of a slip of
# the pen, of a name that is taken or of what does not exist are kept with the command alone.
EVIDENCE: Final[frozenset[type[Refused]]] = frozenset(
    {
        *(NotPermitted, SamePerson),
        *(InsufficientFunds, OverdraftLimitInUse, HoldAboveLimit),
        *(ReversalAboveAmount, TransactionAlreadyReversed),
        *(loan_refusals.DisbursementAboveCommitment, loan_refusals.RefundAboveCredit),
        *(loan_refusals.WaiverAboveOpen, loan_refusals.RulesNotMet),
        PeriodClosed,
        *(AccountClosed, AccountFrozen, AccountDormant),
        *(AccountsOpen, LoansOpen, BillsUnpaid, LegalHoldStands, RetentionRuns),
        *(ErasureAsked, CustomerErased),
    }
)

# By the stream's kind, what a stream that a command touched is called as a subject. Streams that are no
# customer's have no line.
SUBJECT_OF_STREAM: Final[dict[str, str]] = {
    "account": "account",
    "customer": "user",
    "loan": "loan",
    "bill": "bill",
    "autopay": "autopay",
    "registration": "registration",
    "standing-order": "standing_order",
    "statements": "account",
    "interest": "account",
    "transaction": "transaction",
}

SignInFailure: TypeAlias = Literal["unknown-name", "wrong-password", "ended"]
RefreshRefusal: TypeAlias = Literal["session-ended", "session-expired", "token-expired"]


# --- Events: their tags are on disk for ever.


class AccessFact(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """`session` is the one it came by and `request_id` the call; empty where it came by none."""

    session: str = ""
    request_id: str = ""


class CallFact(AccessFact, frozen=True, kw_only=True, omit_defaults=True):
    """A call to the API: its route, what it was about, the filters of a list, and how it was answered.

    `subjects` are those that were asked about, as in `account-5`. A filter whose value may name a person is
    kept by its own name. `origin` is a keyed digest of the address.
    """

    route: str
    subjects: tuple[str, ...] = ()
    filters: dict[str, str] = msgspec.field(default_factory=dict)
    origin: str
    outcome: str


@stored_as("access.looked.1")
class Looked(CallFact, frozen=True, kw_only=True, omit_defaults=True):
    """A member of staff asked for what is a customer's; it was committed before anything was answered.

    Of a list or a report, `shown` is what the very answer named, by kind: `{"account": [5, 7]}`.
    """

    shown: dict[str, tuple[int, ...]] = msgspec.field(default_factory=dict)


@stored_as("access.denied.1")
class Denied(CallFact, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody made a call that is not for the role."""


@stored_as("access.command-refused.1")
class CommandRefused(AccessFact, frozen=True, kw_only=True, omit_defaults=True):
    """A command was refused for a reason of `EVIDENCE`; request and answer stand under its key."""

    call: str
    subjects: tuple[str, ...] = ()
    refusal: str
    figures: dict[str, str] = msgspec.field(default_factory=dict)


@stored_as("access.signed-in.1")
class SignedIn(AccessFact, frozen=True, kw_only=True, omit_defaults=True):
    """`address` is sealed under the person's key; none where that could not be had. `turned_away` is as in
    `SignInFailed`."""

    user_id: int
    address: str | None = None
    turned_away: int = 0


@stored_as("access.sign-in-failed.1")
class SignInFailed(AccessFact, frozen=True, kw_only=True, omit_defaults=True):
    """A password was checked and was not right, or was that of one who has ended, whether it was right or not.

    The name that was tried is kept in no form.

    `origin` is a keyed digest of the address: whose that is, nobody knows. `locked_out` says that the
    next tries of the name from there are turned away for a while, and `turned_away` how many of them were
    since the last that was checked.
    """

    reason: SignInFailure
    user_id: int | None = None
    origin: str
    locked_out: bool = False
    turned_away: int = 0


@stored_as("access.refresh-reused.1")
class RefreshReused(AccessFact, frozen=True, kw_only=True, omit_defaults=True):
    """A refresh token came a second time, from its owner or a thief, and the session ended in this commit."""

    user_id: int
    origin: str = ""


@stored_as("access.refresh-refused.1")
class RefreshRefused(AccessFact, frozen=True, kw_only=True, omit_defaults=True):
    """A refresh token that was given out once came when its session was over, or was itself too old.

    Of each session the first is told: those who have its tokens could send them for ever.
    """

    user_id: int
    reason: RefreshRefusal
    origin: str


@stored_as("access.signed-out.1")
class SignedOut(AccessFact, frozen=True, kw_only=True, omit_defaults=True):
    user_id: int


@stored_as("access.staff-added.1")
class StaffAdded(AccessFact, frozen=True, kw_only=True, omit_defaults=True):
    user_id: int
    role: Role


@stored_as("access.role-changed.1")
class RoleChanged(AccessFact, frozen=True, kw_only=True, omit_defaults=True):
    user_id: int
    before: Role
    after: Role


@stored_as("access.staff-ended.1")
class StaffEnded(AccessFact, frozen=True, kw_only=True, omit_defaults=True):
    """From here on the person may not sign in. The role is what it was."""

    user_id: int
    role: Role


@stored_as("access.staff-reinstated.1")
class StaffReinstated(AccessFact, frozen=True, kw_only=True, omit_defaults=True):
    user_id: int
    role: Role


@stored_as("access.password-changed.1")
class PasswordChanged(AccessFact, frozen=True, kw_only=True, omit_defaults=True):
    """By the person, in the session named, or by an operator in none. All sessions ended with it."""

    user_id: int


# --- State


class AuditTrail(msgspec.Struct, frozen=True):
    version: int = 0


NONE_YET: Final = AuditTrail()


def restore(_number: int, _newest: Fact, version: int) -> AuditTrail:
    return AuditTrail(version)


# --- What a change of a person's standing is told as


def change_told(
    before: Customer, fact: CustomerFact, session: str = "", request_id: str = ""
) -> AccessFact:
    """The access that goes with a fact of `before`'s own stream."""
    came: dict[str, Any] = {"session": session, "request_id": request_id}
    match fact:
        case customers.RoleChanged():
            return RoleChanged(user_id=before.user_id, before=before.role, after=fact.role, **came)
        case customers.SignInEnded():
            return StaffEnded(user_id=before.user_id, role=fact.role, **came)
        case customers.SignInRestored():
            return StaffReinstated(user_id=before.user_id, role=fact.role, **came)
    assert isinstance(fact, customers.PasswordChanged), f"{fact.TAG} is told to nobody"
    return PasswordChanged(user_id=before.user_id, **came)


# --- What a refusal is told as


def command_refused(
    refusal: Refused, call: str, streams: tuple[str, ...], session: str, request_id: str
) -> CommandRefused:
    """The event of a refusal that is evidence."""
    return CommandRefused(
        call=call,
        subjects=tuple(filter(None, map(_subject_of, streams)))[:SUBJECTS_MAX],
        refusal=code_of(type(refusal)),
        figures={name: str(figure) for name, figure in refusal.figures.items()},
        session=session,
        request_id=request_id,
    )


def _subject_of(stream: str) -> str | None:
    kind, _, number = stream.rpartition("-")
    subject = SUBJECT_OF_STREAM.get(kind)
    return f"{subject}-{number}" if subject is not None and number.isdecimal() else None
