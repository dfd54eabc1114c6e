"""The one place that wires: from settings to an application that a server can serve."""

import asyncio
import datetime as dt
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
from litestar import Litestar, Router
from litestar.serialization import encode_json
from litestar.types import ASGIApp

from api import looks
from api.admission import admitted
from api.areas import TAGS, routers
from api.call import Bank, Call
from api.examples import with_examples
from api.gate import Gate
from api.json_bodies import REQUEST_BYTES_MAX, StrictJson
from api.metrics import Metrics
from api.openapi_pages import openapi_config
from api.own_writes import OwnWrites
from api.policy import VERSIONED
from api.problems import EXCEPTION_HANDLERS
from api.rate_limits import InProcessRateLimits, RateLimits
from api.signing_keys import SigningKeys
from api.tokens import AccessTokens
from api.transaction_filters import FILTERS
from application import clock
from application.erased_persons import ERASED_FILE, ErasedPersons
from application.gateway_news import PaymentNews
from application.gateways import Gateway, GatewaySettings
from application.keyring import open_keyring
from application.passwords import Passwords
from application.pools import Pool, borrowed, open_pool
from application.revoked_sessions import RevokedSessions
from application.sending import Sender
from application.transact import Writer
from domain.banking_calendar import WEEKENDS, Calendar
from domain.retention import RETENTION_YEARS
from domain.statement import LETTERHEAD, Letterhead
from readmodels.projection import lag

