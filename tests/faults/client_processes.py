"""Several processes of clients on one bank, and what the checker says of their histories."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from signal import SIGKILL
from typing import Self

import msgspec

from ledger.journal import Recorded
from tests.bank import Bank, read_log
from tests.faults.history import Operation, findings, read_history

ACCOUNTS = 10
EUROS = 100


# A machine may be ten times slower than ours, and busy besides.
PATIENCE_SECONDS = 300.0


class ClientProcesses:
    """Processes of clients on the bank at `conninfo`; each can be killed, and others be started.

    `broken` names a fault of the clients' writers, for the controls; see clients.py.
    """

    def __init__(self, conninfo: str, folder: Path, *, broken: str = "") -> None:
        self.conninfo = conninfo
        self._broken = broken
        self._folder = folder
        self._stop = folder / "stop"
        self._lines = 0
        self._counted: dict[Path, int] = {}
        self._histories: dict[int, Path] = {}
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        with Bank(self.conninfo) as bank:
            bank.with_accounts(dict.fromkeys(range(1, ACCOUNTS + 1), EUROS))
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def start_clients(self) -> "subprocess.Popen[bytes]":
        name = f"clients-{len(self.processes) + 1}"
        history = self._folder / f"{name}.jsonl"
        program = [sys.executable, "-m", "tests.faults.clients", self.conninfo, name]
        arguments = [str(ACCOUNTS), str(history), str(self._stop), self._broken]
        process = subprocess.Popen([*program, *arguments])
        self.processes.append(process)
        self._histories[process.pid] = history
        return process

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        process.kill()
        process.wait()

    def operations(self) -> int:
        """How many lines of history there are by now."""
        for path in self._folder.glob("*.jsonl"):
            with path.open("rb") as file:
                file.seek(self._counted.get(path, 0))
                said = file.read()
            self._counted[path] = self._counted.get(path, 0) + len(said)
            self._lines += said.count(b"\n")
        return self._lines

    def wait_for_progress(self, lines: int = 100) -> None:
        """Wait until the histories are so much longer."""
        before = self.operations()
        self._wait_until(lambda: self.operations() >= before + lines)

    def wait_for_lines_of(self, process: "subprocess.Popen[bytes]", lines: int = 50) -> None:
        """Wait until this one, newly started, has asked and been answered."""
        history = self._histories[process.pid]
        self._wait_until(lambda: history.exists() and history.read_bytes().count(b"\n") > lines)

    def _wait_until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not reached():
            assert time.monotonic() < deadline, "the clients have come to a halt"
            if all(process.poll() is not None for process in self.processes):
                return  # `finish` says so.
            time.sleep(0.02)

    def finish(self) -> "Told":
        """Let the clients end, and check what they were told."""
        self._stop.touch()
        failed = [p for p in self.processes if p.wait(PATIENCE_SECONDS) not in (0, -SIGKILL)]
        history = read_history(sorted(self._folder.glob("*.jsonl")))
        log = read_log(self.conninfo)
        found = [f"a process of clients ended with status {p.returncode}" for p in failed]
        return Told(history, tally(history, log), found + findings(history, log))


class Tally(msgspec.Struct, kw_only=True):
    """What was asked and what became of it. `unknown` is what no client was ever told the end of."""

    attempted: int
    acknowledged: int
    refused: int
    unknown: int
    unknown_and_done: int
    lost: int
    duplicated: int


class Told(msgspec.Struct):
    """What the clients were told, counted, and what is wrong with it."""

    history: list[Operation]
    tally: Tally
    findings: list[str]


def tally(history: Sequence[Operation], log: Sequence[Recorded]) -> Tally:
    stored = Counter(
        r.event.command_id for r in log if r.event.fact.TAG == "account.transfer-sent.1"
    )
    done = [o for o in history if o.outcome == "done"]
    unknown = [o for o in history if o.outcome == "unknown"]
    return Tally(
        attempted=len(history),
        acknowledged=len(done),
        refused=sum(o.outcome == "refused" for o in history),
        unknown=len(unknown),
        unknown_and_done=sum(o.key in stored for o in unknown),
        lost=sum(o.key not in stored for o in done),
        duplicated=sum(times > 1 for times in stored.values()),
    )
