"""Files that hold secrets, read by their owner alone."""

import os
import stat
from pathlib import Path
from typing import Final

FILE_BYTES_MAX: Final = 1_000_000


class KeyFileUnsafe(Exception):
    """The file can be used by others, or does not hold keys: nothing is done with what is in it."""


def read_private(path: Path) -> bytes:
    """The content. Raises `KeyFileUnsafe` where others can use the file too."""
    with open(path, "rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise KeyFileUnsafe(f"{path} can be used by others; make it mode 0600")
        return file.read(FILE_BYTES_MAX)
