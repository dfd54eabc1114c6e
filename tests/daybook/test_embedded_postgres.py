"""The embedded Postgres starts, dies with its program, and recovers."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from daybook import embedded_postgres as launcher
from daybook.embedded_postgres import embedded_postgres
from daybook.postgres_programs import EmbeddedPostgresError, find_programs, has_library
from daybook.postgres_settings import shared_buffers
from tests.postgres_programs import (
    PROGRAM,
    PROGRAM_WITH_DESERTER,
    PROGRAM_WITH_WORKER,
    Start,
    answer,
    kept,
    linux,
    processes_in,
    setting,
    sockets_of,
    wait_until_none_in,
    write,
)


def test_a_new_folder_holds_a_durable_checksummed_utf8_database(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path) as conninfo:
        names = ("fsync", "full_page_writes", "synchronous_commit", "data_checksums")
        durability = {name: setting(conninfo, name) for name in names}
        encoding = setting(conninfo, "server_encoding")

    assert durability == dict.fromkeys(names, "on")
    assert encoding == "UTF8"


def test_durability_cannot_be_taken_away_from_within(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path) as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        time.sleep(0.2)
        still = setting(conninfo, "fsync")

    assert still == "on"


def test_the_second_start_finds_what_the_first_wrote_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    with embedded_postgres(tmp_path) as conninfo:
        write(conninfo)
        sockets = sockets_of(conninfo)
        mode = sockets.stat().st_mode & 0o777
    gone = not sockets.exists()
    with embedded_postgres(tmp_path) as again:
        found = kept(again)

    assert found == 1000
    assert again == conninfo
    assert mode == 0o700
    assert gone


@linux
@pytest.mark.parametrize("program", [PROGRAM, PROGRAM_WITH_WORKER], ids=["alone", "with worker"])
def test_kill_9_of_the_program_stops_postgres_and_the_next_start_recovers(
    tmp_path: Path, start: Start, program: str
) -> None:
    process = start(tmp_path, program)
    write(answer(process))
    before = processes_in(tmp_path / "postgres")

    os.kill(process.pid, signal.SIGKILL)
    wait_until_none_in(tmp_path / "postgres")

    assert before
    assert processes_in(tmp_path / "postgres") == set()
    with embedded_postgres(tmp_path) as conninfo:
        assert kept(conninfo) == 1000


@linux
def test_a_start_right_after_kill_9_waits_for_the_old_server_to_end(
    tmp_path: Path, start: Start
) -> None:
    for round_ in range(3):
        process = start(tmp_path)
        conninfo = answer(process)
        if round_ == 0:
            write(conninfo)
        os.kill(process.pid, signal.SIGKILL)
        # Until it is gone it holds the folder, and its server would be joined, which ends a moment later.
        process.wait()

    with embedded_postgres(tmp_path) as conninfo:
        assert kept(conninfo) == 1000


@linux
def test_kill_9_of_program_and_server_together_is_recovered_from(
    tmp_path: Path, start: Start
) -> None:
    process = start(tmp_path)
    write(answer(process))
    pid_file = tmp_path / "postgres" / "postmaster.pid"

    os.kill(process.pid, signal.SIGSTOP)
    os.kill(int(pid_file.read_text().split("\n")[0]), signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    assert pid_file.exists()
    with embedded_postgres(tmp_path) as conninfo:
        assert kept(conninfo) == 1000


@linux
def test_without_setpriv_the_orphan_is_ended_by_the_next_start(
    tmp_path: Path, start: Start, programs_on_path: Callable[..., str]
) -> None:
    path = programs_on_path(*(["unshare", "true", "env"] if os.geteuid() == 0 else ["true"]))
    process = start(tmp_path, PATH=path)
    write(answer(process))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.3)
    orphans = processes_in(tmp_path / "postgres")

    with embedded_postgres(tmp_path) as conninfo:
        found = kept(conninfo)
        now = processes_in(tmp_path / "postgres")

    assert orphans
    assert found == 1000
    assert orphans.isdisjoint(now)


@linux
def test_a_process_id_that_now_belongs_to_another_program_does_not_stop_the_start(
    tmp_path: Path,
) -> None:
    with embedded_postgres(tmp_path) as conninfo:
        write(conninfo)
        lines = (tmp_path / "postgres" / "postmaster.pid").read_text().split("\n")
    bystander = subprocess.Popen(["sleep", "30"])
    (tmp_path / "postgres" / "postmaster.pid").write_text(
        "\n".join([str(bystander.pid), *lines[1:]])
    )

    try:
        with embedded_postgres(tmp_path) as conninfo:
            found = kept(conninfo)
        alive = bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()

    assert found == 1000
    assert alive


@linux
def test_an_interrupted_initdb_is_begun_again(tmp_path: Path, start: Start) -> None:
    process = start(tmp_path)
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob("postgres.unfinished-*/global")) and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    interrupted = not (tmp_path / "postgres").exists()

    with embedded_postgres(tmp_path) as conninfo:
        write(conninfo)
        found = kept(conninfo)

    assert interrupted
    assert found == 1000
    assert list(tmp_path.glob("postgres.unfinished-*")) == []


def test_ctrl_c_reaches_the_program_and_not_the_server(tmp_path: Path, start: Start) -> None:
    process = start(tmp_path)
    answer(process)

    os.killpg(process.pid, signal.SIGINT)
    said, complaint = process.communicate(timeout=30)

    assert said == "still there\n", complaint
    assert process.returncode == 0
    assert "database system is shut down" in (tmp_path / "postgres.log").read_text()


def test_a_forked_child_that_leaves_does_not_take_the_server_with_it(
    tmp_path: Path, start: Start
) -> None:
    conninfo = answer(start(tmp_path, PROGRAM_WITH_DESERTER))

    write(conninfo)

    assert kept(conninfo) == 1000


def test_a_data_folder_that_cannot_be_made_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(EmbeddedPostgresError, match=r"cannot use .*/file/data: Not a directory$"):
        embedded_postgres(tmp_path / "file" / "data").__enter__()


def test_programs_that_start_at_once_share_one_server(tmp_path: Path, start: Start) -> None:
    processes = [start(tmp_path) for _ in range(3)]

    conninfos = {answer(process) for process in processes}

    assert len(conninfos) == 1
    write(conninfos.pop())


def test_a_second_program_joins_the_server_and_leaves_it_running(
    tmp_path: Path, start: Start
) -> None:
    first = start(tmp_path)
    conninfo = answer(first)
    write(conninfo)

    with embedded_postgres(tmp_path) as joined:
        found = kept(joined)

    assert joined == conninfo
    assert found == 1000
    assert kept(conninfo) == 1000


def test_a_second_start_in_the_same_program_joins_too(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path) as outer:
        with embedded_postgres(tmp_path) as inner:
            write(inner)
        found = kept(outer)

    assert inner == outer
    assert found == 1000


def test_a_folder_of_another_major_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")

    with pytest.raises(EmbeddedPostgresError, match=r"made by Postgres 9, .* holds Postgres \d+"):
        embedded_postgres(tmp_path).__enter__()


def test_a_folder_that_is_not_of_postgres_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "holiday.jpg").write_text("sun")

    with pytest.raises(EmbeddedPostgresError, match="cannot be read as a data folder"):
        embedded_postgres(tmp_path).__enter__()

    assert (tmp_path / "postgres" / "holiday.jpg").read_text() == "sun"


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="shared_buffers") as refused:
        embedded_postgres(tmp_path, overrides={"shared_buffers": "much"}).__enter__()

    assert "\n" not in str(refused.value)


def test_a_folder_without_postgres_is_refused_by_the_name_of_its_variable(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="DAYBOOK_PG_BIN"):
        embedded_postgres(tmp_path, pg_bin=tmp_path).__enter__()


def test_another_thread_than_the_main_one_is_refused(tmp_path: Path) -> None:
    refusals: list[str] = []

    def attempt() -> None:
        try:
            embedded_postgres(tmp_path).__enter__()
        except EmbeddedPostgresError as refused:
            refusals.append(str(refused))

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()

    assert refusals == ["the embedded Postgres must be started from the main thread"]


def test_variables_of_postgres_clients_do_not_lead_astray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "1", "PGHOST": "nowhere", "PGDATA": "/nowhere"}.items():
        monkeypatch.setenv(name, value)

    with embedded_postgres(tmp_path) as conninfo:
        write(conninfo)
        found = kept(conninfo)

    assert found == 1000


def test_a_socket_folder_that_somebody_else_has_laid_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with embedded_postgres(tmp_path, durable=False) as conninfo:
        usual = sockets_of(conninfo)
    trap = tmp_path / "trap"
    trap.mkdir()
    usual.symlink_to(trap)

    try:
        with embedded_postgres(tmp_path, durable=False) as conninfo:
            used = sockets_of(conninfo)
    finally:
        usual.unlink()

    assert used != usual
    assert list(trap.iterdir()) == []


def test_the_log_is_kept_short(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_bytes(b"x" * (launcher.LOG_BYTES_MAX + 1))

    with embedded_postgres(tmp_path, durable=False):
        pass

    assert log.stat().st_size < 100_000
    assert (tmp_path / "postgres.log.1").stat().st_size == launcher.LOG_BYTES_MAX + 1


def test_an_older_postgres_takes_the_same_settings(tmp_path: Path) -> None:
    older = Path("/usr/lib/postgresql/15/bin")
    if not older.exists():
        pytest.skip("there is no Postgres 15 here")

    with embedded_postgres(tmp_path, pg_bin=older) as conninfo:
        version = setting(conninfo, "server_version")

    assert version.startswith("15.")


def test_what_was_in_the_buffers_is_read_again_at_the_next_start_where_the_server_can(
    tmp_path: Path,
) -> None:
    debian = Path("/usr/lib/postgresql/15/bin")
    if not has_library(debian, "pg_prewarm") or not has_library(debian, "pg_buffercache"):
        pytest.skip("there is no Postgres 15 with pg_prewarm here")
    # Nor does anything else read the table.
    still = {"autovacuum": "off"}
    with embedded_postgres(tmp_path, pg_bin=debian, overrides=still) as conninfo:
        write(conninfo)
        assert kept(conninfo) == 1000

    with (
        embedded_postgres(tmp_path, pg_bin=debian, overrides=still) as conninfo,
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        connection.execute("CREATE EXTENSION pg_buffercache")
        deadline = time.monotonic() + 60
        while not (pages := buffered(connection, "kept")) and time.monotonic() < deadline:
            time.sleep(0.05)

    assert pages > 0


def buffered(connection: psycopg.Connection, table: str) -> int:
    """How many pages of a table, which nobody reads, are in the buffers."""
    row = connection.execute(
        "SELECT count(*) FROM pg_buffercache WHERE relfilenode = pg_relation_filenode(%s::regclass)",
        [table],
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_server_that_cannot_warm_its_buffers_starts_all_the_same(tmp_path: Path) -> None:
    programs = find_programs()
    if has_library(programs, "pg_prewarm"):
        pytest.skip("the server found here can")

    with embedded_postgres(tmp_path) as conninfo:
        loaded = setting(conninfo, "shared_preload_libraries")

    assert loaded == ""


@pytest.mark.parametrize(
    ("gigabytes", "expected"), [(0.5, "128MB"), (4, "512MB"), (24, "2048MB"), (512, "2048MB")]
)
def test_the_buffers_are_an_eighth_of_the_memory_within_bounds(
    gigabytes: float, expected: str
) -> None:
    assert shared_buffers(int(gigabytes * 1024**3)) == expected
