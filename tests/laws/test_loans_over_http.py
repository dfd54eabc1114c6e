"""Life stories of loans over HTTP, told to the pure core as well: the served books are what it says."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from application import clock
from application.commands import Details
from application.loan_days import end_loan_day
from daybook.loading import bring_views_up
from domain.amortisation.index_rates import IndexValue
from domain.loans import repaying
from domain.loans.loan import Dated, Loan
from domain.loans.loss_rates import LossRates
from domain.loans.products import PRODUCTS
from domain.loans.restating import Nights, undo
from domain.refusals import Refused
from ledger.chart_of_accounts import TRANSFERS_IN_TRANSIT
from tests.bank import Bank, ask
from tests.laws import loan_stories as stories
from tests.laws.loan_stories import DAY, Act, Book, decide
from tests.running_api import RunningApi, running_api

TODAY = clock.now().date()
pytestmark = pytest.mark.usefixtures("one_day")
# Days of a story, which ends today.
STORY = 100
FUNDS = 1_000_000
NAMES = ["instalment", "personal", "business", "bridge", "store", "seasonal", "variable"]
INDEX = tuple(
    IndexValue(TODAY - days * DAY, Decimal(value))
    for days, value in ((9_000, "2"), (STORY // 2, "3.25"), (10, "-0.75"))
)
RATES = LossRates(first_day=TODAY - STORY * DAY, current=Decimal(3), days_1=Decimal("7.5"))
ACTS = st.lists(
    st.one_of(
        *(stories.PAYMENTS, stories.PAYMENTS, stories.FEES, stories.COSTS, stories.WAIVERS),
        *(stories.REFUNDS, stories.PAUSES, stories.RESCHEDULES, stories.TRANCHES),
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def api(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(module_database, tmp_path_factory.mktemp("api")) as running:
        admin = running.person("admin")
        for each in INDEX:
            told = {"index": "EURIBOR3M", "on": str(each.on), "value": str(each.value)}
            _done(admin.post("/v1/rate-indexes", told))
        body = {"first_day": str(RATES.first_day), "current": 3, "days_1": "7.5"}
        _done(admin.post("/v1/loss-rates", body))
        yield running


class Told:
    """A loan over HTTP, and the same loan on the pure core. What one refuses, the other must."""

    def __init__(self, api: RunningApi, name: str, count: int, *, in_parts: bool) -> None:
        self.api, self.began = api, TODAY - STORY * DAY
        self.borrower, self.officer = api.person(), api.person("loan_officer")
        self.account_id = api.account(self.borrower, FUNDS)
        product = PRODUCTS[name]
        principal = product.amount_min * 2
        self.book = Book(product, principal, count, (RATES,), began=self.began, index_values=INDEX)
        asked = {"product": name, "amount": principal // 100, "instalments": count}
        asked |= {"income": 10_000_000, "collateral": 10**9, "age": 30}
        self.loan_id = _done(self.borrower.post("/v1/loans/apply", asked))["loan_id"]
        self.before = _nets(api)
        _done(self.officer.post(f"/v1/loans/{self.loan_id}/approve"))
        _done(self.borrower.post(f"/v1/loans/{self.loan_id}/accept"))
        part = principal // 2 if in_parts and product.tranches_max > 1 else 0
        first = Act(0, "disburse", part, self.account_id)
        assert self.act(first, self.began)

    def act(self, act: Act, on: dt.date) -> dict[str, Any] | None:
        """Do it on both; the answer, or None where it was refused by both."""
        answer = self._over_http(act, on)
        went = self.book.do(lambda loan: self._decided(loan, act, on), on)
        assert (answer.status_code == 201) == went, (act, on, answer.text)
        return answer.json() if went else None

    def nights(self, first: dt.date, last: dt.date) -> None:
        days = [first + n * DAY for n in range((last - first).days + 1)]
        with Bank(self.api.conninfo) as bank:
            commands = [
                end_loan_day(
                    ask(f"{self.loan_id}/{day}"),
                    self.loan_id,
                    Details(booking_date=day, reason="end of day"),
                )
                for day in days
            ]
            assert {answer.status for answer in bank.submit_all(commands)} <= {201}
        for day in days:
            self.book.night(day)

    def _decided(self, loan: Loan, act: Act, on: dt.date) -> list[Dated]:
        if act.what == "repay":
            source = self._source(act)
            return repaying.repay(loan, act.amount, on, excess=act.how, from_account=source)
        return decide(loan, act, on, INDEX)

    def _source(self, act: Act) -> int | None:
        """Some payments come from the account, others from another bank."""
        return self.account_id if act.day % 2 else None

    def _over_http(self, act: Act, on: dt.date) -> httpx.Response:
        amount = {"amount": str(Decimal(act.amount).scaleb(-2))} if act.amount else {}
        more: dict[str, Any] = {}
        match act.what:
            case "disburse":
                more = amount | ({"account_id": act.how} if act.how else {"external": True})
            case "repay":
                source = self._source(act)
                more = amount | ({"account_id": source} if source else {})
                more |= {"excess": act.how} if act.how else {}
            case "fee" | "cost":
                more = amount
            case "waive":
                more = {"component": act.how}
            case "pause":
                more = {"first": str(on), "last": str(on + act.amount * DAY)}
            case "reschedule":
                more = {name: str(v) if name == "annual_rate" else v for name, v in act.how.items()}
        if on < TODAY:
            more |= {"booking_date": str(on), "reason": "told later"}
        return self.officer.post(f"/v1/loans/{self.loan_id}/{act.what}", more)

    def compare(self) -> None:
        """The served books, loan and schedule are what the core says; every clearing is explained."""
        assert bring_views_up(self.api.conninfo)
        after = _nets(self.api)
        moved = {code: after[code] - self.before[code] for code in {*after, *self.before}}
        balance = self.borrower.get(f"/v1/accounts/{self.account_id}/balance").json()["balance"]
        sums = dict(self.book.sums)
        assert _cents(balance) - FUNDS * 100 == -sums.pop(TRANSFERS_IN_TRANSIT, 0)
        sums[2110] = FUNDS * 100 - _cents(balance)
        assert {c: net for c, net in moved.items() if net} == {c: n for c, n in sums.items() if n}
        path = f"/v1/loans/{self.loan_id}"
        for day in {self.began, TODAY - STORY // 2 * DAY, TODAY - DAY, TODAY}:
            served = self.borrower.get(path, as_of=str(day)).json()
            figures = self.book.life(as_of=day)[-1].loan.figures
            assert [_cents(served[name]) for name in SERVED] == [
                figures.principal,
                figures.interest + figures.suspended,
                figures.fees,
                figures.penalties,
                figures.overpaid,
            ]
            valuation = self.officer.get(f"{path}/accounting", as_of=str(day)).json()
            assert [_cents(valuation[name]) for name in VALUED] == [
                *msgspec.structs.astuple(self.book.life(as_of=day)[-1].loan.figures.valuation)
            ]
        loan = self.book.current
        if loan.terms.status == "active":
            ends = repaying.payoff(loan, max(TODAY, loan.figures.through)).total
            assert _cents(self.borrower.get(f"{path}/payoff").json()["total"]) == ends


VALUED = ("allowance", "deferred_fees", "deferred_costs")
SERVED = ("principal", "interest", "fees", "penalties", "overpaid")


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    # A story takes seconds: what fails is told as it was found.
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.sampled_from(NAMES), st.integers(2, 12), st.booleans(), ACTS)
def test_life_stories_over_http_are_what_the_pure_core_says(
    api: RunningApi, name: str, count: int, in_parts: bool, acts: list[Act]
) -> None:
    told = Told(api, name, max(count, PRODUCTS[name].instalments_min), in_parts=in_parts)
    paid: tuple[int, int] | None = None
    next_night = 0
    for act in sorted(acts, key=lambda act: act.day):
        day = min(act.day, STORY)
        if day > next_night:
            told.nights(told.began + next_night * DAY, told.began + (day - 1) * DAY)
            next_night = day
        answer = told.act(act, told.began + day * DAY)
        if answer is not None and act.what == "repay":
            paid = answer["transaction_id"], told.book.commands
    told.nights(told.began + next_night * DAY, TODAY)
    told.compare()

    if paid is not None:
        transaction_id, command = paid
        body = {"transaction_id": transaction_id, "reason": "the payment bounced"}
        answered = told.officer.post(f"/v1/loans/{told.loan_id}/undo", body)
        assert (answered.status_code == 201) == _undone(told.book, command), answered.text
        told.compare()


def _undone(book: Book, command: int) -> bool:
    try:
        restated = undo(book.life(), command, Nights(None, (RATES,), INDEX))
    except Refused:
        return False
    book.restate(restated)
    return True


def _done(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def _cents(amount: float) -> int:
    return round(amount * 100)


def _nets(api: RunningApi) -> Counter[int]:
    """Debits less credits of each ledger account, as the trial balance tells them."""
    assert bring_views_up(api.conninfo)
    auditor = api.person("auditor")
    lines = auditor.get("/v1/ledger/trial-balance").json()["lines"]
    return Counter(
        {line["ledger_account"]: _cents(line["debits"]) - _cents(line["credits"]) for line in lines}
    )
