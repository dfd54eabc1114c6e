"""Life stories of loans: random acts on random days, each night ended, and the books kept beside."""

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st

from domain.amortisation.index_rates import FollowedIndex, IndexValue
from domain.amortisation.instalment_fees import InstalmentFee
from domain.banking_calendar import DAY_RULES, DayRule
from domain.loans import applying, forbearance, losses, origination, repaying
from domain.loans.arrears import end_of_day
from domain.loans.charge_backs import charge_back
from domain.loans.history import LoanEvent, Step, steps_of
from domain.loans.loan import Dated, Loan, evolve
from domain.loans.loan_facts import Applied
from domain.loans.loan_terms import Applicant
from domain.loans.loss_rates import LossRates
from domain.loans.products import PRODUCTS, Product
from domain.loans.rate_indexes import reset_due
from domain.loans.restating import Nights, Restated, insert, undo
from domain.refusals import Refused
from ledger.chart_of_accounts import COMMITMENTS, DEFERRED_LOAN_FEES, WRITTEN_OFF_LOANS
from ledger.journal import Entry, mirrored
from ledger.loan_posting_rules import LOAN_SUB_ACCOUNTS, entry_for_loan

DAY = dt.timedelta(days=1)
BEGAN = dt.date(2025, 1, 31)
SUB_ACCOUNTS = (*LOAN_SUB_ACCOUNTS, WRITTEN_OFF_LOANS, COMMITMENTS)

# What the index of loans stood at: up, down below zero, and up again.
INDEX = tuple(
    IndexValue(BEGAN + days * DAY, Decimal(value))
    for days, value in ((-9_000, "2"), (27, "3.25"), (50, "-0.75"), (59, "11"))
)


class Act(msgspec.Struct, frozen=True):
    """Something done on the day that is so many after the disbursement."""

    day: int
    what: str
    amount: int = 0
    how: Any = None


class Told(msgspec.Struct, frozen=True):
    event: LoanEvent
    entry: Entry


class Book:
    """A loan, its events with their entries, and the sums of the entries by ledger account."""

    def __init__(
        self,
        product: Product,
        amount: int,
        instalments: int,
        loss_rates: tuple[LossRates, ...] = (),
        began: dt.date = BEGAN,
        index_values: tuple[IndexValue, ...] = INDEX,
    ) -> None:
        self.loss_rates = loss_rates
        self.index_values = index_values
        # The day, when it was just ended.
        self.ended: dt.date | None = None
        self.loan: Loan | None = None
        self.log: list[Told] = []
        self.sums: dict[int, int] = {}
        self.commands = self.transactions = 0
        applied = applying.apply(
            borrower=7,
            product_name=product.name,
            amount=amount,
            instalments=instalments,
            applicant=Applicant(income=10**9, collateral=10**11, age=30),
            purpose=None,
            account_id=5,
            on=began,
            index_values=index_values,
        )
        fact = applied[0].fact
        assert isinstance(fact, Applied)
        terms = msgspec.structs.replace(fact.terms, product=product)
        self.tell([Dated(began, msgspec.structs.replace(fact, terms=terms))], began)
        self.do(lambda loan: applying.approve(loan, "one", began), began)
        if self.current.terms.status == "in_review":
            self.do(lambda loan: applying.approve(loan, "two", began), began)
        self.do(lambda loan: applying.accept(loan, None, began), began)

    @property
    def current(self) -> Loan:
        assert self.loan is not None
        return self.loan

    def do(self, decide: Callable[[Loan], list[Dated]], booked: dt.date) -> bool:
        """Whether it was done; what is refused changes nothing."""
        try:
            facts = decide(self.current)
        except Refused:
            return False
        self.tell(facts, booked)
        return True

    def tell(self, facts: Sequence[Dated], booked: dt.date) -> None:
        self.commands += 1
        self.transactions += 1
        self.ended = None
        for on, fact in facts:
            self._post(on, booked, fact, None)

    def night(self, on: dt.date) -> bool:
        reset = reset_due(self.current.terms, self.index_values, on)
        went = self.do(lambda loan: end_of_day(loan, on, self.loss_rates, reset), on)
        self.ended = on if went else None
        return went

    def restate(self, restated: Sequence[Restated]) -> None:
        self.commands += 1
        self.ended = None
        dates: tuple[Any, ...] = ()
        for each in restated:
            # A run of facts with the same dates is a transaction.
            if dates != (each.on, each.booked, each.undone):
                dates = each.on, each.booked, each.undone
                self.transactions += 1
            self._post(each.on, each.booked, each.fact, each.undone)

    def _post(self, on: dt.date, booked: dt.date, fact: Any, undone: LoanEvent | None) -> None:
        self.loan = evolve(self.loan, fact, 1)
        if undone is None:
            entry = entry_for_loan(fact, "loan-1", self.loan.terms.currency)
        else:
            undone_entry = self.log[undone.version - 1].entry
            entry = mirrored(undone_entry) if undone_entry else ()
        version = len(self.log) + 1
        command = f"command-{self.commands}"
        self.log.append(
            Told(LoanEvent(version, self.transactions, command, booked, on, fact), entry)
        )
        for posting in entry:
            assert (posting.sub_account == "loan-1") == (posting.ledger_account in SUB_ACCOUNTS)
            signed = posting.amount if posting.side == "D" else -posting.amount
            account = posting.ledger_account
            self.sums[account] = self.sums.get(account, 0) + signed

    def life(self, as_of: dt.date | None = None) -> list[Step]:
        return steps_of([told.event for told in self.log], 1, as_of=as_of)

    def balances(self) -> list[int]:
        """The sub-accounts of the loan, each on its debit side."""
        return [self.sums.get(account, 0) for account in SUB_ACCOUNTS]

    def expected(self) -> list[int]:
        """The same, as the figures of the loan say."""
        figures, terms = self.current.figures, self.current.terms
        committed = terms.status in ("approved", "accepted", "active", "charged_off", "written_off")
        return [
            figures.principal,
            figures.interest,
            figures.fees,
            figures.penalties,
            -figures.overpaid,
            -figures.valuation.allowance,
            figures.valuation.costs,
            -figures.valuation.fees,
            figures.off_balance,
            self.current.undrawn if committed else 0,
        ]


