"""Every list that the API has is told by pages in the same way, and its pages are the list."""

import asyncio
import datetime as dt
import json
from typing import Any, Final

import httpx
import pytest

from api.app import openapi_document
from api.pages import cursor_for
from application import clock
from daybook.end_of_day.run import Bank, end_days
from tests.running_api import Person, RunningApi

ROWS: Final = 3
LISTS: Final = sorted(
    path
    for path, operations in json.loads(openapi_document())["paths"].items()
    for parameter in operations.get("get", {}).get("parameters", ())
    if parameter["name"] == "cursor"
)
TODAY: Final = clock.now().date()
pytestmark = pytest.mark.usefixtures("one_day")


class Lived:
    """A bank in which each list that customers and tellers fill holds a few rows."""

    def __init__(self, api: RunningApi) -> None:
        self.everywhere = api.person("compliance")
        self.teller = api.person("teller")
        self.holder = api.person()
        self.account_id = api.account(self.holder, 100)
        for _ in range(ROWS):
            self._live(api)
        days = [TODAY - dt.timedelta(days=back) for back in reversed(range(ROWS))]
        asyncio.run(end_days(Bank(conninfo=api.conninfo, steps=()), days))

    def _live(self, api: RunningApi) -> None:
        api.account(self.holder)
        user_id, account_id = self.holder.user_id, self.account_id
        biller = {"name": f"UtilityCo {clock.now().timestamp()}"}
        biller_id = self.done(self.teller, "/billers", biller)["biller_id"]
        due = str(TODAY + dt.timedelta(days=14))
        bill = {"biller_id": biller_id, "user_id": user_id, "amount": 5, "due_date": due}
        bill_id = self.done(self.teller, "/bills", bill)["bill_id"]
        payment = {"user_id": user_id, "bill_id": bill_id, "amount": 5}
        self.done(self.holder, "/bills/pay", payment)
        rule = {"user_id": user_id, "biller_id": biller_id, "account_id": account_id}
        self.done(self.holder, "/bills/autopay", rule)
        self.done(self.holder, "/bills/registrations", rule)
        order = {"account_id": account_id, "counterparty": "a landlord", "amount": 5}
        order |= {"frequency": "monthly", "first_due": str(TODAY)}
        self.done(self.holder, "/standing-orders", order)
        period = {"from": str(TODAY), "to": str(TODAY)}
        self.done(self.holder, f"/accounts/{account_id}/statements", period)
        loan = {"product": "instalment", "amount": 12_000, "instalments": 4, "income": 10_000}
        self.done(self.holder, "/loans/apply", loan)

    def done(self, person: Person, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = person.post("/v1" + path, body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def asked(self, path: str, query: str) -> httpx.Response:
        named = path.format(
            account_id=self.account_id, user_id=self.holder.user_id, name="simulator"
        )
        return self.everywhere.client.get(f"{named}?{query}")


@pytest.fixture(scope="module")
def lived(api: RunningApi) -> Lived:
    return Lived(api)


@pytest.mark.parametrize("path", LISTS)
def test_pages_of_one_row_are_together_the_list_and_the_last_names_no_next(
    lived: Lived, path: str
) -> None:
    whole = lived.asked(path, "limit=200")
    assert (whole.status_code, "next" in whole.links) == (200, False), whole.text

    found: list[Any] = []
    page = lived.asked(path, "limit=1")
    found += page.json()
    while "next" in page.links:
        page = lived.everywhere.client.get(page.links["next"]["url"])
        assert len(page.json()) == 1, "a page that was named holds something"
        found += page.json()

    # Checkpoints go on being signed; what gateways say is tested with a gateway.
    if path == "/v1/audit/checkpoints":
        found = [each for each in found if each["size"] <= whole.json()[0]["size"]]
    # And each of these looks stands in the trail by the next.
    if path == "/v1/audit/accesses":
        found = [each for each in found if each["position"] <= whole.json()[0]["position"]]
    assert found == whole.json()
    assert len(found) >= ROWS or path.split("/")[2] in ("gateways", "work-items", "audit")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("number", [-1, 2**53, 2**63, 2**70])
def test_a_cursor_beyond_any_place_is_refused(lived: Lived, path: str, number: int) -> None:
    day = str(TODAY)
    for made in (number, [number, day, 1], [1, day, number], [[day, number], day, 1]):
        answer = lived.asked(path, f"cursor={cursor_for(made)}")

        assert (answer.status_code, answer.json()["code"]) == (400, "parameter-refused")
        assert answer.json()["errors"][0]["pointer"] == "/query/cursor"


def test_the_log_is_read_to_its_end_by_the_links_it_gives(lived: Lived) -> None:
    auditor, positions = lived.everywhere, []
    page = auditor.client.get("/v1/audit/log?after=2&limit=7")
    while True:
        positions += [event["position"] for event in page.json()]
        head = int(page.headers["daybook-position"])
        if "next" not in page.links:
            break
        assert f"after={positions[-1]}" in page.links["next"]["url"]
        assert len(page.json()) == 7
        page = auditor.client.get(page.links["next"]["url"])

    assert positions == list(range(3, head + 1))
    beyond = auditor.client.get(f"/v1/audit/log?after={head + 100}")
    assert (beyond.json(), "next" in beyond.links) == ([], False)


def test_a_page_says_what_was_known_when_the_first_was_asked_for(
    api: RunningApi, lived: Lived
) -> None:
    path = f"/v1/accounts/{lived.account_id}/history"
    first = lived.holder.get(path, limit=1)
    lived.done(lived.holder, f"/accounts/{lived.account_id}/deposit", {"amount": 1})

    second = lived.holder.client.get(first.links["next"]["url"])

    assert second.headers["daybook-position"] == first.headers["daybook-position"]
