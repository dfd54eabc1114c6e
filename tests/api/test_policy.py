"""The table of policy: it names every route, and every route does what it says for everybody."""

import datetime as dt
import itertools
import time
import uuid
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import pytest

from api.app import Configuration, create_framework
from api.metrics import Metrics
from api.own_writes import OwnWrites
from api.policy import ANYONE, POLICY, RULES, Rule
from application.clock import now
from application.reconciliation import open_work_item
from domain.work_items import Difference
from tests.bank import Bank, ask
from tests.running_api import PASSWORD, Person, RunningApi

STAFF: Final = ("teller", "loan_officer", "auditor", "compliance", "admin")
WITHOUT_A_SESSION: Final = ("anonymous", "expired", "revoked", "wrong audience")
# What a body holds so that only the rules of policy can refuse it.
BODIES: Final[dict[str, dict[str, Any]]] = {
    "/accounts/create": {"account_type": "checking"},
    "/accounts/{account_id}/deposit": {"amount": 1},
    "/accounts/{account_id}/withdraw": {"amount": 1},
    "/accounts/{account_id}/freeze": {"reason": "a reason"},
    "/accounts/{account_id}/unfreeze": {"reason": "a reason"},
    "/accounts/{account_id}/dormant": {"reason": "a reason"},
    "/accounts/{account_id}/reactivate": {"reason": "a reason"},
    "/accounts/{account_id}/close": {},
    "/accounts/{account_id}/overdraft-limit": {"overdraft_limit": 0},
    "/accounts/{account_id}/adjust": {"amount": 1, "side": "credit", "reason": "a reason"},
    "/accounts/{account_id}/holds": {"amount": 1},
    "/standing-orders": {
        "amount": 1,
        "frequency": "monthly",
        "first_due": str(now().date() + dt.timedelta(days=2)),  # also where midnight passes
        "counterparty": "XX",
    },
    "/rate-plans": {"account_type": "savings", "currency": "EUR", "first_day": "2026-01-01"},
    "/loss-rates": {"first_day": "2030-01-01"},
    "/rate-indexes": {"index": "EURIBOR3M", "on": "2026-01-01", "value": "2"},
    "/accounts/{account_id}/statements": {"from": "2026-01-01", "to": "2026-01-31"},
    "/transactions/{transaction_id}/reverse": {"reason": "a reason"},
    "/transactions/{transaction_id}/category": {"category": "food"},
    "/transactions/{transaction_id}/tags": {"tags": ["lunch"]},
    "/loans/apply": {"product": "instalment", "amount": 500, "instalments": 4, "income": 5000},
    "/loans/{loan_id}/undo-approval": {"reason": "a reason"},
    "/loans/{loan_id}/decline": {"reasons": ["a reason"]},
    "/loans/{loan_id}/repay": {"amount": 1},
    "/loans/{loan_id}/fee": {"amount": 1},
    "/loans/{loan_id}/cost": {"amount": 1},
    "/loans/{loan_id}/waive": {"component": "fee"},
    "/loans/{loan_id}/pause": {"first": "2030-01-01", "last": "2030-01-31"},
    "/loans/{loan_id}/charge-off": {"reason": "a reason"},
    "/loans/{loan_id}/write-off": {"reason": "a reason"},
    "/loans/{loan_id}/recover": {"amount": 1},
    "/loans/{loan_id}/charge-back": {"transaction_id": 1, "reason": "a reason"},
    "/loans/{loan_id}/undo": {"transaction_id": 1, "reason": "a reason"},
    "/ledger/periods/{period}/reopen": {"reason": "a reason"},
    "/gateways/{name}/reconciliations": {"date": "2026-01-31"},
    "/work-items/{work_item_id}/resolve": {"resolution": "explained", "reason": "a reason"},
    "/users/{user_id}/erasure/withdraw": {"reason": "a reason"},
    "/users/{user_id}/legal-hold": {"reason": "a reason"},
    "/users/{user_id}/legal-hold/lift": {"reason": "a reason"},
    "/logout": {},
    "/profile/password": {"current_password": PASSWORD, "new_password": "as long and as private"},
    "/ledger/capital": {"amount": 100, "reason": "a reason"},
    "/ledger/interbank-settlements": {"incoming": 1, "reference": "a reference"},
    "/bills/{bill_id}/dispute": {"reason": "a reason"},
    "/bills/{bill_id}/end-dispute": {"reason": "a reason", "upheld": False},
    "/bills/payments/{payment_id}/refund": {"reason": "a reason"},
    "/bills/payments/{payment_id}/refund-received": {"amount": 1},
    "/bills/payments/{payment_id}/claim": {"reason": "a reason"},
    "/bills/payments/{payment_id}/refund-lost": {"amount": 1, "reason": "a reason"},
    "/bills/payments/{payment_id}/charge-back": {"reason": "a reason"},
    "/bills/payments/{payment_id}/chargeback-lost": {"reason": "a reason"},
}
SIGNED_IN_ROUTES: Final = [key for key, rule in POLICY.items() if "anonymous" not in rule.roles]


