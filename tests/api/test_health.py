"""Readiness follows what the store can do, so that traffic goes where it can be served; and the papers of the API."""

from pathlib import Path

import psycopg

from tests.running_api import RunningApi, running_api

FULL = """
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file: No space left on device'
        USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER fault BEFORE INSERT ON daybook_events EXECUTE FUNCTION fail();
"""
EMPTIED = "DROP TRIGGER fault ON daybook_events"


def test_a_store_that_takes_no_writes_makes_the_api_unready_until_it_does(
    database: str, tmp_path: Path
) -> None:
    with running_api(database, tmp_path) as api:
        holder = api.person()
        account_id = api.account(holder, 10)
        before = api.anyone.get("/health/ready").status_code
        with psycopg.connect(database) as connection:
            connection.execute(FULL)
        refused = holder.post(f"/accounts/{account_id}/deposit", {"amount": 1})
        unready = api.anyone.get("/health/ready")
        readable = holder.get(f"/accounts/{account_id}/balance")
        with psycopg.connect(database) as connection:
            connection.execute(EMPTIED)
        taken = holder.post(f"/accounts/{account_id}/deposit", {"amount": 1})
        again = api.anyone.get("/health/ready").status_code

    assert before == 200
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert (unready.status_code, unready.json()["code"]) == (503, "unavailable")
    assert (readable.status_code, readable.json()["balance"]) == (200, 10)
    assert (taken.status_code, taken.json()["balance"]) == (201, 11)
    assert again == 200


def test_the_type_of_a_problem_leads_to_what_it_is(api: RunningApi) -> None:
    listed = {kind["type"]: kind for kind in api.anyone.get("/problems").json()}
    refused = api.person().get("/v1/accounts/999999/balance").json()

    for version in ("", "/v1"):
        told = api.anyone.get(version + refused["type"])
        assert (told.status_code, told.json()) == (200, listed[refused["type"]])
        unknown = api.anyone.get(f"{version}/problems/no-such-problem")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not-found")
    assert all(api.anyone.get(kind).status_code == 200 for kind in listed)
