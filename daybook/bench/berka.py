"""(g): the Berka bank imported into an empty database, as `daybook import berka` does it."""

import datetime as dt
import time
from pathlib import Path

from daybook.bench.databases import Databases
from daybook.bench.figures import Measured, Scale
from daybook.bench.processes import Pipe, answering, apart, next_message
from daybook.bench.workload import passing_keyring
from daybook.berka import import_berka
from daybook.berka_files import find_files
from daybook.berka_report import Report


def importing(pipe: Pipe, conninfo: str, folder: Path) -> None:
    answering(_importing(pipe, conninfo, folder))


async def _importing(pipe: Pipe, conninfo: str, folder: Path) -> None:
    await next_message(pipe)
    began = time.monotonic()
    report: Report = await import_berka(
        conninfo,
        find_files(folder),
        keyring=passing_keyring(conninfo),
        zone=dt.UTC,
        advance=lambda _: None,
    )
    pipe.send((report.rows_read, len(report.refusals), time.monotonic() - began))


def measure(databases: Databases, folder: Path, scale: Scale) -> list[Measured]:
    rate = Measured(item="g", key="berka", label="import of Berka", unit="rows/s")
    took = Measured(item="g", key="berka.seconds", label="the same, in seconds", unit="s")
    for number in range(scale.rounds):
        conninfo = databases.migrated(f"berka_{number}")
        with apart(importing, conninfo, folder) as process:
            process.send("go")
            rows, refused, seconds = process.receive()
        databases.drop(conninfo)
        rate.values.append(rows / seconds)
        rate.failed += refused
        took.values.append(seconds)
        rate.note = took.note = f"{rows:,} rows"
    return [rate, took]
