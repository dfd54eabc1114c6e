"""What was not told in time: a repayment of an earlier day, or something that did not happen.

Nothing is edited. The events after the day are taken back one by one, newest first, each by an event
that restores what was before it; then the days are told anew, in order, with what borrower and bank did
on them and with what each day brings by itself. What was known before stays readable as it was known.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from domain.amortisation.index_rates import IndexValue
from domain.loans.arrears import end_of_day
from domain.loans.charge_backs import charge_back, charged_back, paid_from_outside
from domain.loans.forbearance import charge, open_amounts, pause, waive
from domain.loans.history import LoanEvent, Step
from domain.loans.lateness import DAY
from domain.loans.loan import Course, Dated, Loan
from domain.loans.loan_facts import (
    Agreement,
    AgreementUndone,
    AllowanceChanged,
    ChargedBack,
    ChargedOff,
    Disbursed,
    InstalmentFeeCharged,
    InterestAccrued,
    LoanClosed,
    LoanCostPaid,
    LoanFact,
    LoanFeeCharged,
    MovementUndone,
    NonAccrualEnded,
    NonAccrualStarted,
    OverpaymentApplied,
    OverpaymentRefunded,
    PastDueMarked,
    Paused,
    PenaltyCharged,
    RateReset,
    Reamortised,
    Recovered,
    Repaid,
    Rescheduled,
    Waived,
    WriteOffAsked,
    WrittenOff,
)
from domain.loans.loan_refusals import LoanChangedSince, LoanMovedOn, NothingToUndo
from domain.loans.loss_rates import LossRates
from domain.loans.origination import pay_cost
from domain.loans.products import Component
from domain.loans.rate_indexes import reset_due
from domain.loans.repaying import disburse, refund, repay

# What a day brings by itself.
OF_A_DAY: Final = (
    InterestAccrued,
    InstalmentFeeCharged,
    RateReset,
    PastDueMarked,
    PenaltyCharged,
    NonAccrualStarted,
    NonAccrualEnded,
    OverpaymentApplied,
    AllowanceChanged,
)
# What follows from a repayment, beside those, and comes again with it.
OF_A_PAYMENT: Final = (Reamortised, LoanClosed)
# What was agreed or decided on the loan as it stood: it cannot be told anew without those who did.
DECIDED: Final = (Rescheduled, ChargedOff, WriteOffAsked, WrittenOff, Recovered)
UNDOABLE: Final = (
    Disbursed,
    Repaid,
    OverpaymentRefunded,
    Waived,
    LoanFeeCharged,
    LoanCostPaid,
    Rescheduled,
    ChargedOff,
    Recovered,
    ChargedBack,
)


# What is done on a loan as it stands on a day.
Act: TypeAlias = Callable[[Loan, dt.date], list[Dated]]


class Restated(NamedTuple):
    """A fact with the day it counts from and the day it is booked on.

    `undone` is what it takes back, whose entry it mirrors.
    """

    on: dt.date
    booked: dt.date
    fact: LoanFact
    undone: LoanEvent | None = None


class Nights(NamedTuple):
    """What the bank has made of its days: the last that it has ended, the loss rates it ended by, and what
    is known of the index that the loan follows."""

    ended: dt.date | None = None
    loss_rates: tuple[LossRates, ...] = ()
    index_values: Sequence[IndexValue] = ()


def insert(
    life: Sequence[Step], on: dt.date, booked: dt.date, told: Act, nights: Nights
) -> list[Restated]:
    """What follows from something told late: `told` is decided on the loan as it stood on the day.

    It comes after what was done on that day, and before what the day brought by itself. What the days
    bring that the bank has ended is told again, also where it was nothing.
    Refused: a day before the first disbursement, and one that a decision on the loan was made after.
    """
    begun = next((n for n, each in enumerate(life) if isinstance(each.event.fact, Disbursed)), None)
    loan = life[-1].loan
    if begun is None or on < life[begun].event.valued:
        raise LoanMovedOn(loan_id=loan.loan_id, on=on, through=loan.figures.through)
    commands = _commands(life)
    cut = next(
        (
            n
            for n, each in enumerate(life)
            if n > begun
            and (
                each.event.valued > on
                or (each.event.valued == on and each.event.command not in commands)
            )
        ),
        len(life),
    )
    return _told_anew(life, cut, None, (on, booked, told), nights)


def repaid_late(restated: Sequence[Restated], on: dt.date) -> Repaid:
    """The repayment of a day that was told late: the last of the day, since others of it that were made
    after its night are told anew before."""
    return [each.fact for each in restated if each.on == on and isinstance(each.fact, Repaid)][-1]


def undo(life: Sequence[Step], transaction_id: int, nights: Nights) -> list[Restated]:
    """Take back what a transaction did to the loan; what came after it is told anew without it."""
    loan = life[-1].loan
    target = next(
        (
            n
            for n, each in enumerate(life)
            if each.event.transaction_id == transaction_id
            and isinstance(each.event.fact, UNDOABLE)
            and not _is_early_fee(each.event.fact)
        ),
        None,
    )
    if target is None:
        raise NothingToUndo(transaction_id=transaction_id, loan_id=loan.loan_id)
    _check_not_charged_back(life, life[target].event)
    _check_no_later_tranche(life, target)
    cut = target
    while _comes_with(life[cut - 1].event, life[target].event):
        cut -= 1
    return _told_anew(life, cut, target, None, nights)


def _check_not_charged_back(life: Sequence[Step], target: LoanEvent) -> None:
    """What a bank has taken back cannot be given back once more."""
    fact = target.fact
    if not isinstance(fact, Repaid) or fact.from_account is not None:
        return
    if paid_from_outside(life, target.valued) - fact.amount < charged_back(life, target.valued):
        taken = next(
            each.event
            for each in life
            if isinstance(each.event.fact, ChargedBack) and each.event.fact.paid_on == target.valued
        )
        raise LoanChangedSince(
            loan_id=life[-1].loan.loan_id, change="charged-back", on=taken.valued
        )


def _check_no_later_tranche(life: Sequence[Step], target: int) -> None:
    """The first tranche makes the schedule, on terms that were agreed with it; a later one is spread over
    what is left of it, and cannot be told anew as the first."""
    begun, *later = [n for n, each in enumerate(life) if isinstance(each.event.fact, Disbursed)]
    if target == begun and later:
        raise LoanChangedSince(
            loan_id=life[-1].loan.loan_id,
            change="disbursed",
            on=life[later[0]].event.valued,
        )


def _is_early_fee(fact: LoanFact) -> bool:
    return isinstance(fact, LoanFeeCharged) and fact.early


def _comes_with(before: LoanEvent, target: LoanEvent) -> bool:
    """Whether an event was made by the target's command, for the sake of the target."""
    return before.command == target.command and (
        _is_early_fee(before.fact) or isinstance(before.fact, Reamortised | OverpaymentApplied)
    )


