"""Where checkpoints go, so that others hold them: out of reach of whoever can change the database."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from application.kept_files import READ_BY_ALL, write_whole

COMMAND_SECONDS_MAX: Final = 30.0


class Publisher(Protocol):
    """Takes a checkpoint's signed note somewhere else. An exception means that it was not taken."""

    def publish(self, size: int, note: bytes) -> None: ...


class FolderPublisher:
    """A folder, as `checkpoint` for the newest and under `checkpoints/` for every one.

    It may be a mount of another machine, or what a web server serves.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def publish(self, size: int, note: bytes) -> None:
        every = self._folder / "checkpoints"
        every.mkdir(parents=True, exist_ok=True)
        kept = every / str(size)
        if not kept.exists():
            write_whole(kept, note, mode=READ_BY_ALL)
        write_whole(self._folder / "checkpoint", note, mode=READ_BY_ALL)


class CommandPublisher:
    """A program, run for each checkpoint with the note on its standard input."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)

    def publish(self, size: int, note: bytes) -> None:
        subprocess.run(
            self._command,
            input=note,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=COMMAND_SECONDS_MAX,
        )
