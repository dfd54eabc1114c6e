"""Looks at lists and reports: each names every customer's thing that its page showed, and no other."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from api.policy import POLICY
from api.shown import kind_of, shown_in
from application.reconciliation import open_work_item
from domain.access import SUBJECT_OF_STREAM, Looked
from domain.work_items import Difference
from tests.api.test_looks import OPENAPI, calls_since, head, properties_of, reader_of
from tests.api.test_policy import Cast
from tests.bank import Bank, ask
from tests.running_api import Person, RunningApi, running_api

MANY: Final = [route for (_, route), rule in POLICY.items() if rule.subject == "many"]
REPORTS: Final = [route for route in MANY if route.startswith("/reports/")]
# They are sums over everybody, and name nobody who was not asked for.
SUMS: Final = {"/reports/transaction-summary", "/reports/spending"}
# What ends in `_id` and is no customer's.
NOBODYS: Final = {"biller_id", "work_item_id", "request_id", "external_id"}
NAME: Final = re.compile(r"([a-z_-]+)-([0-9]+)")
# As facts say it, whose names of fields are those of the domain.
OTHERWISE: Final = {"borrower": "user", "holders": "user", "to_account": "account"}
LOOKS_AT_THE_LOG_MAX: Final = 20


class Story(Cast):
    """An owner who has one of everything that a bank keeps."""

    def __init__(self, api: RunningApi) -> None:
        super().__init__(api)
        for route in (
            "/accounts/{account_id}",
            "/holds/{hold_id}",
            "/loans/{loan_id}",
            "/bills/autopay/{autopay_id}",
            "/bills/registrations/{registration_id}",
            "/bills/payments/{payment_id}",
        ):
            assert self.call("GET", route, self.owner.client).status_code == 200
        (self.payment, *_) = self.owner.get("/bills/history").json()
        self.difference(self.payment["payment_id"])

    def difference(self, payment_id: int) -> None:
        difference = Difference(
            kind="missing_there",
            gateway="city",
            settlement_date=dt.date(2026, 1, 31),
            key="theirs",
            currency="EUR",
            payment_id=payment_id,
        )
        with Bank(self.api.conninfo) as bank:
            bank.submit(open_work_item(ask(), 1, difference))


@pytest.fixture
def fresh_api(database: str, tmp_path: Path) -> Iterator[RunningApi]:
    with running_api(database, tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def story(api: RunningApi) -> Story:
    return Story(api)


def asked_of(route: str) -> dict[str, int]:
    """So that the page is a whole one, and a proof that of the first account's opening."""
    operation = msgspec.json.decode(OPENAPI.read_bytes())["paths"][f"/v1{route}"]["get"]
    taken = {parameter["name"] for parameter in operation.get("parameters", [])}
    return {name: 200 if name == "limit" else 8 for name in taken & {"limit", "position"}}


def look_of(api: RunningApi, before: int) -> Looked:
    """The one look since."""
    (recorded,) = calls_since(api, before)
    fact = recorded.event.fact
    assert isinstance(fact, Looked)
    return fact


def ids_in(name: str, value: Any) -> set[tuple[str, int]]:
    """Whatever looks like the number of something, by the name of its field, or by its text."""
    if isinstance(value, dict):
        return set().union(*(ids_in(each, value[each]) for each in value))
    if isinstance(value, list):
        return set().union(*(ids_in(name, each) for each in value))
    if isinstance(value, int) and (name.endswith("_id") or name in OTHERWISE):
        return {(name, value)} if name not in NOBODYS else set()
    if name == "state" and value.startswith("{"):
        stored = msgspec.json.decode(value)
        return ids_in("", [stored["fact"], stored["actor"], stored.get("entry", [])])
    named = NAME.fullmatch(value) if isinstance(value, str) else None
    kind = named and SUBJECT_OF_STREAM.get(named[1], named[1])
    known = named and kind in ("user", "account", "loan", "bill", "payment")
    return {(f"{kind}_id", int(named[2]))} if named and known else set()


def is_named(look: Looked, name: str, number: int) -> bool:
    words = OTHERWISE.get(name, name.removesuffix("_id"))
    return any(words.endswith(kind) and number in numbers for kind, numbers in look.shown.items())


@pytest.mark.parametrize("route", MANY)
def test_a_look_names_all_that_its_answer_showed(story: Story, route: str) -> None:
    reader, before = story.staff[reader_of(route)], head(story.api)

    answer = reader.get(route.replace("{work_item_id}", "1"), **asked_of(route))

    look = look_of(story.api, before)
    shown = ids_in("", answer.json())
    assert answer.status_code == 200, answer.text
    assert shown or route in SUMS
    assert {each for each in shown if not is_named(look, *each)} == set()
    assert all(list(numbers) == sorted(set(numbers)) for numbers in look.shown.values())


@pytest.mark.parametrize("route", MANY)
def test_each_field_of_a_list_that_numbers_something_is_known_for_whose_it_is(route: str) -> None:
    document = msgspec.json.decode(OPENAPI.read_bytes())
    answer = document["paths"][f"/v1{route}"]["get"]["responses"]["200"]["content"]

    fields = properties_of(answer, document["components"]["schemas"], set())

    numbering = {field for field in fields if field.endswith(("_id", "_ids"))} - NOBODYS
    assert {field for field in numbering if kind_of(field) is None} == set()


