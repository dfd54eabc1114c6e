"""Laws of loans, on the pure core: random life stories, and what holds after every one of their events."""

import copy
import datetime as dt
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.loans.allocation import Due, allocate
from domain.loans.deferral import deferred_on
from domain.loans.loan import restore
from domain.loans.loan_facts import Agreement, Disbursed
from domain.loans.loan_terms import UNVALUED
from domain.loans.products import ORDERS
from domain.loans.rate_indexes import reset_due
from domain.loans.schedules import not_yet_earned
from tests.laws import loan_stories as stories
from tests.laws.loan_stories import BEGAN, DAY, Act, Book, done, late, played, undone

# Days of a story.
STORY = 120
SLOW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def look(book: Book) -> None:
    """The control accounts equal the figures, the figures follow from the schedule, nothing hangs."""
    loan = book.current
    figures, terms = loan.figures, loan.terms
    assert book.balances() == book.expected()
    assert min(figures.principal, figures.interest, figures.suspended, figures.fees) >= 0
    assert min(figures.penalties, figures.overpaid, figures.off_balance) >= 0
    valuation = figures.valuation
    assert min(valuation.allowance, valuation.fees, valuation.costs) >= 0
    newest = book.log[-1].event.fact
    last = book.log[loan.terms_version - 1].event.fact
    assert isinstance(last, Agreement)
    assert restore(1, newest, loan.version, last, loan.terms_version) == loan
    if terms.status == "active" and terms.disbursed:
        settled = figures.settled
        charged = [
            sum(c.amount for c in terms.charges if c.component == component)
            for component in ("fee", "penalty")
        ]
        assert sum(row.principal for row in terms.rows) - settled.principal == figures.principal
        assert figures.earned - settled.interest == figures.interest + figures.suspended
        day = book.log[-1].event.valued
        fallen = sum(fee.amount for fee in terms.fee_schedule if fee.due <= day)
        assert charged[0] + fallen - settled.fees == figures.fees
        assert charged[1] + figures.late_charged - settled.penalties == figures.penalties
        if not figures.non_accrual:
            deferred = figures.valuation.fees, figures.valuation.costs
            assert deferred == deferred_on(terms, figures.through)
        if book.ended is not None:
            assert figures.valuation.allowance == expected_loss(book, book.ended)
    else:
        assert figures.valuation == UNVALUED
    if book.ended and terms.status == "active" and not_yet_earned(terms, book.ended):
        assert reset_due(terms, book.index_values, book.ended) is None
    if terms.status == "closed":
        assert not any(book.balances()), "a loan that is closed has nothing on any account"


def expected_loss(book: Book, on: dt.date) -> int:
    """What the bank's rates ask for, from the balances of the ledger, day by day and in fractions."""
    loan, sums = book.current, book.sums
    since = loan.figures.past_due_since or on
    late_days = 0
    while since < on:
        late_days += not any(pause.first <= since <= pause.last for pause in loan.terms.pauses)
        since += DAY
    held = [rates for rates in book.loss_rates if rates.first_day <= on]
    if not held:
        return 0
    rates = held[-1]
    rate = rates.current
    for least, share in ((1, rates.days_1), (30, rates.days_30), (60, rates.days_60)):
        rate = share if late_days >= least else rate
    rate = rates.days_90 if late_days >= 90 else rate
    owed = sums.get(1310, 0) + sums.get(1330, 0) + sums.get(1340, 0)
    owed += sums.get(1320, 0) if late_days else 0
    return round(Fraction(owed) * Fraction(rate) / 100)


@SLOW
@given(stories.books(), stories.ANY)
def test_every_control_account_equals_the_figures_at_every_moment(
    book: Book, acts: list[Act]
) -> None:
    played(book, acts, STORY, each=lambda: look(book))

    assert sum(book.sums.values()) == 0
    standing = book.life()[-1].loan
    assert (standing.terms, standing.figures) == (book.current.terms, book.current.figures)