def _told_anew(
    life: Sequence[Step],
    cut: int,
    without: int | None,
    late: tuple[dt.date, dt.date, Act] | None,
    nights: Nights,
) -> list[Restated]:
    tail = life[cut:]
    for number, each in enumerate(tail, cut):
        if number != without and isinstance(each.event.fact, DECIDED):
            raise LoanChangedSince(
                loan_id=each.loan.loan_id,
                change=each.event.fact.TAG.split(".")[1],
                on=each.event.valued,
            )
    course = Course(life[-1].loan)
    restated = list(_taken_back(course, life, cut))
    actions = [
        (each.event.valued, each.event.booked, _again(each.event.fact))
        for number, each in enumerate(tail, cut)
        if number != without and _is_action(each.event.fact)
    ]
    if late is not None:
        actions.append(late)
    first = late[0] if late else tail[0].event.valued
    ended = _ended(life, cut, first, nights.ended)
    restated += _days_again(course, ended, nights, actions)
    return restated


def _ended(
    life: Sequence[Step], cut: int, first: dt.date, ended: dt.date | None
) -> dict[dt.date, dt.date]:
    """The days from the first on whose end was run, and the day that was booked on."""
    nights: dict[dt.date, dt.date] = {}
    while ended is not None and first <= ended:
        nights[first] = first
        first += DAY
    commands = _commands(life)
    for each in life[cut:]:
        if isinstance(each.event.fact, OF_A_DAY) and each.event.command not in commands:
            nights[each.event.valued] = each.event.booked
    return nights


