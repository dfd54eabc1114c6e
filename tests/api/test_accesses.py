"""Asking the audit trail: by whose it is, by who asked, by kind, outcome and day; a page at a time."""

import datetime as dt
from typing import Any, Final

import pytest

from application import clock
from tests.running_api import Person, RunningApi

TODAY: Final = clock.now().date()
pytestmark = pytest.mark.usefixtures("one_day")
YESTERDAY: Final = TODAY - dt.timedelta(days=1)


class Story:
    """Two customers, and a teller who looks at things of theirs."""

    def __init__(self, api: RunningApi) -> None:
        self.ada, self.bob = api.person(), api.person()
        self.teller, self.auditor = api.person("teller"), api.person("auditor")
        self.account = api.account(self.ada, 100)
        self.other = api.account(self.bob, 100)
        held = self.ada.post(f"/accounts/{self.account}/holds", {"amount": 1}).json()
        period = {"from": str(TODAY), "to": str(TODAY)}
        issued = self.ada.post(f"/accounts/{self.account}/statements", period).json()
        sent = {"source_account_id": self.account, "destination_account_id": self.other}
        paid = self.ada.post("/transactions/create", {**sent, "amount": 5}).json()
        asked = {"product": "instalment", "amount": 500, "instalments": 4, "income": 5000}
        loan = self.ada.post("/loans/apply", asked).json()
        order = {"account_id": self.account, "amount": 1, "counterparty": "XX"}
        order |= {"frequency": "monthly", "first_due": str(TODAY)}
        agreed = self.ada.post("/standing-orders", order).json()
        self.paths = [
            f"/accounts/{self.account}/balance",
            f"/holds/{held['hold_id']}",
            f"/statements/{issued['statement_id']}",
            f"/transactions/{paid['transaction_id']}",
            f"/standing-orders/{agreed['standing_order_id']}",
            f"/loans/{loan['loan_id']}",
            f"/transactions/history/{self.ada.user_id}",
        ]
        for path in self.paths:
            seen = self.teller.get(path)
            assert seen.status_code == 200, seen.text
        self.teller.get(f"/accounts/{self.other}/balance")
        self.teller.get("/accounts")
        self.bob.post(f"/accounts/{self.other}/withdraw", {"amount": 1000})

    def ask(self, **filters: Any) -> list[dict[str, Any]]:
        answer = self.auditor.get("/audit/accesses", **filters)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found


@pytest.fixture(scope="module")
def story(api: RunningApi) -> Story:
    return Story(api)


def subjects(found: list[dict[str, Any]]) -> list[str]:
    return [subject for each in found for subject in each["subjects"]]


def test_looks_at_what_is_a_customers_are_found_by_the_customer(story: Story) -> None:
    found = story.ask(user_id=story.ada.user_id, kind="looked", actor=teller_of(story))
    theirs = story.ask(user_id=story.bob.user_id, kind="looked", actor=teller_of(story))

    # The newest is the list in which all of them were.
    listed, *found = found
    assert len(found) == len(story.paths)
    assert listed["call"] == theirs[0]["call"] == "GET /accounts"
    assert listed["subjects"] == [f"account-{story.account}"]
    assert theirs.pop(0)["subjects"] == [f"account-{story.other}"]
    kinds = {subject.rpartition("-")[0] for subject in subjects(found)}
    assert kinds == {
        *("account", "hold", "statement", "transaction", "standing_order", "loan", "user")
    }
    # The payment between the two is both of theirs.
    assert sorted(s.rpartition("-")[0] for s in subjects(theirs)) == ["account", "transaction"]


def test_looks_at_an_account_are_found_by_the_account(story: Story) -> None:
    found = story.ask(account_id=story.account, kind="looked", actor=teller_of(story))

    assert found.pop(0)["call"] == "GET /accounts"
    kinds = sorted(subject.rpartition("-")[0] for subject in subjects(found))
    assert kinds == ["account", "hold", "standing_order", "statement", "transaction"]


