"""`daybook keys rotate-kek`: another key-encryption key for all keys of persons, while the bank serves."""

import argparse
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

from application import clock
from application.kept_files import changing
from application.key_encryption import (
    KEYS_FOLDER,
    LOCAL_FILE,
    add_waiting_key,
    drop_keys,
    key_encryption,
    use_next_key,
)
from application.key_rotation import RotationRefused, keys_in_use, rewrap_all
from application.keyring import open_keyring
from application.sealing import new_key
from daybook.bank_database import bank_database
from daybook.settings import Settings, read_settings

KMS: Final = (
    "the keys are kept by AWS KMS: make a key there, set DAYBOOK_KEY_ENCRYPTION to it, restart, and run "
    "`daybook keys rotate-kek`"
)


def run_rotate(arguments: argparse.Namespace) -> int:
    """Prepare a key, or wrap everything with the next one, or drop those that wrap nothing."""
    settings = read_settings()
    with bank_database(settings) as conninfo:
        # Refuses keys that are not those of this database.
        open_keyring(conninfo, settings.kek, settings.data)
        with alone(settings):
            if arguments.prepare:
                _say(f"{add_waiting_key(_file(settings))} is in the file, and wraps nothing yet")
            elif arguments.retire:
                retire(settings, conninfo)
            else:
                rotate(settings, conninfo)
    return 0


def alone(settings: Settings) -> AbstractContextManager[None]:
    """One run at a time: another would write the file without the key that this one wraps with."""
    return nullcontext() if settings.kek is not None else changing(_file(settings), wait=False)


def rotate(settings: Settings, conninfo: str) -> None:
    """Begin with the next key, or go on with the one that an earlier run began with."""
    encryption = key_encryption(settings.kek, settings.data, create=False)
    now = encryption.wrap(new_key(), {"daybook": "which key is it"}).kek
    left = sum(count for kek, count in keys_in_use(conninfo).items() if kek != now)
    if left:
        _say(f"{left:,} keys are to be wrapped with {now}")
    elif settings.kek is None:
        now = use_next_key(_file(settings))
        _say(f"{now} wraps from now on")
    rotated = rewrap_all(conninfo, encryption, lambda done: _say(f"{done:,} keys wrapped anew"))
    _say(f"{rotated.keys:,} keys were wrapped anew; {rotated.kek} wraps all there are")


def retire(settings: Settings, conninfo: str) -> None:
    dropped = drop_keys(_file(settings), keys_in_use(conninfo), clock.now())
    for kek in dropped.keks:
        _say(f"{kek} wraps nothing, and is out of the file")
    for kek, until in dropped.kept_until.items():
        _say(
            f"{kek} wrapped until lately, and is kept until {until:%Y-%m-%d %H:%M:%S} UTC for what "
            "was on its way: run this again then"
        )
    if not any(dropped):
        _say("every key in the file is in use, or is to be")


def _file(settings: Settings) -> Path:
    if settings.kek is not None:
        raise RotationRefused(KMS)
    return settings.data / KEYS_FOLDER / LOCAL_FILE


def _say(line: str) -> None:
    print(f"daybook: {line}", file=sys.stderr)
