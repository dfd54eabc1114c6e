"""A folder that forgets what was not synced, when its power is cut: a FUSE file system in a process.

`python -m tests.campaigns.forgetful_folder MOUNT DISK` shows the folder DISK at MOUNT. What is written
stays in the memory of this process until fsync or fdatasync of the file puts it on DISK. A line
`cut SEED SHARE` on standard input is the power cut: of the pages in memory that share, chosen by the seed,
still reaches the disk, every second one of those only by half; all others are lost, and the process ends.

Names (creating, renaming, removing, folders) are on the disk at once, as in a journaling file system that
is kind; the length of a file and its bytes are not.
"""

import os
import random
import sys
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

import mfusepy

PAGE: Final = 4096
STAT: Final = ("st_gid", "st_mode", "st_nlink", "st_size", "st_uid", "st_ino", "st_blocks")
TIMES: Final = ("st_atime", "st_ctime", "st_mtime")


class _Unsynced:
    """What of a file is not on the disk: its length, some pages, and how much of the disk's still counts."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.kept = size
        self.pages: dict[int, bytearray] = {}


def powered(operation: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(operation)
    def while_there_is_power(self: "ForgetfulFolder", *arguments: Any) -> Any:
        with self.power:
            return operation(self, *arguments)

    return while_there_is_power


class ForgetfulFolder(mfusepy.Operations):  # type: ignore[misc]
    """The operations of FUSE on the folder. `power` is held by whatever changes something."""

    use_ns = True

    def __init__(self, disk: Path) -> None:
        self._disk = str(disk)
        self._unsynced: dict[int, _Unsynced] = {}
        self.power = threading.Lock()

    def cut(self, chance: random.Random, share: float) -> tuple[int, int]:
        """Lose what is in memory, but for that share of it; how many pages were lost and were not."""
        lost = survived = 0
        places = {
            entry.stat().st_ino: entry for entry in Path(self._disk).rglob("*") if entry.is_file()
        }
        for inode, unsynced in self._unsynced.items():
            for number, page in sorted(unsynced.pages.items()):
                at = number * PAGE
                if chance.random() >= share or inode not in places:
                    lost += 1
                    continue
                survived += 1
                whole = bytes(page[: unsynced.size - at])
                with places[inode].open("r+b") as file:
                    file.seek(at)
                    file.write(whole[: PAGE // 2] if survived % 2 else whole)
        return lost, survived

    # --- Names: on the disk at once.

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        found = os.lstat(self._disk + path)
        told = {name: getattr(found, name) for name in STAT}
        told.update((name, getattr(found, f"{name}_ns")) for name in TIMES)
        if unsynced := self._unsynced.get(found.st_ino):
            told["st_size"] = unsynced.size
        return told

    def readdir(self, path: str, fh: int) -> Any:
        return [".", "..", *os.listdir(self._disk + path)]

    def readlink(self, path: str) -> str:
        return os.readlink(self._disk + path)

    @powered
    def mkdir(self, path: str, mode: int) -> int:
        os.mkdir(self._disk + path, mode)
        return 0

    @powered
    def rmdir(self, path: str) -> int:
        os.rmdir(self._disk + path)
        return 0

    @powered
    def symlink(self, target: str, source: str) -> int:
        os.symlink(source, self._disk + target)
        return 0

    @powered
    def link(self, target: str, source: str) -> int:
        os.link(self._disk + source, self._disk + target)
        return 0

    @powered
    def unlink(self, path: str) -> int:
        self._forget(path)
        os.unlink(self._disk + path)
        return 0

    @powered
    def rename(self, old: str, new: str) -> int:
        if os.path.lexists(self._disk + new):
            self._forget(new)
        os.rename(self._disk + old, self._disk + new)
        return 0

    def chmod(self, path: str, mode: int) -> int:
        os.chmod(self._disk + path, mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        os.lchown(self._disk + path, uid, gid)
        return 0

    def utimens(self, path: str, times: Any = None) -> int:
        os.utime(self._disk + path, ns=times)
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self._disk + path)
        names = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_files", "f_frsize", "f_namemax")
        return {name: getattr(found, name) for name in names}

    def _forget(self, path: str) -> None:
        found = os.lstat(self._disk + path)
        if found.st_nlink == 1:
            self._unsynced.pop(found.st_ino, None)

    # --- Bytes: in memory until they are synced.

    def open(self, path: str, flags: int) -> int:
        return os.open(self._disk + path, os.O_RDWR)

    @powered
    def create(self, path: str, mode: int, fi: Any = None) -> int:
        return os.open(self._disk + path, os.O_RDWR | os.O_CREAT, mode)

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0

    def flush(self, path: str, fh: int) -> int:
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        unsynced = self._unsynced.get(os.fstat(fh).st_ino)
        if unsynced is None:
            return os.pread(fh, size, offset)
        end = min(offset + size, unsynced.size)
        first = offset // PAGE
        pages = [self._page(unsynced, fh, n) for n in range(first, -(-end // PAGE))]
        return b"".join(pages)[offset - first * PAGE : end - first * PAGE]

    @powered
    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        unsynced = self._of(fh)
        at = 0
        while at < len(data):
            number, within = divmod(offset + at, PAGE)
            part = data[at : at + PAGE - within]
            page = bytearray(self._page(unsynced, fh, number))
            page[within : within + len(part)] = part
            unsynced.pages[number] = page
            at += len(part)
        unsynced.size = max(unsynced.size, offset + len(data))
        return len(data)

    @powered
    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        opened = os.open(self._disk + path, os.O_RDWR)
        try:
            unsynced = self._of(opened)
            if length < unsynced.size:
                last = length // PAGE
                if length % PAGE:
                    page = bytearray(self._page(unsynced, opened, last))
                    page[length % PAGE :] = bytes(PAGE - length % PAGE)
                    unsynced.pages[last] = page
                unsynced.pages = {n: p for n, p in unsynced.pages.items() if n * PAGE < length}
                unsynced.kept = min(unsynced.kept, length)
            unsynced.size = length
        finally:
            os.close(opened)
        return 0

    @powered
    def fsync(self, path: str, datasync: int, fh: int) -> int:
        unsynced = self._unsynced.pop(os.fstat(fh).st_ino, None)
        if unsynced is None:
            return 0
        os.ftruncate(fh, unsynced.kept)
        os.ftruncate(fh, unsynced.size)
        for number, page in unsynced.pages.items():
            os.pwrite(fh, bytes(page[: unsynced.size - number * PAGE]), number * PAGE)
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        return 0

    def _of(self, fh: int) -> _Unsynced:
        found = os.fstat(fh)
        return self._unsynced.setdefault(found.st_ino, _Unsynced(found.st_size))

    def _page(self, unsynced: _Unsynced, fh: int, number: int) -> bytes:
        page = unsynced.pages.get(number)
        if page is not None:
            return bytes(page)
        at = number * PAGE
        stored = os.pread(fh, max(0, min(PAGE, unsynced.kept - at)), at)
        return stored.ljust(PAGE, b"\0")


def main() -> None:
    mount, disk = sys.argv[1:]
    folder = ForgetfulFolder(Path(disk))

    def wait_for_the_cut() -> None:
        word, seed, share = sys.stdin.readline().split() or ("gone", "0", "0")
        if word == "cut":
            with folder.power:
                print(*folder.cut(random.Random(seed), float(share)), flush=True)
                # It stays taken: nothing is written any more.
                os._exit(0)
        os._exit(1)

    threading.Thread(target=wait_for_the_cut, daemon=True).start()
    mfusepy.FUSE(
        folder, mount, foreground=True, nothreads=True, allow_other=True, fsname="forgetful"
    )


if __name__ == "__main__":
    main()
