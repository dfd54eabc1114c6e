"""Measurements in processes of their own, so that who measures does not slow what is measured."""

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Concatenate, ParamSpec, TypeAlias

import uvloop

from daybook.interpreter import settle_interpreter

END_SECONDS_MAX = 60.0

P = ParamSpec("P")
Pipe: TypeAlias = "Connection[Any, Any]"


class BenchError(Exception):
    """The bench cannot go on; the message is one line for whoever started it."""


class Apart:
    """A process that answers what it is sent."""

    def __init__(self, pipe: Pipe, name: str, pid: int) -> None:
        self._pipe = pipe
        self._name = name
        self.pid = pid

    def send(self, message: Any) -> None:
        self._pipe.send(message)

    def receive(self) -> Any:
        try:
            return self._pipe.recv()
        except EOFError:
            raise BenchError(
                f"the {self._name} of the bench has ended; it says why above"
            ) from None


@contextmanager
def apart(
    function: Callable[Concatenate[Pipe, P], None], *args: P.args, **kwargs: P.kwargs
) -> Iterator[Apart]:
    """Run `function(pipe, ...)` in a process of its own, which ends once its pipe is closed."""
    ours, theirs = multiprocessing.Pipe()
    # Spawned, not forked: a connection or an event loop of ours must not be shared.
    process = multiprocessing.get_context("spawn").Process(
        target=function, args=(theirs, *args), kwargs=kwargs, daemon=True
    )
    process.start()
    theirs.close()
    try:
        yield Apart(ours, function.__name__, process.pid or 0)
    finally:
        ours.close()
        process.join(END_SECONDS_MAX)
        if process.is_alive():
            process.kill()


def answering(main: Coroutine[Any, Any, None]) -> None:
    """The body of such a process: its event loop, as the server runs one."""
    settle_interpreter()
    uvloop.run(main)


async def next_message(pipe: Pipe) -> Any:
    """What the bench sends next; None at the end."""
    try:
        return await asyncio.to_thread(pipe.recv)
    except EOFError:
        return None


def import_path() -> dict[str, str]:
    """The environment in which a program finds the modules that we have found."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
