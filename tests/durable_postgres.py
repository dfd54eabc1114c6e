"""A Postgres that a test may kill."""

import os
import signal
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from daybook.embedded_postgres import embedded_postgres


class DurablePostgres:
    """A cluster of its own with fsync on, which a test may kill; its conninfo survives restarts.

    `overrides` are settings of the server, from its next start on.
    """

    def __init__(self, data: Path, overrides: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.overrides = dict(overrides or {})
        self.conninfo = ""
        self._running = ExitStack()

    def start(self) -> None:
        """Start, or recover after `kill`; ready to be connected to when it returns."""
        self.conninfo = self._running.enter_context(
            embedded_postgres(self.data, overrides=self.overrides)
        )

    def stop(self) -> None:
        """Stop in order."""
        self._running.close()

    def kill(self) -> None:
        """Kill the server as a power cut would: no process of it sees the signal coming."""
        self.kill_process(self.postmaster)

    def kill_process(self, postmaster: int) -> None:
        """The same, where the id of its main process was asked for before."""
        os.kill(postmaster, signal.SIGKILL)
        self._running.close()

    def start_again(self) -> None:
        """Start a server that may have stopped by itself."""
        try:
            self.kill()
        except (FileNotFoundError, ProcessLookupError):
            self._running.close()
        self.start()

    @property
    def postmaster(self) -> int:
        """The id of the server's main process."""
        return int((self.data / "postgres" / "postmaster.pid").read_text().split("\n")[0])