def routes(folder: Path) -> set[tuple[str, str]]:
    """Every method and route template that the framework would serve."""
    configuration = Configuration(
        conninfo="", environment="test", secret_key="s" * 40, keys=folder / "keys.json", data=folder
    )
    app = create_framework(configuration, Metrics(), OwnWrites.of_one_process())
    return {
        (method, route.path_format)
        for route in app.routes
        for method in route.methods
        if method != "OPTIONS"
    }


def test_every_route_has_a_rule_and_every_rule_a_route(tmp_path: Path) -> None:
    assert routes(tmp_path) == set(RULES)


def test_only_what_names_no_customer_is_open_to_anyone() -> None:
    open_to_anyone = {route for (_, route), rule in POLICY.items() if rule.roles == ANYONE}

    assert open_to_anyone == {
        "/register",
        "/login",
        "/refresh",
        "/loans/quote",
        "/loans/apr",
        "/loans/day-count",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/problems",
        "/problems/{code}",
        # Let in by its signature.
        "/gateways/{name}/callbacks",
        "/.well-known/jwks.json",
    }


def test_no_member_of_staff_but_teller_and_compliance_moves_money() -> None:
    moves = {"deposit", "withdraw", "create", "batch", "reverse", "adjust", "settle"}

    movers = {
        role
        for (method, route), rule in POLICY.items()
        if method == "POST"
        and route.rpartition("/")[2] in moves
        # An application for a loan is withdrawn, and so is what was asked for of a person.
        and not route.startswith(("/loans", "/users"))
        for role in rule.roles
    }

    assert movers == {"user", "teller", "compliance"}


