"""A day with a gateway, reconciled: what agrees is settled, and every difference is found, once."""

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from application.gateways import GatewaySettings
from daybook.gateway_simulator.faults import Faults
from daybook.gateway_simulator.settlement import planted
from domain.reconciliation import ReconciliationMade
from domain.work_items import WorkItemOpened
from ledger.chart_of_accounts import BILLERS_PAYABLE, GATEWAY_NOSTRO, REFUNDS_RECEIVABLE
from tests.bank import Bank, read_log
from tests.bills_due import GATEWAY, cents_of, in_outbox, pay, payments, with_bills
from tests.gateway_process import SECRET, GatewayProcess
from tests.running_api import RunningApi, running_api

COUNT = 40
SEED = 11
RATE = 0.4
KEYS = {number: f"payment-{number}" for number in range(1, COUNT + 1)}
PLANTED = {number: planted(key, Faults(seed=SEED, difference=RATE)) for number, key in KEYS.items()}
KINDS = Counter(kind for kind in PLANTED.values() if kind)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def balance(api: RunningApi, ledger_account: int) -> int:
    """Debits less credits, in cents, from the log itself."""
    return sum(
        posting.amount if posting.side == "D" else -posting.amount
        for recorded in read_log(api.conninfo)
        for posting in recorded.event.entry
        if posting.ledger_account == ledger_account
    )


def cents(*kinds: str | None) -> int:
    return sum(cents_of(number) for number, kind in PLANTED.items() if kind in kinds)


