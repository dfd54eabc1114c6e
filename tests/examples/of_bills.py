"""Billers, registrations, bills and what is paid of them, autopay, and gateways."""

import json
import time
from collections.abc import Callable
from typing import Any

import psycopg

from api.signed_messages import signed_headers
from tests.examples.bank import BEGINNING, GATEWAY, SECRET
from tests.examples.people import People
from tests.examples.scribe import Scribe

DUE = "2026-03-30"


def billers(s: Scribe, p: People) -> None:
    terms = {
        "name": "City Power",
        "category": "utilities/power",
        "reference": {"length_min": 8, "check": "luhn"},
        "late_fee": 5,
        "fee": 0.50,
    }
    p.biller_id = s.done(p.teller, "POST /billers", terms)["biller_id"]
    s.refused(p.teller, "POST /billers", "biller-name-taken", terms)
    s.refused(
        p.teller,
        "POST /billers",
        "terms-contradictory",
        {"name": "Wild", "reference": {"pattern": "(a+)+$"}},
    )
    one = {"biller_id": p.biller_id}
    p.other_biller_id = p.teller.post("/v1/billers", {"name": "City Water"}).json()["biller_id"]
    s.done(p.holder, "GET /billers")
    s.done(p.holder, "GET /billers/{biller_id}", **one)
    s.done(p.holder, "GET /bills/services")
    s.done(
        p.teller,
        "PUT /billers/{biller_id}",
        {"name": "City Power", "grace_days": 3, "late_fee": 5},
        **one,
    )
    s.refused(
        p.teller, "PUT /billers/{biller_id}", "biller-name-taken", {"name": "City Water"}, **one
    )


def registrations(s: Scribe, p: People) -> None:
    new = {
        "user_id": p.holder.user_id,
        "biller_id": p.biller_id,
        "reference": "12345674",
        "nickname": "Home",
        "account_id": p.account_id,
    }
    one = {"registration_id": s.done(p.holder, "POST /bills/registrations", new)["registration_id"]}
    s.refused(p.holder, "POST /bills/registrations", "reference-registered", new)
    s.refused(
        p.holder, "POST /bills/registrations", "biller-not-found", new | {"biller_id": 999999}
    )
    s.done(p.holder, "GET /bills/registrations")
    s.done(p.holder, "GET /bills/registrations/{registration_id}", **one)
    s.done(
        p.holder,
        "PUT /bills/registrations/{registration_id}",
        {"nickname": "Flat", "account_id": p.account_id},
        **one,
    )
    s.done(p.holder, "DELETE /bills/registrations/{registration_id}", **one)
    s.refused(
        p.holder,
        "PUT /bills/registrations/{registration_id}",
        "registration-ended",
        {"nickname": "Home"},
        **one,
    )


def bills(s: Scribe, p: People) -> None:
    user = {"user_id": p.holder.user_id}
    bill = {
        **user,
        "biller_id": p.biller_id,
        "amount": 84.37,
        "due_date": DUE,
        "external_id": "2026-03",
        "description": "Power in February",
    }
    made = s.done(p.teller, "POST /bills", bill)
    s.refused(p.teller, "POST /bills", "bill-differs", bill | {"amount": 90})
    s.refused(p.teller, "POST /bills", "biller-not-found", bill | {"biller_id": 999999})
    one = {"bill_id": made["bill_id"]}
    s.done(p.holder, "GET /bills")
    s.done(p.holder, "GET /bills/upcoming/{user_id}", **user)
    s.done(p.holder, "GET /accounts/{account_id}/summary", account_id=p.account_id)
    s.done(p.holder, "POST /bills/{bill_id}/dispute", {"reason": "the meter was read wrong"}, **one)
    paying = {**user, **one, "amount": 84.37, "account_id": p.account_id}
    s.refused(p.holder, "POST /bills/pay", "bill-not-payable", paying)
    s.done(
        p.teller,
        "POST /bills/{bill_id}/end-dispute",
        {"upheld": False, "reason": "it was read again"},
        **one,
    )
    s.refused(
        p.teller,
        "POST /bills/{bill_id}/end-dispute",
        "bill-not-disputed",
        {"upheld": False, "reason": "it was read again"},
        **one,
    )
    payment = s.done(p.holder, "POST /bills/pay", paying)
    s.refused(p.holder, "POST /bills/pay", "bill-not-found", paying | {"bill_id": 999999})
    s.refused(
        p.holder,
        "POST /bills/{bill_id}/dispute",
        "bill-not-payable",
        {"reason": "the meter was read wrong"},
        **one,
    )
    s.done(p.holder, "GET /bills/{bill_id}", **one)
    s.done(p.holder, "GET /bills/history")
    s.done(p.holder, "GET /bills/history/{user_id}", **user)
    s.done(p.holder, "GET /bills/payments/{payment_id}", payment_id=payment["payment_id"])
    s.done(p.compliance, "GET /ledger/clearing")
    own = {
        "bill_id": p.holder.post(
            "/v1/bills", {**user, "biller_id": p.other_biller_id, "amount": 18, "due_date": DUE}
        ).json()["bill_id"]
    }
    s.done(p.holder, "POST /bills/{bill_id}/cancel", {"reason": "entered twice"}, **own)
    s.refused(p.teller, "POST /bills/{bill_id}/cancel", "bill-has-payments", {}, **one)
    for number in (1, 2):
        p.teller.post(
            "/v1/bills",
            bill
            | {
                "external_id": f"water-{number}",
                "biller_id": p.other_biller_id,
                "amount": 20 * number,
            },
        )
    together = {**user, "biller_id": p.other_biller_id, "amount": 50, "account_id": p.account_id}
    s.refused(
        p.holder, "POST /bills/pay-together", "overpayment-not-accepted", together | {"amount": 70}
    )
    s.refused(
        p.holder, "POST /bills/pay-together", "account-not-found", together | {"account_id": 999999}
    )
    s.done(p.holder, "POST /bills/pay-together", together)
    _refunds(s, p, payment["payment_id"])


