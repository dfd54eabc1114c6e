"""The gateway's own books: payments and the callbacks that are to be sent, in SQLite.

Every change is one database transaction: the payment and the callback that tells of it. So whatever is
killed and whenever, a payment that was made is told of, and one that was not is not. (The loss of power
is another matter: it may take the last of them, as no real gateway would.)
"""

import datetime as dt
import sqlite3
import time
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

from daybook.gateway_simulator.faults import Faults

Status: TypeAlias = Literal["accepted", "captured", "declined", "refunded"]

TABLES: Final = """
    CREATE TABLE IF NOT EXISTS payments (
        key TEXT PRIMARY KEY,
        request TEXT NOT NULL,
        reference TEXT NOT NULL UNIQUE,
        bill TEXT NOT NULL,
        biller TEXT NOT NULL,
        amount INTEGER NOT NULL,
        currency TEXT NOT NULL,
        status TEXT NOT NULL,
        reason TEXT,
        captured_at REAL,
        -- When an accepted payment moves on, and to what.
        next_at REAL,
        next_status TEXT
    ) STRICT;
    CREATE INDEX IF NOT EXISTS payments_next ON payments (next_at) WHERE next_at IS NOT NULL;
    CREATE TABLE IF NOT EXISTS attempts (key TEXT PRIMARY KEY, attempts INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS refunds (
        key TEXT PRIMARY KEY, payment TEXT NOT NULL, amount INTEGER NOT NULL, at REAL NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS callbacks (
        id INTEGER PRIMARY KEY, body TEXT NOT NULL, due_at REAL NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, delivered_at REAL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS callbacks_due ON callbacks (due_at) WHERE delivered_at IS NULL;
"""
COLUMNS: Final = "key, reference, bill, biller, amount, currency, status, reason, captured_at"
RETRY_SECONDS_MAX: Final = 30.0


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payment as the bank asks for it. `amount` is minor units; `bill` is the bank's name for it."""

    bill: str
    biller: str
    reference: str
    amount: int
    currency: str


