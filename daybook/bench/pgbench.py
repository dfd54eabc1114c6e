"""The yardstick: TPC-B as pgbench runs it, on the same server, right before and right after.

Each transaction is three updates, a select and an insert, and waits for the disk by itself. It has no
idempotency key, no journal entry and no refusal, and it lets every balance go below zero.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from psycopg.pq import Conninfo

from daybook.bench.figures import TPC_B, Measured, Scale
from daybook.bench.processes import BenchError
from daybook.postgres_programs import EmbeddedPostgresError, clean_environment, find_programs

CLIENTS: Final = 8
THREADS: Final = 2
WARM_UP_SECONDS: Final = 1
TIMEOUT_SECONDS: Final = 120.0
_TPS: Final = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


def find_pgbench(pg_bin: Path | None) -> Path:
    """That of the Postgres which the program starts, else the one on PATH."""
    try:
        ours = find_programs(pg_bin) / "pgbench"
        if ours.is_file():
            return ours
    except EmbeddedPostgresError:
        pass
    found = shutil.which("pgbench")
    if found is None:
        raise BenchError("no pgbench found, and without it there is nothing to compare with")
    return Path(found)


def prepare(pgbench: Path, conninfo: str, scale: Scale) -> None:
    """Fill its tables: 100,000 accounts for each unit of scale."""
    _run(pgbench, conninfo, "-i", "-q", "-s", str(scale.pgbench_scale))
    _tps(pgbench, conninfo, WARM_UP_SECONDS)


class Yardstick:
    """TPC-B on tables of its own, measured again and again: the machine is not always as fast."""

    def __init__(self, program: Path, conninfo: str, scale: Scale) -> None:
        label = f"pgbench TPC-B, scale {scale.pgbench_scale}, {CLIENTS} clients"
        self.measured = Measured(item="", key=TPC_B, label=label, unit="transactions/s")
        self._program, self._conninfo, self._seconds = program, conninfo, scale.pgbench_seconds

    def now(self) -> float:
        value = _tps(self._program, self._conninfo, self._seconds)
        self.measured.values.append(value)
        return value

    def beside(self, measure: Callable[[], list[Measured]]) -> list[Measured]:
        """What `measure` answers, each with the yardstick of right before and right after."""
        before = self.now()
        measured = measure()
        around = (before + self.now()) / 2
        for each in measured:
            each.tpc_b = around
        return measured


def _tps(pgbench: Path, conninfo: str, seconds: int) -> float:
    clients = ("-c", str(CLIENTS), "-j", str(THREADS), "-M", "prepared")
    said = _run(pgbench, conninfo, *clients, "-T", str(seconds))
    found = _TPS.search(said)
    if found is None:
        raise BenchError(f"pgbench has told no rate: {said[-200:]!r}")
    return float(found[1])


def _run(pgbench: Path, conninfo: str, *arguments: str) -> str:
    # By the environment, since a command line with a password in it can be read by everybody.
    environment = clean_environment()
    for option in Conninfo.parse(conninfo.encode()):
        if option.val is not None and option.envvar is not None:
            environment[option.envvar.decode()] = option.val.decode()
    done = subprocess.run(
        [str(pgbench), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=TIMEOUT_SECONDS,
    )
    if done.returncode != 0:
        raise BenchError(f"pgbench failed: {done.stderr.strip()[-500:]}")
    return done.stdout
