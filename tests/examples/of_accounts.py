"""Users, accounts, transactions, holds, statements and standing orders, call by call."""

from typing import Any

from tests.examples.people import People
from tests.examples.scribe import Scribe
from tests.running_api import PASSWORD, Person


def users(s: Scribe, p: People) -> None:
    new = {"username": "alice", "email": "alice@example.org", "password": PASSWORD}
    alice = s.done(None, "POST /register", new)
    s.refused(None, "POST /register", "username-taken", new | {"email": "other@example.org"})
    s.refused(None, "POST /register", "email-taken", new | {"username": "alice2"})
    s.refused(None, "POST /register", "password-not-accepted", new | {"password": "12345678"})
    s.refused(None, "POST /register", "body-invalid", {"username": "alice"})
    login = {"username": "alice", "password": PASSWORD}
    tokens = s.done(None, "POST /login", login)
    s.refused(None, "POST /login", "credentials-refused", login | {"password": "another one"})
    person = Person(s.api.address, alice["user_id"], "alice", tokens)
    refresh = {"refresh_token": tokens["refresh_token"]}
    s.done(person, "GET /profile")
    s.done(person, "PUT /profile", {"email": "alice.new@example.org"})
    s.refused(person, "PUT /profile", "email-taken", {"email": f"{p.holder.username}@example.org"})
    s.done(None, "POST /refresh", refresh)
    s.refused(None, "POST /refresh", "refresh-refused", {"refresh_token": "made-up"})
    for call in ("POST /login", "POST /refresh"):
        s.refused(None, call, "body-invalid", {"surprise": True})
    again = Person(s.api.address, alice["user_id"], "alice", s.done(None, "POST /login", login))
    s.done(again, "POST /logout")
    changer = s.api.person()
    changing = {"current_password": PASSWORD, "new_password": "a horse with another battery"}
    wrong = changing | {"current_password": "a guess"}
    s.refused(changer, "PUT /profile/password", "current-password-wrong", wrong)
    s.refused(changer, "PUT /profile/password", "body-invalid", {"surprise": True})
    s.done(changer, "PUT /profile/password", changing)
    for _ in range(6):
        tried = s.api.anyone.post(
            "/v1/login",
            json={"username": "mallory", "password": "a guess"},
        )
    s.of_every_call(tried)


def accounts(s: Scribe, p: People) -> None:
    opening = {"user_id": p.holder.user_id, "account_type": "checking"}
    made = s.done(p.holder, "POST /accounts/create", opening)
    s.done(p.teller, "POST /accounts/create", opening | {"reference": "old-4711"})
    taken = opening | {"reference": "old-4711"}
    s.refused(p.teller, "POST /accounts/create", "reference-taken", taken)
    s.refused(
        p.teller, "POST /accounts/create", "customer-not-found", opening | {"user_id": 999999}
    )
    s.refused(p.holder, "POST /accounts/create", "unknown-currency", opening | {"currency": "XXX"})
    one: dict[str, Any] = {"account_id": made["account_id"]}
    p.account_id = made["account_id"]
    p.payee_account_id = s.done(
        p.payee, "POST /accounts/create", opening | {"user_id": p.payee.user_id}
    )["account_id"]
    deposit = {"amount": 1250.50, "description": "Salary", "category": "income", "tags": ["march"]}
    s.done(p.teller, "POST /accounts/{account_id}/deposit", deposit, **one)
    p.transaction_id = s.done(
        p.holder,
        "POST /accounts/{account_id}/withdraw",
        {"amount": 40, "description": "Cash"},
        **one,
    )["transaction_id"]
    s.refused(
        p.holder,
        "POST /accounts/{account_id}/withdraw",
        "insufficient-funds",
        {"amount": 5000},
        **one,
    )
    s.refused(
        p.holder,
        "POST /accounts/{account_id}/withdraw",
        "too-many-decimals",
        {"amount": "1.005"},
        **one,
    )
    s.refused(
        p.holder, "POST /accounts/{account_id}/deposit", "amount-not-positive", {"amount": 0}, **one
    )
    late = {"amount": 5, "booking_date": "2026-03-01", "reason": "found in the drawer"}
    s.refused(p.holder, "POST /accounts/{account_id}/deposit", "not-permitted", late, **one)
    s.done(
        p.teller,
        "POST /accounts/{account_id}/adjust",
        {"amount": 2.5, "side": "credit", "reason": "a fee taken twice"},
        **one,
    )
    s.refused(
        p.teller,
        "POST /accounts/{account_id}/adjust",
        "insufficient-funds",
        {"amount": 5000, "side": "debit", "reason": "a fee forgotten"},
        **one,
    )
    s.done(p.teller, "PUT /accounts/{account_id}/overdraft-limit", {"overdraft_limit": 200}, **one)
    spare = {"account_id": s.api.account(p.holder)}
    s.api.account(p.holder)
    s.done(
        p.teller,
        "POST /accounts/{account_id}/freeze",
        {"restriction": "debit", "reason": "a court order", "authority": "District Court 7"},
        **spare,
    )
    s.refused(
        p.holder, "POST /accounts/{account_id}/withdraw", "account-frozen", {"amount": 1}, **spare
    )
    s.done(
        p.compliance,
        "POST /accounts/{account_id}/unfreeze",
        {"reason": "the order was lifted"},
        **spare,
    )
    s.refused(
        p.compliance,
        "POST /accounts/{account_id}/unfreeze",
        "account-not-frozen",
        {"reason": "the order was lifted"},
        **spare,
    )
    s.done(
        p.teller,
        "POST /accounts/{account_id}/dormant",
        {"reason": "no sign of life for years"},
        **spare,
    )
    s.refused(
        p.holder, "POST /accounts/{account_id}/withdraw", "account-dormant", {"amount": 1}, **spare
    )
    s.done(
        p.teller,
        "POST /accounts/{account_id}/reactivate",
        {"reason": "identified at the counter"},
        **spare,
    )
    s.refused(
        p.teller,
        "POST /accounts/{account_id}/reactivate",
        "account-not-dormant",
        {"reason": "identified"},
        **spare,
    )
    savings = s.done(p.holder, "POST /accounts/create", opening | {"account_type": "savings"})
    p.savings_id = savings["account_id"]
    s.refused(
        p.teller,
        "PUT /accounts/{account_id}/overdraft-limit",
        "overdraft-not-offered",
        {"overdraft_limit": 200},
        account_id=p.savings_id,
    )
    s.refused(p.holder, "POST /accounts/{account_id}/close", "balance-not-zero", {}, **one)
    s.done(p.holder, "POST /accounts/{account_id}/close", {"reason": "moved away"}, **spare)
    s.refused(
        p.holder, "POST /accounts/{account_id}/deposit", "account-closed", {"amount": 1}, **spare
    )
    for call in ("freeze", "dormant"):
        s.refused(
            p.teller,
            f"POST /accounts/{{account_id}}/{call}",
            "account-closed",
            {"reason": "a court order"},
            **spare,
        )


