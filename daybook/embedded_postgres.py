"""A real Postgres of our own, for when nobody has set DAYBOOK_DATABASE_URL.

It lives as long as the program that started it, kill -9 of that program included, and listens on a
Unix socket in a folder that only its user can enter. A second program on the same data folder joins
the server that is running, and must be done before the first one ends.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from daybook.postgres_programs import (
    EmbeddedPostgresError,
    Identity,
    clean_environment,
    ends_with_us,
    find_identity,
    find_programs,
    has_library,
    major_version,
    reachable_programs,
)
from daybook.postgres_settings import SETTINGS, THROW_AWAY, WARMING, WARMING_LIBRARY

FOLDER = "postgres"  # of the data folder
DATABASE = "daybook"
SUPERUSER = "postgres"
START_TIMEOUT_SECONDS = 300.0  # after a crash, up to max_wal_size is read again first
JOIN_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.01
LOG_BYTES_MAX = 16 * 1024 * 1024
LOG_CHECK_SECONDS = 60.0
SOCKET_FOLDER_CHARACTERS_MAX = 90  # the address of a Unix socket ends at 107 bytes

_held: set[Path] = set()


@contextmanager
def embedded_postgres(
    data: Path,
    *,
    durable: bool = True,
    pg_bin: Path | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Run Postgres on `data`/postgres and yield the conninfo of its database `daybook`.

    Both are made if absent; the server is stopped, orderly, at the end. If a server is running on
    the folder for another program, that one is used and left running. `durable=False` trades
    crash safety for speed and is for clusters that are thrown away. `overrides` are settings of
    the server. Refused with EmbeddedPostgresError: no Postgres to be found, a data folder of
    another major version or another user, a server that does not start.
    """
    if threading.current_thread() is not threading.main_thread():
        # The kernel ends Postgres with the thread that started it, not with the process.
        raise EmbeddedPostgresError("the embedded Postgres must be started from the main thread")
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        data = data.resolve()
        lock_or_running = _lock_or_join(data)
    except OSError as error:
        raise EmbeddedPostgresError(f"cannot use {data}: {error.strerror}") from error
    if isinstance(lock_or_running, str):
        yield lock_or_running
        return
    try:
        identity = find_identity()
        _let_in(data, identity)
        programs = reachable_programs(find_programs(pg_bin), identity, data)
        folder = data / FOLDER
        _end_orphan(folder)
        _make_data_folder(folder, programs, identity, durable)
        warming = WARMING if has_library(programs, WARMING_LIBRARY) else {}
        settings = {**SETTINGS, **(warming if durable else THROW_AWAY), **(overrides or {})}
        with (
            _socket_folder(data, identity) as sockets,
            _server(folder, programs, identity, sockets, settings) as conninfo,
        ):
            yield conninfo
    finally:
        _held.discard(data)
        os.close(lock_or_running)


def _lock_or_join(data: Path) -> int | str:
    """Answer the descriptor of the lock on the data folder, or the conninfo of its running server.

    A POSIX lock, because the processes that we fork do not inherit it: a worker that outlives a
    killed parent does not keep the folder. It would be lost if this process closed the file
    a second time, so a folder that we hold is never locked again.
    """
    deadline = time.monotonic() + JOIN_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if data not in _held:
            descriptor = os.open(data / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):  # another program has it
                os.close(descriptor)
            else:
                _held.add(data)
                return descriptor
        with contextlib.suppress(OSError, psycopg.Error):
            conninfo = _conninfo(Path((data / "postgres.socket").read_text()))
            psycopg.connect(conninfo, connect_timeout=5).close()
            return conninfo
        time.sleep(POLL_SECONDS)
    raise EmbeddedPostgresError(
        f"another program holds {data / 'postgres.lock'}, but its Postgres does not answer"
    )


def _let_in(data: Path, identity: Identity) -> None:
    """Let another user pass through `data`, but not list it, and refuse what it cannot reach."""
    if identity.uid == os.geteuid():
        return
    data.chmod(0o711)
    command = [*identity.prefix, "test", "-x", str(data)]
    if subprocess.run(command, check=False, cwd="/", env=clean_environment()).returncode != 0:
        raise EmbeddedPostgresError(
            f"started by root, Postgres runs as user {identity.uid}, who cannot reach {data}: set "
            "DAYBOOK_DATA to a folder under /var/lib or /srv, or start as another user"
        )