assert LOAN_SUB_ACCOUNTS[-1] == DEFERRED_LOAN_FEES


def played(book: Book, acts: Sequence[Act], days: int, *, each: Callable[[], None]) -> None:
    """Tell the story: the acts of a day in order, and then the night; `each` looks after every one."""
    for day in range(days + 1):
        on = BEGAN + day * DAY
        for act in acts:
            if act.day == day:
                done(book, act, on)
                each()
        book.night(on)
        each()


def done(book: Book, act: Act, on: dt.date) -> bool:
    return book.do(lambda loan: decide(loan, act, on, book.index_values), on)


def decide(
    loan: Loan, act: Act, on: dt.date, index_values: tuple[IndexValue, ...] = INDEX
) -> list[Dated]:
    match act.what:
        case "disburse":
            return repaying.disburse(
                loan, act.amount or None, on, to_account=act.how, index_values=index_values
            )
        case "repay":
            if loan.terms.status in ("charged_off", "written_off"):
                return losses.recover(loan, act.amount, on)
            return repaying.repay(loan, act.amount, on, excess=act.how)
        case "refund":
            return repaying.refund(loan, None, on, to_account=None)
        case "fee":
            return forbearance.charge(loan, act.amount, on)
        case "charge back":
            # Of a repayment that the story does not tell: on the core only the amount matters.
            return charge_back(loan, act.amount, on, paid_on=BEGAN - DAY)
        case "cost":
            return origination.pay_cost(loan, act.amount, on)
        case "waive":
            return forbearance.waive(loan, act.how, None, on)
        case "pause":
            return forbearance.pause(loan, on, on + act.amount * DAY, on)
        case "reschedule":
            return forbearance.reschedule(loan, on, **act.how)
        case "charge off":
            return losses.charge_off(loan, on)
        case _:
            by = "one" if loan.terms.write_off_asked_by is None else "two"
            return losses.write_off(loan, on, by)


def late(book: Book, act: Act, days: int) -> None:
    """The act told after the story, of so many days, that it belongs into."""
    on = BEGAN + act.day * DAY
    nights = Nights(BEGAN + days * DAY, book.loss_rates, book.index_values)
    told = insert(book.life(), on, on, lambda loan, day: decide(loan, act, day), nights)
    book.restate(told)


def undone(book: Book, transaction_id: int, days: int) -> None:
    nights = Nights(BEGAN + days * DAY, book.loss_rates, book.index_values)
    book.restate(undo(book.life(), transaction_id, nights))