class Cast:
    """Everybody who might call, and what they call about."""

    def __init__(self, api: RunningApi) -> None:
        self.api = api
        self._numbers = itertools.count(1)
        self._work_items = 0
        self.owner, self.other = api.person(), api.person()
        self.staff = {role: api.person(role) for role in STAFF}
        self.headers = {
            "anonymous": {},
            "expired": self._bearer(self._issued(api.tokens(), time.time() - 3600)),
            "wrong audience": self._bearer(self._issued(api.tokens("another"), time.time())),
            "revoked": self._revoked(),
        }

    def _of_account(self, path: str) -> str:
        """The path with a fresh hold and a fresh statement of an account of the owner's in it."""
        account = f"/accounts/{self.api.account(self.owner, 5)}"
        held = self.owner.post(f"{account}/holds", {"amount": 1}).json()
        period = BODIES["/accounts/{account_id}/statements"]
        issued = self.owner.post(f"{account}/statements", period).json()
        asked = BODIES["/standing-orders"] | {"account_id": int(account.rpartition("/")[2])}
        agreed = self.owner.post("/standing-orders", asked).json()
        path = path.replace("{standing_order_id}", str(agreed["standing_order_id"]))
        path = path.replace("{hold_id}", str(held["hold_id"]))
        return path.replace("{statement_id}", str(issued["statement_id"]))

    def _of_loan(self, route: str, body: dict[str, Any]) -> str:
        """The path with a fresh loan of the owner's, come as far as the call needs it."""
        officer = self.staff["loan_officer"]
        account_id = self.api.account(self.owner, 5)
        asked = BODIES["/loans/apply"] | {"account_id": account_id}
        loan_id = self.owner.post("/loans/apply", asked).json()["loan_id"]
        for step in {
            "accept": ("approve",),
            "payoff": ("approve", "accept", "disburse"),
            "repay": ("approve", "accept", "disburse"),
        }.get(route.rpartition("/")[2], ()):
            by = self.owner if step == "accept" else officer
            assert by.post(f"/loans/{loan_id}/{step}").status_code == 201
        if route.endswith("repay"):
            body["account_id"] = account_id
        return route.replace("{loan_id}", str(loan_id))

    def _of_bill(self, path: str, body: dict[str, Any]) -> str:
        """The path with a fresh biller, bill, payment and rule of the owner's in it; the body too."""
        teller, owner = self.staff["teller"], self.owner
        name = f"Biller {next(self._numbers)}"
        biller_id = teller.post("/billers", {"name": name}).json()["biller_id"]
        user = {"user_id": owner.user_id}
        due = {"biller_id": biller_id, "amount": 5, "due_date": "2099-01-31", **user}
        if path in ("/bills", "/billers", "/billers/{biller_id}"):
            body.update(due if path == "/bills" else {"name": f"{name} again"})
            return path.replace("{biller_id}", str(biller_id))
        bill_id = teller.post("/bills", due).json()["bill_id"]
        account = {"account_id": self.api.account(owner, 5)}
        paying = {"bill_id": bill_id, "amount": 2, **user, **account}
        rule = {"biller_id": biller_id, **user, **account}
        if path in ("/bills/pay", "/bills/autopay"):
            body.update(paying if path == "/bills/pay" else rule)
        ids = {"biller_id": biller_id, "bill_id": bill_id}
        if "{payment_id}" in path:
            ids |= owner.post("/bills/pay", paying).json()
        if "{autopay_id}" in path:
            ids |= owner.post("/bills/autopay", rule).json()
        if path == "/bills/registrations":
            body.update(rule)
        if path == "/bills/pay-together":
            body.update({"amount": 2, **rule})
        if "{registration_id}" in path:
            ids |= owner.post("/bills/registrations", rule).json()
        for kind in ("biller_id", "bill_id", "payment_id", "autopay_id", "registration_id"):
            path = path.replace(f"{{{kind}}}", str(ids.get(kind)))
        return path

    def _work_item(self) -> int:
        """A fresh one; no call opens any."""
        self._work_items += 1
        difference = Difference(
            kind="missing_there",
            gateway="city",
            settlement_date=dt.date(2026, 1, 31),
            key=f"payment-{self._work_items}",
            currency="EUR",
        )
        with Bank(self.api.conninfo) as bank:
            opened = bank.submit(open_work_item(ask(), self._work_items, difference))
        assert opened.position is not None
        deadline = time.monotonic() + 20
        ready = self.api.anyone.get
        while ready("/health/ready").json()["projection_lag_events"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return self._work_items

    def _of_deposit(self) -> int:
        """The position of a fresh deposit of the owner's."""
        account = f"/accounts/{self.api.account(self.owner)}"
        position: int = self.owner.post(f"{account}/deposit", {"amount": 5}).json()["position"]
        return position

    def caller(self, name: str) -> Person:
        return {"owner": self.owner, "other": self.other, **self.staff}[name]

    def _bearer(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}

    def _issued(self, tokens: Any, now: float) -> str:
        sid = "00000000-0000-4000-8000-000000000000"
        issued: str = tokens.issue(user_id=self.owner.user_id, role="user", sid=sid, now=now)
        return issued

    def _revoked(self) -> dict[str, str]:
        gone = self.api.signed_in(self.owner.user_id, self.owner.username)
        gone.post("/logout")
        return self._bearer(gone.tokens["access_token"])

    def call(self, method: str, route: str, client: httpx.Client, **headers: str) -> httpx.Response:
        """The call, on things of the owner's that are fresh each time."""
        path, body = route, dict(BODIES.get(route, {}))
        if "{account_id}" in route or "{transaction_id}" in route or route.startswith("/transa"):
            account_id = self.api.account(self.owner)
            if not route.endswith("close"):
                done = self.owner.post(f"/accounts/{account_id}/deposit", {"amount": 5})
                path = path.replace("{transaction_id}", str(done.json()["transaction_id"]))
            path = path.replace("{account_id}", str(account_id))
            transfer = {
                "source_account_id": account_id,
                "destination_account_id": self.api.account(self.other),
                "amount": 1,
            }
            if route == "/transactions/create":
                body = transfer
            if route == "/transactions/batch":
                body = {"transfers": [transfer]}
        if any(name in route for name in ("{hold_id}", "{statement_id}", "{standing_order_id}")):
            path = self._of_account(path)
        if "{loan_id}" in route:
            path = self._of_loan(route, body)
        if route.startswith("/bill") and not route.endswith("{user_id}"):
            path = self._of_bill(path, body)
        if "{work_item_id}" in route:
            path = path.replace("{work_item_id}", str(self._work_item()))
        path = path.replace("{name}", "city").replace("{period}", "2026-01")
        if route == "/audit/proofs/inclusion":
            path += f"?position={self._of_deposit()}"
        if route == "/standing-orders" and method == "POST":
            body["account_id"] = self.api.account(self.owner)
        if route == "/profile":
            body["email"] = f"{uuid.uuid4().hex}@example.org"
        # Whoever is to be erased can begin nothing new.
        leaving = method == "POST" and "{user_id}" in route and client is not self.owner.client
        subject = self.api.person() if leaving else self.owner
        path = path.replace("{user_id}", str(subject.user_id))
        if route == "/accounts/create":
            body["user_id"] = self.owner.user_id
        if route == "/logout":
            fresh = self.api.signed_in(self.owner.user_id, self.owner.username)
            client = fresh.client if "Authorization" in client.headers else client
        if route == "/profile/password" and "Authorization" in client.headers:
            # One of the same role, whose sessions nobody else needs.
            client = self.api.person(client.get("/v1/profile").json()["role"]).client
        content = None if method in ("GET", "DELETE") else body
        return client.request(method, f"/v1{path}", json=content, headers=headers)


@pytest.fixture(scope="module")
def cast(api: RunningApi) -> Cast:
    return Cast(api)


@pytest.mark.parametrize(("method", "route"), SIGNED_IN_ROUTES)
@pytest.mark.parametrize("caller", WITHOUT_A_SESSION)
def test_without_a_living_session_every_door_is_shut(
    cast: Cast, method: str, route: str, caller: str
) -> None:
    answer = cast.call(method, route, cast.api.anyone, **cast.headers[caller])

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "route"), SIGNED_IN_ROUTES)
@pytest.mark.parametrize("role", STAFF)
def test_staff_may_what_the_table_says_and_are_told_403_otherwise(
    cast: Cast, method: str, route: str, role: str
) -> None:
    rule: Rule = POLICY[method, route]

    answer = cast.call(method, route, cast.caller(role).client)

    if role not in rule.roles or role in rule.late:
        assert (answer.status_code, answer.json()["code"]) == (403, "not-permitted")
    elif route == "/gateways/{name}/reconciliations" and method == "POST":
        # This bank has no gateway, and says so to those who may ask one for a file.
        assert (answer.status_code, answer.json()["code"]) == (404, "gateway-not-found")
    else:
        assert answer.status_code in (200, 201, 202, 409), answer.text