def teller_of(story: Story) -> str:
    return f"teller-{story.teller.user_id}"


def test_refusals_sign_ins_and_lists_are_told_apart(story: Story) -> None:
    (refused,) = story.ask(account_id=story.other, kind="command-refused")
    (signed_in,) = story.ask(actor=teller_of(story), kind="signed-in")
    (listed,) = story.ask(actor=teller_of(story), outcome="answered", **{"from": str(TODAY)})[:1]

    assert (refused["outcome"], refused["actor"]) == (
        "insufficient-funds",
        f"user-{story.bob.user_id}",
    )
    assert (refused["call"], refused["session"] is None) == ("accounts/withdraw", False)
    assert refused["request_id"]
    assert (signed_in["outcome"], signed_in["session"] is None) == ("done", False)
    assert (listed["call"], listed["subjects"]) == ("GET /accounts", [])
    # Two accounts of two customers.
    assert listed["detail"] == {"shown": {"account": 2}}
    assert listed["session"] == signed_in["session"]


def test_days_bound_what_is_found(story: Story) -> None:
    assert story.ask(to=str(YESTERDAY)) == []
    assert story.ask(actor=teller_of(story), to=str(TODAY)) != []
    assert story.ask(actor="teller-9007199254740991") == []


def test_the_numbers_of_the_trail_have_no_gap_from_page_to_page(story: Story) -> None:
    whole = story.ask(limit=200)
    numbers, cursor = [], None
    while True:
        page = story.auditor.get(
            "/audit/accesses", limit=7, **({"cursor": cursor} if cursor else {})
        )
        numbers += [each["number"] for each in page.json()]
        if "next" not in page.links:
            break
        cursor = page.links["next"]["url"].rpartition("cursor=")[2]

    assert numbers == list(range(numbers[0], 0, -1))
    assert numbers[0] > whole[0]["number"]


@pytest.mark.parametrize(
    "filters",
    [
        {"actor": "teller-2; DROP"},
        {"kind": "everything"},
        {"outcome": "Not Permitted"},
        {"user_id": "0"},
        {"from": "yesterday"},
        {"cursor": "WyJhIl0"},
    ],
)
def test_a_filter_that_says_nothing_is_refused_by_name(
    story: Story, filters: dict[str, str]
) -> None:
    answer = story.auditor.get("/audit/accesses", **filters)

    assert (answer.status_code, answer.json()["code"]) == (400, "parameter-refused")
    assert answer.json()["errors"][0]["pointer"] == f"/query/{next(iter(filters))}"


def test_a_person_is_told_who_looked_and_from_where_somebody_came_in(story: Story) -> None:
    told = story.ada.get(f"/users/{story.ada.user_id}/export").json()

    by_teller = [each for each in told["looks"] if each["by"] == teller_of(story)]
    assert len(by_teller) == len(story.paths) + 1
    assert story.teller.username not in str(told)
    (came_in,) = told["coming_in"]
    assert (came_in["kind"], came_in["address"]) == ("signed-in", "127.0.0.1")


def test_the_trail_is_for_auditors_and_compliance(story: Story, api: RunningApi) -> None:
    others: list[Person] = [story.ada, story.teller, api.person("admin")]

    assert [p.get("/audit/accesses").status_code for p in others] == [403] * 3
    assert api.person("compliance").get("/audit/accesses").status_code == 200


def test_a_look_of_this_moment_is_in_the_person_s_own_export(api: RunningApi) -> None:
    """The export waits for the view to have come to all that was recorded here, not to her own writes alone."""
    jana, teller = api.person(), api.person("teller")
    account = api.account(jana, 100)

    for number in range(1, 26):
        teller.get(f"/accounts/{account}/balance")
        told = jana.get(f"/users/{jana.user_id}/export").json()
        assert [each["by"] for each in told["looks"]] == [f"teller-{teller.user_id}"] * number
