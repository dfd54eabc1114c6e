"""`daybook serve` as a process: it comes up whole, ends in order, and leaves nothing behind."""

import argparse
import contextlib
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
import pytest

from daybook.main import main, parser
from tests.postgres_programs import linux
from tests.serve_process import PASSWORD, Command, Server

ROOT: Final = Path(__file__).parents[2]


def opened(client: httpx.Client, deposit: int) -> int:
    user_id = client.get("/profile").json()["user_id"]
    body = {"user_id": user_id, "account_type": "checking"}
    account_id: int = client.post("/accounts/create", json=body).json()["account_id"]
    done = client.post(f"/accounts/{account_id}/deposit", json={"amount": deposit})
    assert done.status_code == 201, done.text
    return account_id


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_bank_comes_up_serves_and_ends_in_order(daybook: Command, number: signal.Signals) -> None:
    server = Server(daybook("serve", "--port", "0"))
    client = server.signed_in()
    account_id = opened(client, 100)
    children = server.children()

    balance = client.get(f"/accounts/{account_id}/balance").json()["balance"]
    status, said = server.end(number)

    assert balance == 100
    assert (status, said) == (0, "")
    assert len(children) >= 2
    assert not [child for child in children if child.is_running()]


def test_what_was_booked_is_there_after_a_restart(daybook: Command) -> None:
    first = Server(daybook("serve", "--port", "0"))
    account_id = opened(first.signed_in(), 42)
    first.end()

    second = Server(daybook("serve", "--port", "0"))
    answer = second.signed_in().get(f"/accounts/{account_id}/balance")

    assert answer.json()["balance"] == 42
    second.end()


@linux
def test_kill_9_leaves_no_process_behind_and_the_next_start_recovers(daybook: Command) -> None:
    first = Server(daybook("serve", "--port", "0", "--workers", "2"))
    account_id = opened(first.signed_in(), 7)
    children = first.children()

    first.process.kill()
    first.process.wait()
    _, alive = psutil.wait_procs(children, timeout=40)

    assert not alive
    second = Server(daybook("serve", "--port", "0"))
    assert second.signed_in().get(f"/accounts/{account_id}/balance").json()["balance"] == 7
    second.end()


@linux
def test_a_projector_that_dies_is_started_again_and_reads_go_on(daybook: Command) -> None:
    server = Server(daybook("serve", "--port", "0"))
    client = server.signed_in()
    account_id = opened(client, 1)

    server.child("project").kill()
    client.post(f"/accounts/{account_id}/deposit", json={"amount": 1})
    deadline = time.monotonic() + 20
    while (answer := client.get(f"/accounts/{account_id}/balance")).status_code == 503:
        assert answer.json()["code"] == "not-yet-read"
        assert time.monotonic() < deadline
    status, said = server.end()

    assert answer.json()["balance"] == 2
    assert status == 0
    assert "a child process ended" in said


@linux
def test_several_workers_are_one_bank(daybook: Command) -> None:
    server = Server(daybook("serve", "--port", "0", "--workers", "2"))
    account_id = opened(server.signed_in(), 100)

    # A connection a call, so that the calls are spread over the workers.
    for number in range(1, 41):
        with contextlib.closing(server.signed_in("ada")) as client:
            deposit = client.post(f"/accounts/{account_id}/deposit", json={"amount": 1})
            token = client.headers["Authorization"]
        with httpx.Client(base_url=server.address, headers={"Authorization": token}) as other:
            balance = other.get(f"/accounts/{account_id}/balance").json()["balance"]

            assert deposit.status_code == 201
            assert balance == 100 + number
            assert other.post("/logout").status_code == 200
        for _ in range(3):
            late = httpx.get(f"{server.address}/profile", headers={"Authorization": token})
            assert late.status_code == 401
    status, _ = server.end()
    assert status == 0


@linux
def test_a_worker_that_dies_is_replaced(daybook: Command) -> None:
    server = Server(daybook("serve", "--port", "0", "--workers", "2"))
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(LookupError):
            victim = server.child("worker", "1")
            break
        assert time.monotonic() < deadline

    victim.kill()
    victim.wait(10)
    while True:
        with contextlib.suppress(LookupError):
            replaced = server.child("worker", "1")
            break
        assert time.monotonic() < deadline
        time.sleep(0.1)

    assert replaced.pid != victim.pid
    assert httpx.get(f"{server.address}/health/live").status_code == 200
    server.end()


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        (("serve",), {"DAYBOOK_ENV": "party"}, "DAYBOOK_ENV must be dev, test or prod"),
        (("serve",), {"DAYBOOK_CURRENCY": "XXQ"}, "DAYBOOK_CURRENCY must be"),
        (("serve", "--workers", "0"), {}, "--workers must be from 1"),
        (("serve", "--host", "256.0.0.1"), {}, "cannot listen on 256.0.0.1"),
        (("serve", "--data", "/proc/nowhere"), {}, "/proc/nowhere cannot be written to"),
        (("migrate",), {"DAYBOOK_DATABASE_URL": "host=127.0.0.1 port=1"}, "cannot connect"),
        (
            ("staff", "add", "tom", "--role", "teller"),
            {"DAYBOOK_STAFF_PASSWORD": "short"},
            "at least 8",
        ),
        (("staff", "add", "tom", "--role", "teller"), {}, "set DAYBOOK_STAFF_PASSWORD"),
    ],
)
def test_what_is_wrong_outside_is_said_without_a_traceback(
    daybook: Command, arguments: tuple[str, ...], environ: dict[str, str], said: str
) -> None:
    process = daybook(*arguments, **environ)

    _, error = process.communicate(timeout=60)

    assert process.returncode == 2
    assert said in error
    assert all(line.startswith("daybook: ") for line in error.splitlines())


