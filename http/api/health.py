"""Operation: whether the API lives and can serve, what can be watched of it, and its own papers."""

import time
from typing import Any, Final

import msgspec
from litestar import get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, Told, told
from api.documents import answers, described
from api.metrics import CONTENT_TYPE
from api.problems import catalogue
from application import clock
from application.pools import borrowed
from application.sending import waiting
from application.transact import Unavailable
from readmodels.audited import LastAudit, last_audit
from readmodels.projection import lag


class Alive(msgspec.Struct):
    status: str = "live"


class Ready(msgspec.Struct):
    status: str
    position: int
    projection_lag_events: int
    projection_lag_seconds: float
    # Of the last audit that the program made of itself: "not_audited" until there was one.
    books: str


class ProblemType(msgspec.Struct):
    type: str
    status: int
    title: str


@get("/health/live", **described("Whether the process lives", answers(200, Alive)))
async def live(request: Call) -> ASGIApp:
    """Nothing is asked of the store: the process answers, and that is all it says."""
    return told(Alive())


@get("/health/ready", **described("Whether it can serve", answers(200, Ready, 503)))
async def ready(request: Call) -> ASGIApp:
    """200 once the store answers, unless it has lately refused a write (a full disk) and taken none since.

    Read models that are behind make reads wait, not the whole API fail.
    """
    if request.bank.writer.refused:
        raise Unavailable("the store takes no writes")
    async with borrowed(request.bank.reads) as connection:
        behind = await lag(connection, clock.now())
        audited = await last_audit(connection)
    seconds = round(behind.seconds, 3)
    return told(Ready("ready", behind.head, behind.events, seconds, _books(audited)))


def _books(audited: LastAudit | None) -> str:
    if audited is None:
        return "not_audited"
    if audited.log_findings:
        return "log_damaged"
    return "users_differ" if audited.user_findings else "sound"


@get("/metrics", **described("Figures for Prometheus", answers(200, str, media_type="text/plain")))
async def metrics(request: Call) -> ASGIApp:
    """Requests, the writer, the projector, the self-audit and the gateways, as text."""
    bank = request.bank
    writer = bank.writer
    bank.metrics.writer(queued=writer.queued, batches=writer.batches, position=writer.position)
    try:
        async with borrowed(bank.reads) as connection:
            behind = await lag(connection, clock.now())
            audited = await last_audit(connection)
            outbox = await waiting(connection) if bank.gateways else []
    except Unavailable:
        pass  # The other figures are wanted most when the store is away.
    else:
        bank.metrics.projection_lag(behind.events, behind.seconds)
        if audited is not None:
            bank.metrics.self_audit(audited, (clock.now() - audited.ended_at).total_seconds())
        bank.metrics.gateways.outbox(bank.gateways, outbox)
    return Told(200, bank.metrics.text(), media_type=CONTENT_TYPE.encode())


@get("/problems", **described("The kinds of problem", answers(200, list[ProblemType])))
async def problems(request: Call) -> ASGIApp:
    """Every `type` that an error of this API can have."""
    return told(catalogue())


@get(
    "/problems/{code:str}",
    **described("A kind of problem", answers(200, ProblemType, 404)),
)
async def problem(request: Call, code: FromPath[str]) -> ASGIApp:
    """What the `type` of an error leads to."""
    for kind in catalogue():
        if kind["type"] == f"/problems/{code}":
            return told(kind)
    raise NotFoundException


@get(
    "/.well-known/jwks.json",
    **described("The keys that verify access tokens", answers(200, dict[str, Any])),
)
async def jwks(request: Call) -> ASGIApp:
    """As a JSON Web Key Set; keys of the recent past are in it too."""
    return told(request.bank.keys.jwks(now=time.time()))


HANDLERS: Final[list[ControllerRouterHandler]] = [live, ready, metrics, problems, problem, jwks]
