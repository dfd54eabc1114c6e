"""What can be watched of the payment gateways: calls, retries, breakers, the outbox, and callbacks."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from application.gateways import BreakerState, CallName
from application.sending import Waiting

_SECONDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_STATES: Final[dict[BreakerState, int]] = {"closed": 0, "half-opened": 1, "opened": 2}


class GatewayFigures:
    """A gateway's `Watch`, and the figures of the outbox. Labelled by gateway, of which there are few."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Histogram(
            "daybook_gateway_call_seconds",
            "How long calls to a gateway took, with their retries, by what came back.",
            ("gateway", "call", "outcome"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._retries = Counter(
            "daybook_gateway_retries",
            "Attempts after the first of a call, all under the same key.",
            ("gateway",),
            registry=registry,
        )
        self._breaker = Gauge(
            "daybook_gateway_breaker",
            "The circuit breaker: 0 closed, 1 half open, 2 open; the worst of all processes.",
            ("gateway",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._callbacks = Counter(
            "daybook_gateway_callbacks",
            "Callbacks, by what became of them.",
            ("gateway", "outcome"),
            registry=registry,
        )
        self._waiting = self._gauge(
            registry, "daybook_outbox_payments", "Payments whose outcome is not final."
        )
        self._in_doubt = self._gauge(
            registry, "daybook_outbox_in_doubt", "Those of them that some call left unanswered."
        )
        self._oldest = self._gauge(
            registry, "daybook_outbox_oldest_seconds", "The age of the oldest of them."
        )

    def gateway_called(self, gateway: str, call: CallName, outcome: str, seconds: float) -> None:
        self._calls.labels(gateway, call, outcome).observe(seconds)

    def gateway_retried(self, gateway: str) -> None:
        self._retries.labels(gateway).inc()

    def gateway_breaker(self, gateway: str, state: BreakerState) -> None:
        self._breaker.labels(gateway).set(_STATES[state])

    def callback(self, gateway: str, outcome: str) -> None:
        self._callbacks.labels(gateway, outcome).inc()

    def outbox(self, gateways: Iterable[str], waiting: Iterable[Waiting]) -> None:
        """The whole outbox as it is now; a gateway without payments has none waiting."""
        found = {each.gateway: each for each in waiting}
        for gateway in {*gateways, *found}:
            each = found.get(gateway, Waiting(gateway, 0, 0, 0.0))
            self._waiting.labels(gateway).set(each.payments)
            self._in_doubt.labels(gateway).set(each.in_doubt)
            self._oldest.labels(gateway).set(each.oldest_seconds)

    def _gauge(self, registry: CollectorRegistry, name: str, text: str) -> Gauge:
        return Gauge(name, text, ("gateway",), registry=registry, multiprocess_mode="mostrecent")