class Payment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A payment as the gateway has it; `captured_at` stands in seconds, and is written as RFC 3339."""

    key: str
    reference: str
    bill: str
    biller: str
    amount: int
    currency: str
    status: Status
    reason: str | None = None
    captured_at: float | None = None

    def written(self) -> dict[str, Any]:
        fields: dict[str, Any] = msgspec.to_builtins(self)
        if self.captured_at is not None:
            fields["captured_at"] = instant(self.captured_at)
        return fields


class Callback(msgspec.Struct, frozen=True):
    callback_id: int
    body: bytes
    attempts: int


def instant(seconds: float) -> str:
    at = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class OtherPayment(Exception):
    """The key was used for another payment."""


class NotRefundable(Exception):
    """Only what was captured can be refunded, and no more of it."""


class Books:
    """One process at a time keeps them. Times are seconds since the epoch."""

    def __init__(self, folder: Path, faults: Faults) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._faults = faults
        self._sqlite = sqlite3.connect(folder / "gateway.sqlite", isolation_level=None)
        self._sqlite.execute("PRAGMA journal_mode=WAL")
        self._sqlite.execute("PRAGMA synchronous=NORMAL")
        self._sqlite.executescript(TABLES)

    def close(self) -> None:
        self._sqlite.close()

    def attempt(self, key: str) -> int:
        """Count a request to make a payment; how many there were, this one included."""
        row = self._sqlite.execute(
            "INSERT INTO attempts VALUES (?, 1) "
            "ON CONFLICT DO UPDATE SET attempts = attempts + 1 RETURNING attempts",
            (key,),
        ).fetchone()
        return int(row[0])

    def payment(self, key: str) -> Payment | None:
        row = self._sqlite.execute(
            f"SELECT {COLUMNS} FROM payments WHERE key = ?", (key,)
        ).fetchone()
        return None if row is None else Payment(*row)

    def pay(self, key: str, order: Order, *, declined: str | None, later: str | None) -> Payment:
        """Make the payment, once: the same key answers the payment that was made.

        `declined` is the reason it is refused for, at once; `later` the one for after it was accepted.
        """
        faults, now, request = self._faults, time.time(), msgspec.json.encode(order).decode()
        with self._sqlite:
            self._sqlite.execute("BEGIN IMMEDIATE")
            known = self._sqlite.execute(
                "SELECT request FROM payments WHERE key = ?", (key,)
            ).fetchone()
            if known is None:
                status: Status = "declined" if declined else "accepted"
                delay = faults.capture_seconds * faults.chance("capture", key)
                at_once = later is None and faults.happens(0.3, "at-once", key)
                if status == "accepted" and at_once:
                    status = "captured"
                waits = status == "accepted"
                self._sqlite.execute(
                    "INSERT INTO payments VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                    (
                        key,
                        request,
                        f"GW-{int(faults.chance('reference', key) * 2**53):014x}",
                        order.bill,
                        order.biller,
                        order.amount,
                        order.currency,
                        status,
                        declined or later,
                        now if status == "captured" else None,
                        now + delay if waits else None,
                        ("declined" if later else "captured") if waits else None,
                    ),
                )
                self._tell(key, now)
            elif known[0] != request:
                raise OtherPayment(key)
        payment = self.payment(key)
        assert payment is not None, "it was just made"
        return payment

    def move_on(self) -> None:
        """Capture, or decline, the accepted payments whose time has come."""
        now = time.time()
        with self._sqlite:
            self._sqlite.execute("BEGIN IMMEDIATE")
            moved = self._sqlite.execute(
                "UPDATE payments SET status = next_status, next_at = NULL, "
                "captured_at = CASE next_status WHEN 'captured' THEN ?1 END "
                "WHERE next_at <= ?1 RETURNING key",
                (now,),
            ).fetchall()
            for (key,) in moved:
                self._tell(key, now)

    def refund(self, key: str, refund_key: str, amount: int) -> Payment:
        """Give back a captured payment, or a part of it; the same refund key does it once."""
        now = time.time()
        with self._sqlite:
            self._sqlite.execute("BEGIN IMMEDIATE")
            payment = self.payment(key)
            given = dict(
                self._sqlite.execute(
                    "SELECT key, amount FROM refunds WHERE payment = ?", (key,)
                ).fetchall()
            )
            if payment is None or payment.status not in ("captured", "refunded"):
                raise NotRefundable(key)
            if refund_key not in given:
                if not 0 < amount <= payment.amount - sum(given.values()):
                    raise NotRefundable(key)
                self._sqlite.execute(
                    "INSERT INTO refunds VALUES (?, ?, ?, ?)", (refund_key, key, amount, now)
                )
                self._sqlite.execute(
                    "UPDATE payments SET status = 'refunded' WHERE key = ?", (key,)
                )
                self._tell(key, now, refund=refund_key, refunded=amount)
        found = self.payment(key)
        assert found is not None, "it was just refunded"
        return found

    def due_callbacks(self, limit: int) -> list[Callback]:
        rows = self._sqlite.execute(
            "SELECT id, body, attempts FROM callbacks "
            "WHERE delivered_at IS NULL AND due_at <= ? ORDER BY due_at LIMIT ?",
            (time.time(), limit),
        ).fetchall()
        return [Callback(number, body.encode(), attempts) for number, body, attempts in rows]

    def answered(self, callback: Callback, *, delivered: bool) -> None:
        """Note whether the bank took a callback; what it did not take is sent again, ever later."""
        now = time.time()
        wait = min(RETRY_SECONDS_MAX, 0.1 * 2.0**callback.attempts)
        self._sqlite.execute(
            "UPDATE callbacks SET attempts = attempts + 1, due_at = ?, delivered_at = ? WHERE id = ?",
            (now + wait, now if delivered else None, callback.callback_id),
        )

    def waiting(self) -> tuple[int, int]:
        """How many payments have not come to their end, and how many callbacks were not taken."""
        row = self._sqlite.execute(
            "SELECT (SELECT count(*) FROM payments WHERE next_at IS NOT NULL), "
            "(SELECT count(*) FROM callbacks WHERE delivered_at IS NULL)"
        ).fetchone()
        return int(row[0]), int(row[1])

    def captured_on(self, date: dt.date) -> list[Payment]:
        """What was captured on a day (of UTC), in the order of its capture."""
        begin = dt.datetime.combine(date, dt.time(), dt.UTC).timestamp()
        rows = self._sqlite.execute(
            f"SELECT {COLUMNS} FROM payments WHERE captured_at >= ? AND captured_at < ? "
            "ORDER BY captured_at, key",
            (begin, begin + 86_400),
        ).fetchall()
        return [Payment(*row) for row in rows]

    def _tell(self, key: str, now: float, **more: Any) -> None:
        """Queue the callback of what a payment has come to: perhaps twice, perhaps too late."""
        faults, payment = self._faults, self.payment(key)
        assert payment is not None, "only what was made is told of"
        body = msgspec.json.encode({**payment.written(), **more}).decode()
        delay = faults.capture_seconds * faults.chance("tell", key, payment.status) / 2
        if faults.happens(faults.reorder, "reorder", key, payment.status):
            # After the news that follows it.
            delay += 2 * faults.capture_seconds
        times = 1
        if faults.happens(faults.duplicate, "duplicate", key, payment.status):
            times += 1 + int(2 * faults.chance("times", key))
        for number in range(times):
            self._sqlite.execute(
                "INSERT INTO callbacks (body, due_at) VALUES (?, ?)",
                (body, now + delay * (1 + number)),
            )
