"""Every refusal: a command that was understood and that a rule forbids.

A refusal is a class whose name is the fact; its fields are the figures. Where several apply, the one
that stands first in this list is the answer, and a test holds the decisions to that order. Of two accounts,
the one that would receive is looked at before the one that would pay. Those of bills and loans are kinds of
the same four, in `domain/bills/bill_refusals.py` and `domain/loans/loan_refusals.py`; of one kind, these
here come first.

    Refused
    |- NotFound                     there is nothing of that name that the caller may know of
    |  |- AccountNotFound
    |  |- TransactionNotFound
    |  |- HoldNotFound
    |  |- StatementNotFound
    |  |- StandingOrderNotFound
    |  `- CustomerNotFound
    |- NotPermitted                 the caller may see it, and may not do it
    |- Malformed                    the command contradicts itself or the tables of the bank
    |  |- UnknownCurrency
    |  |- AmountNotPositive
    |  |- TooManyDecimals
    |  |- AmountTooLarge
    |  |- UnknownAccountType
    |  |- UnknownPeriod
    |  |- TiersOutOfOrder
    |  |- RateOutOfRange
    |  |- HoldAlreadyOver
    |  |- SameAccount
    |  |- UnprintableText
    |  |- ReasonMissing
    |  |- BookingDateInFuture
    |  |- DateOutOfRange
    |  |- TermsContradict
    |  `- NoRateOfReturn
    |- Conflicting                  the state of the ledger forbids it
    |  |- AccountAlreadyOpen
    |  |- UsernameTaken
    |  |- EmailTaken
    |  |- ReferenceTaken
    |  |- CustomerErased
    |  |- AccountsOpen
    |  |- LoansOpen
    |  |- BillsUnpaid
    |  |- LegalHoldStands
    |  |- RetentionRuns
    |  |- ErasureAsked
    |  |- ErasureNotAsked
    |  |- NotStaff
    |  |- PasswordChangedBefore
    |  |- PeriodClosed
    |  |- PeriodNotOver
    |  |- PeriodAlreadyClosed
    |  |- PeriodNotClosed
    |  |- SamePerson
    |  |- BusinessDayOutOfTurn
    |  |- SettlementAlreadyBooked
    |  |- CorrectionAboveSettled
    |  |- TransactionAlreadyReversed
    |  |- TransactionNotReversible
    |  |- ReversalAboveAmount
    |  |- HoldOver
    |  |- HoldAboveLimit
    |  |- TooManyHolds
    |  |- TooManyStatements
    |  |- TooManyRates
    |  |- StandingOrderOver
    |  |- StandingOrderActive
    |  |- CurrencyMismatch
    |  |- AccountClosed
    |  |- AccountFrozen
    |  |- AccountNotFrozen
    |  |- AccountDormant
    |  |- AccountNotDormant
    |  |- OverdraftNotOffered
    |  |- OverdraftLimitInUse
    |  |- BalanceNotZero
    |  |- BalanceTooLarge
    |  `- InsufficientFunds
    |- NotApplied                   another command of an all-or-nothing batch was refused
    `- KeyReused                    an idempotency key came again with another request
"""

import re
from typing import Any, ClassVar


class Refused(Exception):
    """A command understood and forbidden. Keyword figures only, so that each can be shown and stored."""

    detail: ClassVar[str] = "The command was refused."

    def __init__(self, **figures: Any) -> None:
        super().__init__(self.detail.format(**figures))
        self.figures = figures


class NotFound(Refused):
    pass


class AccountNotFound(NotFound):
    detail = "There is no account {account_id}."


class TransactionNotFound(NotFound):
    detail = "There is no transaction {transaction_id}."


class HoldNotFound(NotFound):
    detail = "There is no hold {hold_id}."


class StatementNotFound(NotFound):
    detail = "There is no statement {statement_id}."


class StandingOrderNotFound(NotFound):
    detail = "There is no standing order {standing_order_id}."


class CustomerNotFound(NotFound):
    detail = "There is no customer {user_id}."


class NotPermitted(Refused):
    detail = "The role {role} may not {action}."


class Malformed(Refused):
    pass


class UnknownCurrency(Malformed):
    detail = "{currency} is no currency of ISO 4217."


class AmountNotPositive(Malformed):
    detail = "The amount must be greater than zero; it is {amount}."


class TooManyDecimals(Malformed):
    detail = "The amount {amount} has more decimals than {currency}, which has {decimals}."


class AmountTooLarge(Malformed):
    detail = "The amount {amount} is larger than one posting can be."


class UnknownAccountType(Malformed):
    detail = "There is no account type {account_type}; there are {offered}."


class UnknownPeriod(Malformed):
    detail = "{period} is no period: a period is a month, as in 2026-03."


class TiersOutOfOrder(Malformed):
    detail = "Tiers begin above 0 and each above the one before; there are at most {limit}."


class RateOutOfRange(Malformed):
    detail = (
        "The {name} rate is {rate}; it is per cent, 0 to {most}, with {decimals} decimals at most."
    )


class HoldAlreadyOver(Malformed):
    detail = "The hold would end at {expires_at}, which has passed."


class SameAccount(Malformed):
    detail = "Account {account_id} cannot transfer to itself."


class UnprintableText(Malformed):
    detail = "The {field} holds a control character."


class ReasonMissing(Malformed):
    detail = "A booking date other than today's, or an amount that takes back, needs a reason."


