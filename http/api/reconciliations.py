"""Reconciliation with gateways, over HTTP: settlement files are compared, and differences resolved."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, asked_by, recorded_at, told, told_answer, written
from api.documents import answers, described
from api.pages import END, Cursor, Limit, page_of, told_page
from api.parameters import Text, one_of, refuse, text_of
from api.problems import NotYetRead
from api.reconciling import Reconciled, Reconciler
from api.strict_json import encode
from api.visibility import WAIT_SECONDS, reading
from application import clock, reconciliation
from application.books import Answer, Posted
from application.commands import Ask
from application.pools import borrowed
from domain.money import decimal_of
from domain.reconciliation_refusals import GatewayNotFound, WorkItemNotFound
from domain.work_items import DifferenceKind, Resolution
from readmodels import work_items
from readmodels.projection import lag, wait_for
from readmodels.work_items import ReconciliationRow, WorkItemRow

Gateway = Annotated[str | None, QueryParameter(name="gateway", description="Of this gateway only.")]
Status = Annotated[
    str | None,
    QueryParameter(
        name="status",
        description="open or resolved; both if not given.",
        schema_extra=one_of(("open", "resolved")),
    ),
]


class Reconciling(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The day of the file, by the gateway's calendar (UTC)."""

    date: Annotated[dt.date, msgspec.Meta(examples=["2026-03-31"])]