def _refunds(s: Scribe, p: People, payment_id: int) -> None:
    one, settling = {"payment_id": payment_id}, {"biller_id": p.biller_id}
    path = "POST /bills/payments/{payment_id}"
    s.done(p.teller, f"{path}/refund", {"amount": 20, "reason": "the wrong house"}, **one)
    s.refused(
        p.teller,
        f"{path}/refund",
        "refund-above-payment",
        {"amount": 80, "reason": "the wrong house"},
        **one,
    )
    s.refused(p.teller, f"{path}/claim", "refund-not-due", {"reason": "at the counter"}, **one)
    s.done(p.teller, "POST /billers/{biller_id}/settle", {}, **settling)
    s.done(p.teller, f"{path}/refund", {"reason": "the rest"}, **one)
    s.done(p.teller, f"{path}/refund-received", {"amount": 40}, **one)
    s.refused(p.teller, f"{path}/refund-received", "refund-not-due", {"amount": 80}, **one)
    s.done(
        p.teller,
        f"{path}/refund-lost",
        {"amount": 24.37, "reason": "the biller went out of business"},
        **one,
    )
    s.refused(
        p.teller,
        f"{path}/refund-lost",
        "refund-not-due",
        {"amount": 1, "reason": "it went out of business"},
        **one,
    )
    s.refused(
        p.teller,
        f"{path}/chargeback-lost",
        "refund-not-due",
        {"reason": "the biller does not pay it back"},
        **one,
    )
    taken_back = {"payment_id": _paid(p, p.biller_id, 25)}
    p.teller.post(f"/v1/billers/{p.biller_id}/settle")
    s.done(
        p.teller, f"{path}/charge-back", {"reason": "taken back by the payer's bank"}, **taken_back
    )
    s.done(
        p.teller,
        f"{path}/chargeback-lost",
        {"reason": "the biller does not pay it back"},
        **taken_back,
    )
    leaving = s.api.account(p.holder, 25)
    unclaimed = {"payment_id": _paid(p, p.biller_id, 25, account_id=leaving)}
    p.holder.post(f"/v1/accounts/{leaving}/close")
    p.teller.post(f"/v1/bills/payments/{unclaimed['payment_id']}/refund", {"reason": "paid twice"})
    s.done(p.teller, f"{path}/claim", {"reason": "identified at the counter"}, **unclaimed)


