"""`daybook seal`, `daybook keys` and `daybook witness`: who signs the head of the log, and with what."""

import argparse
import asyncio
import contextlib
import os
import shlex
import signal
import time
from typing import Final

from application import clock
from daybook.bank_database import bank_database, check_bank_in
from daybook.evidence.checkpoint_keys import FOLDER, CheckpointKeys
from daybook.evidence.publishing import CommandPublisher, FolderPublisher, Publisher
from daybook.evidence.sealer import Sealer
from daybook.evidence.signed_note import read_keys
from daybook.evidence.witness import HttpSource, Witness, WitnessRefused
from daybook.logs import start_logging
from daybook.processes import end_with_parent
from daybook.settings import Settings, read_settings

WITNESS_PASSWORD: Final = "DAYBOOK_WITNESS_PASSWORD"


def run_seal(arguments: argparse.Namespace) -> int:
    """Until SIGTERM or Ctrl-C. Of several that run, one seals and the others stand by."""
    start_logging()
    settings = read_settings()
    if arguments.lifeline is not None:
        # A child of `serve`, which has checked and migrated the database.
        end_with_parent(arguments.lifeline)
        assert settings.database_url is not None
        asyncio.run(_seal(settings, settings.database_url))
        return 0
    with bank_database(settings) as conninfo:
        asyncio.run(_seal(settings, conninfo))
    return 0


async def _seal(settings: Settings, conninfo: str) -> None:
    sealer = Sealer(conninfo, checkpoint_keys(settings), publishers(settings))
    sealing = asyncio.ensure_future(sealer.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, sealing.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await sealing


def run_keys(arguments: argparse.Namespace) -> int:
    """Show the public keys, one a line and the one that signs first; after a rotation, if asked."""
    settings = read_settings()
    # A key that was made by looking for one would be handed to auditors as the bank's.
    check_bank_in(settings)
    keys = checkpoint_keys(settings)
    if arguments.rotate:
        keys.rotate(now=clock.now().timestamp())
    for key in keys.verifier_keys():
        print(key)
    return 0


def run_witness(arguments: argparse.Namespace) -> int:
    """Look once, or again and again until the log does not go on from what was seen."""
    password = os.environ.get(WITNESS_PASSWORD)
    if not password:
        raise WitnessRefused(f"set {WITNESS_PASSWORD} to the password of {arguments.username}")
    try:
        log_keys = read_keys(arguments.key.read_text())
    except OSError as error:
        raise WitnessRefused(f"cannot read {arguments.key}: {error.strerror}") from None
    witness = Witness(arguments.folder, arguments.name, log_keys)
    source = HttpSource(arguments.url, arguments.username, password)
    print(f"daybook: the key of this witness is {witness.key}", flush=True)
    while True:
        seen = witness.look(source, int(clock.now().timestamp()))
        print(f"daybook: {seen.size:,} events of {seen.origin} countersigned", flush=True)
        if arguments.every is None:
            return 0
        time.sleep(arguments.every)


def checkpoint_keys(settings: Settings) -> CheckpointKeys:
    now = clock.now().timestamp()
    return CheckpointKeys(
        settings.data / FOLDER,
        origin=settings.log_origin,
        now=now,
        second=settings.second_signature,
    )


def publishers(settings: Settings) -> list[Publisher]:
    """Those that the settings name."""
    found: list[Publisher] = []
    if settings.checkpoints_folder is not None:
        found.append(FolderPublisher(settings.checkpoints_folder))
    if settings.checkpoints_command is not None:
        found.append(CommandPublisher(shlex.split(settings.checkpoints_command)))
    return found
