"""Files that hold secrets: made once whoever comes first, read by their owner alone, replaced whole."""

import os
import secrets
import stat
from pathlib import Path
from typing import Final

FILE_BYTES_MAX: Final = 1_000_000


class KeyFileUnsafe(Exception):
    """The file can be used by others, or does not hold keys: nothing is done with what is in it."""


def create_once(path: Path, content: bytes) -> None:
    """Make the file unless there is one. Of many who try at once, one's content is everybody's."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = _write_draft(path, content)
    try:
        # A link, unlike a rename, fails when another process was first.
        os.link(draft, path)
        _sync_folder(path.parent)
    except FileExistsError:
        pass
    finally:
        os.unlink(draft)


def replace(path: Path, content: bytes) -> None:
    """Put another content in its place, at once and for good."""
    os.replace(_write_draft(path, content), path)
    _sync_folder(path.parent)


def read_private(path: Path) -> bytes:
    """The content. Raises `KeyFileUnsafe` where others can use the file too."""
    with open(path, "rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise KeyFileUnsafe(f"{path} can be used by others; make it mode 0600")
        return file.read(FILE_BYTES_MAX)


def private_opener(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _write_draft(path: Path, content: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with open(draft, "xb", opener=private_opener) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
