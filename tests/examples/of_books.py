"""The books, reports, evidence, persons and operation, call by call."""

from tests.examples.bank import Clock
from tests.examples.people import People
from tests.examples.scribe import Scribe


def books(s: Scribe, p: People, clock: Clock) -> None:
    capital = {"amount": 5000000, "paid_into": "central_bank", "reason": "founding of the bank"}
    s.done(p.compliance, "POST /ledger/capital", capital)
    s.refused(
        p.compliance, "POST /ledger/capital", "unknown-currency", capital | {"currency": "XXX"}
    )
    settling = {"incoming": 18250.40, "outgoing": 9310.25, "reference": "RTGS-20260317-EUR-1"}
    s.done(p.compliance, "POST /ledger/interbank-settlements", settling)
    s.refused(
        p.compliance, "POST /ledger/interbank-settlements", "settlement-already-booked", settling
    )
    s.done(p.auditor, "GET /ledger/chart-of-accounts")
    s.done(p.auditor, "GET /ledger/trial-balance")
    s.done(p.auditor, "GET /ledger/journal", account_id=p.account_id)
    s.done(p.auditor, "GET /ledger/balance-sheet")
    s.done(p.auditor, "GET /ledger/income-statement")
    s.done(p.auditor, "GET /ledger/cash-flow")
    s.done(p.auditor, "GET /ledger/business-days")
    s.done(p.holder, "GET /accounts/{account_id}/interest", account_id=p.savings_id)
    s.done(p.holder, "GET /reports/transaction-summary", **{"from": "2026-03-01"})
    s.done(p.holder, "GET /reports/spending", **{"from": "2026-03-01"})
    for report in ("transaction-summary", "spending"):
        s.refused(p.holder, f"GET /reports/{report}", "account-not-found", account_id=999999)
    s.done(p.auditor, "GET /reports/analysis")
    closing, month = "POST /ledger/periods/{period}/close", {"period": "2026-02"}
    s.done(p.compliance, closing, {}, **month)
    s.refused(p.compliance, closing, "same-person", {}, **month)
    s.done(p.admin, closing, {}, **month)
    s.refused(p.admin, closing, "period-already-closed", {}, **month)
    s.refused(p.compliance, closing, "period-not-over", {}, period="2026-03")
    s.refused(p.compliance, closing, "unknown-period", {}, period="2026-13")
    late = {"amount": 5, "booking_date": "2026-02-27", "reason": "found in the drawer"}
    for call in ("deposit", "withdraw"):
        s.refused(
            p.teller,
            f"POST /accounts/{{account_id}}/{call}",
            "period-closed",
            late,
            account_id=p.account_id,
        )
    s.refused(
        p.compliance,
        "POST /ledger/capital",
        "period-closed",
        capital | {"booking_date": "2026-02-27"},
    )
    s.done(p.auditor, "GET /ledger/periods")
    s.done(p.auditor, "GET /ledger/periods/{period}", **month)
    reopening = {"reason": "an invoice of February came late"}
    s.done(p.compliance, "POST /ledger/periods/{period}/reopen", reopening, **month)
    s.refused(
        p.compliance,
        "POST /ledger/periods/{period}/reopen",
        "period-not-closed",
        reopening,
        period="2026-01",
    )
    s.refused(
        p.admin,
        "POST /loss-rates",
        "loss-rates-too-late",
        {"first_day": "2026-03-16", "current": "2"},
    )


def evidence(s: Scribe, p: People) -> None:
    s.done(p.auditor, "GET /audit/log", after=p.transaction_id - 1, limit=2)
    s.done(p.auditor, "GET /audit/checkpoints")
    s.done(p.auditor, "GET /audit/checkpoints/latest")
    s.done(p.holder, "GET /audit/proofs/inclusion", position=p.transaction_id)
    s.refused(p.holder, "GET /audit/proofs/inclusion", "event-not-found", position=1)
    s.done(p.auditor, "GET /audit/proofs/consistency")
    s.refused(
        p.auditor,
        "GET /audit/proofs/consistency",
        "no-such-checkpoint",
        **{"from": 9007199254740991},
    )
    s.done(p.auditor, "GET /audit/explain/{transaction_id}", transaction_id=p.transaction_id)
    s.done(p.auditor, "GET /audit/accesses", account_id=p.account_id, kind="looked")


def persons(s: Scribe, p: People) -> None:
    leaving = s.api.person()
    one = {"user_id": leaving.user_id}
    asked = {"reason": "asked for by letter"}
    erasing = "POST /users/{user_id}/erasure"
    s.refused(p.compliance, erasing, "accounts-open", asked, user_id=p.payee.user_id)
    s.done(p.compliance, "POST /users/{user_id}/legal-hold", {"reason": "a lawsuit"}, **one)
    s.refused(p.compliance, erasing, "legal-hold-stands", asked, **one)
    s.done(p.compliance, "POST /users/{user_id}/legal-hold/lift", {"reason": "it ended"}, **one)
    s.done(p.compliance, erasing, asked, **one)
    s.refused(p.compliance, erasing, "same-person", asked, **one)
    loan = {"product": "instalment", "amount": 1200, "instalments": 4, "income": 10000}
    s.refused(leaving, "POST /loans/apply", "erasure-asked", loan)
    s.done(
        p.compliance,
        "POST /users/{user_id}/erasure/withdraw",
        {"reason": "the letter was forged"},
        **one,
    )
    s.refused(
        p.compliance,
        "POST /users/{user_id}/erasure/withdraw",
        "erasure-not-asked",
        {"reason": "it was forged"},
        **one,
    )
    p.compliance.post(f"/v1/users/{one['user_id']}/erasure", asked)
    s.done(p.second_compliance, erasing, asked, **one)
    s.refused(p.compliance, erasing, "customer-erased", asked, **one)
    s.refused(
        p.compliance,
        "POST /users/{user_id}/legal-hold",
        "customer-erased",
        {"reason": "a lawsuit"},
        **one,
    )
    s.refused(
        p.compliance,
        "POST /users/{user_id}/legal-hold/lift",
        "customer-erased",
        {"reason": "it ended"},
        **one,
    )
    s.done(p.auditor, "GET /users/{user_id}/erasure", **one)
    s.done(p.holder, "GET /users/{user_id}/export", user_id=p.holder.user_id)


def operation(s: Scribe, p: People) -> None:
    for call in ("GET /health/live", "GET /health/ready", "GET /metrics", "GET /problems"):
        s.done(None, call)
    s.done(None, "GET /problems/{code}", code="insufficient-funds")
    s.refused(None, "GET /problems/{code}", "not-found", code="no-such-problem")
    s.done(None, "GET /.well-known/jwks.json")


def every_call(s: Scribe, p: People) -> None:
    """What any call may be answered."""
    path, text = f"/v1/accounts/{p.account_id}/deposit", {"Content-Type": "text/plain"}
    s.of_every_call(s.api.anyone.get("/v1/profile"))
    s.of_every_call(p.holder.client.get("/v1/profile?colour=blue"))
    s.of_every_call(
        p.holder.client.post(
            path, content=b'{"amount": 1', headers={"Content-Type": "application/json"}
        )
    )
    s.of_every_call(p.holder.client.post(path, content=b"amount=1", headers=text))
    s.of_every_call(p.holder.client.post(path, content=b" " * 70_000))
    s.refused_to_the_wrong(p.staff, p.holder)
