"""Power cuts: the data of Postgres lie in a folder that forgets what was not synced."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import psutil
import psycopg

from application import clock
from daybook.postgres_programs import EmbeddedPostgresError
from tests.campaigns.kills import FORGETFUL
from tests.campaigns.outcome import Asked, Outcome
from tests.campaigns.under_clients import control, seconds_until_back, strike_under_clients
from tests.durable_postgres import DurablePostgres

ROOT = Path(__file__).parents[2]
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


class ForgetfulMount:
    """A folder at `place` that keeps on `disk` what is synced, until its power is cut."""

    def __init__(self, place: Path, disk: Path) -> None:
        self._place = place
        self._disk = disk
        self._process: subprocess.Popen[str] | None = None

    def mount(self) -> None:
        program = [sys.executable, "-m", "tests.campaigns.forgetful_folder"]
        self._process = subprocess.Popen(
            [*program, str(self._place), str(self._disk)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        deadline = time.monotonic() + MOUNT_SECONDS_MAX
        while not self._place.is_mount():
            assert self._process.poll() is None, "the folder could not be mounted"
            assert time.monotonic() < deadline, "the folder was not mounted in time"
            time.sleep(0.01)

    def cut(self, seed: int, share: float) -> tuple[int, int]:
        """Cut the power; how many pages were lost, and how many reached the disk all the same."""
        assert self._process is not None, "it is mounted"
        said, _ = self._process.communicate(f"cut {seed} {share}\n", timeout=60)
        self.unmount()
        lost, survived = map(int, said.split())
        return lost, survived

    def unmount(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
            # Lazily: a last process of the server may still have a file open there.
            unmounted = ["umount", "--lazy", str(self._place)]
            subprocess.run(unmounted, check=True, capture_output=True)


class CuttablePostgres(DurablePostgres):
    """A cluster whose data folder loses what was not synced, each time that its power is cut."""

    def __init__(self, data: Path, overrides: Mapping[str, str]) -> None:
        super().__init__(data)
        # A cluster is made on a folder that forgets nothing, which is then the disk of another.
        super().start()
        super().stop()
        folder, disk = data / "postgres", data / "disk"
        folder.rename(disk)
        folder.mkdir(mode=0o700)
        self._mount = ForgetfulMount(folder, disk)
        self.overrides = dict(overrides)

    def start(self) -> None:
        self._mount.mount()
        super().start()

    def cut(self, seed: int, share: float) -> tuple[int, int]:
        """Cut the power: first the disk is gone, then the server."""
        postmaster = self.postmaster
        children = psutil.Process(postmaster).children()
        cut = self._mount.cut(seed, share)
        # One that waits for what another held, when its disk went, would wait for ever.
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        self.kill_process(postmaster)
        return cut

    def stop(self) -> None:
        super().stop()
        self._mount.unmount()


def cut_power(asked: Asked, folder: Path) -> Outcome:
    """Every other cut loses all that was not synced; the others let half of it, torn, reach the disk."""
    outcome = Outcome(campaign="power-cuts", seed=asked.seed, began_at=clock.now())
    lost = survived = 0
    postgres = CuttablePostgres(folder / "cuttable", {})

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


def _forgetful(folder: Path, overrides: Mapping[str, str], number: int) -> list[str]:
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
            unused, asked, postgres, folder / f"histories-{name}", strike, processes=1
        ).findings
    except (EmbeddedPostgresError, psycopg.OperationalError) as error:
        return [str(error)]
    finally:
        postgres.stop()