class BookingDateInFuture(Malformed):
    detail = "The booking date {booking_date} is after today, {today}."


class DateOutOfRange(Malformed):
    detail = "The {field} {date} is outside {earliest} to {latest}."


class TermsContradict(Malformed):
    detail = "The terms contradict themselves: {field} {why}."


class NoRateOfReturn(Malformed):
    detail = "There is no {rate}: no rate makes what is paid worth what is advanced."


class Conflicting(Refused):
    pass


class AccountAlreadyOpen(Conflicting):
    detail = "Account {account_id} is open already."


class UsernameTaken(Conflicting):
    detail = "That user name is taken."


class EmailTaken(Conflicting):
    detail = "That email address is registered already."


class ReferenceTaken(Conflicting):
    detail = "Another account or loan carries the reference {reference}."


class CustomerErased(Conflicting):
    detail = "Customer {user_id} was erased."


class AccountsOpen(Conflicting):
    detail = "Customer {user_id} has open accounts: {accounts}."


class LoansOpen(Conflicting):
    detail = "Customer {user_id} has open loans: {loans}."


class BillsUnpaid(Conflicting):
    detail = "Customer {user_id} has bills that are not settled: {bills}."


class LegalHoldStands(Conflicting):
    detail = "A legal hold keeps customer {user_id} from being erased."


class RetentionRuns(Conflicting):
    detail = "The books must name customer {user_id} until {until}."


class ErasureAsked(Conflicting):
    detail = "The erasure of customer {user_id} is asked for; nothing new is begun."


class ErasureNotAsked(Conflicting):
    detail = "Nobody has asked for the erasure of customer {user_id}."


class NotStaff(Conflicting):
    detail = "User {user_id} is a customer, and no member of staff."


class PasswordChangedBefore(Conflicting):
    detail = "The password of user {user_id} was changed in the meantime."


class PeriodClosed(Conflicting):
    detail = (
        "The period {period} is closed. The first open day is {first_open_day}; book it then, with "
        "its true value date."
    )


class PeriodNotOver(Conflicting):
    detail = "The period {period} goes on until {last_day}."


class PeriodAlreadyClosed(Conflicting):
    detail = "The period {period} is closed already."


class PeriodNotClosed(Conflicting):
    detail = "The period {period} is not closed."


class SamePerson(Conflicting):
    detail = "Two different people {action}; the first cannot be the second."


class BusinessDayOutOfTurn(Conflicting):
    detail = "The end of {due} comes before that of {date}."


class SettlementAlreadyBooked(Conflicting):
    detail = "The settlement {reference} of the central bank is booked already."


class CorrectionAboveSettled(Conflicting):
    detail = "{settled} was ever settled; {requested} cannot be taken back."


class TransactionAlreadyReversed(Conflicting):
    detail = "Transaction {transaction_id} was reversed already."


class TransactionNotReversible(Conflicting):
    detail = "Transaction {transaction_id} moved no money that could be moved back."


class ReversalAboveAmount(Conflicting):
    detail = "Transaction {transaction_id} moved {amount}; {requested} cannot be moved back."


class HoldOver(Conflicting):
    detail = "Hold {hold_id} is over: it was settled or released, or has expired."


class HoldAboveLimit(Conflicting):
    detail = "The hold {hold_id} is for {held}; {requested} cannot be settled."


class TooManyHolds(Conflicting):
    detail = "Account {account_id} has {limit} active holds, and can have no more."


class TooManyStatements(Conflicting):
    detail = (
        "{limit} other statements of account {account_id} were issued while this one was made, and it was "
        "not issued; ask again under a new idempotency key."
    )


class TooManyRates(Conflicting):
    detail = "A rate plan holds {limit} changes, and can hold no more."


class StandingOrderOver(Conflicting):
    detail = "Standing order {standing_order_id} is {status}."


class StandingOrderActive(Conflicting):
    detail = "{count} standing orders pay from account {account_id}; cancel them first."


class CurrencyMismatch(Conflicting):
    detail = "Account {account_id} is kept in {currency}, not in {other}."


class AccountClosed(Conflicting):
    detail = "Account {account_id} is closed."


class AccountFrozen(Conflicting):
    detail = "Account {account_id} is frozen ({restriction})."


class AccountNotFrozen(Conflicting):
    detail = "Account {account_id} is not frozen."


class AccountDormant(Conflicting):
    detail = "Account {account_id} is dormant; its holder must be identified again first."


class AccountNotDormant(Conflicting):
    detail = "Account {account_id} is not dormant."


class OverdraftNotOffered(Conflicting):
    detail = "A {account_type} account has no overdraft."


class OverdraftLimitInUse(Conflicting):
    detail = "Account {account_id} stands at {balance}, below a limit of {limit}."


class BalanceNotZero(Conflicting):
    detail = "Account {account_id} holds {balance}; it must be zero."


class BalanceTooLarge(Conflicting):
    detail = "The balance of account {account_id} would pass the largest that can be kept."


class InsufficientFunds(Conflicting):
    detail = "Account {account_id} has {available} available; {requested} was asked for."


class NotApplied(Refused):
    detail = "Nothing of the batch was done, because its item {failed} was refused."


class KeyReused(Refused):
    detail = "The idempotency key was used before with another {field}."


def code_of(kind: type[Exception]) -> str:
    """What it is called outside of the program: `InsufficientFunds` is `insufficient-funds`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind.__name__).lower()