ISSUER: Final = "daybook"
AUDIENCE: Final = "daybook-api"
READS_AT_ONCE: Final = 8
USERS_AT_ONCE: Final = 4
PERSONS_AT_ONCE: Final = 2
OUTBOX_AT_ONCE: Final = 4


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What an API process needs to know. `keys` is the file of the keys that sign access tokens.

    `data` is the data folder, where the list of the erased is kept, and the key-encryption key unless
    `kek` names another keeper.
    """

    conninfo: str
    environment: str
    secret_key: str
    keys: Path
    data: Path
    kek: str | None = None
    retention_years: int = RETENTION_YEARS
    time_zone: dt.tzinfo = dt.UTC
    currency: str = "EUR"
    redis_url: str | None = None
    letterhead: Letterhead = LETTERHEAD
    gateways: tuple[GatewaySettings, ...] = ()
    calendar: Calendar = WEEKENDS
    version: str = "0.1.0"


def create_app(configuration: Configuration, *, own_writes: OwnWrites | None = None) -> ASGIApp:
    """The application, ready to be served; its parts start and end with the server's lifespan.

    `own_writes` is shared where several processes serve as one.
    """
    metrics = Metrics()
    framework = create_framework(configuration, metrics, own_writes or OwnWrites.of_one_process())
    in_production = configuration.environment == "prod"
    return Gate(framework, metrics, looks.recorded, secure_transport=in_production)


def create_framework(
    configuration: Configuration, metrics: Metrics, own_writes: OwnWrites
) -> Litestar:
    """The routes with their wiring, without the gate around them."""

    @asynccontextmanager
    async def bank_is_open(app: Litestar) -> AsyncIterator[None]:
        async with _opened(configuration, metrics, own_writes) as bank:
            app.state["bank"] = bank
            yield

    return Litestar(
        [
            Router(VERSIONED, route_handlers=routers(), dependencies=FILTERS),
            # The same calls without a version, for clients that know no other address.
            Router("/", route_handlers=routers(), dependencies=FILTERS, include_in_schema=False),
        ],
        plugins=[StrictJson()],
        request_max_body_size=REQUEST_BYTES_MAX,
        request_class=Call,
        before_request=admitted,
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=[bank_is_open],
        openapi_config=openapi_config(
            title="Daybook",
            version=configuration.version,
            description=(
                "The ledger core of a bank. Money is a JSON number with the currency's decimals; "
                "times are RFC 3339 in UTC; every error is a problem of RFC 9457, of one of the kinds "
                "at /v1/problems. The calls stand under /v1 and, the same, without it. What can be read by GET "
                "can be asked for by HEAD. The examples were recorded from a running bank; of a list they "
                "show two rows."
            ),
            tags=TAGS,
        ),
        logging_config=None,
        debug=False,
    )


@asynccontextmanager
async def _opened(
    configuration: Configuration, metrics: Metrics, own_writes: OwnWrites
) -> AsyncIterator[Bank]:
    """The parts, started; and ended in the order that lets what is queued be finished."""
    conninfo = configuration.conninfo
    keys = SigningKeys(configuration.keys, now=clock.now().timestamp())
    async with AsyncExitStack() as stack:
        reads = await stack.enter_async_context(
            open_pool(
                conninfo,
                name="reads",
                size=READS_AT_ONCE,
                role="daybook_reader",
                read_only=True,
            )
        )
        people = await stack.enter_async_context(
            open_pool(conninfo, name="users", size=USERS_AT_ONCE, role="daybook_sign_in")
        )
        payments = await stack.enter_async_context(
            open_pool(conninfo, name="outbox", size=OUTBOX_AT_ONCE, role="daybook_sender")
        )
        async with borrowed(reads) as connection:
            own_writes.floor = (await lag(connection, clock.now())).head
        persons = await stack.enter_async_context(
            open_pool(conninfo, name="persons", size=PERSONS_AT_ONCE, role="daybook_keys")
        )
        keyring = await asyncio.to_thread(
            open_keyring, conninfo, configuration.kek, configuration.data
        )
        passwords = Passwords(environment=configuration.environment)
        stack.callback(passwords.close)
        revoked = RevokedSessions(people)
        await revoked.start()
        stack.push_async_callback(revoked.stop)
        limits = await stack.enter_async_context(_shared_limits(configuration.redis_url))
        writer = Writer(conninfo, zone=configuration.time_zone, calendar=configuration.calendar)
        writer.start()
        stack.push_async_callback(writer.stop)
        carriers = await stack.enter_async_context(
            _carriers(configuration.gateways, payments, writer, metrics)
        )
        yield Bank(
            writer=writer,
            reads=reads,
            users=people,
            payments=payments,
            passwords=passwords,
            persons=persons,
            keyring=keyring,
            erased=ErasedPersons(configuration.data / ERASED_FILE),
            retention_years=configuration.retention_years,
            keys=keys,
            tokens=AccessTokens(keys, issuer=ISSUER, audience=AUDIENCE),
            revoked=revoked,
            shared_limits=limits,
            own_writes=own_writes,
            metrics=metrics,
            zone=configuration.time_zone,
            currency=configuration.currency,
            secret=configuration.secret_key.encode(),
            letterhead=configuration.letterhead,
            calendar=configuration.calendar,
            version=configuration.version,
            gateways=carriers,
            gateway_secrets={each.name: each.secret for each in configuration.gateways},
        )


@asynccontextmanager
async def _carriers(
    settings: tuple[GatewaySettings, ...], pool: Pool, writer: Writer, metrics: Metrics
) -> AsyncIterator[dict[str, Gateway]]:
    """The gateways by name, and a sender that works off their outbox."""
    if not settings:
        yield {}
        return
    # Like Redis's, the client is much to import, and most run without it.
    from api.http_gateway import HttpGateway

    async with AsyncExitStack() as stack:
        carriers: dict[str, Gateway] = {}
        for each in settings:
            gateway = HttpGateway(each, metrics.gateways)
            stack.push_async_callback(gateway.close)
            carriers[each.name] = gateway
        sender = Sender(pool, PaymentNews(writer, pool), carriers)
        sender.start()
        stack.push_async_callback(sender.stop)
        yield carriers


@asynccontextmanager
async def _shared_limits(redis_url: str | None) -> AsyncIterator[RateLimits]:
    if redis_url is None:
        yield InProcessRateLimits()
        return
    # Its client library is a fifth of what this program imports, and most run without it.
    from api.redis_rate_limits import shared_rate_limits

    async with shared_rate_limits(redis_url) as limits:
        yield limits


def openapi_document() -> bytes:
    """The OpenAPI document as it is committed in http/openapi.json."""
    nothing = Configuration(
        conninfo="", environment="test", secret_key="", keys=Path(), data=Path()
    )
    framework = create_framework(nothing, Metrics(), OwnWrites.of_one_process())
    document = encode_json(with_examples(framework.openapi_schema.to_schema()))
    return msgspec.json.format(document, indent=1) + b"\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(openapi_document())
