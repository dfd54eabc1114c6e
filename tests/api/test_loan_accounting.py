"""What the bank's books hold of its loans, over HTTP: loss rates, allowances, and what they are for."""

import datetime as dt
from typing import Any

import pytest

from tests.api.test_loans import (
    DAY,
    TODAY,
    applied,
    code,
    done,
    end_each_day,
    end_loan_days,
    late,
    lent,
    portfolio,
)
from tests.running_api import Person, RunningApi


@pytest.fixture(scope="module")
def admin(api: RunningApi) -> Person:
    """Whoever set the loss rates of the bank, all as they are unless said otherwise."""
    admin = api.person("admin")
    answer = admin.post("/v1/loss-rates", {"first_day": str(TODAY - 400 * DAY)}, key="loss-rates")
    assert answer.status_code == 201, answer.text
    return admin


def sheet(person: Person, **moment: Any) -> dict[str, Any]:
    answer = person.get("/v1/ledger/balance-sheet", **moment)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = (answer.json() or [{"assets": [], "net_loans": 0}])[0]
    return found


def accounting(person: Person, loan_id: int, **moment: Any) -> dict[str, Any]:
    answer = person.get(f"/v1/loans/{loan_id}/accounting", **moment)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def neglected(api: RunningApi, borrower: Person, officer: Person, days: int) -> int:
    """A loan of 12,000 paid out so many days ago, of which nothing was repaid; its days are ended."""
    account_id = api.account(borrower)
    began = TODAY - days * DAY
    loan_id = lent(borrower, officer, account_id, began)
    spent = borrower.post(f"/v1/accounts/{account_id}/withdraw", {"amount": 12000})
    assert spent.status_code == 201
    end_loan_days(api, loan_id, began, TODAY - DAY)
    return loan_id


def test_an_admin_sets_loss_rates_and_staff_read_them(api: RunningApi, admin: Person) -> None:
    auditor, borrower = api.person("auditor"), api.person()
    again = admin.post("/v1/loss-rates", {"first_day": str(TODAY - 400 * DAY)})
    other = {"first_day": str(TODAY + 30 * DAY), "current": "0.75", "days_90": 80}

    changed = admin.post("/v1/loss-rates", other)

    assert (again.status_code, again.json()["position"]) == (201, None)
    shares = {"current": "1", "days_1": "5", "days_30": "20", "days_60": "50", "days_90": "100"}
    before = {"first_day": str(TODAY - 400 * DAY), **shares}
    after = {**shares, "first_day": other["first_day"], "current": "0.75", "days_90": "80"}
    assert changed.json()["changes"] == [before, after]
    assert admin.get("/v1/loss-rates").json() == [before, after]
    known = {"known_at": changed.json()["position"] - 1}
    assert auditor.get("/v1/loss-rates", **known).json() == [before]
    assert code(borrower.get("/v1/loss-rates")) == (403, "not-permitted")
    assert code(auditor.post("/v1/loss-rates", other)) == (403, "not-permitted")
    above = admin.post("/v1/loss-rates", {"first_day": str(TODAY), "days_30": 101})
    assert code(above) == (422, "rate-out-of-range")


def test_what_is_set_aside_stands_on_the_loan_in_the_portfolio_and_on_the_balance_sheet(
    api: RunningApi, admin: Person
) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    before, sheet_before = portfolio(officer), sheet(officer)
    loan_id = neglected(api, borrower, officer, 75)

    now = accounting(officer, loan_id)

    # Two instalments are late, the first by more than 30 days.
    assert (now["bucket"], now["stage"]) == ("30-59", 2)
    assert now["allowance"] == pytest.approx(now["gross"] * 0.2, abs=0.005)
    assert now["net"] == pytest.approx(now["gross"] - now["allowance"], abs=0.001)
    report = portfolio(officer)
    assert report["allowance"] - before.get("allowance", 0) == pytest.approx(now["allowance"])
    (stage,) = (row for row in report["stages"] if row["stage"] == 2)
    assert stage["loans"] >= 1
    assert stage["coverage"] == pytest.approx(
        100 * stage["allowance"] / stage["outstanding"], abs=0.01
    )
    assert sum(row["outstanding"] for row in report["stages"]) == report["outstanding"]
    assert sum(row["allowance"] for row in report["ageing"]) == pytest.approx(report["allowance"])
    after = sheet(officer)
    (line,) = (row for row in after["assets"] if row["ledger_account"] == 1390)
    assert line["balance"] < 0
    trial = officer.get("/v1/ledger/trial-balance").json()["lines"]
    (line,) = (row for row in trial if row["ledger_account"] == 1390)
    assert (line["kind"], line["normal_side"], line["balance"] > 0) == ("asset", "credit", True)
    sides = {row["ledger_account"]: row["normal_side"] for row in trial}
    chart = officer.get("/v1/ledger/chart-of-accounts").json()
    assert sides.items() <= {row["ledger_account"]: row["normal_side"] for row in chart}.items()
    assert after["net_loans"] - sheet_before["net_loans"] == pytest.approx(now["net"])
    total = after["liabilities_total"] + after["equity_total"] + after["result"]
    assert after["assets_total"] == pytest.approx(total)
    kinds = {line["kind"] for line in officer.get(f"/v1/loans/{loan_id}/statement").json()["lines"]}
    assert "loan_impairment" not in kinds
    assert code(borrower.get(f"/v1/loans/{loan_id}/accounting")) == (403, "not-permitted")
    table = officer.get("/v1/reports/loan-portfolio", format="csv").text
    assert '"stage","2"' in table
    assert '"net_loans"' in officer.get("/v1/ledger/balance-sheet", format="csv").text