def autopay(s: Scribe, p: People) -> None:
    rule = {
        "user_id": p.holder.user_id,
        "biller_id": p.biller_id,
        "account_id": p.account_id,
        "cap": 80,
        "lead_days": 2,
        "retry_days": [1, 3],
    }
    one = {"autopay_id": s.done(p.holder, "POST /bills/autopay", rule)["autopay_id"]}
    s.refused(p.holder, "POST /bills/autopay", "biller-not-found", rule | {"biller_id": 999999})
    s.refused(p.holder, "POST /bills/autopay", "terms-contradictory", rule | {"mode": "fixed"})
    s.done(p.holder, "GET /bills/autopay")
    s.done(p.holder, "GET /bills/autopay/{autopay_id}", **one)
    s.done(p.holder, "POST /bills/autopay/{autopay_id}/resume", {}, **one)
    s.done(p.holder, "DELETE /bills/autopay/{autopay_id}", **one)
    s.refused(p.holder, "POST /bills/autopay/{autopay_id}/resume", "autopay-ended", {}, **one)

    bare = {"user_id": p.holder.user_id, "biller_id": p.biller_id}
    s.refused(p.holder, "POST /bills/autopay", "no-default-account", bare)
    for call in ("GET /bills", "GET /bills/autopay", "GET /bills/registrations"):
        s.refused(p.holder, call, "customer-not-found", user_id=p.payee.user_id)


def gateways(s: Scribe, p: People) -> None:
    terms = {"name": "City Rail", "gateway": GATEWAY}
    biller_id = p.teller.post("/v1/billers", terms).json()["biller_id"]
    paid = [_paid(p, biller_id, 30 + number) for number in range(3)]
    _until(lambda: _submitted(s, paid))
    calls = "POST /gateways/{name}/callbacks"
    _told(s, p, calls, paid[0], "captured", 3000)
    _told(s, p, calls, paid[1], "captured", 3100)
    for name, code in ((GATEWAY, "callback-refused"), ("nowhere", "gateway-not-found")):
        refused = s.api.anyone.post(f"/v1/gateways/{name}/callbacks", content=b"{}")
        assert refused.json()["code"] == code, refused.text
        s.kept(calls, refused, code, None)
    under_way = {"payment_id": paid[2]}
    back = {"reason": "taken back by the payer's bank"}
    call = "POST /bills/payments/{payment_id}/charge-back"
    s.refused(p.teller, call, "payment-not-refundable", back, **under_way)
    city, day = {"name": GATEWAY}, {"date": str(BEGINNING.date())}
    s.done(p.teller, "POST /gateways/{name}/reconciliations", day, **city)
    s.refused(
        p.teller, "POST /gateways/{name}/reconciliations", "gateway-not-found", day, name="nowhere"
    )
    s.done(p.auditor, "GET /gateways/{name}/reconciliations", **city)
    items = s.done(p.auditor, "GET /work-items")
    item = {"work_item_id": items[0]["work_item_id"]}
    s.done(p.auditor, "GET /work-items/{work_item_id}", **item)
    said = {"resolution": "returned", "reason": "the gateway's letter of 16 March"}
    s.done(p.compliance, "POST /work-items/{work_item_id}/resolve", said, **item)
    s.refused(
        p.compliance,
        "POST /work-items/{work_item_id}/resolve",
        "work-item-resolved-already",
        said | {"resolution": "explained"},
        **item,
    )


def _paid(p: People, biller_id: int, amount: int, **more: int) -> int:
    bill = {"user_id": p.holder.user_id, "biller_id": biller_id, "amount": amount, "due_date": DUE}
    bill_id = p.teller.post("/v1/bills", bill).json()["bill_id"]
    paying = {
        "user_id": p.holder.user_id,
        "bill_id": bill_id,
        "amount": amount,
        "account_id": p.account_id,
        **more,
    }
    payment = p.holder.post("/v1/bills/pay", paying)
    assert payment.status_code == 201, payment.text
    payment_id: int = payment.json()["payment_id"]
    return payment_id


def _told(s: Scribe, p: People, call: str, payment_id: int, status: str, amount: int) -> None:
    key = f"payment-{payment_id}"
    news: dict[str, Any] = {
        "key": key,
        "reference": f"CITY-{key}",
        "amount": amount,
        "currency": "EUR",
        "status": status,
    }
    body = json.dumps(news).encode()
    signed = signed_headers(SECRET, f"message-{payment_id}", body, now=BEGINNING.timestamp())
    answer = s.api.anyone.post(f"/v1/gateways/{GATEWAY}/callbacks", content=body, headers=signed)
    assert answer.status_code == 200, answer.text
    s.kept(call, answer, "done", news)


def _submitted(s: Scribe, paid: list[int]) -> bool:
    with psycopg.connect(s.api.conninfo) as connection:
        row = connection.execute(
            "SELECT count(*) FROM daybook_events WHERE topic = 'bill.payment-submitted.1'"
        ).fetchone()
    return row is not None and row[0] == len(paid)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
