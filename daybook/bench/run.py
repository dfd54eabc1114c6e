"""`daybook bench`: every figure of docs/benchmarks.md, side by side, on one server, in one run."""

import argparse
import os
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from application import clock
from application.keyring import open_keyring
from daybook.bench import (
    berka,
    ending_days,
    five_years,
    over_http,
    pgbench,
    projecting,
    reads,
    rebuilding,
    write_path,
)
from daybook.bench.databases import Databases, kept_server, machine, measured_server, settle
from daybook.bench.figures import FULL, QUICK, Measured, Results, Scale
from daybook.bench.report import lines, page
from daybook.bench.serving import serving
from daybook.bench.workload import found_bank, past_of, write_past
from daybook.berka_files import find_files
from daybook.settings import Settings, read_settings

PAGE: Final = Path("docs/benchmarks.md")
PARTS: Final = ("bank", "years", "end-of-day")
BERKA_VARIABLE: Final = "DAYBOOK_BERKA_DIR"


def run(arguments: argparse.Namespace) -> int:
    """Measure, write the page and, into the data folder, the figures as JSON."""
    settings = read_settings()
    folder = berka_folder(arguments.berka, os.environ)
    scale = QUICK if arguments.quick else FULL
    results = bench(settings, scale, folder, only=arguments.only)
    told = settings.data / "bench"
    told.mkdir(parents=True, exist_ok=True)
    name = "-".join(filter(None, ("quick" if arguments.quick else "full", arguments.only)))
    raw = told / f"{name}-{results.began_at:%Y%m%dT%H%M%SZ}.json"
    raw.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    text = arguments.page or (PAGE if name == "full" else told / f"{name}.md")
    text.parent.mkdir(parents=True, exist_ok=True)
    text.write_text(page(results), encoding="utf-8")
    print(f"daybook: the page is {text}, the figures are {raw}")
    return 0


def berka_folder(given: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The folder of the Berka files, checked before anything is measured; None where none is named."""
    named = given or (Path(environ[BERKA_VARIABLE]) if environ.get(BERKA_VARIABLE) else None)
    if named is not None:
        find_files(named)
    return named


def bench(
    settings: Settings, scale: Scale, berka_files: Path | None, *, only: str | None = None
) -> Results:
    """Measure everything, or one of `PARTS`. Nothing else should run on the machine meanwhile."""
    began = time.monotonic()
    results = Results(began_at=clock.now(), seconds=0.0, scale=scale, machine={}, measured=[])
    if only in (None, "bank"):
        _measure_new_banks(results, settings, scale, berka_files)
    if only in (None, "years"):
        with kept_server(settings) as databases:
            results.machine = results.machine or machine(databases.server)
        _say("(h) five years; made the first time, which takes long")
        for measured in five_years.measure(partial(kept_server, settings), scale):
            _add(results, measured)
    if only in (None, "end-of-day"):
        with measured_server(settings) as databases:
            results.machine = results.machine or machine(databases.server)
            _say("(i) the end of a day")
            _add(results, ending_days.measure(databases, scale))
    results.seconds = time.monotonic() - began
    return results


def _measure_new_banks(
    results: Results, settings: Settings, scale: Scale, berka_files: Path | None
) -> None:
    """All that is measured on banks that are made for it, on one server."""
    pgbench_program = pgbench.find_pgbench(settings.pg_bin)
    with measured_server(settings) as databases:
        results.machine = machine(databases.server)
        yard = databases.empty("pgbench")
        tpc_b = pgbench.Yardstick(pgbench_program, yard, scale)
        _say("making the bank")
        template = databases.migrated("template")
        folder = settings.data / "bench" / "serve"
        keyring = open_keyring(template, settings.kek, folder)
        uvloop.run(found_bank(template, past_of(scale), keyring))
        pgbench.prepare(pgbench_program, yard, scale)
        settle(yard)
        _measure_writing(results, databases, template, scale, tpc_b)
        _measure_bank(results, databases, template, scale, folder, tpc_b)
        _add(results, [tpc_b.measured])
        databases.drop(yard)
        if berka_files is None:
            _say(f"(g) skipped: name the folder of the Berka files, --berka or {BERKA_VARIABLE}")
        else:
            _say("(g) the Berka bank")
            _add(results, berka.measure(databases, berka_files, scale))


def _measure_writing(
    results: Results,
    databases: Databases,
    template: str,
    scale: Scale,
    tpc_b: pgbench.Yardstick,
) -> None:
    """The writer alone, on a log that nobody projects."""
    _say("(a) and (b): the write path")
    conninfo = databases.copy_of("writing", template)
    _add(results, tpc_b.beside(lambda: write_path.measure_one_writer(conninfo, scale)))
    _add(results, tpc_b.beside(lambda: write_path.measure_two_writers(conninfo, scale)))
    databases.drop(conninfo)


def _measure_bank(
    results: Results,
    databases: Databases,
    template: str,
    scale: Scale,
    data: Path,
    tpc_b: pgbench.Yardstick,
) -> None:
    """The whole bank: writer, projector, server and views, on one database that grows."""
    conninfo = databases.copy_of("bank", template)
    databases.drop(template)
    _say("(a) with the projector")
    uvloop.run(write_past(conninfo, past_of(scale)))
    projection = projecting.measure_projection(conninfo)
    settle(conninfo)
    _add(results, tpc_b.beside(lambda: projecting.measure_beside(conninfo, scale)))
    _say("(c), (d) and (e): over HTTP")
    with serving(conninfo, data) as server:
        _add(results, tpc_b.beside(lambda: over_http.measure(server, conninfo, scale)))
        projecting.catch_up(conninfo)
        settle(conninfo)
        _add(results, reads.measure_over_http(server, conninfo, scale))
    _add(results, tpc_b.beside(lambda: over_http.measure_two_workers(conninfo, data, scale)))
    _say("(e) and (f): the read models")
    with projecting.projector(conninfo):
        projecting.catch_up(conninfo)
    settle(conninfo)
    _add(results, reads.measure_directly(conninfo, scale))
    _add(results, [projection, *rebuilding.measure(conninfo, scale)])
    databases.drop(conninfo)


def _say(what: str) -> None:
    print(f"daybook: {what}", file=sys.stderr, flush=True)


def _add(results: Results, measured: list[Measured]) -> None:
    results.measured.extend(measured)
    print(lines(measured), file=sys.stderr, flush=True)
