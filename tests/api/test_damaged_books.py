"""What the API says once the program has found its own log or its views damaged."""

import re
from pathlib import Path
from typing import Any

import psycopg

from daybook.self_audit.audit import audit
from tests.running_api import running_api


def change(conninfo: str, statement: str, parameters: list[Any]) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(statement.encode(), parameters).rowcount == 1


def test_a_statement_over_damage_is_refused_by_name_and_others_are_given(
    database: str, tmp_path: Path
) -> None:
    with running_api(database, tmp_path) as api:
        jana = api.person()
        damaged, sound = api.account(jana, 100), api.account(jana, 50)
        assert api.anyone.get("/v1/health/ready").json()["books"] == "not_audited"
        issued = jana.post(
            f"/v1/accounts/{damaged}/statements", {"from": "2026-01-01", "to": "2026-01-31"}
        )
        assert audit(database).verdict == "agrees"
        assert api.anyone.get("/v1/health/ready").json()["books"] == "sound"

        change(
            database,
            """UPDATE daybook_events SET state = convert_to(replace(convert_from(state, 'UTF8'),
               '10000', '90000'), 'UTF8')
               WHERE originator_id = %s AND originator_version = 2""",
            [f"account-{damaged}"],
        )
        assert audit(database).verdict == "log damaged"

        refused = jana.get(f"/v1/accounts/{damaged}/statement")
        issuing = jana.post(
            f"/v1/accounts/{damaged}/statements", {"from": "2026-01-01", "to": "2026-01-31"}
        )
        again = [jana.get(f"/v1/statements/{issued.json()['statement_id']}")]
        assert {answer.status_code for answer in (refused, issuing, *again)} == {500}
        assert refused.json()["type"].endswith("log-damaged")
        assert re.search(r"damaged at position \d+", refused.json()["detail"])
        assert jana.get(f"/v1/accounts/{sound}/statement").status_code == 200
        assert api.anyone.get("/v1/health/ready").json()["books"] == "log_damaged"

        figures = api.anyone.get("/v1/metrics").text
        assert re.search(r"^daybook_self_audit_log_findings [1-9]", figures, re.MULTILINE)
        assert re.search(r"^daybook_self_audit_position [1-9]", figures, re.MULTILINE)


def test_the_figures_tell_of_views_that_were_rebuilt(database: str, tmp_path: Path) -> None:
    with running_api(database, tmp_path) as api:
        account_id = api.account(api.person(), 100)
        api.person().get("/v1/me")
        while api.anyone.get("/v1/health/ready").json()["projection_lag_events"]:
            pass
        change(
            database,
            "UPDATE readmodels.accounts SET balance = balance + 1 WHERE account_id = %s",
            [account_id],
        )

        assert audit(database, repair=True).verdict == "rebuilt"

        figures = api.anyone.get("/v1/metrics").text
        assert "daybook_self_audit_view_differences 1.0\n" in figures
        assert "daybook_self_audit_rebuilt 1.0\n" in figures
        assert "daybook_self_audit_log_findings 0.0\n" in figures
