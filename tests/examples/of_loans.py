"""Loans from the application to the last instalment, or to what was lost; and reckonings."""

from typing import Any, Final

from tests.examples.bank import Clock
from tests.examples.people import People
from tests.examples.scribe import Scribe
from tests.running_api import Person

LOAN: Final = "POST /loans/{loan_id}"


def reckonings(s: Scribe, p: People) -> None:
    quote = {
        "principal": 12000,
        "method": "annuity",
        "annual_rate": "6.5",
        "instalments": 12,
        "disbursed_on": "2026-03-16",
    }
    s.done(None, "POST /loans/quote", quote)
    s.refused(None, "POST /loans/quote", "terms-contradict", quote | {"periodic_rate": "0.5"})
    s.refused(None, "POST /loans/quote", "body-invalid", {"principal": 12000})
    flows = {
        "advances": [{"amount": 1000, "on": "2026-03-16"}],
        "payments": [{"amount": 1200, "on": "2027-03-16"}],
    }
    s.done(None, "POST /loans/apr", flows)
    s.refused(None, "POST /loans/apr", "terms-contradict", flows | {"payments": []})
    days = {"convention": "30E/360", "start": "2026-01-31", "end": "2026-03-16"}
    s.done(None, "POST /loans/day-count", days)
    s.refused(None, "POST /loans/day-count", "body-invalid", days | {"convention": "28/336"})


def rates(s: Scribe, p: People) -> None:
    plan = {
        "account_type": "savings",
        "currency": "EUR",
        "first_day": "2026-01-01",
        "tiers": [{"rate": "1.5"}, {"above": 10000, "rate": "2"}],
        "withholding_rate": "15",
    }
    s.done(p.admin, "POST /rate-plans", plan)
    s.refused(
        p.admin, "POST /rate-plans", "rate-out-of-range", plan | {"tiers": [{"rate": "2000"}]}
    )
    s.refused(
        p.admin,
        "POST /rate-plans",
        "tiers-out-of-order",
        plan | {"tiers": [{"above": 10000, "rate": "2"}, {"above": 10, "rate": "1"}]},
    )
    s.done(p.holder, "GET /rate-plans")
    value = {"index": "EURIBOR3M", "on": "2026-03-02", "value": "2.015"}
    s.done(p.admin, "POST /rate-indexes", value)
    s.refused(p.admin, "POST /rate-indexes", "index-not-found", value | {"index": "LIBOR"})
    s.done(p.holder, "GET /rate-indexes")
    rates = {
        "first_day": "2026-03-16",
        "current": "1",
        "days_1": "5",
        "days_30": "20",
        "days_60": "50",
        "days_90": "100",
    }
    s.done(p.admin, "POST /loss-rates", rates)
    s.refused(p.admin, "POST /loss-rates", "rate-out-of-range", rates | {"days_30": "101"})
    s.done(p.auditor, "GET /loss-rates")


def applications(s: Scribe, p: People) -> None:
    asked = {
        "product": "instalment",
        "amount": 12000,
        "instalments": 4,
        "income": 10000,
        "account_id": p.account_id,
        "purpose": "a kitchen",
    }
    s.done(p.holder, "GET /loans/products")
    applied = s.done(p.holder, "POST /loans/apply", asked)
    s.refused(p.holder, "POST /loans/apply", "product-not-found", asked | {"product": "magic"})
    s.refused(p.holder, "POST /loans/apply", "loan-amount-not-offered", asked | {"amount": 50})
    s.refused(p.holder, "POST /loans/apply", "account-not-found", asked | {"account_id": 999999})
    one = {"loan_id": applied["loan_id"]}
    s.done(p.officer, f"{LOAN}/approve", {}, **one)
    s.done(p.officer, f"{LOAN}/undo-approval", {"reason": "the income is looked at again"}, **one)
    s.refused(
        p.officer,
        f"{LOAN}/undo-approval",
        "loan-status-forbids",
        {"reason": "looked at again"},
        **one,
    )
    s.refused(p.holder, f"{LOAN}/accept", "loan-status-forbids", {}, **one)
    s.refused(p.officer, f"{LOAN}/disburse", "loan-status-forbids", {}, **one)
    p.officer.post(f"/v1/loans/{applied['loan_id']}/approve")
    s.refused(p.officer, f"{LOAN}/approve", "loan-status-forbids", {}, **one)
    s.done(p.holder, f"{LOAN}/accept", {"account_id": p.account_id}, **one)
    s.done(p.officer, f"{LOAN}/disburse", {}, **one)
    s.done(p.officer, f"{LOAN}/cost", {"amount": 30, "counterparty": "Credit bureau"}, **one)
    declined = _applied(p.holder, asked | {"income": 1000})
    s.refused(p.officer, f"{LOAN}/approve", "rules-not-met", {}, **declined)
    s.done(
        p.officer,
        f"{LOAN}/decline",
        {"reasons": ["income insufficient for the amount requested"]},
        **declined,
    )
    s.refused(
        p.officer,
        f"{LOAN}/decline",
        "loan-status-forbids",
        {"reasons": ["income insufficient"]},
        **declined,
    )
    s.refused(p.holder, f"{LOAN}/withdraw", "loan-status-forbids", {}, **declined)
    s.done(p.holder, f"{LOAN}/withdraw", {}, **_applied(p.holder, asked))
    p.loan_id = applied["loan_id"]


