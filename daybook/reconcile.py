"""`daybook reconcile GATEWAY DATE [FILE]`: a day's settlement file compared with the log."""

import argparse
import asyncio
import datetime as dt
from typing import Final

from prometheus_client import CollectorRegistry

from api.gateway_figures import GatewayFigures
from api.gateway_problems import ReconciliationFailed
from api.http_gateway import HttpGateway
from api.reconciling import Reconciled, Reconciler
from application.books import Answer
from application.commands import SYSTEM, Ask
from application.gateways import GatewaySettings, SettlementUnavailable
from application.pools import open_pool
from application.settlement_files import BYTES_MAX, SettlementFileRefused
from application.transact import OutcomeUnknown, Unavailable, Writer
from daybook.bank_database import bank_database
from daybook.loading import bring_views_up
from daybook.settings import Settings, read_settings

CONNECTIONS: Final = 4


class ReconcileRefused(Exception):
    """The file was not reconciled; the message says why, and what to do."""


def run(arguments: argparse.Namespace) -> int:
    """0 where both sides agree, 1 where they differ; each difference has its work item then."""
    settings = read_settings()
    content = _content(settings, arguments)
    with bank_database(settings) as conninfo:
        if not bring_views_up(conninfo):
            raise ReconcileRefused("the read models are still catching up: try again later")
        try:
            made = asyncio.run(
                _reconcile(settings, conninfo, arguments.gateway, arguments.date, content)
            )
        except (SettlementFileRefused, ReconciliationFailed) as error:
            raise ReconcileRefused(str(error)) from None
        except (Unavailable, OutcomeUnknown) as error:
            raise ReconcileRefused(f"{error}; what is done stays, run it again") from None
    fact = made.made
    print(
        f"daybook: {fact.lines:,} lines, {fact.matched:,} matched, {fact.settled:,} settled; "
        f"{made.opened:,} work items opened, {made.resolved:,} resolved"
    )
    for kind, count in sorted(fact.differences.items()):
        print(f"daybook: {count:,} {kind.replace('_', ' ')}")
    return 1 if fact.differences else 0


def _content(settings: Settings, arguments: argparse.Namespace) -> bytes:
    """The file that is named, or what the gateway has for the day."""
    if arguments.file is not None:
        try:
            with arguments.file.open("rb") as file:
                content: bytes = file.read(BYTES_MAX + 1)
        except OSError as error:
            raise ReconcileRefused(f"{arguments.file} cannot be read: {error.strerror}") from None
        return content
    for each in settings.gateways:
        if each.name == arguments.gateway:
            return asyncio.run(_fetched(each, arguments.date))
    known = ", ".join(each.name for each in settings.gateways) or "none"
    raise ReconcileRefused(f"there is no gateway {arguments.gateway!r}; there is {known}")


async def _fetched(settings: GatewaySettings, date: dt.date) -> bytes:
    gateway = HttpGateway(settings, GatewayFigures(CollectorRegistry()))
    try:
        return await gateway.settlement_file(date)
    except SettlementUnavailable as error:
        raise ReconcileRefused(f"the settlement file could not be fetched: {error}") from None
    finally:
        await gateway.close()


async def _reconcile(
    settings: Settings, conninfo: str, gateway: str, date: dt.date, content: bytes
) -> Reconciled:
    found: list[Reconciled] = []

    def recording(made: Reconciled) -> Ask:
        found.append(made)
        return Ask(SYSTEM, lambda _: Answer(200, b"{}"), lambda refusal: Answer(409, b"{}"))

    writer = Writer(conninfo, zone=settings.time_zone, calendar=settings.calendar)
    writer.start()
    try:
        async with open_pool(conninfo, name="reconcile", size=CONNECTIONS) as pool:
            reconciler = Reconciler(writer, pool, SYSTEM, lambda position: None)
            await reconciler.reconcile(gateway, date, content, recording)
    finally:
        await writer.stop()
    return found[0]