def test_a_repayment_told_late_lowers_what_was_set_aside_and_not_what_was_known(
    api: RunningApi, admin: Person
) -> None:
    borrower, officer, teller = api.person(), api.person("loan_officer"), api.person("teller")
    loan_id = neglected(api, borrower, officer, 45)
    first = officer.get(f"/v1/loans/{loan_id}/schedule").json()["instalments"][0]["due"]
    before = accounting(officer, loan_id)
    assert before["stage"] == 1
    assert before["allowance"] > 600

    done(
        teller.post(
            f"/v1/loans/{loan_id}/repay",
            {"amount": 3151.49, **late(dt.date.fromisoformat(first))},
        )
    )

    assert accounting(officer, loan_id)["allowance"] == 90.89
    assert accounting(officer, loan_id, as_of=first)["allowance"] == 90.89
    known = {"known_at": before["position"], "as_of": str(TODAY - DAY)}
    assert accounting(officer, loan_id, **known)["allowance"] == before["allowance"]


def test_a_write_off_takes_the_allowance_first(api: RunningApi, admin: Person) -> None:
    borrower, one, other = api.person(), api.person("loan_officer"), api.person("loan_officer")
    loan_id = neglected(api, borrower, one, 45)
    before = accounting(one, loan_id)
    result = sheet(one)["result"]
    why = {"reason": "insolvency"}

    done(one.post(f"/v1/loans/{loan_id}/write-off", why))
    written_off = done(other.post(f"/v1/loans/{loan_id}/write-off", why))

    assert written_off["status"] == "written_off"
    after = accounting(one, loan_id)
    assert (after["gross"], after["allowance"], after["net"]) == (0, 0, 0)
    assert after["debt_charged_off"] >= before["gross"]
    # The day's interest was earned before it was lost; the rest of the loss was not expected.
    assert sheet(one)["result"] - result == pytest.approx(-before["net"])


def test_a_fee_and_a_cost_are_borne_over_the_life_of_the_loan(
    api: RunningApi, admin: Person
) -> None:
    borrower, officer, teller = api.person(), api.person("loan_officer"), api.person("teller")
    account_id = api.account(borrower)
    began = TODAY - 40 * DAY
    loan_id = lent(
        borrower,
        officer,
        account_id,
        began,
        product="business",
        instalments=12,
        income=100_000,
        collateral=500_000,
    )
    assert borrower.get(f"/v1/accounts/{account_id}/balance").json()["balance"] == 11880
    first = accounting(officer, loan_id)
    assert (first["deferred_fees"], first["deferred_costs"], first["net"]) == (120, 0, 11880)
    assert float(first["effective_rate"]) > 6.75
    body = {"amount": 30, "counterparty": "Broker & Sons", **late(began)}
    path = f"/v1/loans/{loan_id}/cost"

    done(officer.post(path, body, key="broker"))
    done(officer.post(path, body, key="broker"))
    above = officer.post(path, {"amount": 12_000, **late(began)})

    assert code(above) == (409, "cost-above-loan")
    assert code(borrower.post(path, body)) == (403, "not-permitted")
    assert code(teller.post(path, body)) == (403, "not-permitted")
    paid = accounting(officer, loan_id)
    assert (paid["deferred_fees"], paid["deferred_costs"], paid["net"]) == (120, 30, 11910)
    assert float(paid["effective_rate"]) < float(first["effective_rate"])
    end_loan_days(api, loan_id, began, TODAY - DAY)
    now = accounting(officer, loan_id)
    assert 80 < now["deferred_fees"] < 110
    assert now["deferred_costs"] == pytest.approx(now["deferred_fees"] / 4, rel=0.01)
    lines = sheet(officer)["liabilities"]
    assert any(row["ledger_account"] == 2610 for row in lines)

    done(officer.post(f"/v1/loans/{loan_id}/repay", {"amount": 13000}))

    ended = accounting(officer, loan_id)
    assert (ended["deferred_fees"], ended["deferred_costs"]) == (0, 0)
    (product,) = (
        p for p in borrower.get("/v1/loans/products").json() if p["product"] == "business"
    )
    assert product["fee_income"] == "over_life"


