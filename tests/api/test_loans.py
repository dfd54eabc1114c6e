"""Loans over HTTP: applied for, decided, paid out, repaid; and seen by those they are of."""

import asyncio
import datetime as dt
from typing import Any

import psycopg
import pytest

from application import clock
from application.commands import Details
from application.loan_days import end_loan_day
from daybook.end_of_day.loans import COLLECTIONS, DAYS
from daybook.end_of_day.run import Bank, end_days
from daybook.loading import bring_views_up
from domain.loans.products import PRODUCTS
from tests.bank import Bank as Writing
from tests.bank import ask
from tests.running_api import Person, RunningApi

TODAY = clock.now().date()
pytestmark = pytest.mark.usefixtures("one_day")
DAY = dt.timedelta(days=1)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def done(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def applied(borrower: Person, amount: float = 12_000, **more: Any) -> int:
    asked = {"product": "instalment", "amount": amount, "instalments": 4, "income": 10_000, **more}
    loan_id: int = done(borrower.post("/v1/loans/apply", asked))["loan_id"]
    return loan_id


def approved(borrower: Person, officer: Person, amount: float = 12_000, **more: Any) -> int:
    loan_id = applied(borrower, amount, **more)
    done(officer.post(f"/v1/loans/{loan_id}/approve"))
    return loan_id


def late(on: dt.date) -> dict[str, Any]:
    return {"booking_date": str(on), "reason": "told later"}


def lent(
    borrower: Person, officer: Person, account_id: int, on: dt.date = TODAY, **more: Any
) -> int:
    loan_id = approved(borrower, officer, account_id=account_id, **more)
    done(borrower.post(f"/v1/loans/{loan_id}/accept"))
    dates = {} if on == TODAY else late(on)
    done(officer.post(f"/v1/loans/{loan_id}/disburse", dates))
    return loan_id


def end_each_day(api: RunningApi, first: dt.date, last: dt.date) -> None:
    """The loan steps of these days, by the writer of the run of the end of day."""
    bank = Bank(conninfo=api.conninfo, steps=(COLLECTIONS, DAYS))
    asyncio.run(end_days(bank, [first + n * DAY for n in range((last - first).days + 1)]))


def test_a_loan_is_applied_for_decided_accepted_and_paid_out_to_the_account(
    api: RunningApi,
) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    account_id = api.account(borrower)

    loan_id = applied(borrower, account_id=account_id, purpose="a kitchen")
    assert borrower.get(f"/v1/loans/{loan_id}").json()["status"] == "submitted"
    decided = done(officer.post(f"/v1/loans/{loan_id}/approve"))
    assert decided["status"] == "approved"
    assert decided["rules"][0] == {
        "rule": "debt service to income",
        "value": "0.3151",
        "threshold": "at most 0.45",
        "passed": True,
    }
    assert done(borrower.post(f"/v1/loans/{loan_id}/accept"))["status"] == "accepted"
    paid_out = done(officer.post(f"/v1/loans/{loan_id}/disburse"))

    assert (paid_out["status"], paid_out["principal"], paid_out["owed"]) == ("active", 12000, 12000)
    assert borrower.get(f"/v1/accounts/{account_id}/balance").json()["balance"] == 12000
    schedule = borrower.get(f"/v1/loans/{loan_id}/schedule").json()
    assert [row["payment"] for row in schedule["instalments"]] == [3151.49] * 3 + [3151.47]
    assert schedule["instalments"][0]["principal"] == 2911.49
    (line,) = borrower.get(f"/v1/accounts/{account_id}/history").json()
    assert (line["kind"], line["amount"]) == ("loan_disbursement", 12000)
    assert borrower.get(f"/v1/loans/{loan_id}/payoff").json()["total"] == 12000, (
        "on the first day no interest is earned yet"
    )


# What a quote is asked for by, in the words of the products.
QUOTED = (
    *("method", "annual_rate", "every", "unit", "day_count"),
    *("instalment_fee", "business_days", "moves_accrual"),
)


@pytest.mark.parametrize(
    ("product", "amount", "instalments"),
    [
        ("personal", 7_000, 36),
        ("instalment", 1_234, 7),
        ("mortgage", 90_000, 120),
        ("business", 12_345, 24),
        ("bridge", 20_000, 12),
        ("store", 777, 30),
        ("seasonal", 9_876, 17),
    ],
)
def test_a_loan_is_repaid_as_it_was_quoted(
    api: RunningApi, product: str, amount: int, instalments: int
) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    account_id = api.account(borrower)
    loan_id = lent(
        borrower,
        officer,
        account_id,
        product=product,
        amount=amount,
        instalments=instalments,
        income=100_000,
        collateral=500_000,
    )
    (agreed,) = (p for p in borrower.get("/v1/loans/products").json() if p["product"] == product)

    quoted = borrower.post(
        "/v1/loans/quote",
        {
            "principal": amount,
            "currency": "EUR",
            "instalments": instalments,
            "disbursed_on": str(TODAY),
            **{f: agreed[f] for f in QUOTED},
            "rounding": PRODUCTS[product].rounding,
        },
    ).json()

    columns = ("number", "until", "due", "principal", "interest", "fee", "payment", "balance")
    schedule = borrower.get(f"/v1/loans/{loan_id}/schedule").json()
    assert [[row[c] for c in columns] for row in schedule["instalments"]] == [
        [row[c] for c in columns] for row in quoted["instalments"]
    ]


def test_a_borrower_repays_from_the_account_and_the_loan_ends(api: RunningApi) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    account_id = api.account(borrower, 500)
    loan_id = lent(borrower, officer, account_id)

    repaid = done(
        borrower.post(f"/v1/loans/{loan_id}/repay", {"amount": 12000, "account_id": account_id})
    )

    assert (repaid["status"], repaid["owed"]) == ("closed", 0)
    assert borrower.get(f"/v1/accounts/{account_id}/balance").json()["balance"] == 500
    again = borrower.post(f"/v1/loans/{loan_id}/repay", {"amount": 1, "account_id": account_id})
    assert code(again) == (409, "loan-status-forbids")
    kinds = [
        line["kind"] for line in borrower.get(f"/v1/loans/{loan_id}/statement").json()["lines"]
    ]
    assert kinds == ["loan_disbursement", "loan_repayment"]


def test_a_repayment_without_the_money_for_it_changes_neither_account_nor_loan(
    api: RunningApi,
) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    account_id = api.account(borrower)
    loan_id = lent(borrower, officer, account_id)
    spent = borrower.post(f"/v1/accounts/{account_id}/withdraw", {"amount": 12000})
    assert spent.status_code == 201

    refused = borrower.post(f"/v1/loans/{loan_id}/repay", {"amount": 100, "account_id": account_id})

    assert code(refused) == (409, "insufficient-funds")
    assert borrower.get(f"/v1/loans/{loan_id}").json()["owed"] == 12000


def test_days_earn_interest_the_instalment_is_collected_and_the_rest_is_late(
    api: RunningApi,
) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    account_id = api.account(borrower)
    began = TODAY - 70 * DAY
    loan_id = lent(borrower, officer, account_id, began)
    schedule = borrower.get(f"/v1/loans/{loan_id}/schedule").json()
    first, second = (dt.date.fromisoformat(row["due"]) for row in schedule["instalments"][:2])
    spent = borrower.post(f"/v1/accounts/{account_id}/withdraw", {"amount": 8000})
    assert spent.status_code == 201

    end_each_day(api, began, TODAY)

    def seen(on: dt.date) -> dict[str, Any]:
        body: dict[str, Any] = borrower.get(f"/v1/loans/{loan_id}", as_of=str(on)).json()
        return body

    assert seen(first - DAY)["interest"] < 240
    assert (seen(first)["interest"], seen(first)["principal"]) == (0, 9088.51)
    # There were 848.51 left for the second instalment of 3,151.49.
    assert seen(second)["due"] == 2302.98
    assert (seen(second)["days_past_due"], seen(second + DAY)["days_past_due"]) == (0, 1)
    now = seen(TODAY)
    assert now["bucket"] == "1-29"
    assert now["penalties"] == 10
    assert now["days_past_due"] == (TODAY - second).days
    listed = officer.get("/v1/loans", in_arrears="true").json()
    assert loan_id in [row["loan_id"] for row in listed]


def test_two_people_approve_a_loan_above_the_limit_of_one(api: RunningApi) -> None:
    borrower, one, other = api.person(), api.person("loan_officer"), api.person("loan_officer")
    loan_id = applied(borrower, 16_000, income=20_000)
    path = f"/v1/loans/{loan_id}/approve"

    assert done(one.post(path))["status"] == "in_review"
    assert code(one.post(path)) == (409, "same-person")
    assert done(other.post(path))["status"] == "approved"


def test_an_officer_leaves_a_loan_that_is_the_officer_s_own_to_another(api: RunningApi) -> None:
    """One who was a customer when he applied, and works at the bank by now."""
    borrower, officer = api.person(), api.person("loan_officer")
    loan_id = applied(borrower)
    with psycopg.connect(api.conninfo) as connection:
        connection.execute(
            "UPDATE users SET role = 'loan_officer' WHERE user_id = %s", [borrower.user_id]
        )
    hired = api.signed_in(borrower.user_id, borrower.username)

    refused = hired.post(f"/v1/loans/{loan_id}/approve", {"override": "I am good for it"})

    assert code(refused) == (403, "not-permitted")
    assert refused.json()["detail"] == "The role loan_officer may not act on a loan of their own."
    assert hired.get(f"/v1/loans/{loan_id}").json()["status"] == "submitted"
    assert done(officer.post(f"/v1/loans/{loan_id}/approve"))["status"] == "approved"


def test_an_application_against_the_rules_takes_a_reason_and_leaves_them_all_behind(
    api: RunningApi,
) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    loan_id = applied(borrower, income=3000)

    refused = officer.post(f"/v1/loans/{loan_id}/approve")
    assert code(refused) == (409, "rules-not-met")
    assert "instalment to income" in refused.json()["figures"]["rules"]
    reason = "the borrower's parents stand surety"
    overridden = done(officer.post(f"/v1/loans/{loan_id}/approve", {"override": reason}))

    assert overridden["reasons"] == [reason]
    assert [rule["passed"] for rule in overridden["rules"]].count(False) >= 1


def test_a_declined_application_says_why_and_is_over(api: RunningApi) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    loan_id = applied(borrower)
    reasons = ["income insufficient for the amount requested"]

    done(officer.post(f"/v1/loans/{loan_id}/decline", {"reasons": reasons}))

    told = borrower.get(f"/v1/loans/{loan_id}").json()
    assert (told["status"], told["reasons"]) == ("declined", reasons)
    assert code(officer.post(f"/v1/loans/{loan_id}/approve")) == (409, "loan-status-forbids")


def test_to_a_stranger_a_loan_does_not_exist_and_its_holder_decides_nothing(
    api: RunningApi,
) -> None:
    borrower, stranger, auditor = api.person(), api.person(), api.person("auditor")
    loan_id = applied(borrower)

    for path in ("", "/schedule", "/payoff", "/statement"):
        assert code(stranger.get(f"/v1/loans/{loan_id}{path}")) == (404, "loan-not-found")
    assert code(stranger.post(f"/v1/loans/{loan_id}/accept")) == (404, "loan-not-found")
    assert code(stranger.post(f"/v1/loans/{loan_id}/approve")) == (404, "loan-not-found")
    assert code(borrower.post(f"/v1/loans/{loan_id}/approve")) == (403, "not-permitted")
    assert auditor.get(f"/v1/loans/{loan_id}").status_code == 200
    assert stranger.get("/v1/loans").json() == []
    assert [row["loan_id"] for row in borrower.get("/v1/loans").json()] == [loan_id]


def test_what_no_product_offers_is_refused_by_name(api: RunningApi) -> None:
    borrower = api.person()

    def asked(**changed: Any) -> Any:
        body = {"product": "instalment", "amount": 1000, "instalments": 4, "income": 3000}
        return borrower.post("/v1/loans/apply", body | changed)

    assert code(asked(product="magic")) == (422, "product-not-found")
    assert code(asked(amount=50)) == (422, "loan-amount-not-offered")
    assert code(asked(instalments=25)) == (422, "loan-term-not-offered")
    assert code(asked(user_id=99)) == (404, "customer-not-found")
    products = borrower.get("/v1/loans/products").json()
    assert {"personal", "mortgage"} <= {row["product"] for row in products}


def test_the_same_key_repays_once(api: RunningApi) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    account_id = api.account(borrower)
    loan_id = lent(borrower, officer, account_id)
    body = {"amount": 100, "account_id": account_id}

    first = borrower.post(f"/v1/loans/{loan_id}/repay", body, key="once")
    second = borrower.post(f"/v1/loans/{loan_id}/repay", body, key="once")

    assert first.content == second.content
    loan = borrower.get(f"/v1/loans/{loan_id}").json()
    # Nothing was due, so it is held for the first instalment.
    assert (loan["owed"], loan["overpaid"]) == (12000, 100)


def test_an_overpayment_is_given_back(api: RunningApi) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    account_id = api.account(borrower, 700)
    loan_id = lent(borrower, officer, account_id)
    body = {"amount": 12600, "account_id": account_id}

    over = done(borrower.post(f"/v1/loans/{loan_id}/repay", body))
    assert (over["status"], over["overpaid"]) == ("overpaid", 600)
    too_much = officer.post(
        f"/v1/loans/{loan_id}/refund", {"amount": 601, "account_id": account_id}
    )
    back = done(officer.post(f"/v1/loans/{loan_id}/refund", {"account_id": account_id}))

    assert code(too_much) == (409, "refund-above-credit")
    assert (back["status"], back["overpaid"]) == ("closed", 0)
    assert borrower.get(f"/v1/accounts/{account_id}/balance").json()["balance"] == 700


def test_a_loan_written_off_takes_two_people_and_can_still_be_recovered(api: RunningApi) -> None:
    borrower, one, other = api.person(), api.person("loan_officer"), api.person("loan_officer")
    account_id = api.account(borrower)
    loan_id = lent(borrower, one, account_id)
    why = {"reason": "insolvency"}

    done(one.post(f"/v1/loans/{loan_id}/charge-off", why))
    assert one.get(f"/v1/loans/{loan_id}").json()["debt_charged_off"] == 12000
    done(one.post(f"/v1/loans/{loan_id}/write-off", why))
    assert code(one.post(f"/v1/loans/{loan_id}/write-off", why)) == (409, "same-person")
    assert done(other.post(f"/v1/loans/{loan_id}/write-off", why))["status"] == "written_off"
    recovered = done(one.post(f"/v1/loans/{loan_id}/recover", {"amount": 2000}))

    assert (recovered["status"], recovered["debt_charged_off"]) == ("written_off", 10000)
    above = one.post(f"/v1/loans/{loan_id}/recover", {"amount": 10001})
    assert code(above) == (409, "recovery-above-debt")


def test_a_repayment_told_late_counts_from_its_day_and_what_was_known_stays_known(
    api: RunningApi,
) -> None:
    borrower, officer, teller = api.person(), api.person("loan_officer"), api.person("teller")
    began = TODAY - 45 * DAY
    loan_id = lent(borrower, officer, api.account(borrower), began)
    due = dt.date.fromisoformat(
        borrower.get(f"/v1/loans/{loan_id}/schedule").json()["instalments"][0]["due"]
    )
    # What was paid out is gone, so that nothing can be collected.
    account_id = borrower.get(f"/v1/loans/{loan_id}").json()["account_id"]
    borrower.post(f"/v1/accounts/{account_id}/withdraw", {"amount": 12000})
    end_loan_days(api, loan_id, began, TODAY - DAY)
    before = officer.get(f"/v1/loans/{loan_id}").json()
    assert (before["bucket"], before["penalties"]) == ("1-29", 10)

    body = {"amount": 3151.49, **late(due)}
    forbidden = borrower.post(f"/v1/loans/{loan_id}/repay", body | {"account_id": account_id})
    after = done(teller.post(f"/v1/loans/{loan_id}/repay", body, key="late"))
    again = done(teller.post(f"/v1/loans/{loan_id}/repay", body, key="late"))

    assert code(forbidden) == (403, "not-permitted")
    assert again == after
    assert (after["bucket"], after["penalties"], after["principal"]) == ("current", 0, 9088.51)
    known = {"known_at": before["position"], "as_of": str(TODAY)}
    then = officer.get(f"/v1/loans/{loan_id}", **known).json()
    assert (then["penalties"], then["principal"]) == (10, 12000)
    on_the_day = officer.get(f"/v1/loans/{loan_id}", as_of=str(due)).json()
    assert (on_the_day["principal"], on_the_day["interest"]) == (9088.51, 0)
    schedule = officer.get(f"/v1/loans/{loan_id}/schedule").json()
    assert [row["status"] for row in schedule["instalments"]] == ["paid", "due", "due", "due"]
    assert suspended_items(api) == 0


def test_an_undone_repayment_gives_the_money_back_and_the_debt_too(api: RunningApi) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    account_id = api.account(borrower)
    loan_id = lent(borrower, officer, account_id)
    body = {"amount": 5000, "account_id": account_id, "excess": "lower_instalment"}
    repaid = done(borrower.post(f"/v1/loans/{loan_id}/repay", body))
    assert repaid["principal"] == 7000

    undo = {"transaction_id": repaid["transaction_id"], "reason": "entered on the wrong loan"}
    undone = done(officer.post(f"/v1/loans/{loan_id}/undo", undo))
    again = officer.post(f"/v1/loans/{loan_id}/undo", undo)
    plain = officer.post(f"/v1/transactions/{repaid['transaction_id']}/reverse", {"reason": "why"})

    assert (undone["principal"], undone["overpaid"]) == (12000, 0)
    assert borrower.get(f"/v1/accounts/{account_id}/balance").json()["balance"] == 12000
    assert code(again) == (409, "nothing-to-undo")
    assert plain.status_code in (403, 409)
    payments = [
        row["payment"]
        for row in borrower.get(f"/v1/loans/{loan_id}/schedule").json()["instalments"]
    ]
    assert payments == [3151.49] * 3 + [3151.47]


def test_a_disbursement_is_undone_while_the_money_is_there(api: RunningApi) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    account_id = api.account(borrower)
    loan_id = lent(borrower, officer, account_id)
    (line,) = borrower.get(f"/v1/accounts/{account_id}/history").json()

    undo = {"transaction_id": line["transaction_id"], "reason": "paid to the wrong account"}
    undone = done(officer.post(f"/v1/loans/{loan_id}/undo", undo))

    assert (undone["status"], undone["disbursed"]) == ("accepted", 0)
    assert borrower.get(f"/v1/accounts/{account_id}/balance").json()["balance"] == 0


def test_the_portfolio_says_what_is_late_as_of_any_day_and_as_known_at_any_moment(
    api: RunningApi,
) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    account_id = api.account(borrower)
    before = portfolio(officer)
    loan_id = lent(borrower, officer, account_id, TODAY - 150 * DAY)
    borrower.post(f"/v1/accounts/{account_id}/withdraw", {"amount": 12000})
    end_loan_days(api, loan_id, TODAY - 150 * DAY, TODAY)

    now = portfolio(officer)
    due = dt.date.fromisoformat(officer.get(f"/v1/loans/{loan_id}").json()["past_due_since"])

    assert now["outstanding"] - before["outstanding"] == 12000
    assert now["par90"] - before["par90"] == 12000
    assert now["non_accrual"] - before["non_accrual"] == 12000
    assert sum(row["outstanding"] for row in now["ageing"]) == now["outstanding"]
    for late_by, bucket in ((0, "current"), (1, "1-29"), (29, "1-29"), (30, "30-59"), (90, "90+")):
        on = due + late_by * DAY
        told = {row["bucket"]: row for row in portfolio(officer, as_of=str(on))["ageing"]}
        assert told[bucket]["outstanding"] >= 12000
        assert officer.get(f"/v1/loans/{loan_id}", as_of=str(on)).json()["bucket"] == bucket
    vintage = next(row for row in now["vintages"] if row["vintage"] == str(TODAY - 150 * DAY)[:7])
    assert vintage["disbursed"] == 12000
    table = officer.get("/v1/reports/loan-portfolio", format="csv")
    assert table.text.splitlines()[0].startswith('"currency","section","name","loans"')
    assert code(borrower.get("/v1/reports/loan-portfolio")) == (403, "not-permitted")


def portfolio(person: Person, **moment: Any) -> dict[str, Any]:
    answer = person.get("/v1/reports/loan-portfolio", **moment)
    assert answer.status_code == 200, answer.text
    nothing = {"outstanding": 0, "par90": 0, "non_accrual": 0, "ageing": [], "vintages": []}
    found: dict[str, Any] = (answer.json() or [nothing])[0]
    return found


def end_loan_days(api: RunningApi, loan_id: int, first: dt.date, last: dt.date) -> None:
    """The days of one loan, where the bank has ended days already."""
    with Writing(api.conninfo) as bank:
        for n in range((last - first).days + 1):
            details = Details(booking_date=first + n * DAY, reason="end of day")
            answer = bank.submit(end_loan_day(ask(f"{loan_id}/{n}"), loan_id, details))
            assert answer.status == 201, answer.body
    assert bring_views_up(api.conninfo)


def suspended_items(api: RunningApi) -> int:
    """What hangs between two streams: nothing, at any commit."""
    with psycopg.connect(api.conninfo) as connection:
        row = connection.execute(
            "SELECT coalesce(sum(debit - credit), 0) FROM readmodels.journal_lines"
            " WHERE ledger_account = 2320"
        ).fetchone()
    assert row is not None
    return int(row[0])
