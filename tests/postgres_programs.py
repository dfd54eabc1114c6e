"""What the tests of the embedded Postgres run and look at."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

Start = Callable[..., "subprocess.Popen[str]"]

# Starts on the folder given, says so, and then waits for its end.
PROGRAM = """
import sys, time
from pathlib import Path
from daybook.embedded_postgres import embedded_postgres
with embedded_postgres(Path(sys.argv[1])) as conninfo:
    try:
        print(conninfo, flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        import psycopg
        psycopg.connect(conninfo).execute("SELECT 1")
        print("still there", flush=True)
"""
# The same, with a child that outlives it.
PROGRAM_WITH_WORKER = PROGRAM.replace(
    "    try:", "    import os\n    if os.fork() == 0: time.sleep(20); os._exit(0)\n    try:"
)

# Forks a child that leaves through the `with`, and speaks when it has gone.
PROGRAM_WITH_DESERTER = PROGRAM.replace(
    "    try:", "    import os\n    if os.fork() == 0: sys.exit()\n    os.wait()\n    try:"
)


def answer(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, process.stderr.read() if process.stderr else ""
    return line


def processes_in(folder: Path) -> set[int]:
    """Postgres makes its data folder the current one of all its processes."""
    found = set()
    for process in Path("/proc").iterdir():
        try:
            # Not looked into: a folder on a disk that is gone cannot be, and its name can still be read.
            if process.name.isdigit() and (process / "cwd").readlink() == folder:
                found.add(int(process.name))
        except OSError:
            continue
    return found


def wait_until_none_in(folder: Path, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while processes_in(folder) and time.monotonic() < deadline:
        time.sleep(0.02)


def write(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")


def kept(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def sockets_of(conninfo: str) -> Path:
    return Path(str(conninfo_to_dict(conninfo)["host"]))


def setting(conninfo: str, name: str) -> str:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])