DAYS = st.integers(0, 100)
AMOUNTS = st.sampled_from([1_00, 37_01, 350_00, 1_200_00, 3_151_49, 6_000_00, 40_000_00])
EXCESS = st.sampled_from([None, "hold", "lower_instalment", "shorter_term"])
PAYMENTS = st.builds(Act, DAYS, st.just("repay"), AMOUNTS, EXCESS)
FEES = st.builds(Act, DAYS, st.just("fee"), st.sampled_from([5_00, 17_30]))
WAIVERS = st.builds(
    Act,
    DAYS,
    st.just("waive"),
    st.just(0),
    st.sampled_from(["principal", "interest", "fee", "penalty"]),
)
CHARGE_BACKS = st.builds(Act, DAYS, st.just("charge back"), AMOUNTS)
COSTS = st.builds(Act, DAYS, st.just("cost"), st.sampled_from([7, 12_00, 350_00]))
REFUNDS = st.builds(Act, DAYS, st.just("refund"))
PAUSES = st.builds(Act, DAYS, st.just("pause"), st.integers(0, 60))
NEW_TERMS = st.fixed_dictionaries(
    {},
    optional={
        "instalments": st.integers(1, 12),
        "annual_rate": st.sampled_from([Decimal(0), Decimal(6), Decimal("19.99")]),
        "capitalise": st.booleans(),
    },
)
RESCHEDULES = st.builds(Act, DAYS, st.just("reschedule"), st.just(0), NEW_TERMS)
LOSSES = st.builds(Act, DAYS, st.sampled_from(["charge off", "write off", "write off"]))
TRANCHES = st.builds(Act, st.integers(1, 90), st.just("disburse"), st.sampled_from([0, 1_000_00]))

# The bank has set none, or some; or others from a day on that few loans are late by.
LOSS_RATES = (
    (),
    (LossRates(first_day=BEGAN),),
    (
        LossRates(first_day=BEGAN, current=Decimal("0.333333")),
        LossRates(
            first_day=BEGAN + 45 * DAY,
            current=Decimal(0),
            days_1=Decimal("12.5"),
            days_30=Decimal(100),
            days_60=Decimal(30),
        ),
    ),
)

# What is done again as it was done: a waiver or a refund is of what was open then.
HONEST = st.lists(st.one_of(PAYMENTS, PAYMENTS, FEES, COSTS, CHARGE_BACKS, PAUSES), max_size=8)
ANY = st.lists(
    st.one_of(
        *(PAYMENTS, PAYMENTS, FEES, COSTS, WAIVERS, REFUNDS),
        *(PAUSES, RESCHEDULES, LOSSES, TRANCHES, CHARGE_BACKS),
    ),
    max_size=8,
)


ANY_RULE: tuple[DayRule | None, ...] = (None, *DAY_RULES)
FOLLOWED = (
    None,
    None,
    FollowedIndex(margin=Decimal(1), reset_months=1, floor=Decimal(0)),
    FollowedIndex(margin=Decimal("3.5"), reset_months=2, cap=Decimal(6)),
)
FEES_OF_INSTALMENTS = (
    None,
    InstalmentFee(flat=2_50),
    InstalmentFee(of_principal=Decimal("0.5"), of_instalment=Decimal("0.25")),
)


@st.composite
def products(draw: st.DrawFn) -> Product:
    """One of the bank's, with other orders, methods, rates and days."""
    product = draw(st.sampled_from(list(PRODUCTS.values())))
    moves = draw(st.booleans())
    follows = draw(st.sampled_from(FOLLOWED))
    return msgspec.structs.replace(
        product,
        amount_min=1,
        instalments_min=1,
        method=draw(st.sampled_from(["annuity", "equal_principal", "interest_only"])),
        order=draw(
            st.sampled_from(["penalty-fee-interest-principal", "interest-principal-penalty-fee"])
        ),
        axis=draw(st.sampled_from(["instalment_first", "component_first"])),
        late_rate=draw(st.sampled_from([Decimal(0), Decimal("9.05")])),
        late_fee=draw(st.sampled_from([0, 7_50])),
        late_grace_days=draw(st.integers(0, 5)),
        early_fee=draw(st.sampled_from([Decimal(0), Decimal(1)])),
        tranches_max=draw(st.sampled_from([1, 3])),
        disbursal_fee=draw(st.sampled_from([Decimal(0), Decimal("1.25"), Decimal(5)])),
        fee_income=draw(st.sampled_from(["at_once", "over_life", "over_life"])),
        non_accrual_days=draw(st.sampled_from([30, 90])),
        day_count="ACT/365F" if moves else product.day_count,
        day_rule=draw(st.sampled_from(DAY_RULES)) if moves else draw(st.sampled_from(ANY_RULE)),
        moves_accrual=moves,
        instalment_fee=draw(st.sampled_from(FEES_OF_INSTALMENTS)),
        index="EURIBOR3M" if follows else None,
        follows=follows,
    )


@st.composite
def books(draw: st.DrawFn) -> Book:
    """A loan that was paid out."""
    product = draw(products())
    count = draw(st.integers(max(1, PRODUCTS[product.name].instalments_min), 72))
    count = min(count, PRODUCTS[product.name].instalments_max)
    amount = PRODUCTS[product.name].amount_min * draw(st.integers(1, 4))
    book = Book(product, amount, count, draw(st.sampled_from(LOSS_RATES)))
    part = book.current.terms.principal // 2 if product.tranches_max > 1 else 0
    assert done(book, Act(0, "disburse", draw(st.sampled_from([0, part]))), BEGAN)
    return book