@pytest.mark.parametrize("route", REPORTS)
def test_a_report_as_a_table_is_named_like_its_document(story: Story, route: str) -> None:
    reader, looks = story.staff[reader_of(route)], []

    for form in ("json", "csv"):
        before = head(story.api)
        reader.get(route, format=form)
        looks.append(look_of(story.api, before).shown)

    assert looks[0] == looks[1]
    assert looks[0] or route in SUMS


def test_what_somebody_chose_to_write_names_nobody(story: Story) -> None:
    account_id, before = story.api.account(story.owner, reference="user-77"), head(story.api)
    body = {"amount": 1, "description": "account-78"}
    story.owner.post(f"/accounts/{account_id}/deposit", body)
    # So that the views have it.
    assert story.owner.get(f"/accounts/{account_id}/balance").json()["balance"] == 1

    story.staff["teller"].get("/accounts", reference="user-77")
    listed = look_of(story.api, before)
    before = head(story.api)
    story.staff["teller"].get("/transactions/history", account_id=account_id)
    moved = look_of(story.api, before)

    assert listed.shown == {"account": (account_id,)}
    assert moved.shown["account"] == (account_id,)


def test_a_look_that_was_refused_showed_nothing(story: Story) -> None:
    before = head(story.api)

    story.staff["teller"].get("/accounts", limit=201)

    look = look_of(story.api, before)
    assert (look.outcome, look.shown) == ("parameter-refused", {})


def test_a_page_of_two_hundred_is_named_in_a_few_kilobytes(story: Story) -> None:
    # Of a bank whose numbers have eight digits, with both sides of every transfer another's.
    first = 10_000_000
    rows = [
        {
            "transaction_id": first + n,
            "source_account_id": 2 * first + n,
            "destination_account_id": 3 * first + n,
        }
        for n in range(200)
    ]

    assert len(msgspec.json.encode(shown_in(rows))) < 5_500


def test_the_customer_is_told_of_the_page_on_which_the_customer_was_and_of_no_other(
    fresh_api: RunningApi,
) -> None:
    api = fresh_api
    ada, bob, teller = api.person(), api.person(), api.person("teller")
    first, second = api.account(ada), api.account(bob)
    for person in (ada, bob):
        assert len(person.get("/accounts").json()) == 1

    shown = teller.get("/accounts", limit=1)
    both = teller.get("/accounts")

    assert [row["account_id"] for row in shown.json()] == [first]
    assert [row["account_id"] for row in both.json()] == [first, second]
    asked = api.person("auditor").get("/audit/accesses", account_id=second, kind="looked").json()
    assert [each["subjects"] for each in asked] == [[f"account-{second}"]]
    assert asked[0]["detail"] == {"shown": {"account": 2}}
    assert told_looks(ada) == [[f"account-{first}"]] * 2
    # Of the other, who was on the same page, not a number.
    assert told_looks(bob) == [[f"account-{second}"]]


def told_looks(person: Person) -> list[list[str]]:
    export = person.get(f"/users/{person.user_id}/export").json()
    return [look["subjects"] for look in export["looks"] if look["call"] == "GET /accounts"]


# --- Following the log


def follow(auditor: Person, after: int) -> int:
    """Read on from a position, page by page, to an empty page."""
    for _ in range(LOOKS_AT_THE_LOG_MAX):
        page = auditor.get("/audit/log", after=after, limit=200).json()
        if not page:
            return after
        after = page[-1]["position"]
    raise AssertionError("the log grows by what is read of it")


def test_who_follows_the_log_comes_to_its_end(story: Story) -> None:
    auditor, begin = story.api.person("auditor"), head(story.api)
    story.api.account(story.owner, 5)

    end = follow(auditor, begin)

    # The page with the account was one look, and nothing that came after it was.
    (look,) = calls_since(story.api, begin)
    assert (look.event.fact.route, end) == ("GET /audit/log", head(story.api))
    assert follow(auditor, end) == end == head(story.api)


def test_two_who_follow_the_log_do_not_keep_each_other_reading(story: Story) -> None:
    followers = [story.api.person("auditor"), story.api.person("compliance")]
    places = [head(story.api)] * 2
    story.api.account(story.owner, 5)

    for _ in range(LOOKS_AT_THE_LOG_MAX):
        before = head(story.api)
        for number, follower in enumerate(followers):
            page = follower.get("/audit/log", after=places[number]).json()
            places[number] = page[-1]["position"] if page else places[number]
        if places == [before, before] == [head(story.api)] * 2:
            break
    else:
        raise AssertionError("each reads the looks of the other")


def test_a_look_of_another_at_what_is_a_customers_is_no_quiet_page(story: Story) -> None:
    auditor, begin = story.api.person("auditor"), head(story.api)
    story.api.account(story.owner, 5)
    read = follow(auditor, begin)
    other, before = story.api.person("compliance"), head(story.api)

    page = other.get("/audit/log", after=read - 1, limit=1).json()

    look = look_of(story.api, before)
    assert [event["stream"] for event in page] == ["audit-trail"]
    assert (look.route, look.shown) == ("GET /audit/log", {})