def transactions(s: Scribe, p: People) -> None:
    transfer = {
        "source_account_id": p.account_id,
        "destination_account_id": p.payee_account_id,
        "amount": 12.50,
        "description": "Lunch",
    }
    moved = s.done(p.holder, "POST /transactions/create", transfer)
    s.refused(
        p.holder, "POST /transactions/create", "insufficient-funds", transfer | {"amount": 9000}
    )
    s.refused(
        p.holder,
        "POST /transactions/create",
        "account-not-found",
        transfer | {"destination_account_id": 999999},
    )
    s.refused(
        p.holder,
        "POST /transactions/create",
        "same-account",
        transfer | {"destination_account_id": p.account_id},
    )
    s.refused(p.compliance, "POST /transactions/create", "not-permitted", transfer)
    s.done(
        p.holder,
        "POST /transactions/batch",
        {
            "transfers": [
                transfer | {"idempotency_key": "lunch-1"},
                transfer | {"idempotency_key": "lunch-2", "amount": 9.80},
            ]
        },
    )
    one = {"transaction_id": moved["transaction_id"]}
    s.done(
        p.holder, "PUT /transactions/{transaction_id}/category", {"category": "food/lunch"}, **one
    )
    s.done(
        p.holder, "PUT /transactions/{transaction_id}/tags", {"tags": ["office", "friday"]}, **one
    )
    s.done(p.holder, "GET /transactions/{transaction_id}/labels", **one)
    s.done(
        p.teller,
        "POST /transactions/{transaction_id}/reverse",
        {"reason": "sent twice by mistake", "amount": 2.50},
        **one,
    )
    s.refused(
        p.teller,
        "POST /transactions/{transaction_id}/reverse",
        "transaction-already-reversed",
        {"reason": "sent twice by mistake"},
        **one,
    )
    s.done(p.holder, "GET /transactions/{transaction_id}", **one)
    s.done(p.holder, "GET /transactions/history")
    s.refused(p.holder, "GET /transactions/history", "account-not-found", account_id=999999)
    s.done(p.holder, "GET /transactions/history/{user_id}", user_id=p.holder.user_id)
    one = {"account_id": p.account_id}
    s.done(p.holder, "GET /accounts")
    s.done(p.holder, "GET /accounts/{account_id}", **one)
    s.done(p.holder, "GET /accounts/{account_id}/balance", **one)
    s.done(p.holder, "GET /accounts/{account_id}/history", **one)


