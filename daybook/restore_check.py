"""`daybook restore-check`: whoever was erased stays erased, also after a backup was restored.

`daybook serve` does the same before it serves.
"""

import argparse
import asyncio

from application.erased_persons import ERASED_FILE, ErasedPersons
from application.erasure import Restored, reapply_erasures
from application.pools import open_pool
from application.transact import Writer
from daybook.bank_database import bank_database
from daybook.settings import Settings, read_settings


def run(arguments: argparse.Namespace) -> int:
    settings = read_settings()
    with bank_database(settings) as conninfo:
        told = restore_check(conninfo, settings)
    print(f"daybook: {told or 'nobody who was erased has come back'}")
    return 0


def restore_check(conninfo: str, settings: Settings) -> str | None:
    """Erase again whom a backup had brought back; says whom, or None where there was nobody."""
    restored = asyncio.run(_reapplied(conninfo, settings))
    if not restored.of_the_log and not restored.of_the_list:
        return None
    numbers = sorted({*restored.of_the_log, *restored.of_the_list})
    return f"a backup had brought back {len(numbers)} who were erased; erased again: " + ", ".join(
        map(str, numbers)
    )


async def _reapplied(conninfo: str, settings: Settings) -> Restored:
    writer = Writer(conninfo, zone=settings.time_zone)
    writer.start()
    try:
        async with open_pool(conninfo, name="restore-check", size=1, role="daybook_keys") as pool:
            return await reapply_erasures(pool, writer, ErasedPersons(settings.data / ERASED_FILE))
    finally:
        await writer.stop()