class Day:
    """A bank, its gateway, and the day on which all payments were captured."""

    def __init__(self, api: RunningApi, gateway: GatewayProcess) -> None:
        self.api = api
        self.gateway = gateway
        self.date = dt.datetime.now(dt.UTC).date().isoformat()  # noqa: TID251
        self.teller, self.compliance = api.person("teller"), api.person("compliance")

    def reconcile(self, **more: Any) -> dict[str, Any]:
        path = f"/v1/gateways/{GATEWAY}/reconciliations"
        answer = self.teller.post(path, {"date": self.date}, **more)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def items(self, **params: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.teller.get("/v1/work-items", limit=200, **params).json()
        return found

    def resolve(self, number: int, resolution: str) -> Any:
        body = {"resolution": resolution, "reason": "the gateway's letter of today"}
        return self.compliance.post(f"/v1/work-items/{number}/resolve", body)


@pytest.fixture
def day(database: str, tmp_path: Path) -> Iterator[Day]:
    with Bank(database) as bank:
        with_bills(bank, COUNT)
        bank.submit_all([pay(number) for number in KEYS])
    with GatewayProcess(
        tmp_path / "gateway", seed=SEED, difference=RATE, capture_seconds=0.2
    ) as gateway:
        settings = GatewaySettings(
            name=GATEWAY, url=gateway.url, secret=SECRET, timeout_seconds=5, retry_seconds=0.2
        )
        with running_api(database, tmp_path, gateways=(settings,)) as api:
            until(lambda: in_outbox(database) == 0)
            yield Day(api, gateway)


def test_a_day_is_reconciled_and_again_without_a_second_effect(day: Day) -> None:
    assert set(KINDS) == {"missing", "extra", "different", "duplicate"}, "the seed plants each kind"
    agreed = COUNT - KINDS["missing"] - KINDS["different"]

    first = day.reconcile(key="today")
    length = len(read_log(day.api.conninfo))
    replayed = day.reconcile(key="today")
    again = day.reconcile()

    differences = {
        "missing_here": KINDS["extra"],
        "missing_there": KINDS["missing"],
        "different": KINDS["different"],
        "duplicate": KINDS["duplicate"],
    }
    assert first["differences"] == differences
    assert (first["lines"], first["matched"], first["settled"]) == (
        COUNT - KINDS["missing"] + KINDS["extra"] + KINDS["duplicate"],
        agreed,
        agreed,
    )
    assert (first["opened"], first["resolved"]) == (sum(differences.values()), 0)
    assert replayed == first
    assert again == first | {"settled": 0, "opened": 0}
    written = [type(r.event.fact) for r in read_log(day.api.conninfo)[length:]]
    assert written == [ReconciliationMade]
    listed = day.teller.get(f"/v1/gateways/{GATEWAY}/reconciliations").json()
    assert [each["settled"] for each in listed] == [0, agreed]


def test_every_cent_in_clearing_is_explained_by_its_items(day: Day) -> None:
    day.reconcile()

    states = {number: payment.state for number, payment in payments(day.api.conninfo).items()}
    unsettled = [number for number, kind in PLANTED.items() if kind in ("missing", "different")]
    assert [number for number, state in states.items() if state == "captured"] == unsettled
    taken_for_nothing = cents("extra", "duplicate")
    assert balance(day.api, BILLERS_PAYABLE) == -cents("missing", "different")
    assert balance(day.api, REFUNDS_RECEIVABLE) == taken_for_nothing
    settled = sum(map(cents_of, KEYS)) - cents("missing", "different")
    assert balance(day.api, GATEWAY_NOSTRO) == -settled - taken_for_nothing
    items = day.items(status="open")
    assert sum(round(item["receivable"] * 100) for item in items) == taken_for_nothing
    assert {item["age_days"] for item in items} == {0}
    told = {each["ledger_account"]: each for each in day.teller.get("/v1/ledger/clearing").json()}
    for ledger_account in (BILLERS_PAYABLE, REFUNDS_RECEIVABLE, GATEWAY_NOSTRO):
        account = told[ledger_account]
        assert account["unexplained"] == 0
        assert round(account["balance"] * 100) == balance(day.api, ledger_account)
        assert sum(round(item["amount"] * 100) for item in account["items"]) == balance(
            day.api, ledger_account
        )
    assert [item["item"] for item in told[BILLERS_PAYABLE]["items"]] == [
        KEYS[number] for number in unsettled
    ]
    open_ids = {item["work_item_id"] for item in items}
    explained = [*told[BILLERS_PAYABLE]["items"], *told[REFUNDS_RECEIVABLE]["items"]]
    assert {item["work_item_id"] for item in explained} == open_ids


def test_what_is_captured_and_not_reconciled_yet_is_explained_by_its_payment(day: Day) -> None:
    settled = day.teller.post("/v1/billers/1/settle", {"due": False}).json()
    (account,) = day.teller.get("/v1/ledger/clearing").json()

    assert settled["status"] == "nothing_due", "only the gateway's file settles what it carries"

    assert (account["ledger_account"], account["unexplained"]) == (BILLERS_PAYABLE, 0)
    assert {item["item"] for item in account["items"]} == set(KEYS.values())
    assert {item["work_item_id"] for item in account["items"]} == {None}


def test_items_are_resolved_as_what_they_are_and_once(day: Day) -> None:
    day.reconcile()
    by_kind = {item["kind"]: item["work_item_id"] for item in day.items()}

    answers = [
        day.resolve(by_kind["missing_here"], "explained"),
        day.resolve(by_kind["missing_there"], "lost"),
        day.resolve(by_kind["missing_here"], "lost"),
        day.resolve(by_kind["missing_here"], "lost"),
        day.resolve(by_kind["missing_here"], "returned"),
        day.resolve(by_kind["duplicate"], "returned"),
        day.resolve(by_kind["different"], "explained"),
        day.resolve(9_999, "explained"),
    ]

    assert [answer.status_code for answer in answers] == [409, 409, 201, 201, 409, 201, 201, 404]
    assert [a.json()["code"] for a in answers if a.status_code == 409] == [
        "resolution-does-not-fit",
        "resolution-does-not-fit",
        "work-item-resolved-already",
    ]
    one = day.compliance.get(f"/v1/work-items/{by_kind['duplicate']}").json()
    assert (one["status"], one["resolution"]) == ("resolved", "returned")
    assert one["reason"] == "the gateway's letter of today"
    opened = {
        int(r.originator_id.rpartition("-")[2]): r.event.fact.difference.receivable
        for r in read_log(day.api.conninfo)
        if isinstance(r.event.fact, WorkItemOpened)
    }
    gone = opened[by_kind["missing_here"]] + opened[by_kind["duplicate"]]
    assert balance(day.api, REFUNDS_RECEIVABLE) == cents("extra", "duplicate") - gone
    assert len(day.items(status="resolved")) == 3


def test_a_corrected_file_settles_what_was_missing_and_closes_its_items(day: Day) -> None:
    day.reconcile()
    opened = len(day.items())
    command = day.gateway.command
    day.gateway.kill()
    at = command.index("--difference") + 1
    command[at] = "0"
    day.gateway.start()

    corrected = day.reconcile()

    assert corrected["settled"] == KINDS["missing"] + KINDS["different"]
    assert corrected["resolved"] == KINDS["missing"] + KINDS["different"]
    assert corrected["opened"] == 0
    left = day.items(status="open")
    assert {item["kind"] for item in left} == {"missing_here", "duplicate"}
    assert len(day.items()) == opened
    assert balance(day.api, BILLERS_PAYABLE) == 0