def _end_orphan(folder: Path) -> None:
    """End a server left over on the folder by a program that was killed; we hold the lock.

    A crash can also leave a process id that by now belongs to another process (in a new container
    it is even likely), on which Postgres would refuse to start. Our own id in its place makes
    Postgres see that the file is stale and still check that no old process uses the memory.
    """
    pid_file = folder / "postmaster.pid"
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    asked = False
    while (pid := _postmaster(pid_file)) is not None:
        if not _is_postgres_on(folder, pid):
            with contextlib.suppress(FileNotFoundError):
                lines = pid_file.read_text().split("\n")
                pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
            return
        if not asked:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
            asked = True
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(f"an old Postgres, process {pid}, still runs on {folder}")
        time.sleep(POLL_SECONDS)


def _postmaster(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text().split("\n")[0])
    except (FileNotFoundError, ValueError):
        return None


def _is_postgres_on(folder: Path, pid: int) -> bool:
    """Answer whether the process is alive and has the folder on its command line."""
    if sys.platform == "linux":
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return os.fsencode(folder) in line
    command = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
    listed = subprocess.run(command, check=False, capture_output=True, text=True)
    return str(folder) in listed.stdout


def _make_data_folder(folder: Path, programs: Path, identity: Identity, durable: bool) -> None:
    """Make the data folder if it is absent, under another name until it is whole."""
    if not folder.exists():
        # A new name each time: the initdb of a killed program may still be writing to the old.
        unfinished = Path(tempfile.mkdtemp(prefix="postgres.unfinished-", dir=folder.parent))
        os.chown(unfinished, identity.uid, identity.gid)
        command = [*identity.prefix, *ends_with_us(), str(programs / "initdb")]
        command += ["-D", str(unfinished), "-U", SUPERUSER, "--auth=trust"]
        command += ["--encoding=UTF8", "--locale=C", "--data-checksums"]
        command += [] if durable else ["--no-sync"]
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd="/",
            env=clean_environment(),
            timeout=START_TIMEOUT_SECONDS,
        )
        if done.returncode != 0:
            raise EmbeddedPostgresError(f"initdb failed: {_last_line(done.stderr)}")
        unfinished.rename(folder)
        # Last, when what a killed program's initdb had started has long come to its end.
        for left in folder.parent.glob("postgres.unfinished-*"):
            shutil.rmtree(left, ignore_errors=True)
    try:
        made_by = int((folder / "PG_VERSION").read_text())
    except (OSError, ValueError):
        raise EmbeddedPostgresError(
            f"{folder} cannot be read as a data folder of Postgres: move it away, or set DAYBOOK_DATA"
        ) from None
    major = major_version(programs, identity)
    if made_by != major:
        raise EmbeddedPostgresError(
            f"{folder} was made by Postgres {made_by}, but {programs} holds Postgres {major}: "
            f"set DAYBOOK_PG_BIN to the programs of Postgres {made_by}, or DAYBOOK_DATA elsewhere"
        )
    owner = folder.stat().st_uid
    if owner == identity.uid:
        return
    if os.geteuid() != 0:
        raise EmbeddedPostgresError(f"{folder} belongs to user {owner}: start as that user")
    # Root has started by another of the three steps before. From the leaves up, so that
    # the owner of the folder itself says that all is done.
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            os.chown(Path(place, name), identity.uid, identity.gid, follow_symlinks=False)
        os.chown(place, identity.uid, identity.gid)


