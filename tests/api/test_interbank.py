"""Settlement with other banks: clearing becomes money at the central bank, each report of it once."""

import datetime as dt
from typing import Any, Final

from application import clock
from tests.running_api import Person, RunningApi

CLEARING: Final = (1110, 1130, 2310)


def balances(person: Person, **asked: Any) -> list[float]:
    lines = person.get("/v1/ledger/trial-balance", **asked).json()["lines"]
    found = {line["ledger_account"]: line["balance"] for line in lines}
    return [found.get(code, 0) for code in CLEARING]


def test_what_was_settled_is_money_at_the_central_bank(api: RunningApi) -> None:
    teller, yesterday = api.person("teller"), clock.now().date() - dt.timedelta(days=1)
    report = {"incoming": 250.75, "outgoing": 50, "reference": "RTGS-1"}
    before = balances(teller)

    settled = teller.post("/v1/ledger/interbank-settlements", report, key="settled")
    again = teller.post("/v1/ledger/interbank-settlements", report, key="settled")
    late = teller.post(
        "/v1/ledger/interbank-settlements",
        {
            "outgoing": "0.25",
            "reference": "RTGS-0",
            "booking_date": str(yesterday),
            "reason": "the report came this morning",
        },
    )

    assert settled.status_code == 201, settled.text
    assert (settled.json()["net"], settled.json()["reference"]) == (200.75, "RTGS-1")
    assert again.content == settled.content
    assert late.status_code == 201, late.text
    moved = [now - then for now, then in zip(balances(teller), before, strict=True)]
    assert moved == [200.50, -250.75, -50.25]
    assert balances(teller, as_of=str(yesterday)) == [-0.25, 0, -0.25]
    kept = teller.get(f"/v1/transactions/{settled.json()['transaction_id']}").json()
    assert kept["type"] == "interbank_settlement"


def test_a_report_is_booked_once_whatever_its_key(api: RunningApi) -> None:
    teller = api.person("teller")
    report = {"incoming": 1, "reference": "RTGS-2"}

    first = teller.post("/v1/ledger/interbank-settlements", report)
    second = teller.post("/v1/ledger/interbank-settlements", report | {"incoming": 2})

    assert first.status_code == 201, first.text
    assert (second.status_code, second.json()["code"]) == (409, "settlement-already-booked")
    assert "RTGS-2" in second.json()["detail"]


def test_what_was_booked_too_high_is_taken_back_under_a_reference_of_its_own(
    api: RunningApi,
) -> None:
    teller = api.person("teller")
    before = balances(teller)
    mistyped = {"incoming": 1_000, "outgoing": 10, "reference": "RTGS-3"}
    taken_back = {"incoming": -900, "reference": "RTGS-3/1", "reason": "100, and not 1,000"}

    first = teller.post("/v1/ledger/interbank-settlements", mistyped)
    second = teller.post("/v1/ledger/interbank-settlements", taken_back)

    assert (first.status_code, second.status_code) == (201, 201), second.text
    assert (second.json()["incoming"], second.json()["net"]) == (-900, -900)
    moved = [now - then for now, then in zip(balances(teller), before, strict=True)]
    assert moved == [90, -100, -10]


def test_what_cannot_be_settled_is_refused_by_name(api: RunningApi) -> None:
    compliance = api.person("compliance")

    def code(**body: Any) -> tuple[int, str]:
        answer = compliance.post("/v1/ledger/interbank-settlements", {"reference": "x", **body})
        return answer.status_code, answer.json()["code"]

    assert code() == (422, "amount-not-positive")
    assert code(incoming=-1) == (422, "reason-missing")
    assert code(incoming=5, outgoing=-1_000_000, reason="a slip") == (
        409,
        "correction-above-settled",
    )
    assert code(incoming=0.001) == (422, "too-many-decimals")
    assert code(outgoing=1, currency="XXX") == (422, "unknown-currency")
    assert code(incoming=999_999_999_999_999) == (422, "amount-too-large")
    assert code(incoming=1, booking_date="2999-01-01", reason="why") == (
        422,
        "booking-date-in-future",
    )
    assert code(incoming=1, reference="x" * 36) == (422, "body-invalid")


def test_a_blank_around_a_reference_does_not_book_the_report_again(api: RunningApi) -> None:
    teller = api.person("teller")
    report = {"incoming": 3, "reference": "RTGS 3"}

    first = teller.post("/v1/ledger/interbank-settlements", report)
    padded = [
        teller.post("/v1/ledger/interbank-settlements", report | {"reference": reference})
        for reference in (" RTGS 3", "RTGS 3 ", "RTGS 3\u00a0", "\u2003RTGS 3", "   ")
    ]

    assert first.status_code == 201, first.text
    assert [(each.status_code, each.json()["code"]) for each in padded] == [
        (422, "body-invalid")
    ] * 5