def holds(s: Scribe, p: People) -> None:
    one = {"account_id": p.account_id}
    hold = {"amount": 60, "counterparty": "Hotel Zur Post", "expires_at": "2026-04-01T12:00:00Z"}
    first = {
        "hold_id": s.done(p.holder, "POST /accounts/{account_id}/holds", hold, **one)["hold_id"]
    }
    s.refused(
        p.holder,
        "POST /accounts/{account_id}/holds",
        "insufficient-funds",
        hold | {"amount": 9000},
        **one,
    )
    s.refused(
        p.holder,
        "POST /accounts/{account_id}/holds",
        "hold-already-over",
        hold | {"expires_at": "2026-03-01T12:00:00Z"},
        **one,
    )
    s.done(p.holder, "GET /accounts/{account_id}/holds", **one)
    s.refused(p.holder, "POST /holds/{hold_id}/settle", "hold-above-limit", {"amount": 61}, **first)
    s.done(
        p.holder,
        "POST /holds/{hold_id}/settle",
        {"amount": 45.50, "description": "Two nights"},
        **first,
    )
    s.refused(p.holder, "POST /holds/{hold_id}/settle", "hold-over", {"amount": 1}, **first)
    s.done(p.holder, "GET /holds/{hold_id}", **first)
    second = {
        "hold_id": p.holder.post(f"/v1/accounts/{p.account_id}/holds", hold).json()["hold_id"]
    }
    s.done(p.teller, "POST /holds/{hold_id}/release", {}, **second)
    s.refused(p.teller, "POST /holds/{hold_id}/release", "hold-over", {}, **second)


def standing_orders(s: Scribe, p: People) -> None:
    order = {
        "account_id": p.account_id,
        "amount": 650,
        "frequency": "monthly",
        "first_due": "2026-04-01",
        "counterparty": "Landlord",
        "description": "Rent",
    }
    first = s.done(p.holder, "POST /standing-orders", order)
    one = {"standing_order_id": first["standing_order_id"]}
    s.refused(
        p.holder, "POST /standing-orders", "account-not-found", order | {"account_id": 999999}
    )
    s.refused(
        p.holder, "POST /standing-orders", "date-out-of-range", order | {"last_due": "2026-03-31"}
    )
    s.done(p.holder, "GET /standing-orders")
    s.refused(p.holder, "GET /standing-orders", "account-not-found", account_id=999999)
    s.done(p.holder, "GET /standing-orders/{standing_order_id}", **one)
    s.done(p.holder, "PUT /standing-orders/{standing_order_id}", {"amount": 670}, **one)
    s.done(p.holder, "POST /standing-orders/{standing_order_id}/pause", {}, **one)
    s.done(p.holder, "POST /standing-orders/{standing_order_id}/resume", {}, **one)
    s.refused(
        p.holder,
        "POST /accounts/{account_id}/close",
        "standing-order-active",
        {},
        account_id=p.account_id,
    )
    s.done(p.holder, "DELETE /standing-orders/{standing_order_id}", **one)
    for call, body in (
        ("PUT /standing-orders/{standing_order_id}", {"amount": 1}),
        ("POST /standing-orders/{standing_order_id}/pause", {}),
        ("POST /standing-orders/{standing_order_id}/resume", {}),
    ):
        s.refused(p.holder, call, "standing-order-over", body, **one)
    closed = s.api.account(p.holder)
    p.holder.post(f"/v1/accounts/{closed}/close")
    s.refused(p.holder, "POST /standing-orders", "account-closed", order | {"account_id": closed})


def statements(s: Scribe, p: People) -> None:
    one = {"account_id": p.account_id}
    period = {"from": "2026-03-01", "to": "2026-03-16"}
    s.done(p.holder, "GET /accounts/{account_id}/statement", **one, **period)
    made = s.done(p.holder, "POST /accounts/{account_id}/statements", period, **one)
    s.refused(
        p.holder,
        "POST /accounts/{account_id}/statements",
        "body-invalid",
        {"from": "2026-03-01", "to": "2026-03-31"},
        **one,
    )
    s.done(p.holder, "GET /accounts/{account_id}/statements", **one)
    issued = {"statement_id": made["statement_id"]}
    s.done(p.holder, "GET /statements/{statement_id}", **issued)
    late = {"amount": 5, "booking_date": "2026-03-10", "reason": "found in the drawer"}
    assert p.teller.post(f"/v1/accounts/{p.account_id}/deposit", late).status_code == 201
    s.done(p.holder, "GET /statements/{statement_id}/restatement", **issued)
    s.done(p.holder, "GET /statements/{statement_id}/proof", **issued)