@pytest.mark.parametrize(("method", "route"), SIGNED_IN_ROUTES)
def test_an_owner_may_what_the_table_says_and_sees_the_rest_as_forbidden(
    cast: Cast, method: str, route: str
) -> None:
    answer = cast.call(method, route, cast.owner.client)

    if "user" in POLICY[method, route].roles:
        assert answer.status_code in (200, 201), answer.text
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "not-permitted")


@pytest.mark.parametrize(
    ("method", "route"),
    [key for key in SIGNED_IN_ROUTES if POLICY[key].subject not in ("nothing", "many")]
    + [("POST", "/accounts/create"), ("POST", "/transactions/create"), ("POST", "/bills/pay")]
    + [("POST", "/bills"), ("POST", "/bills/autopay"), ("POST", "/bills/registrations")]
    + [("POST", "/bills/pay-together")],
)
def test_to_a_stranger_what_is_anothers_does_not_exist(cast: Cast, method: str, route: str) -> None:
    answer = cast.call(method, route, cast.other.client)

    assert answer.status_code == 404, answer.text
    assert answer.json()["code"] in (
        "account-not-found",
        "transaction-not-found",
        "customer-not-found",
        "hold-not-found",
        "statement-not-found",
        "loan-not-found",
        "standing-order-not-found",
        "bill-not-found",
        "payment-not-found",
        "autopay-not-found",
        "registration-not-found",
    )


def test_a_strangers_item_of_a_batch_does_not_exist_either(cast: Cast) -> None:
    answer = cast.call("POST", "/transactions/batch", cast.other.client)

    assert [item["status"] for item in answer.json()["results"]] == [404]


def test_a_stranger_finds_nothing_in_lists(cast: Cast) -> None:
    cast.api.account(cast.owner, 5, reference="someone-elses")

    assert cast.other.get("/accounts", reference="someone-elses").json() == []
    assert cast.other.get("/accounts", user_id=cast.owner.user_id).json() == []
    owners = {a["account_id"] for a in cast.owner.get("/accounts", limit=200).json()}
    seen = cast.other.get("/transactions/history", limit=200).json()
    for transaction in seen:
        both = {transaction["source_account_id"], transaction["destination_account_id"]}
        assert both - owners - {None}, "a transaction that only touches another's accounts"


def test_a_role_that_was_taken_away_ends_with_its_sessions(api: RunningApi) -> None:
    teller = api.person("teller")
    assert teller.get("/ledger/chart-of-accounts").status_code == 200

    with psycopg.connect(api.conninfo) as connection:
        connection.execute("UPDATE users SET role = 'user' WHERE user_id = %s", [teller.user_id])
    deadline = time.monotonic() + 3
    while teller.get("/ledger/chart-of-accounts").status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.05)
