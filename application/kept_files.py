"""Files that are on the disk when they appear under their name: made once, put in place whole, one at a time."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

OWNER_ONLY: Final = 0o600
READ_BY_ALL: Final = 0o644


class FileInUse(Exception):
    """Another process is changing the file."""


def create_once(path: Path, content: bytes) -> None:
    """Make the file unless there is one. Of many who try at once, one's content is everybody's."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _draft(path, content, OWNER_ONLY) as draft:
        try:
            # A link, unlike a rename, fails when another process was first.
            os.link(draft, path)
        except FileExistsError:
            return
    _sync_folder(path.parent)


def write_whole(path: Path, content: bytes, *, mode: int = OWNER_ONLY) -> None:
    """Put the content under the name, in place of what was there; a crash leaves the one or the other."""
    with _draft(path, content, mode) as draft:
        os.replace(draft, path)
    _sync_folder(path.parent)


@contextmanager
def changing(path: Path, *, wait: bool = True) -> Iterator[None]:
    """One process at a time, for the block. Without `wait`, raises `FileInUse` where another is in it."""
    with open(path.with_name(path.name + ".lock"), "a", opener=_owner_only) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileInUse(f"another process is changing {path}") from None
        yield


@contextmanager
def _draft(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _owner_only(name: str, flags: int) -> int:
    return os.open(name, flags, OWNER_ONLY)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