def test_a_port_that_is_taken_is_said_before_anything_is_started(
    daybook: Command, data: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = daybook("serve", "--port", str(taken.getsockname()[1]))
        _, error = process.communicate(timeout=60)

    assert process.returncode == 2
    first, second = error.splitlines()
    assert re.fullmatch(r"daybook: cannot listen on 127.0.0.1:\d+: Address already in use", first)
    assert second == "daybook: Another program listens there; --port names another port."
    assert not (data / "postgres").exists()


def test_a_server_that_may_forget_is_refused_with_every_reason(
    daybook: Command, database: str
) -> None:
    process = daybook("serve", "--port", "0", DAYBOOK_DATABASE_URL=database)

    _, error = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "fsync is off" in error
    assert "synchronous_commit is off" in error
    assert "Traceback" not in error


def test_a_teller_is_added_here_and_signs_in_there(daybook: Command) -> None:
    environ = {"DAYBOOK_STAFF_PASSWORD": PASSWORD}
    add = ("staff", "add", "tess", "--role", "teller")

    added = daybook(*add, **environ)
    said, _ = added.communicate(timeout=60)
    again = daybook(*add, **environ)
    _, refused = again.communicate(timeout=60)
    server = Server(daybook("serve", "--port", "0"))
    client = httpx.Client(base_url=server.address)
    tokens: Any = client.post("/login", json={"username": "Tess", "password": PASSWORD}).json()
    client.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    assert (added.returncode, said) == (0, "daybook: tess is user 1, teller\n")
    assert (again.returncode, refused) == (2, "daybook: That user name is taken.\n")
    assert client.get("/profile").json()["role"] == "teller"
    client.close()
    server.end()


def test_every_command_says_what_it_does_at_the_head_of_its_help() -> None:
    seen: list[str] = []

    def look(commands: argparse.ArgumentParser, path: str) -> None:
        for action in commands._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, command in action.choices.items():
                    seen.append(f"{path} {name}")
                    assert (command.description or "").endswith("."), seen[-1]
                    look(command, seen[-1])

    look(parser(), "daybook")

    assert "daybook audit export" in seen


@pytest.mark.parametrize("given", [["nope"], ["audit", "nope"], []])
def test_a_wrong_command_is_told_of_those_there_are_and_of_none_that_is_not_for_users(
    capsys: pytest.CaptureFixture[str], given: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(given)

    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert "worker" not in error
    assert "watch" not in error
    assert "'export'" in error or "'serve'" in error or "required: COMMAND" in error


def test_help_comes_at_once() -> None:
    started = time.perf_counter()
    asked = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "daybook", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "serve" in asked.stdout
    assert "litestar" not in asked.stderr
    assert "psycopg" not in asked.stderr
    assert time.perf_counter() - started < 10


def test_the_books_are_proved_on_a_machine_that_has_nothing_of_ours(
    daybook: Command, tmp_path: Path
) -> None:
    published, away = tmp_path / "published", tmp_path / "away"
    away.mkdir()
    server = Server(
        daybook(
            *("serve", "--port", "0"),
            DAYBOOK_CHECKPOINTS_DIR=str(published),
            DAYBOOK_LOG_ORIGIN="bank.example/ledger",
        )
    )
    opened(server.signed_in(), 100)
    deadline = time.monotonic() + 30
    # Registered, signed in, opened, deposited: four events.
    while not (published / "checkpoints" / "4").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert server.end() == (0, "")
    for arguments, name in (
        (("audit", "export", "--format", "jsonl", str(away / "log.jsonl")), "said"),
        (("audit", "verifier"), "verify.py"),
        (("keys", "show"), "keys"),
    ):
        said, _ = daybook(*arguments).communicate(timeout=60)
        (away / name).write_text(said)

    asked = [sys.executable, "-I", "-S", "verify.py", "log.jsonl", "--key", "keys"]
    asked += ["--checkpoint", str(published / "checkpoint")]
    right = subprocess.run(asked, cwd=away, capture_output=True, text=True, check=False)
    log = away / "log.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    cut = subprocess.run(asked, cwd=away, capture_output=True, text=True, check=False)
    rotated, _ = daybook("keys", "rotate").communicate(timeout=60)

    assert (right.returncode, right.stderr) == (0, "")
    assert right.stdout.startswith("RIGHT: 4 events of bank.example/ledger, 4 of them signed")
    assert cut.returncode == 1
    assert cut.stdout.startswith("WRONG at position 4: the log ends at position 3")
    assert (away / "keys").read_text() in rotated
    assert len(rotated.splitlines()) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["audit", "verify", "--certificate", "/proc/nowhere/c"], "cannot write /proc/nowhere/c"),
        (["statements", "--month", "2026-03", "/proc/nowhere"], "cannot use /proc/nowhere"),
    ],
    ids=["certificate", "statements"],
)
def test_a_place_that_cannot_be_written_to_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    given: list[str],
    said: str,
) -> None:
    monkeypatch.setenv("DAYBOOK_DATA", str(tmp_path))

    assert main(given) == 2

    assert said in capsys.readouterr().err