def test_a_repayment_that_another_bank_takes_back_is_owed_again_and_due_at_once(
    api: RunningApi,
) -> None:
    borrower, officer, teller = api.person(), api.person("loan_officer"), api.person("teller")
    loan_id = lent(borrower, officer, api.account(borrower))
    body = {"amount": 5000, "excess": "lower_instalment", "counterparty": "DE89 3704"}
    repaid = done(teller.post(f"/v1/loans/{loan_id}/repay", body))
    path, transaction = f"/v1/loans/{loan_id}/charge-back", repaid["transaction_id"]
    ask = {"transaction_id": transaction, "reason": "disputed by the payer"}

    above = teller.post(path, {**ask, "amount": 5000.01})
    back = done(teller.post(path, {**ask, "amount": 4000}, key="back"))
    same = done(teller.post(path, {**ask, "amount": 4000}, key="back"))
    rest = teller.post(path, {**ask, "amount": 1000.01})
    nothing = teller.post(path, {**ask, "transaction_id": repaid["position"] + 10_000})

    assert code(above) == code(rest) == (409, "charge-back-above-repayment")
    assert back == same
    assert (back["principal"], back["due"], back["days_past_due"]) == (11000, 4000, 0)
    assert code(nothing) == (409, "nothing-to-charge-back")
    assert code(borrower.post(path, ask)) == (403, "not-permitted")
    assert teller.post(path, {"transaction_id": transaction}).status_code == 422
    lines = borrower.get(f"/v1/loans/{loan_id}/statement").json()["lines"]
    assert [line["kind"] for line in lines][-2:] == ["loan_repayment", "loan_charge_back"]
    assert lines[-1]["principal"] == 4000
    first, *others = borrower.get(f"/v1/loans/{loan_id}/schedule").json()["instalments"]
    assert (first["payment"], first["paid"], first["status"]) == (9000, 5000, "due")
    assert (first["balance"], others[-1]["balance"]) == (7000, 0)
    known = {"known_at": repaid["position"], "as_of": str(TODAY)}
    assert borrower.get(f"/v1/loans/{loan_id}", **known).json()["principal"] == 7000

    undo = {"transaction_id": transaction, "reason": "bounced"}
    refused = officer.post(f"/v1/loans/{loan_id}/undo", undo)
    undo = {"transaction_id": back["transaction_id"], "reason": "the payer's bank gave way"}
    given = done(officer.post(f"/v1/loans/{loan_id}/undo", undo))

    assert code(refused) == (409, "loan-changed-since")
    assert (given["principal"], given["due"]) == (7000, 0)


def test_an_approval_that_nobody_accepts_commits_the_bank_until_it_expires(
    api: RunningApi, admin: Person
) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    on = TODAY - 35 * DAY
    last = {"as_of": str(on + 30 * DAY)}
    before, before_then = committed(officer), committed(officer, **last)
    loan_id = applied(borrower)
    done(officer.post(f"/v1/loans/{loan_id}/approve", late(on)))
    assert committed(officer) - before == 12000

    end_each_day(api, on, TODAY - DAY)

    assert committed(officer) == before
    assert committed(officer, **last) - before_then == 12000
    loan = borrower.get(f"/v1/loans/{loan_id}").json()
    assert loan["status"] == "expired"
    # Those days were ended by the rates of then.
    rates = {"first_day": str(TODAY - DAY), "current": 2}
    assert code(admin.post("/v1/loss-rates", rates)) == (409, "loss-rates-too-late")


def committed(person: Person, **moment: Any) -> float:
    """What the bank has approved and not paid out, by its memorandum account."""
    answer = person.get("/v1/ledger/trial-balance", **moment)
    assert answer.status_code == 200, answer.text
    lines = {line["ledger_account"]: line for line in answer.json()["lines"]}
    found: float = lines[9020]["balance"] if 9020 in lines else 0.0
    return found
