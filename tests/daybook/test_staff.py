"""Those who work at the bank, from the command line on its host, while another process serves."""

import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from daybook.embedded_postgres import embedded_postgres
from tests.serve_process import PASSWORD, Command, Server

NEW = "another long and private phrase"


def said(process: Any) -> tuple[int, str, str]:
    out, error = process.communicate(timeout=60)
    return process.returncode, out, error


@pytest.fixture
def bank(daybook: Command) -> Any:
    """A served bank with one teller, and the command that changes him."""
    server = Server(daybook("serve", "--port", "0"))

    def staff(*arguments: str, password: str = PASSWORD) -> tuple[int, str, str]:
        return said(daybook("staff", *arguments, DAYBOOK_STAFF_PASSWORD=password))

    status, _, error = staff("add", "tess", "--role", "teller")
    assert status == 0, error
    yield server, staff
    server.end()


def client(server: Server, name: str, password: str = PASSWORD) -> tuple[httpx.Client, Any]:
    one = httpx.Client(base_url=server.address, timeout=20)
    answer = one.post("/v1/login", json={"username": name, "password": password})
    if answer.status_code == 200:
        one.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return one, answer


def seconds_until_refused(one: httpx.Client) -> float:
    started = time.monotonic()
    while one.get("/v1/profile").status_code != 401:
        assert time.monotonic() - started < 5
        time.sleep(0.02)
    return time.monotonic() - started


def test_a_life_of_a_member_of_staff(bank: Any) -> None:
    server, staff = bank
    tess, signed_in = client(server, "tess")
    assert tess.get("/v1/profile").json()["role"] == "teller"

    assert staff("role", "Tess", "--role", "loan_officer") == (
        0,
        "daybook: Tess is loan_officer now, and was teller; open sessions have ended\n",
        "",
    )
    assert seconds_until_refused(tess) < 1
    refresh = {"refresh_token": signed_in.json()["refresh_token"]}
    assert tess.post("/v1/refresh", json=refresh).status_code == 401
    tess, _ = client(server, "tess")
    assert tess.get("/v1/profile").json()["role"] == "loan_officer"
    assert staff("role", "tess", "--role", "loan_officer")[:2] == (
        0,
        "daybook: tess is loan_officer already\n",
    )

    assert staff("end", "tess")[0] == 0
    assert seconds_until_refused(tess) < 1
    assert client(server, "tess")[1].status_code == 401
    assert staff("end", "tess")[1] == "daybook: tess has ended already\n"
    listed = json.loads(staff("list", "--json")[1])
    assert [(one["username"], one["role"], one["ended"]) for one in listed] == [
        ("tess", "loan_officer", True)
    ]
    # Nobody need come back to more than is wanted.
    assert staff("role", "tess", "--role", "user")[0] == 0
    assert client(server, "tess")[1].status_code == 401
    assert staff("reinstate", "tess")[1] == "daybook: tess may sign in again, as user\n"
    assert staff("reinstate", "tess")[1] == "daybook: tess may sign in already\n"
    tess, _ = client(server, "tess")
    assert tess.get("/v1/profile").json()["role"] == "user"

    status, out, _ = staff("password", "tess", password=NEW)
    assert (status, out) == (0, "daybook: tess has another password; open sessions have ended\n")
    assert seconds_until_refused(tess) < 1
    assert [client(server, "tess", word)[1].status_code for word in (PASSWORD, NEW)] == [401, 200]


def test_staff_is_listed_with_those_who_ended_and_without_customers(bank: Any) -> None:
    server, staff = bank
    server.signed_in("ada").close()
    staff("add", "maximilian", "--role", "auditor")
    staff("end", "tess")

    status, out, _ = staff("list")

    assert status == 0
    header, *rows = out.splitlines()
    assert header.split() == ["username", "user", "role", "since"]
    assert [row.split()[:3] for row in rows] == [
        ["tess", "1", "teller"],
        ["maximilian", "3", "auditor"],
    ]
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d", row.split()[3]) for row in rows)
    assert [row.split()[4:] for row in rows] == [["ended"], []]
    assert len({row.index(row.split()[1]) for row in rows}) == 1


def test_what_cannot_be_is_refused_in_a_line(bank: Any) -> None:
    server, staff = bank
    server.signed_in("ada").close()

    for arguments, reason in (
        (("role", "nobody", "--role", "teller"), "nobody has the user name nobody"),
        (("end", "ada"), "is a customer, and no member of staff"),
        (("password", "tess"), "A password has at least 8 characters"),
        (("password", "nobody"), "nobody has the user name nobody"),
        (("add", "bad name", "--role", "teller"), "nobody can be called 'bad name'"),
        (("add", "al", "--role", "teller"), "3 to 64 characters"),
        (("add", "alan", "--role", "teller", "--email", "no where@x"), "is no email address"),
    ):
        status, out, error = staff(*arguments, password="short")

        assert (status, out) == (2, "")
        assert error.startswith("daybook: ")
        assert reason in error
        assert len(error.splitlines()) == 1


def test_a_role_that_the_log_has_and_the_table_of_users_has_not_is_said(
    bank: Any, data: Path
) -> None:
    """Else "eve is user already" would be a lie about an admin."""
    _, staff = bank
    staff("add", "eve", "--role", "auditor")
    with embedded_postgres(data) as conninfo, psycopg.connect(conninfo) as connection:
        connection.execute("UPDATE users SET role = 'admin' WHERE role = 'auditor'")

    status, out, error = staff("role", "eve", "--role", "auditor")

    assert (status, out) == (2, "")
    assert "it was changed past the log" in error
    assert staff("role", "eve", "--role", "user")[0] == 0
    assert "auditor" in staff("role", "eve", "--role", "auditor")[1]
