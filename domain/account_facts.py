"""What can happen to a deposit account, and what is agreed about one. The tags are on disk for ever.

Amounts and balances are minor units of the account's currency, seen by the holder: a credit adds, a
debit takes away. Every fact carries the balance after it. A fact that changes the terms carries the
whole terms after it, and every movement names the version that did so last; so an account is known
from its newest event and, where that is a movement, one more.
"""

import datetime as dt
from typing import ClassVar, Literal, TypeAlias

import msgspec

from domain.facts import Fact, stored_as

AccountType: TypeAlias = Literal["checking", "savings"]
Restriction: TypeAlias = Literal["none", "debit", "full"]
Right: TypeAlias = Literal["owner", "authorised"]
Status: TypeAlias = Literal["active", "frozen", "dormant", "closed"]

ACCOUNT_TYPES: tuple[AccountType, ...] = ("checking", "savings")


class Holder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A customer and what the customer is to the account: its owner, or authorised to use it."""

    user_id: int
    right: Right


class Hold(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Funds reserved: `amount` minor units, until `expires_at` where that is given.

    `counterparty` is who is paid when it is settled, `description` what for.
    """

    hold_id: int
    amount: int
    expires_at: dt.datetime | None = None
    counterparty: str | None = None
    description: str | None = None


class Terms(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """All that is agreed about an account, apart from the money on it."""

    account_type: AccountType
    currency: str
    holders: tuple[Holder, ...]
    opened_on: dt.date
    overdraft_limit: int = 0
    restriction: Restriction = "none"
    dormant: bool = False
    closed: bool = False
    reference: str | None = None

    @property
    def status(self) -> Status:
        if self.closed:
            return "closed"
        if self.restriction != "none":
            return "frozen"
        return "dormant" if self.dormant else "active"


class TermsFact(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A fact that leaves the account with these terms and holds; the balance is as it was."""

    terms: Terms
    balance: int
    holds: tuple[Hold, ...] = ()


class Movement(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A fact that moves money. `terms` is the version of the stream's last `TermsFact`."""

    SIGN: ClassVar[int] = 0

    amount: int
    balance: int
    terms: int


@stored_as("account.opened.1")
class Opened(TermsFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("account.overdraft-limit-changed.1")
class OverdraftLimitChanged(TermsFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("account.frozen.1")
class Frozen(TermsFact, frozen=True, kw_only=True, omit_defaults=True):
    authority: str | None = None


@stored_as("account.unfrozen.1")
class Unfrozen(TermsFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("account.made-dormant.1")
class MadeDormant(TermsFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("account.reactivated.1")
class Reactivated(TermsFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("account.closed.1")
class Closed(TermsFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("account.hold-placed.1")
class HoldPlaced(TermsFact, frozen=True, kw_only=True, omit_defaults=True):
    hold_id: int


@stored_as("account.hold-settled.1")
class HoldSettled(TermsFact, frozen=True, kw_only=True, omit_defaults=True):
    """The debit that settles it stands next in the same transaction."""

    hold_id: int


@stored_as("account.hold-released.1")
class HoldReleased(TermsFact, frozen=True, kw_only=True, omit_defaults=True):
    hold_id: int


@stored_as("account.hold-expired.1")
class HoldExpired(TermsFact, frozen=True, kw_only=True, omit_defaults=True):
    hold_id: int


class Credit(Movement, frozen=True, kw_only=True, omit_defaults=True):
    SIGN: ClassVar[int] = 1


class Debit(Movement, frozen=True, kw_only=True, omit_defaults=True):
    """`forced` marks a debit that the bank made whether or not the money was there."""

    SIGN: ClassVar[int] = -1

    forced: bool = False


@stored_as("account.deposited.1")
class Deposited(Credit, frozen=True, kw_only=True, omit_defaults=True):
    """Cash came in."""


@stored_as("account.withdrawn.1")
class Withdrawn(Debit, frozen=True, kw_only=True, omit_defaults=True):
    """Cash went out."""


@stored_as("account.transfer-sent.1")
class TransferSent(Debit, frozen=True, kw_only=True, omit_defaults=True):
    to_account: int


@stored_as("account.transfer-received.1")
class TransferReceived(Credit, frozen=True, kw_only=True, omit_defaults=True):
    from_account: int


@stored_as("account.payment-sent.1")
class PaymentSent(Debit, frozen=True, kw_only=True, omit_defaults=True):
    """Money went to an account at another bank."""

    counterparty: str | None = None


@stored_as("account.payment-received.1")
class PaymentReceived(Credit, frozen=True, kw_only=True, omit_defaults=True):
    """Money came from an account at another bank."""

    counterparty: str | None = None


@stored_as("account.loan-received.1")
class LoanReceived(Credit, frozen=True, kw_only=True, omit_defaults=True):
    """A loan was paid out to the account."""

    loan: int


@stored_as("account.loan-repaid.1")
class LoanRepaid(Debit, frozen=True, kw_only=True, omit_defaults=True):
    """Money went from the account to a loan."""

    loan: int


@stored_as("account.loan-refunded.1")
class LoanRefunded(Credit, frozen=True, kw_only=True, omit_defaults=True):
    """What was paid to a loan above what was owed came back."""

    loan: int


@stored_as("account.interest-credited.1")
class InterestCredited(Credit, frozen=True, kw_only=True, omit_defaults=True):
    """The bank paid interest on the balance."""


@stored_as("account.interest-charged.1")
class InterestCharged(Debit, frozen=True, kw_only=True, omit_defaults=True):
    """The bank took interest on a negative balance."""


@stored_as("account.interest-capitalised.1")
class InterestCapitalised(Credit, frozen=True, kw_only=True, omit_defaults=True):
    """Interest that was accrued day by day came to the account."""


@stored_as("account.overdraft-interest-capitalised.1")
class OverdraftInterestCapitalised(Debit, frozen=True, kw_only=True, omit_defaults=True):
    """Interest on days below zero, accrued day by day, was taken."""


@stored_as("account.tax-withheld.1")
class TaxWithheld(Debit, frozen=True, kw_only=True, omit_defaults=True):
    """Tax on interest was taken, for the state."""


@stored_as("account.fee-charged.1")
class FeeCharged(Debit, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("account.adjustment-credited.1")
class AdjustmentCredited(Credit, frozen=True, kw_only=True, omit_defaults=True):
    """The bank gave what it owed beside the account's own transactions."""


@stored_as("account.adjustment-debited.1")
class AdjustmentDebited(Debit, frozen=True, kw_only=True, omit_defaults=True):
    """The bank took back what it had given too much."""


@stored_as("account.credit-reversed.1")
class CreditReversed(Debit, frozen=True, kw_only=True, omit_defaults=True):
    """The credit of an earlier transaction was taken back."""

    reverses: int


@stored_as("account.debit-reversed.1")
class DebitReversed(Credit, frozen=True, kw_only=True, omit_defaults=True):
    """The debit of an earlier transaction was given back."""

    reverses: int


AccountFact: TypeAlias = TermsFact | Movement