def _applied(person: Person, asked: dict[str, Any]) -> dict[str, int]:
    answer = person.post("/v1/loans/apply", asked)
    assert answer.status_code == 201, answer.text
    return {"loan_id": answer.json()["loan_id"]}


def _lent(p: People, amount: int) -> dict[str, int]:
    asked = {
        "product": "instalment",
        "amount": amount,
        "instalments": 4,
        "income": 10000,
        "account_id": p.account_id,
    }
    one = _applied(p.holder, asked)
    for who, step in ((p.officer, "approve"), (p.holder, "accept"), (p.officer, "disburse")):
        answer = who.post(f"/v1/loans/{one['loan_id']}/{step}")
        assert answer.status_code == 201, answer.text
    return one


def servicing(s: Scribe, p: People, clock: Clock) -> None:
    lost, over = _lent(p, 3000), _lent(p, 500)
    clock.next_day(s.api.conninfo)
    one = {"loan_id": p.loan_id}
    s.done(p.officer, f"{LOAN}/fee", {"amount": 12, "description": "a letter"}, **one)
    s.done(
        p.officer,
        f"{LOAN}/waive",
        {"component": "fee", "amount": 12, "reason": "sent by mistake"},
        **one,
    )
    s.refused(
        p.officer,
        f"{LOAN}/waive",
        "waiver-above-open",
        {"component": "fee", "amount": 50, "reason": "sent by mistake"},
        **one,
    )
    paying = {"amount": 1000, "account_id": p.account_id, "excess": "lower_instalment"}
    repaid = s.done(p.holder, f"{LOAN}/repay", paying, **one)
    s.refused(p.holder, f"{LOAN}/repay", "insufficient-funds", paying | {"amount": 99999}, **one)
    undo = {"transaction_id": repaid["transaction_id"], "reason": "entered on the wrong loan"}
    s.done(p.officer, f"{LOAN}/undo", undo, **one)
    s.refused(p.officer, f"{LOAN}/undo", "nothing-to-undo", undo, **one)
    outside = p.teller.post(
        f"/v1/loans/{p.loan_id}/repay", {"amount": 200, "counterparty": "Another bank"}
    ).json()
    back = {"transaction_id": outside["transaction_id"], "reason": "taken back by the payer's bank"}
    s.done(p.teller, f"{LOAN}/charge-back", back, **one)
    s.refused(p.teller, f"{LOAN}/charge-back", "charge-back-above-repayment", back, **one)
    s.refused(p.officer, f"{LOAN}/recover", "loan-status-forbids", {"amount": 10}, **one)
    s.refused(
        p.officer,
        f"{LOAN}/refund",
        "refund-above-credit",
        {"amount": 10, "account_id": p.account_id},
        **one,
    )
    s.done(
        p.officer,
        f"{LOAN}/pause",
        {"first": "2026-04-01", "last": "2026-04-30", "reason": "out of work"},
        **one,
    )
    s.done(
        p.officer,
        f"{LOAN}/reschedule",
        {"instalments": 6, "reason": "out of work", "forborne": True},
        **one,
    )
    s.done(p.holder, "GET /loans")
    for reading in ("", "/schedule", "/payoff", "/statement"):
        s.done(p.holder, f"GET /loans/{{loan_id}}{reading}", **one)
    s.done(p.auditor, "GET /loans/{loan_id}/accounting", **one)
    s.done(p.auditor, "GET /reports/loan-portfolio")
    answer = p.holder.post(
        f"/v1/loans/{over['loan_id']}/repay", {"amount": 700, "account_id": p.account_id}
    )
    assert answer.status_code == 201, answer.text
    s.done(p.officer, f"{LOAN}/refund", {"account_id": p.account_id}, **over)
    for call, body in (
        ("repay", paying),
        ("refund", {}),
        ("fee", {"amount": 12}),
        ("cost", {"amount": 12}),
        ("waive", {"component": "fee"}),
        ("pause", {"first": "2026-04-01", "last": "2026-04-30"}),
        ("reschedule", {"instalments": 6}),
        ("charge-off", {"reason": "insolvency"}),
        ("write-off", {"reason": "insolvency"}),
    ):
        s.refused(
            p.holder if call == "repay" else p.officer,
            f"{LOAN}/{call}",
            "loan-status-forbids",
            body,
            **over,
        )
    s.refused(p.holder, "GET /loans/{loan_id}/payoff", "loan-status-forbids", **over)
    s.done(p.officer, f"{LOAN}/charge-off", {"reason": "insolvency"}, **lost)
    s.done(p.officer, f"{LOAN}/write-off", {"reason": "insolvency"}, **lost)
    s.refused(p.officer, f"{LOAN}/write-off", "same-person", {"reason": "insolvency"}, **lost)
    p.second_officer.post(f"/v1/loans/{lost['loan_id']}/write-off", {"reason": "insolvency"})
    s.done(p.officer, f"{LOAN}/recover", {"amount": 500, "counterparty": "Debt collector"}, **lost)
    s.refused(p.officer, f"{LOAN}/recover", "recovery-above-debt", {"amount": 5000}, **lost)