@contextmanager
def _socket_folder(data: Path, identity: Identity) -> Iterator[Path]:
    """Make the folder of the socket: a short name, the same at each start, and ours alone."""
    temporary = Path("/tmp" if os.geteuid() == 0 else tempfile.gettempdir())
    if len(str(temporary)) > SOCKET_FOLDER_CHARACTERS_MAX - 30:
        temporary = Path("/tmp")
    folder = temporary / f"daybook-{hashlib.sha256(os.fsencode(data)).hexdigest()[:12]}"
    with contextlib.suppress(FileNotFoundError):
        found = folder.lstat()
        # Left by a killed program, its lock in it, unless somebody else has laid it there.
        if stat.S_ISDIR(found.st_mode) and found.st_uid in (os.geteuid(), identity.uid):
            shutil.rmtree(folder)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        folder = Path(tempfile.mkdtemp(prefix="daybook-", dir=temporary))
    os.chown(folder, identity.uid, identity.gid)
    record = data / "postgres.socket"
    # Whole or not at all, for who reads it at this moment.
    unfinished = data / f"postgres.socket.{os.getpid()}"
    unfinished.write_text(str(folder))
    unfinished.rename(record)
    owner = os.getpid()
    try:
        yield folder
    finally:
        if os.getpid() == owner:
            record.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _server(
    folder: Path,
    programs: Path,
    identity: Identity,
    sockets: Path,
    settings: Mapping[str, str],
) -> Iterator[str]:
    """Start the server, yield the conninfo of its database once it answers, stop it at the end."""
    command = [*identity.prefix, *ends_with_us(), str(programs / "postgres"), "-D", str(folder)]
    for name, value in {**settings, "unix_socket_directories": str(sockets)}.items():
        command += ["-c", f"{name}={value}"]
    log = folder.with_name("postgres.log")
    _shorten(log)
    process = _started(command, sockets, log)
    ended = threading.Event()
    threading.Thread(target=_keep_short, args=(log, ended), daemon=True).start()
    owner = os.getpid()
    try:
        yield _conninfo(sockets)
    finally:
        # A forked child may leave by this way too; the server is not its to stop.
        if os.getpid() == owner:
            _stop(process)
            ended.set()


def _started(command: list[str], sockets: Path, log: Path) -> "subprocess.Popen[bytes]":
    """Start the server and wait until its database answers."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        with log.open("ab") as output:
            begins = output.tell()
            # A session of its own: Ctrl-C in the terminal is for us, who then stop it in order.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd="/",
                env=clean_environment() | {"PG_GRANDPARENT_PID": str(os.getpid())},
            )
        try:
            while process.poll() is None:
                if _answers(sockets):
                    return process
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(
                        f"Postgres did not answer in {START_TIMEOUT_SECONDS:.0f} seconds (see {log})"
                    )
                time.sleep(POLL_SECONDS)
        except BaseException:
            _stop(process)
            raise
        said = log.read_bytes()[begins:].decode(errors="replace")
        # The children of a server that was killed need a moment to notice.
        children_remain = "shared memory block" in said and "still in use" in said
        if not children_remain or time.monotonic() > deadline:
            raise EmbeddedPostgresError(f"Postgres did not start: {_last_line(said)} (see {log})")
        time.sleep(POLL_SECONDS)


def _answers(sockets: Path) -> bool:
    """Answer whether the server takes connections; make our database if it does."""
    try:
        maintenance = make_conninfo(_conninfo(sockets), dbname="postgres")
        with psycopg.connect(maintenance, autocommit=True, connect_timeout=5) as connection:
            asked = "SELECT FROM pg_database WHERE datname = %s"
            if connection.execute(asked, [DATABASE]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.OperationalError:
        return False
    return True


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Stop in order, else at once (recovery at the next start loses nothing), else by force."""
    for asked, patience in (
        (signal.SIGINT, STOP_TIMEOUT_SECONDS),
        (signal.SIGQUIT, 10.0),
        (signal.SIGKILL, 10.0),
    ):
        if process.poll() is not None:
            return
        process.send_signal(asked)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)


def _conninfo(sockets: Path) -> str:
    return make_conninfo(host=str(sockets), port=5432, user=SUPERUSER, dbname=DATABASE)


def _keep_short(log: Path, ended: threading.Event) -> None:
    while not ended.wait(LOG_CHECK_SECONDS):
        _shorten(log)


def _shorten(log: Path) -> None:
    """Keep the last LOG_BYTES_MAX once more as `.1`; Postgres appends, and so goes on at 0."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_BYTES_MAX:
            shutil.copyfile(log, log.with_name(log.name + ".1"))
            os.truncate(log, 0)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    worst = [line for line in lines[-20:] if "FATAL" in line or "error:" in line]
    return (worst or lines or ["it said nothing"])[-1]
