"""Programs that run the embedded Postgres, or the whole bank, as processes; they are killed after it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgres_programs import PROGRAM, Start, wait_until_none_in
from tests.serve_process import Command

ROOT = Path(__file__).parents[2]
MEMORY_BYTES_MIN = 1024**3


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a program as a process of its own; it and its children are killed after the test."""
    processes: list[subprocess.Popen[str]] = []
    records: list[Path] = []

    def started(
        data: Path, program: str = PROGRAM, prefix: tuple[str, ...] = (), **environ: str
    ) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [*prefix, sys.executable, "-c", program, str(data)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"} | environ,
        )
        processes.append(process)
        records.append(data / "postgres.socket")
        return process

    yield started
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    # A server whose program was killed leaves its socket folder to the next start; here is none.
    for record in records:
        wait_until_none_in(record.parent / "postgres")
        if record.exists():
            shutil.rmtree(record.read_text(), ignore_errors=True)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can pass through, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="daybook-test-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def programs_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Leave only the programs named on PATH."""

    def only(*names: str) -> str:
        folder = tmp_path / "path"
        folder.mkdir()
        for name in names:
            found = shutil.which(name)
            if found is None:
                pytest.skip(f"there is no {name} here")
            (folder / name).symlink_to(found)
        monkeypatch.setenv("PATH", str(folder))
        return str(folder)

    return only


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data folder of the test's own: in memory, where a whole cluster is made in a second."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < MEMORY_BYTES_MIN:
        yield tmp_path / "data"
        return
    folder = Path(tempfile.mkdtemp(prefix="daybook-serve-", dir=memory))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def daybook(data: Path) -> Iterator[Command]:
    """Run the command line on a data folder of the test's own; killed with its children after it."""
    processes: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **environ: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "daybook", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            start_new_session=True,
            env={
                **{k: v for k, v in os.environ.items() if k != "DAYBOOK_DATABASE_URL"},
                "PYTHONPATH": f"{ROOT}:{ROOT / 'http'}",
                "DAYBOOK_ENV": "test",
                "DAYBOOK_DATA": str(data),
                **environ,
            },
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    wait_until_none_in(data / "postgres")
