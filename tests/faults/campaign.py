"""A run of several client processes on one bank, and what the checker says of it."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.bank import Bank, read_log
from tests.faults.history import Operation, findings, read_history

ACCOUNTS = 10
EUROS = 100


class Campaign:
    """Client processes on the bank at `conninfo`; each can be killed and started again."""

    def __init__(self, conninfo: str, folder: Path) -> None:
        self.conninfo = conninfo
        self._folder = folder
        self._stop = folder / "stop"
        self._started = 0
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
        self._started += 1
        name = f"clients-{self._started}"
        history = self._folder / f"{name}.jsonl"
        program = [sys.executable, "-m", "tests.faults.clients", self.conninfo, name]
        process = subprocess.Popen([*program, str(ACCOUNTS), str(history), str(self._stop)])
        self.processes.append(process)
        return process

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        process.kill()
        process.wait()

    def operations(self) -> int:
        """How many lines of history there are by now."""
        return sum(path.read_bytes().count(b"\n") for path in self._folder.glob("*.jsonl"))

    def finish(self) -> tuple[list[Operation], list[str]]:
        """Let the clients end, and check: the history and what is wrong with it."""
        self._stop.touch()
        for process in self.processes:
            process.wait(60)
        history = read_history(sorted(self._folder.glob("*.jsonl")))
        log = read_log(self.conninfo)
        found = findings(history, log)
        stored = {r.event.command_id for r in log}
        print(summary(history, stored, found))
        return history, found


def summary(history: Sequence[Operation], stored: set[str], found: Sequence[str]) -> str:
    done = [o for o in history if o.outcome == "done"]
    lost = [o for o in done if o.key not in stored]
    unknown = [o for o in history if o.outcome == "unknown"]
    happened = [o for o in unknown if o.key in stored]
    twice = [finding for finding in found if "times" in finding]
    return (
        f"attempted {len(history)}, acknowledged {len(done)}, "
        f"refused {sum(o.outcome == 'refused' for o in history)}, "
        f"unknown {len(unknown)} (of which done {len(happened)}), "
        f"lost {len(lost)}, duplicated {len(twice)}, findings {len(found)}"
    )
