"""The bank that the examples are of: a socket, a gateway that answers, and a clock that stands still."""

import asyncio
import csv
import datetime as dt
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from application.gateways import GatewaySettings
from application.settlement_files import HEADER
from daybook.end_of_day.run import Bank, end_days
from tests.running_api import RunningApi, running_api

GATEWAY: Final = "city"
SECRET: Final = b"a secret that both sides know"
BEGINNING: Final = dt.datetime(2026, 3, 16, 9, 30, tzinfo=dt.UTC)
DAY: Final = dt.timedelta(days=1)


class Clock:
    """Stands still but for being set, so that dates, interest and amounts are the same in each run."""

    def __init__(self) -> None:
        self._now = BEGINNING

    def __call__(self) -> dt.datetime:
        return self._now

    @property
    def today(self) -> dt.date:
        return self._now.date()

    def next_day(self, conninfo: str) -> None:
        """The end of this day, and the morning of the next."""
        asyncio.run(end_days(Bank(conninfo=conninfo), [self.today]))
        self._now += DAY


@contextmanager
def bank_of_examples(conninfo: str, folder: Path) -> Iterator[tuple[RunningApi, Clock]]:
    clock = Clock()
    with patch("application.clock.now", clock), _gateway() as url:
        settings = GatewaySettings(name=GATEWAY, url=url, secret=SECRET, retry_seconds=0.2)
        with running_api(conninfo, folder, gateways=(settings,)) as api:
            yield api, clock


class _Answers(BaseHTTPRequestHandler):
    """Takes every payment, and says in its settlement file that one was captured it never heard of."""

    def do_POST(self) -> None:
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Idempotency-Key"]
        payment = {"key": key, "reference": f"CITY-{key}", "status": "accepted"}
        self._say(json.dumps({**payment, **{n: order[n] for n in ("amount", "currency")}}))

    def do_GET(self) -> None:
        day = self.path.rpartition("/")[2]
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(HEADER)
        lines.writerow(["payment-999", "CITY-999", 1250, "EUR", "captured", f"{day}T08:00:00Z"])
        self._say(text.getvalue())

    def _say(self, body: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def _gateway() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join(20)