class Resolving(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What the gateway owed is returned or lost; a difference without money is explained."""

    resolution: Resolution
    reason: Text


class DifferencesOut(msgspec.Struct, kw_only=True):
    missing_here: int
    missing_there: int
    different: int
    duplicate: int


class ReconciledOut(msgspec.Struct, kw_only=True):
    """`settled` payments were settled by this run; `opened` and `resolved` count work items."""

    gateway: str
    date: dt.date
    sha256: str
    lines: int
    matched: int
    settled: int
    differences: DifferencesOut
    opened: int
    resolved: int


class ReconciliationOut(msgspec.Struct, kw_only=True):
    reconciliation_id: int
    gateway: str
    date: dt.date
    sha256: str
    lines: int
    matched: int
    settled: int
    differences: DifferencesOut
    timestamp: dt.datetime
    made_by: str
    position: int


class WorkItemOut(msgspec.Struct, kw_only=True):
    """A difference, and how long it has been open in days; `receivable` the gateway owes back."""

    work_item_id: int
    kind: DifferenceKind
    gateway: str
    settlement_date: dt.date
    key: str
    payment_id: int | None
    ours: Decimal | None
    theirs: Decimal | None
    receivable: Decimal
    currency: str
    detail: str
    status: Literal["open", "resolved"]
    opened_on: dt.date
    age_days: int
    timestamp: dt.datetime
    resolution: Resolution | None
    reason: str | None
    resolved_on: dt.date | None
    resolved_by: str | None


class WorkItemResolvedOut(msgspec.Struct, kw_only=True):
    work_item_id: int
    resolution: Resolution
    timestamp: dt.datetime
    position: int


@post(
    "/gateways/{name:str}/reconciliations",
    **described(
        "Reconcile a day with a gateway",
        answers(201, ReconciledOut, 401, 403, 404, 409, 422, 429, 503),
    ),
)
async def reconcile(request: Call, name: FromPath[str], data: JSONBody[Reconciling]) -> ASGIApp:
    """Fetch the gateway's settlement file of a day and compare it with the log, payment by payment.

    What matches is settled with its biller; each difference becomes a work item, once. The same day can
    be reconciled again: what was done is not done twice.
    """
    bank = request.bank
    gateway = bank.gateways.get(name)
    if gateway is None:
        raise GatewayNotFound(gateway=name[:64])
    content = await gateway.settlement_file(data.date)
    async with borrowed(bank.reads) as connection:
        head = (await lag(connection, clock.now())).head
        if not await wait_for(connection, head, WAIT_SECONDS):
            raise NotYetRead

    def remember(position: int) -> None:
        bank.own_writes.wrote(position, request.actor.user_id)

    def recording(made: Reconciled) -> Ask:
        return asked_by(request, lambda _: Answer(201, encode(_reconciled(made))))

    reconciler = Reconciler(bank.writer, bank.payments, request.actor, remember)
    answer = await reconciler.reconcile(name, data.date, content, recording)
    if answer.position is not None:
        remember(answer.position)
    return told_answer(answer)


@get(
    "/gateways/{name:str}/reconciliations",
    **described(
        "Reconciliations with a gateway",
        answers(200, list[ReconciliationOut], 401, 403, 422, 429, 503),
    ),
)
async def reconciliations(
    request: Call, name: FromPath[str], limit: Limit = None, cursor: Cursor = None
) -> ASGIApp:
    """Newest first."""
    page = page_of(limit, cursor)
    async with reading(request) as (connection, moment):
        rows = await work_items.reconciliations(
            connection, name, before=page.place or END, limit=page.rows
        )
    return told_page(
        request,
        page,
        rows,
        shown=_reconciliation,
        place=lambda row: row.reconciliation_id,
        moment=moment,
    )


@get(
    "/work-items",
    **described("Work items", answers(200, list[WorkItemOut], 401, 403, 422, 429, 503)),
)
async def list_work_items(
    request: Call,
    gateway: Gateway = None,
    status: Status = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ASGIApp:
    """Differences with gateways, the oldest first."""
    if status not in (None, "open", "resolved"):
        refuse("status", "Expected open or resolved.")
    page = page_of(limit, cursor)
    async with reading(request) as (connection, moment):
        rows = await work_items.work_items(
            connection,
            gateway=text_of("gateway", gateway),
            is_open=None if status is None else status == "open",
            after=page.place or 0,
            limit=page.rows,
        )
    today = request.bank.today()
    return told_page(
        request,
        page,
        rows,
        shown=lambda row: _out(row, today),
        place=lambda row: row.work_item_id,
        moment=moment,
    )


@get(
    "/work-items/{work_item_id:int}",
    **described("A work item", answers(200, WorkItemOut, 401, 403, 404, 429, 503)),
)
async def one_work_item(request: Call, work_item_id: FromPath[int]) -> ASGIApp:
    """A difference with a gateway, and how it was resolved if it was."""
    async with reading(request) as (connection, moment):
        row = await work_items.work_item(connection, work_item_id)
    if row is None:
        raise WorkItemNotFound(work_item_id=work_item_id)
    return told(_out(row, request.bank.today()), position=moment.known_at)


@post(
    "/work-items/{work_item_id:int}/resolve",
    **described(
        "Resolve a work item",
        answers(201, WorkItemResolvedOut, 401, 403, 404, 409, 422, 429, 503),
    ),
)
async def resolve_work_item(
    request: Call, work_item_id: FromPath[int], data: JSONBody[Resolving]
) -> ASGIApp:
    """Say what became of a difference, for a reason that is kept for ever."""

    def answer(posted: list[Posted]) -> Answer:
        one = posted[0] if posted else None
        out = WorkItemResolvedOut(
            work_item_id=work_item_id,
            resolution=data.resolution,
            timestamp=clock.now() if one is None else recorded_at(one),
            position=0 if one is None else one.position,
        )
        return Answer(201, encode(out))

    command = reconciliation.resolve_work_item(
        asked_by(request, answer), work_item_id, data.resolution, data.reason
    )
    return await written(request, command)


def _reconciled(made: Reconciled) -> ReconciledOut:
    fact = made.made
    count = fact.differences.get
    return ReconciledOut(
        gateway=fact.gateway,
        date=fact.settlement_date,
        sha256=fact.sha256,
        lines=fact.lines,
        matched=fact.matched,
        settled=fact.settled,
        differences=DifferencesOut(
            missing_here=count("missing_here", 0),
            missing_there=count("missing_there", 0),
            different=count("different", 0),
            duplicate=count("duplicate", 0),
        ),
        opened=made.opened,
        resolved=made.resolved,
    )


def _out(row: WorkItemRow, today: dt.date) -> WorkItemOut:
    until = row.resolved_on or today
    return WorkItemOut(
        work_item_id=row.work_item_id,
        kind=row.kind,
        gateway=row.gateway,
        settlement_date=row.settlement_date,
        key=row.key,
        payment_id=row.payment_id,
        ours=None if row.ours is None else decimal_of(row.ours, row.currency),
        theirs=None if row.theirs is None else decimal_of(row.theirs, row.currency),
        receivable=decimal_of(row.receivable, row.currency),
        currency=row.currency,
        detail=row.detail,
        status="open" if row.resolution is None else "resolved",
        opened_on=row.opened_on,
        age_days=(until - row.opened_on).days,
        timestamp=row.recorded_at,
        resolution=row.resolution,
        reason=row.reason,
        resolved_on=row.resolved_on,
        resolved_by=row.resolved_by,
    )


def _reconciliation(row: ReconciliationRow) -> ReconciliationOut:
    return ReconciliationOut(
        reconciliation_id=row.reconciliation_id,
        gateway=row.gateway,
        date=row.settlement_date,
        sha256=row.sha256,
        lines=row.lines,
        matched=row.matched,
        settled=row.settled,
        differences=DifferencesOut(
            missing_here=row.missing_here,
            missing_there=row.missing_there,
            different=row.different,
            duplicate=row.duplicate,
        ),
        timestamp=row.recorded_at,
        made_by=row.made_by,
        position=row.position,
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [
    reconcile,
    reconciliations,
    list_work_items,
    one_work_item,
    resolve_work_item,
]
