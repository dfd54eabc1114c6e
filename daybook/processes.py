"""Child processes that live as long as this one: started again when they die, ended when it does.

Each child holds the reading end of a pipe that only the parent can write to. When the parent is gone,
however it went, the pipe ends, and the child ends itself.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import structlog

POLL_SECONDS: Final = 0.2
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 60.0  # a child that lived this long failed for a new reason
STOP_SECONDS: Final = 30.0

_log = structlog.get_logger("daybook.processes")


class _Child:
    def __init__(self, name: str, command: Sequence[str], descriptors: Sequence[int]) -> None:
        self.name = name
        self.command = list(command)
        self.descriptors = list(descriptors)
        self.process: subprocess.Popen[bytes] | None = None
        self.pause = FIRST_PAUSE_SECONDS
        self.started_at = 0.0
        self.start_at = 0.0


class Children:
    """Started with `start`, watched by a thread, ended in the order of their starts when the block ends."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._children: list[_Child] = []
        self._lifeline, self._writing_end = os.pipe()
        self._stopping = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="children", daemon=True)

    def __enter__(self) -> Self:
        self._watching.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._watching.join()
        for child in self._children:
            _end(child.process)
        os.close(self._writing_end)
        os.close(self._lifeline)

    def start(self, name: str, arguments: Sequence[str], descriptors: Sequence[int] = ()) -> None:
        """Run `daybook` with these arguments; `--lifeline` is added. The descriptors are passed on."""
        command = [sys.executable, "-m", "daybook", *arguments, "--lifeline", str(self._lifeline)]
        child = _Child(name, command, [*descriptors, self._lifeline])
        self._run(child)
        self._children.append(child)

    def _run(self, child: _Child) -> None:
        child.started_at = time.monotonic()
        # A session of its own: Ctrl-C in the terminal is for the parent, who then ends all in order.
        child.process = subprocess.Popen(
            child.command,
            stdin=subprocess.DEVNULL,
            pass_fds=child.descriptors,
            start_new_session=True,
            env=self._environ,
        )

    def _watch(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            for child in list(self._children):
                if child.process is not None:
                    status = child.process.poll()
                    if status is None:
                        continue
                    if time.monotonic() - child.started_at > STEADY_SECONDS:
                        child.pause = FIRST_PAUSE_SECONDS
                    _log.error(
                        "a child process ended; it will be started again",
                        name=child.name,
                        status=status,
                        pause_seconds=child.pause,
                    )
                    child.process = None
                    child.start_at = time.monotonic() + child.pause
                    child.pause = min(child.pause * 2, LONGEST_PAUSE_SECONDS)
                elif time.monotonic() >= child.start_at:
                    self._run(child)


def _end(process: "subprocess.Popen[bytes] | None") -> None:
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_with_parent(lifeline: int | None) -> None:
    """In a child: ask this process to end, in order, once the parent is gone."""
    if lifeline is None:
        return

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(lifeline, 1):
                pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_SECONDS)
        os._exit(1)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def end_orderly_on_signals() -> None:
    """SIGTERM and Ctrl-C end the program by SystemExit, once: what is open is closed, without a trace."""

    def stop(number: int, frame: object) -> None:
        for ignored in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ignored, signal.SIG_IGN)
        raise SystemExit(0)

    for handled in (signal.SIGTERM, signal.SIGINT):
        signal.signal(handled, stop)