@SLOW
@given(stories.books(), stories.HONEST, stories.PAYMENTS)
def test_a_repayment_told_late_leaves_every_day_as_if_it_had_been_told_in_time(
    book: Book, acts: list[Act], payment: Act
) -> None:
    in_time, told_late = book, copy.deepcopy(book)
    played(in_time, [*acts, payment], STORY, each=lambda: None)
    played(told_late, acts, STORY, each=lambda: look(told_late))
    before = [told_late.life(as_of=BEGAN + n * DAY)[-1].loan for n in range(STORY + 1)]
    known = list(told_late.log)

    late(told_late, payment, STORY)

    look(told_late)
    for number in range(STORY + 1):
        expected = in_time.life(as_of=BEGAN + number * DAY)[-1].loan
        found = told_late.life(as_of=BEGAN + number * DAY)[-1].loan
        assert (found.terms, found.figures) == (expected.terms, expected.figures)
    # What was known before is known still: the events are there, and tell the same days.
    assert told_late.log[: len(known)] == known
    told_late.log = known
    after = [told_late.life(as_of=BEGAN + n * DAY)[-1].loan for n in range(STORY + 1)]
    assert after == before


@SLOW
@given(stories.books(), stories.HONEST, stories.PAYMENTS)
def test_an_undone_repayment_leaves_the_loan_as_if_it_had_never_been(
    book: Book, acts: list[Act], payment: Act
) -> None:
    without, with_it = book, copy.deepcopy(book)
    played(without, acts, STORY, each=lambda: None)
    played(with_it, [payment, *acts], STORY, each=lambda: None)
    paid = next(
        told.event
        for told in with_it.log
        if told.event.fact.TAG == "loan.repaid.1" and told.event.valued == BEGAN + payment.day * DAY
    )

    undone(with_it, paid.transaction_id, STORY)

    look(with_it)
    assert with_it.current.figures == without.current.figures
    assert with_it.current.terms == without.current.terms


DUES = st.lists(
    st.builds(
        Due,
        st.integers(0, 300).map(lambda n: BEGAN + n * DAY),
        st.sampled_from(["principal", "interest", "fee", "penalty"]),
        st.integers(1, 10**9),
    ),
    max_size=20,
).map(sorted)


@given(
    st.integers(1, 10**10),
    DUES,
    st.sampled_from(list(ORDERS.values())),
    st.sampled_from(["instalment_first", "component_first"]),
)
def test_an_allocation_and_its_rest_come_to_the_payment(amount, dues, order, axis) -> None:  # type: ignore[no-untyped-def]
    parts, rest = allocate(amount, dues, order, axis)

    assert parts.total + rest == amount
    assert rest == max(0, amount - sum(due.amount for due in dues))
    for component, laid in zip(
        ("principal", "interest", "fee", "penalty"),
        (parts.principal, parts.interest, parts.fees, parts.penalties),
        strict=True,
    ):
        assert 0 <= laid <= sum(due.amount for due in dues if due.component == component)


@SLOW
@given(stories.books())
def test_a_borrower_who_pays_what_is_due_each_day_ends_the_loan_with_the_schedule(
    book: Book,
) -> None:
    rows = book.current.terms.rows
    last = (rows[-1].due - BEGAN).days
    for day in range(last + 1):
        on = BEGAN + day * DAY
        rows = book.current.terms.rows or rows
        due = sum(row.principal + row.interest for row in rows if row.due == on)
        due += sum(fee.amount for fee in book.current.terms.fee_schedule if fee.due == on)
        if due:
            assert done(book, Act(day, "repay", due), on)
        assert book.current.figures.past_due_since is None
        look(book)
        assert book.night(on)

    assert book.current.terms.status == "closed"
    fee = sum(
        told.event.fact.fee
        for told in book.log
        if isinstance(told.event.fact, Disbursed)
        and book.current.terms.product.fee_income == "over_life"
    )
    assert -book.sums[4110] == sum(row.interest for row in rows) + fee
