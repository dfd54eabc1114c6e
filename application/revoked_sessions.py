"""Which sessions have ended, known in this process without asking the database on every request.

One small query, twice a second, brings the sessions ended since the last one. When the database cannot
be asked for too long nobody can say which sessions have ended, and so no request is let through.
"""

import asyncio
import logging
import time
import uuid
from typing import Final, LiteralString

import psycopg

from application.pools import Pool

POLL_SECONDS: Final = 0.5
ASK_SECONDS_MAX: Final = 2.0
STALE_SECONDS_MAX: Final = 5.0
# Longer than any access token lives: a session that ended before that has no token left to refuse.
REMEMBER_SECONDS: Final = 15 * 60

_log = logging.getLogger(__name__)


class RevocationsUnknown(Exception):
    """It is not known which sessions have ended, since the database cannot be asked: refuse, retry."""


class RevokedSessions:
    """The view of one process. `start` before the first request, `stop` at the end.

    The queries see revocations in the order of their database transactions: each asks for what was
    written since the oldest transaction that was still open at the last, so a late commit is not missed.
    """

    def __init__(self, pool: Pool, *, stale_seconds_max: float = STALE_SECONDS_MAX) -> None:
        self._pool = pool
        self._stale_seconds_max = stale_seconds_max
        # By session id, when it may be forgotten; in the order of arrival.
        self._ended: dict[str, float] = {}
        self._seen_to: str | None = None
        self._asked_at = float("-inf")
        self._polling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read what has ended so far; raises if the database cannot be asked. Then keep up with it."""
        await self.ask()
        self._polling = asyncio.create_task(self._poll(), name="revoked sessions")

    async def stop(self) -> None:
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
            self._polling = None

    def is_revoked(self, sid: str) -> bool:
        """Whether the session has ended, as of at most a second ago while the database answers.

        Raises `RevocationsUnknown` when it has not answered for `stale_seconds_max`.
        """
        if time.monotonic() - self._asked_at > self._stale_seconds_max:
            raise RevocationsUnknown
        return sid in self._ended

    def add(self, *sids: str) -> None:
        """Know at once of sessions that this process has ended itself."""
        forget_at = time.monotonic() + REMEMBER_SECONDS
        for sid in sids:
            self._ended.pop(sid, None)
            self._ended[sid] = forget_at

    async def ask(self) -> None:
        """Bring the view up to date now."""
        asked_at = time.monotonic()
        async with asyncio.timeout(ASK_SECONDS_MAX):
            async with self._pool.connection(timeout=ASK_SECONDS_MAX) as connection:
                found = await connection.execute(
                    _ENDED_SINCE,
                    {"seen_to": self._seen_to, "remember_seconds": REMEMBER_SECONDS},
                )
                rows: list[tuple[uuid.UUID | None, str]] = await found.fetchall()
        self.add(*(str(sid) for sid, _ in rows if sid is not None and str(sid) not in self._ended))
        self._seen_to = rows[0][1]
        self._asked_at = asked_at
        self._forget_old(asked_at)

    async def _poll(self) -> None:
        failing = False
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.ask()
            except (psycopg.Error, TimeoutError, OSError) as error:
                if not failing:
                    _log.warning("ended sessions cannot be read: %s", type(error).__name__)
                failing = True
            else:
                if failing:
                    _log.warning("ended sessions can be read again")
                failing = False

    def _forget_old(self, now: float) -> None:
        for sid, forget_at in list(self._ended.items()):
            if forget_at > now:
                break
            del self._ended[sid]


# One statement is one snapshot: its oldest open transaction is where the next query begins. The outer
# join answers that even when nothing has ended.
_ENDED_SINCE: Final[LiteralString] = """
    SELECT s.sid, n.seen_to
      FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS seen_to) n
      LEFT JOIN sessions s
        ON s.revoked_xid >= coalesce(%(seen_to)s::text, '0')::xid8
       AND (%(seen_to)s::text IS NOT NULL
            OR s.revoked_at > clock_timestamp() - make_interval(secs => %(remember_seconds)s))
"""
