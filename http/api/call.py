"""A call as the handlers see it: the bank it is made to, who makes it, and the answer to a write."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.exceptions import ClientException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.types import Empty, Receive, Scope, Send

from api.gate import Arrival
from api.metrics import Metrics
from api.own_writes import OwnWrites
from api.parameters import NotAcceptable, key_of
from api.policy import RULES, Rule
from api.problems import MEDIA_TYPE, stored_problem
from api.rate_limits import InProcessRateLimits, RateLimits
from api.signing_keys import SigningKeys
from api.strict_json import BodyTooSlow, FieldError, encode
from api.tokens import AccessTokens
from application import clock
from application.books import Answer, Command, Posted, Via
from application.commands import Actor, Ask
from application.erased_persons import ErasedPersons
from application.gateways import Gateway
from application.keyring import Keyring
from application.passwords import Passwords
from application.pools import Pool
from application.revoked_sessions import RevokedSessions
from application.transact import Writer
from domain.banking_calendar import Calendar
from domain.refusals import Refused
from domain.statement import Letterhead

BODY_SECONDS_MAX: Final = 30.0
NOT_MODIFIED: Final = 304


class Bank(msgspec.Struct):
    """The parts that handlers use, as `create_app` has wired them."""

    writer: Writer
    reads: Pool
    users: Pool
    payments: Pool
    passwords: Passwords
    # Reads the keys of persons; no other does.
    persons: Pool
    keyring: Keyring
    erased: ErasedPersons
    retention_years: int
    keys: SigningKeys
    tokens: AccessTokens
    revoked: RevokedSessions
    # Of sign-ins, and of what is recorded: counted by all processes together where there is Redis.
    shared_limits: RateLimits
    own_writes: OwnWrites
    metrics: Metrics
    zone: dt.tzinfo
    currency: str
    secret: bytes
    letterhead: Letterhead
    calendar: Calendar
    version: str
    gateways: dict[str, Gateway]
    # The secrets that their callbacks are signed with, by the same names.
    gateway_secrets: dict[str, bytes]
    # Counted in this process alone: the bound protects the process.
    call_limits: InProcessRateLimits = msgspec.field(default_factory=InProcessRateLimits)
    endings_known: int = 0
    # One at a time, beside everything else; and how many stand in that line.
    reckoning: asyncio.Semaphore = msgspec.field(default_factory=lambda: asyncio.Semaphore(1))
    reckonings: int = 0

    def today(self) -> dt.date:
        return clock.business_date(clock.now(), self.zone)


class Call(Request[Any, Any, Any]):
    """The request, with what `admission` found out about it."""

    async def body(self) -> bytes:
        """The whole body, within the bytes that the handler takes and within `BODY_SECONDS_MAX`."""
        if self._body is Empty:
            try:
                async with asyncio.timeout(BODY_SECONDS_MAX):
                    self._body = await self._received()
            except TimeoutError:
                raise BodyTooSlow(FieldError("", "The body did not arrive in time.")) from None
        return self._body

    async def _received(self) -> bytes:
        bytes_max = self.route_handler.resolve_request_max_body_size() or 0
        body, more = b"", True
        while more:
            message: Any = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientException("the client has gone")
            part = message["body"]
            # Nearly every body comes in one part, which is then not copied.
            body = body + part if body else part
            if len(body) > bytes_max:
                raise RequestEntityTooLarge
            more = message["more_body"]
        return body

    @property
    def bank(self) -> Bank:
        bank: Bank = self.scope["litestar_app"].state["bank"]
        return bank

    @property
    def actor(self) -> Actor:
        """Who calls; only behind a rule that asks for a role."""
        actor: Actor = self.scope["state"]["actor"]
        return actor

    @property
    def session_id(self) -> str:
        return str(self.scope["state"]["session_id"])

    @property
    def request_id(self) -> str:
        return str(self.scope["state"]["request_id"])

    def form_of(self, offered: Sequence[str]) -> str:
        """The media type that the Accept header likes best of those; the first, if the header is not there."""
        if not self.headers.get("accept", "").strip():
            return offered[0]
        best = self.accept.best_match(list(offered))
        if best is None:
            raise NotAcceptable(offered)
        return best

    @property
    def via(self) -> Via:
        """How the call came, for the audit trail."""
        state = self.scope["state"]
        return Via(state["session_id"], state["request_id"])

    def is_no_look(self) -> None:
        """The answer shows nothing that is a customer's, whatever its route may show."""
        self.scope["state"].pop("look", None)

    @property
    def key(self) -> str | None:
        arrival: Arrival = self.scope["state"]["arrival"]
        return key_of(arrival.idempotency_key)

    @property
    def client_address(self) -> str:
        client = self.scope["client"]
        return client[0] if client else "unknown"

    @property
    def rule(self) -> Rule:
        return RULES[self.scope["method"], self.scope["path_template"]]


class Told:
    """A ready-made answer: it is sent as it is, without passing through the framework's own classes.

    `value` is what the body says, for the look at it.
    """

    __slots__ = ("body", "headers", "status", "value")

    def __init__(
        self,
        status: int,
        body: bytes,
        headers: Sequence[tuple[bytes, bytes]] = (),
        *,
        media_type: bytes = b"application/json",
        value: Any = None,
    ) -> None:
        self.status = status
        self.body = body
        self.value = value
        self.headers = [*headers]
        # What has not changed has a length and a type, but they are those of what is not sent.
        if status != NOT_MODIFIED:
            self.headers += [
                (b"content-type", media_type),
                (b"content-length", str(len(body)).encode()),
            ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["told"] = self.value
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class Streamed:
    """An answer that is sent as it is made: what it is made of may be more than memory should hold.

    Where making it fails, the connection is closed before its end, which no client takes for the whole.
    """

    def __init__(self, parts: AsyncIterator[bytes], *, position: int) -> None:
        self._parts = parts
        self._headers = [
            (b"content-type", b"application/json"),
            (b"daybook-position", str(position).encode()),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        async for part in self._parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


_PROBLEM: Final = MEDIA_TYPE.encode()


def told(value: Any, *, position: int | None = None, link: str | None = None) -> Told:
    """The answer to a reading, as known at a position."""
    headers = []
    if position is not None:
        headers.append((b"daybook-position", str(position).encode()))
    if link is not None:
        headers.append((b"link", link.encode()))
    return Told(200, encode(value), headers, value=value)


def told_answer(answer: Answer) -> Told:
    """The answer to a command, as it is stored under its key."""
    headers = []
    if answer.position is not None:
        headers.append((b"daybook-position", str(answer.position).encode()))
    if answer.replayed:
        headers.append((b"idempotent-replayed", b"true"))
    media_type = b"application/json" if answer.status < 400 else _PROBLEM
    return Told(answer.status, answer.body, headers, media_type=media_type)


def refused(refusal: Refused) -> Answer:
    return Answer(*stored_problem(refusal))


def recorded_at(posted: Posted) -> dt.datetime:
    """When the transaction was recorded: the instant of its first event, as the readings say too."""
    return posted.recorded_at - dt.timedelta(microseconds=posted.position - posted.transaction_id)


def asked_by(call: Call, answer: Callable[[list[Posted]], Answer]) -> Ask:
    return Ask(call.actor, answer, refused, call.key, call.via)


async def written(call: Call, command: Command, *account_ids: int | None) -> Told:
    """Have the command committed, remember what its caller must be able to read, and answer."""
    bank = call.bank
    answer = await bank.writer.submit(command)
    if answer.position is not None:
        bank.own_writes.wrote(answer.position, call.actor.user_id, *account_ids)
    return told_answer(answer)
