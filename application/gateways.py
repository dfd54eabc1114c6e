"""The port to payment gateways: what is asked of one, and what can come back.

A gateway is another company behind a network. That no answer came says nothing of the payment: it is
`Unknown`, and is inquired after under the same key. `Unreached` is known not to have arrived.
"""

import datetime as dt
from typing import Literal, Protocol, TypeAlias

import msgspec

from application.outbox import PaymentOrder


class Accepted(msgspec.Struct, frozen=True):
    """The gateway has the payment and has not said how it ends."""

    reference: str


class Captured(msgspec.Struct, frozen=True):
    """The payment happened: `amount` minor units of `currency` are on their way to the biller."""

    reference: str
    amount: int
    currency: str


class Refunded(msgspec.Struct, frozen=True):
    """A captured payment was given back in whole or part.

    A callback names the refund and how many minor units it is; an inquiry says only that there was one.
    """

    reference: str
    refund: str | None = None
    amount: int = 0
    currency: str = ""


class Declined(msgspec.Struct, frozen=True):
    """The payment did not happen. Where that is not `final`, the same key may be sent again."""

    reason: str
    final: bool


class NotThere(msgspec.Struct, frozen=True):
    """The gateway knows of no payment of that key: it can be sent, under that key."""


class Unknown(msgspec.Struct, frozen=True):
    """It was sent and not answered, or not in a way that says anything."""

    why: str


class Unreached(msgspec.Struct, frozen=True):
    """It was not sent: no connection, or none is tried for a while."""

    why: str


Outcome: TypeAlias = Accepted | Captured | Refunded | Declined | NotThere | Unknown | Unreached


class SettlementUnavailable(Exception):
    """The settlement file of the day could not be fetched, or is not one."""


class Gateway(Protocol):
    """One gateway, as the program talks to it. Nothing here raises but `settlement_file`."""

    @property
    def name(self) -> str: ...

    @property
    def call_seconds_max(self) -> float:
        """The longest that one call takes, with all its retries."""
        ...

    @property
    def retry_seconds(self) -> float:
        """After how long what is undecided is asked after first."""
        ...

    async def submit(self, order: PaymentOrder) -> Outcome:
        """Make the payment under the order's key; the same key never makes a second one."""
        ...

    async def inquire(self, key: str) -> Outcome: ...

    async def settlement_file(self, date: dt.date) -> bytes:
        """The file of a day, as it was sent. Raises `SettlementUnavailable`."""
        ...


BreakerState: TypeAlias = Literal["closed", "half-opened", "opened"]
CallName: TypeAlias = Literal["submit", "inquire", "settlement"]


class Watch(Protocol):
    """Who is told of every call: its outcome by name, and how long it took with its retries."""

    def gateway_called(
        self, gateway: str, call: CallName, outcome: str, seconds: float
    ) -> None: ...

    def gateway_retried(self, gateway: str) -> None: ...

    def gateway_breaker(self, gateway: str, state: BreakerState) -> None: ...


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where a gateway is. `timeout_seconds` is for one attempt: to connect, and to be answered.

    After `retry_seconds` what is undecided is taken up again, and then ever later.
    """

    name: str
    url: str
    secret: bytes
    timeout_seconds: float = 5.0
    retry_seconds: float = 1.0

    def __repr__(self) -> str:
        return f"GatewaySettings({self.name}, {self.url})"
