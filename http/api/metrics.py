"""What can be watched of a running API, as Prometheus reads it. Nothing is labelled by account or user."""

import os
import resource
import sys
from typing import Any, Final

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from api.gateway_figures import GatewayFigures
from readmodels.audited import LastAudit

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The figures of one process; where several share a folder, a scrape of one tells of all."""

    def __init__(self) -> None:
        self._shared = SHARED_FOLDER in os.environ
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "daybook_request_seconds",
            "How long requests took, by route template.",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._children: dict[tuple[str, str, int], Any] = {}
        self._queue = self._gauge("daybook_writer_queue", "Commands that wait for their answer.")
        self._batches = self._gauge("daybook_writer_batches_total", "Commits of the writer so far.")
        self._position = self._gauge(
            "daybook_writer_position", "The last position that this process wrote.", "mostrecent"
        )
        self._lag_events = self._gauge(
            "daybook_projection_lag_events",
            "Events of the log that the read models have not read.",
            "mostrecent",
        )
        self._lag_seconds = self._gauge(
            "daybook_projection_lag_seconds",
            "Between the newest event and the newest that the read models have read.",
            "mostrecent",
        )
        self.gateways = GatewayFigures(self._registry)
        self._audits = {
            name: self._gauge(f"daybook_self_audit_{name}", text, "mostrecent")
            for name, text in _AUDITED.items()
        }
        self._memory = self._gauge("daybook_resident_bytes", "Resident memory of the API.")
        self._peak = self._gauge("daybook_resident_bytes_peak", "Its largest so far.")

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request. `route` is a template, of which there are few."""
        key = (method, route, status)
        child = self._children.get(key)
        if child is None:
            # A method is whatever the client sent, so its spelling must not make a series.
            known = method if method in _METHODS else "other"
            child = self._children[key] = self._requests.labels(known, route, str(status))
            if len(self._children) > _CHILDREN_MAX:
                self._children.clear()
        child.observe(seconds)

    def writer(self, *, queued: int, batches: int, position: int) -> None:
        self._queue.set(queued)
        self._batches.set(batches)
        self._position.set(position)

    def projection_lag(self, events: int, seconds: float) -> None:
        self._lag_events.set(events)
        self._lag_seconds.set(seconds)

    def self_audit(self, last: LastAudit, age_seconds: float) -> None:
        figures = (
            *(age_seconds, last.position, last.log_findings, last.view_differences, last.rebuilt),
            last.user_findings,
        )
        for gauge, figure in zip(self._audits.values(), figures, strict=True):
            gauge.set(figure)

    def text(self) -> bytes:
        self._memory.set(_resident_bytes())
        # Linux says kilobytes, macOS bytes.
        unit = 1 if sys.platform == "darwin" else 1024
        self._peak.set(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
        if not self._shared:
            return generate_latest(self._registry)
        collected = CollectorRegistry()
        MultiProcessCollector(collected)  # type: ignore[no-untyped-call]
        return generate_latest(collected)

    def _gauge(self, name: str, text: str, mode: Any = "livesum") -> Gauge:
        return Gauge(name, text, registry=self._registry, multiprocess_mode=mode)


_AUDITED: Final = {
    "age_seconds": "Since the program last finished an audit of itself.",
    "position": "How far the log had come then.",
    "log_findings": "What was found damaged in the log.",
    "view_differences": "Tables of the read models that differed from the log.",
    "rebuilt": "Read models that were built again for that.",
    "user_findings": "Users whose role, sign-in or password is not what the log says.",
}
_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"})
_CHILDREN_MAX: Final = 5_000


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
