"""Quotes, rates and day counts over a socket: anyone may ask, figures are exact, nonsense is named."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, Final

import httpx
import pytest

from api.reckoning import LINE_MAX
from tests.running_api import RunningApi

LOAN: Final = {
    "principal": 12_000,
    "currency": "EUR",
    "method": "annuity",
    "periodic_rate": "2",
    "instalments": 4,
    "disbursed_on": "2026-01-31",
}


LATER: Final = [{"on": "2026-02-01", "value": 3}]
FOLLOWED: Final = {"values": [{"on": "2026-01-01", "value": 2}], "margin": 1, "reset_months": 1}


def ask(api: RunningApi, call: str, body: Any) -> httpx.Response:
    return api.anyone.post(f"/v1/loans/{call}", json=body)


def answer(api: RunningApi, call: str, body: Any) -> Any:
    answered = ask(api, call, body)
    assert answered.status_code == 200, answered.text
    return json.loads(answered.text, parse_float=Decimal)


def test_a_quote_tells_the_schedule_and_the_cost(api: RunningApi) -> None:
    quote = answer(api, "quote", LOAN | {"fees": [{"amount": 100, "on": "2026-01-31"}]})

    assert quote["instalments"][0] == {
        "number": 1,
        "from": "2026-01-31",
        "until": "2026-02-28",
        "due": "2026-02-28",
        "days": 28,
        "principal": Decimal("2911.49"),
        "interest": Decimal("240.00"),
        "fee": 0,
        "payment": Decimal("3151.49"),
        "balance": Decimal("9088.51"),
    }
    assert [row["due"] for row in quote["instalments"]][1:] == [
        "2026-03-31",
        "2026-04-30",
        "2026-05-31",
    ]
    assert quote["instalments"][-1]["payment"] == Decimal("3151.47")
    assert quote["totals"] == {
        "principal": Decimal("12000.00"),
        "interest": Decimal("605.94"),
        "payment": Decimal("12605.94"),
        "fees": Decimal("100.00"),
    }
    assert quote["effective_rate"] == "26.824179"
    assert Decimal(quote["apr_eu"]) > 31
    assert Decimal(quote["apr_us"]) > 28


def test_without_fees_all_rates_say_the_agreed_one(api: RunningApi) -> None:
    quote = answer(api, "quote", LOAN)

    assert abs(Decimal(quote["apr_eu"]) - Decimal("26.824179")) < Decimal("0.001")
    assert abs(Decimal(quote["apr_us"]) - 24) < Decimal("0.001")


def test_due_dates_are_business_days_and_each_instalment_has_its_fee(api: RunningApi) -> None:
    fee = {"flat": 1.5, "percent_of_principal": "0.1", "percent_of_instalment": 0.5}
    more = {"business_days": "following", "instalment_fee": fee}

    quote = answer(api, "quote", LOAN | more)

    first = quote["instalments"][0]
    # The 28th of February 2026 is a Saturday.
    assert (first["until"], first["due"], first["days"]) == ("2026-02-28", "2026-03-02", 28)
    # 1.50 + 2.91149 + 15.75745.
    assert (first["fee"], first["payment"]) == (Decimal("20.17"), Decimal("3171.66"))
    assert quote["totals"]["fees"] == sum(row["fee"] for row in quote["instalments"])
    assert Decimal(quote["apr_eu"]) > Decimal(quote["effective_rate"])


def test_a_rate_that_follows_an_index_is_quoted_as_its_changes(api: RunningApi) -> None:
    values = [{"on": "2026-01-01", "value": "2"}, {"on": "2026-03-15", "value": "4"}]
    bare = {name: value for name, value in LOAN.items() if name != "periodic_rate"}
    follows = FOLLOWED | {"values": values, "cap": "4.5"}

    followed = answer(api, "quote", bare | {"follows": follows})

    changes = [{"on": "2026-03-31", "annual_rate": "4.5"}]
    plain = answer(api, "quote", bare | {"annual_rate": "3", "rate_changes": changes})
    assert followed == plain


def test_what_is_left_out_is_today_and_the_currency_of_the_bank(api: RunningApi) -> None:
    quote = answer(
        api,
        "quote",
        {"principal": "100", "method": "bullet", "annual_rate": 5, "instalments": 1},
    )

    assert quote["currency"] == "EUR"
    assert quote["disbursed_on"] == quote["instalments"][0]["from"]


def test_the_first_of_all_disbursements_is_on_the_day_and_further_ones_are_not(
    api: RunningApi,
) -> None:
    later = {"on": "2026-03-10", "amount": 2000}
    loan = LOAN | {"method": "progressive"}
    parts = [{"on": "2026-01-31", "amount": 10_000}, later]

    shared = answer(api, "quote", loan | {"disbursements": parts})
    added = answer(api, "quote", loan | {"principal": 10_000, "disbursements": [later]})
    wrong = ask(api, "quote", loan | {"principal": 11_000, "disbursements": parts})

    undated = {name: value for name, value in loan.items() if name != "disbursed_on"}
    assert answer(api, "quote", undated | {"disbursements": parts}) == shared
    assert shared == added
    assert shared["totals"]["principal"] == Decimal(12_000)
    assert wrong.json()["figures"]["field"] == "disbursements"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"annual_rate": "24"}, "annual_rate"),
        ({"periodic_rate": None}, "annual_rate"),
        ({"rate_type": "effective"}, "rate_type"),
        ({"rate_changes": [{"on": "2026-03-01", "annual_rate": 1}]}, "rate_changes"),
        ({"instalments": None}, "instalments"),
        ({"method": "balloon"}, "amortisation_instalments"),
        ({"amortisation_instalments": 9}, "amortisation_instalments"),
        ({"method": "balloon", "amortisation_instalments": 3}, "amortisation_instalments"),
        ({"method": "fixed_payment"}, "payment"),
        ({"payment": 100}, "payment"),
        ({"method": "fixed_payment", "payment": 200, "instalments": None}, "payment"),
        ({"growth": 3}, "growth"),
        ({"percent": 3}, "percent"),
        ({"method": "step"}, "rate_changes"),
        ({"first_due": "2026-01-31"}, "first_due"),
        ({"day_count": "ACT/360"}, "day_count"),
        ({"grace_principal": 4}, "grace_principal"),
        ({"grace_interest_payment": 4}, "grace_interest_payment"),
        ({"interest_free": 5}, "interest_free"),
        ({"periodic_rate": "-11"}, "periodic_rate"),
        ({"fees": [{"amount": 1, "on": "2025-12-31"}]}, "fees"),
        ({"disbursements": [{"amount": 1, "on": "2027-12-31"}]}, "disbursements"),
        ({"moves_accrual": True}, "moves_accrual"),
        ({"follows": FOLLOWED}, "annual_rate"),
        ({"periodic_rate": None, "follows": FOLLOWED | {"values": LATER}}, "follows.values"),
        ({"periodic_rate": None, "follows": FOLLOWED | {"values": LATER * 2}}, "follows.values"),
        ({"periodic_rate": None, "follows": FOLLOWED | {"cap": 1, "floor": 2}}, "follows.cap"),
        ({"periodic_rate": None, "follows": FOLLOWED | {"margin": -20}}, "follows"),
        ({"moves_accrual": True, "business_days": "following"}, "moves_accrual"),
        ({"instalment_fee": {"percent_of_principal": 101}}, "instalment_fee.of_principal"),
    ],
)
def test_a_loan_that_contradicts_itself_is_refused_by_the_field(
    api: RunningApi, more: dict[str, Any], field: str
) -> None:
    body = {name: value for name, value in (LOAN | more).items() if value is not None}

    refused = ask(api, "quote", body)

    assert refused.status_code == 422
    assert (refused.json()["code"], refused.json()["figures"]["field"]) == (
        "terms-contradict",
        field,
    )


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"principal": 0}, "amount-not-positive"),
        ({"principal": "0.001"}, "too-many-decimals"),
        ({"currency": "XXX"}, "unknown-currency"),
        ({"disbursed_on": "1066-10-14"}, "date-out-of-range"),
        ({"instalments": 1201}, "body-invalid"),
        ({"every": 0}, "body-invalid"),
        ({"day_count": "ACT/365"}, "body-invalid"),
        ({"annual_rates": "5"}, "body-invalid"),
        ({"every": 366, "instalments": 1200}, "date-out-of-range"),
    ],
)
def test_bad_input_is_told_what_was_wrong(api: RunningApi, more: dict[str, Any], code: str) -> None:
    refused = ask(api, "quote", LOAN | more)

    assert (refused.status_code, refused.json()["code"]) == (422, code)


def test_fees_that_eat_the_loan_leave_no_rate(api: RunningApi) -> None:
    refused = ask(api, "quote", LOAN | {"fees": [{"amount": 12_000}]})

    assert (refused.status_code, refused.json()["code"]) == (422, "no-rate-of-return")


def test_the_two_annual_percentage_rates_differ_by_design(api: RunningApi) -> None:
    rates = answer(
        api,
        "apr",
        {
            "advances": [{"on": "1978-01-10", "amount": 5000}],
            "streams": [{"amount": 230, "first": "1978-02-10", "count": 24}],
        },
    )

    assert rates["apr_us"] == "9.685708"
    assert rates["apr_eu"] == "10.127465"


@pytest.mark.parametrize(
    "first", [{"on": {"months": 0}}, {"months": 0, "days": 0}, {"on": "1978-01-10"}]
)
@pytest.mark.parametrize("stream", [{"months": 1}, {"months": 1, "days": 0}])
def test_months_and_days_say_what_dates_say(
    api: RunningApi, first: dict[str, Any], stream: dict[str, Any]
) -> None:
    rates = answer(
        api,
        "apr",
        {
            "advances": [{"amount": 5000, **first}],
            "streams": [{"amount": 230, "first": stream, "count": 24, "every_months": 1}],
        },
    )

    assert (rates["apr_us"], rates["apr_eu"]) == ("9.685708", "10.127465")


def test_the_internal_rate_of_dated_flows(api: RunningApi) -> None:
    rates = answer(
        api,
        "apr",
        {
            "advances": [{"on": "2008-01-01", "amount": 10_000}],
            "payments": [
                {"on": "2008-03-01", "amount": 2750},
                {"on": "2008-10-30", "amount": 4250},
                {"on": "2009-02-15", "amount": 3250},
                {"on": "2009-04-01", "amount": 2750},
            ],
        },
    )

    assert rates["xirr"] == "37.336253"


def test_a_charge_lessens_what_was_advanced(api: RunningApi) -> None:
    body = {
        "advances": [{"months": 0, "amount": 6000}],
        "streams": [{"amount": 300, "first": {"months": 1}, "count": 24}],
    }
    charged = body | {"charges": [{"months": 0, "amount": 60}]}
    net = body | {"advances": [{"months": 0, "amount": 5940}]}
    counted = net | {"streams": [{"amount": 300, "first": 1, "count": 24}]}

    assert answer(api, "apr", charged) == answer(api, "apr", net) == answer(api, "apr", counted)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"advances": [{"months": 0, "amount": 1}]}, "terms-contradict"),
        ({"advances": [], "payments": []}, "body-invalid"),
        (
            {
                "advances": [{"amount": 1}],
                "payments": [{"months": 1, "amount": 1}],
            },
            "terms-contradict",
        ),
        (
            {
                "advances": [{"on": "2026-01-01", "amount": 1}],
                "payments": [{"on": "2025-01-01", "amount": 1}],
            },
            "terms-contradict",
        ),
        (
            {
                "advances": [{"months": 0, "amount": -1}],
                "payments": [{"months": 1, "amount": 1}],
            },
            "amount-not-positive",
        ),
        (
            {
                "advances": [{"months": 0, "amount": 100}],
                "charges": [{"months": 0, "amount": 100}],
                "payments": [{"months": 1, "amount": 1}],
            },
            "no-rate-of-return",
        ),
        (
            {
                "advances": [{"months": 0, "amount": 100}],
                "streams": [{"first": {"months": 1}, "count": 1200, "amount": 1}] * 3,
            },
            "terms-contradict",
        ),
    ],
)
def test_flows_without_a_rate_are_refused(api: RunningApi, body: dict[str, Any], code: str) -> None:
    refused = ask(api, "apr", body)

    assert (refused.status_code, refused.json()["code"]) == (422, code)


def test_days_are_counted_by_the_exact_name(api: RunningApi) -> None:
    asked = {"convention": "30E/360-ISDA", "start": "2008-08-31", "end": "2009-02-28"}

    running = answer(api, "day-count", asked)

    assert running == asked | {"days": 180, "year_fraction": "0.5000000000"}
    for termination in ("2009-02-28", True):
        assert answer(api, "day-count", asked | {"termination": termination})["days"] == 178


def test_coupons_are_counted_by_their_regular_period(api: RunningApi) -> None:
    asked = {"convention": "ACT/ACT-ICMA", "start": "2002-08-15", "end": "2003-07-15"}
    reference = {"ref_start": "2003-01-15", "ref_end": "2003-07-15"}

    counted = answer(api, "day-count", asked | reference)

    assert (counted["days"], counted["year_fraction"]) == (334, "0.9157608696")
    assert ask(api, "day-count", asked).json()["figures"]["field"] == "ref_start"
    alone = ask(api, "day-count", asked | {"ref_start": "2003-01-15"})
    assert alone.json()["figures"]["field"] == "ref_end"


def test_the_end_is_not_before_the_start(api: RunningApi) -> None:
    asked = {"convention": "ACT/360", "start": "2003-07-15", "end": "2003-07-14"}

    assert ask(api, "day-count", asked).json()["figures"]["field"] == "end"


def a_long_one(instalments: int) -> dict[str, Any]:
    """A quote that takes long to reckon."""
    days = [f"{2026 + number // 12}-{number % 12 + 1:02}" for number in range(1, 61)]
    loan = LOAN | {
        "method": "progressive",
        "instalments": instalments,
        "annual_rate": "5",
        "day_count": "ACT/365F",
        "disbursements": [{"on": f"{day}-17", "amount": 100} for day in days],
        "rate_changes": [{"on": f"{day}-23", "annual_rate": "6"} for day in days],
    }
    del loan["periodic_rate"]
    return loan


def test_the_longest_quotes_do_not_keep_the_others_waiting(api: RunningApi) -> None:
    with ThreadPoolExecutor(4) as pool:
        quotes = [pool.submit(ask, api, "quote", a_long_one(600)) for _ in range(4)]
        waits = []
        while not all(quote.done() for quote in quotes):
            begun = time.monotonic()
            assert api.anyone.get("/v1/health/live").status_code == 200
            waits.append(time.monotonic() - begun)

    assert [quote.result().status_code for quote in quotes] == [200] * 4
    assert len(quotes[0].result().json()["instalments"]) == 600
    assert sorted(waits)[len(waits) // 2] < 0.5


def test_a_full_line_is_told_to_come_again(api: RunningApi) -> None:
    with ThreadPoolExecutor(LINE_MAX * 2) as pool:
        asked = [pool.submit(ask, api, "quote", a_long_one(90)) for _ in range(LINE_MAX * 2)]
        answered = [one.result() for one in asked]

    refused = [one for one in answered if one.status_code != 200]
    assert len(refused) < len(answered)
    assert {(one.status_code, one.headers["retry-after"]) for one in refused} == {(429, "1")}
