"""The database goes away under a running API and comes back: nothing is lost, and nothing said twice."""

import time
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.running_api import running_api


def shut(conninfo: str, *, closed: bool) -> None:
    """Let nobody into the database, and throw out who is in it; or let them in again."""
    name = str(conninfo_to_dict(conninfo)["dbname"])
    with psycopg.connect(make_conninfo(conninfo, dbname="postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}").format(
                sql.Identifier(name), sql.SQL("false" if closed else "true")
            )
        )
        if closed:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )


def test_a_write_while_the_store_is_away_is_answered_503_and_its_key_is_safe(
    database: str, tmp_path: Path
) -> None:
    with running_api(database, tmp_path) as api:
        holder = api.person()
        account_id = api.account(holder, 100)
        withdrawal = (f"/v1/accounts/{account_id}/withdraw", {"amount": 1})
        try:
            shut(database, closed=True)
            refused = holder.post(*withdrawal, key="through-the-storm")
            ready = api.anyone.get("/health/ready")
            live = api.anyone.get("/health/live")
            reading = holder.get(f"/v1/accounts/{account_id}/balance")
        finally:
            shut(database, closed=False)

        assert refused.status_code == 503
        assert refused.json()["code"] in ("unavailable", "outcome-unknown", "revocations-unknown")
        assert int(refused.headers["retry-after"]) > 0
        assert (ready.status_code, live.status_code) == (503, 200)
        assert reading.status_code == 503

        deadline = time.monotonic() + 30
        while (again := holder.post(*withdrawal, key="through-the-storm")).status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert again.status_code == 201
        while (answer := holder.get(f"/v1/accounts/{account_id}/balance")).status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert answer.json()["balance"] == 99
