"""Whoever was erased stays erased, whichever backup of yesterday is put back."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg
import pytest

from application.erased_persons import ERASED_FILE, ErasedPersons
from application.erasure import Restored, reapply_erasures
from application.key_files import KeyFileUnsafe
from application.pools import open_pool
from application.transact import Writer
from daybook.postgres_programs import find_programs
from tests.bank import read_log
from tests.running_api import Person, RunningApi, running_api
from tests.serve_process import PASSWORD, Command, Server

CANARY = "canary-of-the-mine"


@pytest.fixture
def bank(database: str, tmp_path: Path) -> Iterator[RunningApi]:
    with running_api(database, tmp_path, retention_years=0) as running:
        yield running


def erase(api: RunningApi, person: Person) -> None:
    for compliance in (api.person("compliance"), api.person("compliance")):
        answer = compliance.post(f"/v1/users/{person.user_id}/erasure", {})
        assert answer.status_code in (200, 202), answer.text


def reapplied(conninfo: str, data: Path) -> Restored:
    async def run() -> Restored:
        writer = Writer(conninfo)
        writer.start()
        try:
            async with open_pool(conninfo, name="test", size=1, role="daybook_keys") as pool:
                return await reapply_erasures(pool, writer, ErasedPersons(data / ERASED_FILE))
        finally:
            await writer.stop()

    return asyncio.run(run())


def keys(conninfo: str) -> set[int]:
    with psycopg.connect(conninfo) as connection:
        return {n for (n,) in connection.execute("SELECT user_id FROM person_keys").fetchall()}


def dumped(conninfo: str, *options: str) -> str:
    program = find_programs() / "pg_dump"
    done = subprocess.run([program, *options, conninfo], capture_output=True, check=True, text=True)
    return done.stdout


def restored(conninfo: str, dump: str) -> None:
    program = find_programs() / "psql"
    subprocess.run(
        [program, "-q", "-v", "ON_ERROR_STOP=1", conninfo],
        input=dump,
        text=True,
        check=True,
        capture_output=True,
    )


def test_the_keys_of_yesterday_beside_the_log_of_today_are_destroyed_again(
    bank: RunningApi, tmp_path: Path
) -> None:
    person, other = bank.person(), bank.person()
    yesterday = dumped(bank.conninfo, "--data-only", "-t", "person_keys", "-t", "users")
    erase(bank, person)
    with psycopg.connect(bank.conninfo) as connection:
        connection.execute("ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey")
        connection.execute("DELETE FROM person_keys")
        connection.execute("DELETE FROM users")
    restored(bank.conninfo, yesterday)
    assert person.user_id in keys(bank.conninfo)
    before = read_log(bank.conninfo)

    found, again = reapplied(bank.conninfo, tmp_path), reapplied(bank.conninfo, tmp_path)

    assert (found, again) == (Restored(of_the_log=(person.user_id,)), Restored())
    assert person.user_id not in keys(bank.conninfo)
    assert other.user_id in keys(bank.conninfo)
    assert read_log(bank.conninfo) == before
    login = {"username": person.username, "password": PASSWORD}
    assert bank.anyone.post("/v1/login", json=login).status_code == 401


def test_the_whole_database_of_yesterday_is_held_against_the_list_of_the_erased(
    bank: RunningApi, empty_database: str, tmp_path: Path
) -> None:
    person, other = bank.person(), bank.person()
    yesterday = dumped(bank.conninfo)
    erase(bank, person)
    restored(empty_database, yesterday)
    assert person.user_id in keys(empty_database)

    found, again = reapplied(empty_database, tmp_path), reapplied(empty_database, tmp_path)

    assert (found, again) == (Restored(of_the_list=(person.user_id,)), Restored())
    assert keys(empty_database) == {other.user_id}
    last = read_log(empty_database)[-1].event
    assert last.fact.TAG == "customer.erased.1"
    assert last.actor == "system-0"
    assert last.fact.maker.startswith("compliance-")
    with psycopg.connect(empty_database) as connection:
        row: Any = connection.execute(
            "SELECT username_key, email_key, password_hash FROM users WHERE user_id = %s",
            [person.user_id],
        ).fetchone()
    assert row == (None, None, "!")


def test_a_number_that_was_given_out_anew_after_a_restore_is_somebody_else(
    bank: RunningApi, tmp_path: Path
) -> None:
    person = bank.person()
    erase(bank, person)
    newcomer = bank.person()
    erased_persons = ErasedPersons(tmp_path / ERASED_FILE)
    (listed,) = erased_persons.read().values()
    erased_persons.add(
        msgspec.structs.replace(listed, user_id=newcomer.user_id, key_id="of another restore")
    )

    assert reapplied(bank.conninfo, tmp_path) == Restored()
    assert newcomer.get("/v1/profile").status_code == 200


def test_the_list_is_made_whole_from_the_log(bank: RunningApi, tmp_path: Path) -> None:
    person = bank.person()
    erase(bank, person)
    written = ErasedPersons(tmp_path / ERASED_FILE).read()
    (tmp_path / ERASED_FILE).unlink()

    assert reapplied(bank.conninfo, tmp_path) == Restored()

    assert ErasedPersons(tmp_path / ERASED_FILE).read() == written
    assert [each.user_id for each in written.values()] == [person.user_id]
    assert (tmp_path / ERASED_FILE).stat().st_mode & 0o077 == 0


def test_a_list_that_says_nothing_is_refused(bank: RunningApi, tmp_path: Path) -> None:
    (tmp_path / ERASED_FILE).write_text('{"user_id": "seven"}\n')

    with pytest.raises(KeyFileUnsafe, match="line 1"):
        reapplied(bank.conninfo, tmp_path)


def test_a_served_bank_whose_files_of_yesterday_were_put_back_keeps_the_person_erased(
    daybook: Command, data: Path, tmp_path: Path
) -> None:
    free = {"DAYBOOK_RETENTION_YEARS": "0"}
    server = Server(daybook("serve", "--port", "0", **free))
    person = server.signed_in(CANARY)
    user_id = person.get("/profile").json()["user_id"]
    for name in ("anna", "petr"):
        staff = daybook(
            "staff", "add", name, "--role", "compliance", DAYBOOK_STAFF_PASSWORD=PASSWORD
        )
        assert staff.wait(60) == 0, staff.communicate()
    server.end()
    subprocess.run(["cp", "-a", data / "postgres", tmp_path / "yesterday"], check=True)
    server = Server(daybook("serve", "--port", "0", **free))
    statuses = [
        server.signed_in(name).post(f"/v1/users/{user_id}/erasure", json={}).status_code
        for name in ("anna", "petr")
    ]
    _, said = server.end()
    everything = said.encode() + b"".join(
        file.read_bytes() for file in data.rglob("*") if file.is_file()
    )

    shutil.rmtree(data / "postgres")
    subprocess.run(["cp", "-a", tmp_path / "yesterday", data / "postgres"], check=True)
    server = Server(daybook("serve", "--port", "0", **free))
    login = {"username": CANARY, "password": PASSWORD}
    back = httpx.post(f"{server.address}/v1/login", json=login)
    shown = server.signed_in("anna").get(f"/v1/users/{user_id}/erasure").json()
    _, told = server.end()

    assert statuses == [202, 200]
    for spelled in (CANARY.encode(), CANARY.encode().hex().encode()):
        assert spelled not in everything, "in files of Postgres, its log of changes, or ours"
    assert back.status_code == 401
    assert shown["status"] == "erased"
    assert f"erased again: {user_id}" in told
