"""Postgres refuses root, and so starts as somebody else without disturbing the machine."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from daybook.embedded_postgres import embedded_postgres
from daybook.postgres_programs import NOBODY, WHEEL, EmbeddedPostgresError, find_programs
from tests.postgres_programs import (
    Start,
    answer,
    kept,
    linux,
    processes_in,
    wait_until_none_in,
    write,
)

pytestmark = [linux, pytest.mark.skipif(os.geteuid() != 0, reason="is about being root")]


def test_root_needs_no_other_user_where_namespaces_are_allowed(tmp_path: Path) -> None:
    parents = [tmp_path, *tmp_path.parents]
    before = [(parent.stat().st_mode, parent.stat().st_uid) for parent in parents]

    with embedded_postgres(tmp_path):
        owner = (tmp_path / "postgres").stat().st_uid

    assert owner == 0
    assert [(parent.stat().st_mode, parent.stat().st_uid) for parent in parents] == before


def test_root_without_unshare_runs_postgres_as_nobody_who_dies_with_the_program(
    open_folder: Path, start: Start, programs_on_path: Callable[..., str]
) -> None:
    process = start(open_folder, PATH=programs_on_path("setpriv", "true", "test", "env"))
    conninfo = answer(process)
    write(conninfo)
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in processes_in(open_folder / "postgres")}

    os.kill(process.pid, signal.SIGKILL)
    wait_until_none_in(open_folder / "postgres")

    assert owners == {NOBODY}
    assert processes_in(open_folder / "postgres") == set()


def test_root_may_come_back_by_another_of_the_three_steps(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, programs_on_path: Callable[..., str]
) -> None:
    with embedded_postgres(open_folder) as conninfo:
        write(conninfo)
    programs_on_path("setpriv", "true", "test", "env")
    with embedded_postgres(open_folder) as conninfo:
        as_nobody = kept(conninfo)
    monkeypatch.undo()
    with embedded_postgres(open_folder) as conninfo:
        as_root_again = kept(conninfo)

    assert (as_nobody, as_root_again) == (1000, 1000)


def test_root_copies_programs_that_nobody_cannot_reach(
    tmp_path: Path, open_folder: Path, programs_on_path: Callable[..., str]
) -> None:
    bin_ = find_programs()
    if bin_.parent.parent.name != WHEEL:
        pytest.skip("the wheel is not installed")
    hidden = tmp_path / "hidden"
    shutil.copytree(bin_.parent, hidden / WHEEL / bin_.parent.name)
    libraries = bin_.parent.parent.with_name(f"{WHEEL}.libs")
    shutil.copytree(libraries, hidden / libraries.name)
    hidden.chmod(0o700)
    programs_on_path("setpriv", "true", "test", "env")

    with embedded_postgres(
        open_folder, pg_bin=hidden / WHEEL / bin_.parent.name / "bin"
    ) as conninfo:
        write(conninfo)
        found = kept(conninfo)

    assert found == 1000


def test_root_without_unshare_is_told_of_a_folder_that_nobody_cannot_reach(
    tmp_path: Path, programs_on_path: Callable[..., str]
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    programs_on_path("setpriv", "true", "test", "env")

    with pytest.raises(EmbeddedPostgresError, match=r"cannot reach .* DAYBOOK_DATA"):
        embedded_postgres(closed / "data").__enter__()


def test_root_with_neither_unshare_nor_setpriv_is_told_what_to_do(
    tmp_path: Path, programs_on_path: Callable[..., str]
) -> None:
    programs_on_path("true")

    with pytest.raises(EmbeddedPostgresError, match="DAYBOOK_DATABASE_URL"):
        embedded_postgres(tmp_path).__enter__()


def test_an_ordinary_user_starts_postgres_as_himself(open_folder: Path, start: Start) -> None:
    as_nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    if subprocess.run([*as_nobody, sys.executable, "-c", ""], check=False).returncode != 0:
        pytest.skip("nobody cannot run this Python")
    os.chown(open_folder, NOBODY, NOBODY)

    process = start(open_folder, prefix=as_nobody)
    conninfo = answer(process)
    write(conninfo)

    assert (open_folder / "postgres").stat().st_uid == NOBODY
    os.kill(process.pid, signal.SIGKILL)
    wait_until_none_in(open_folder / "postgres")
    assert processes_in(open_folder / "postgres") == set()
