"""Power cuts: the data of Postgres lie in a folder that forgets what was not synced."""

import os
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psycopg

from application import clock
from daybook.postgres_programs import EmbeddedPostgresError
from tests.campaigns.kills import FORGETFUL
from tests.campaigns.outcome import Asked, Outcome
from tests.campaigns.under_clients import control, seconds_until_back, strike_under_clients
from tests.durable_postgres import DurablePostgres

MOUNT_SECONDS_MAX = 60.0


def why_not() -> str | None:
    """Why power cannot be cut here, in words; None where it can."""
    if os.geteuid() != 0:
        return "mounting a FUSE folder takes root"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "there is no /dev/fuse that can be opened"
    try:
        import mfusepy  # noqa: F401
    except (ImportError, OSError) as error:
        return f"libfuse cannot be had: {error}"
    return None


class CuttablePostgres(DurablePostgres):
    """A cluster whose data folder loses what was not synced, each time that its power is cut."""

    def __init__(self, data: Path, overrides: dict[str, str] | None = None) -> None:
        super().__init__(data)
        self._disk = data / "disk"
        self._folder = data / "postgres"
        self._process: subprocess.Popen[str] | None = None
        # A cluster is made on a folder that forgets nothing, and then moved.
        super().start()
        super().stop()
        self._folder.rename(self._disk)
        self._folder.mkdir(mode=0o700)
        self.overrides = dict(overrides or {})

    def start(self) -> None:
        program = [sys.executable, "-m", "tests.campaigns.forgetful_folder"]
        self._process = subprocess.Popen(
            [*program, str(self._folder), str(self._disk)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + MOUNT_SECONDS_MAX
        while not self._folder.is_mount():
            assert self._process.poll() is None, "the folder could not be mounted"
            assert time.monotonic() < deadline, "the folder was not mounted in time"
            time.sleep(0.01)
        super().start()

    def cut(self, seed: int, share: float) -> tuple[int, int]:
        """Cut the power; how many pages were lost, and how many reached the disk all the same."""
        assert self._process is not None, "it runs"
        postmaster = self.postmaster
        said, _ = self._process.communicate(f"cut {seed} {share}\n", timeout=60)
        lost, survived = map(int, said.split())
        self.kill_process(postmaster)
        self._unmount()
        return lost, survived

    def stop(self) -> None:
        if self._process is None:
            return
        super().stop()
        self._process.kill()
        self._process.wait()
        self._unmount()

    def _unmount(self) -> None:
        # Lazily: a last process of the server may still have a file open there.
        subprocess.run(["umount", "--lazy", self._folder], check=False, capture_output=True)
        self._process = None

    def remove(self) -> None:
        shutil.rmtree(self._disk, ignore_errors=True)


def cut_power(asked: Asked, folder: Path) -> Outcome:
    """Every other cut loses all that was not synced; the others let half of it, torn, reach the disk."""
    outcome = Outcome(campaign="power-cuts", seed=asked.seed, began_at=clock.now())
    lost = survived = 0
    postgres = CuttablePostgres(folder / "cuttable")

    def strike(number: int) -> None:
        nonlocal lost, survived

        def cut() -> None:
            nonlocal lost, survived
            dropped, kept = postgres.cut(asked.seed * 1000 + number, 0.5 * (1 - number % 2))
            lost, survived = lost + dropped, survived + kept

        kind = "all that was not synced is lost" if number % 2 else "half of it, torn, is not lost"
        outcome.fault(f"power cut: {kind}")
        outcome.recovery_seconds.append(seconds_until_back(cut, postgres.start))

    postgres.start()
    try:
        strike_under_clients(outcome, asked, postgres, folder / "histories", strike)
    finally:
        postgres.stop()
    outcome.figures["pages of 4 KiB lost in the cuts"] = lost
    outcome.figures["pages that reached the disk unsynced"] = survived
    outcome.situation("a cut that lost pages", lost)
    control(outcome, "synchronous_commit = off", partial(_forgetful, folder, FORGETFUL))
    control(outcome, "fsync = off", partial(_forgetful, folder, {"fsync": "off"}))
    return outcome


def _forgetful(folder: Path, overrides: dict[str, str], number: int) -> list[str]:
    """What is found after one cut of a server with these settings; that it does not start, is too."""
    name = f"{'-'.join(overrides)}-{number}"
    postgres = CuttablePostgres(folder / name, overrides)
    postgres.start()

    def strike(_: int) -> None:
        postgres.cut(number, 0.0)
        postgres.start()

    unused = Outcome(campaign="", seed=number, began_at=clock.now())
    try:
        asked = Asked(times=1, seed=number)
        return strike_under_clients(
            unused, asked, postgres, folder / f"histories-{name}", strike
        ).findings
    except (EmbeddedPostgresError, psycopg.OperationalError) as error:
        return [str(error)]
    finally:
        postgres.stop()