def _commands(life: Sequence[Step]) -> set[str]:
    """The commands that did something, beside those of the days by themselves."""
    return {each.event.command for each in life if _is_action(each.event.fact)}


def _taken_back(course: Course, life: Sequence[Step], cut: int) -> Iterator[Restated]:
    for index in range(len(life) - 1, cut - 1, -1):
        event, before = life[index].event, life[index - 1].loan
        if isinstance(event.fact, Agreement):
            course.agree(
                event.valued,
                AgreementUndone,
                before.terms,
                before.figures,
                undoes=event.version,
            )
        else:
            course.move(event.valued, MovementUndone, before.figures, undoes=event.version)
        yield Restated(event.valued, event.booked, course.facts[-1].fact, event)


def _days_again(
    course: Course,
    ended: Mapping[dt.date, dt.date],
    nights: Nights,
    actions: Sequence[tuple[dt.date, dt.date, Act]],
) -> Iterator[Restated]:
    """Day by day: what was done on it, and then what it brings, where its end was run before."""
    for day in sorted({*ended, *(on for on, _, _ in actions)}):
        for on, booked, again in actions:
            if on == day:
                yield from _added(course, again(course.loan, on), booked)
        if day in ended:
            reset = reset_due(course.loan.terms, nights.index_values, day)
            night = end_of_day(course.loan, day, nights.loss_rates, reset)
            yield from _added(course, night, ended[day])


def _added(course: Course, facts: list[Dated], booked: dt.date) -> Iterator[Restated]:
    for dated in facts:
        course.add(dated.on, dated.fact)
        yield Restated(dated.on, booked, dated.fact)


def _is_action(fact: LoanFact) -> bool:
    return not isinstance(fact, (*OF_A_DAY, *OF_A_PAYMENT)) and not _is_early_fee(fact)


def _again(fact: LoanFact) -> Act:
    """The same done again, on the loan as it stands then."""
    if isinstance(fact, Repaid):
        return lambda loan, on: repay(
            loan,
            fact.amount,
            on,
            excess=fact.excess,
            from_account=fact.from_account,
            counterparty=fact.counterparty,
        )
    if isinstance(fact, OverpaymentRefunded):
        return lambda loan, on: refund(loan, fact.amount, on, to_account=fact.to_account)
    if isinstance(fact, LoanFeeCharged):
        return lambda loan, on: charge(loan, fact.amount, on)
    if isinstance(fact, ChargedBack):
        return lambda loan, on: charge_back(loan, fact.amount, on, paid_on=fact.paid_on)
    if isinstance(fact, LoanCostPaid):
        return lambda loan, on: pay_cost(loan, fact.amount, on, counterparty=fact.counterparty)
    if isinstance(fact, Waived):
        return lambda loan, on: _waived_again(loan, fact, on)
    if isinstance(fact, Disbursed):
        return lambda loan, on: disburse(loan, fact.amount, on, to_account=fact.to_account)
    assert isinstance(fact, Paused), f"{fact.TAG} is not told anew"
    pauses = fact.terms.pauses
    return lambda loan, on: pause(loan, pauses[-1].first, pauses[-1].last, on)


def _waived_again(loan: Loan, fact: Waived, on: dt.date) -> list[Dated]:
    """As much of it as is open still: a penalty may never have been charged."""
    course = Course(loan)
    given_up: tuple[tuple[Component, int], ...] = (
        ("principal", fact.parts.principal),
        ("interest", fact.parts.interest),
        ("fee", fact.parts.fees),
        ("penalty", fact.parts.penalties),
    )
    for component, amount in given_up:
        left = min(amount, open_amounts(course.loan, on)[component])
        if left:
            for dated in waive(course.loan, component, left, on):
                course.add(dated.on, dated.fact)
    return course.facts
