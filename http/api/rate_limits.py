"""How often a caller may ask, and how often a password may be tried.

One small port, `RateLimits`, with two twins: in this process, here, and in `redis_rate_limits`, where
all processes share one count and one clock. Nothing about money rests on either.
"""

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

KEYS_MAX: Final = 100_000

# PSD2's technical standard: no more than five failures in a row. Then each costs twice the wait of the
# one before, so that the owner comes in again soon and a guesser never comes far.
ATTEMPTS_FREE: Final = 5
FIRST_WAIT_SECONDS: Final = 30
LONGEST_WAIT_SECONDS: Final = 3600
ATTEMPTS_REMEMBERED_SECONDS: Final = 24 * 3600

MICROSECONDS: Final = 1_000_000


class Rate(NamedTuple):
    """So many at once, and as many again evenly over so many seconds."""

    burst: int
    seconds: int


class Verdict(NamedTuple):
    allowed: bool
    retry_after_seconds: int  # rounded up; 0 when allowed
    remaining: int
    # Of an attempt: how many the wait before it turned away.
    turned_away: int = 0


class Attempt(NamedTuple):
    """A try of a password that is let through: whether the next one waits, and what the wait before it cost."""

    locks_out: bool
    turned_away: int


class TooManyRequests(Exception):
    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"Try again in {retry_after_seconds} seconds.")
        self.retry_after_seconds = retry_after_seconds


class TooManyToRecord(TooManyRequests):
    """The audit trail has enough of this caller's calls. `told` is whether this one stands there still."""

    def __init__(self, retry_after_seconds: int, *, told: bool) -> None:
        super().__init__(retry_after_seconds)
        self.told = told


# Wide enough for any honest client, also one that measures how fast the bank is.
PER_PRINCIPAL: Final = Rate(burst=100_000, seconds=10)
# What is recorded of a call is recorded for ever. No member of staff looks so often, and nobody honest is
# told so often that a call is not for the role.
LOOKS_PER_PRINCIPAL: Final = Rate(burst=600, seconds=300)
DENIALS_PER_PRINCIPAL: Final = Rate(burst=100, seconds=600)
# Of those that are turned away for it.
EXCESSES_PER_PRINCIPAL: Final = Rate(burst=1, seconds=60)
# A name may be tried from everywhere at this rate, whatever the number of clients (NIST: at most 100).
SIGN_INS_PER_ACCOUNT: Final = Rate(burst=100, seconds=3600)
SIGN_INS_PER_CLIENT: Final = Rate(burst=1_000, seconds=60)


class RateLimits(Protocol):
    async def take(self, key: str, rate: Rate) -> Verdict:
        """Count one more under the key (GCRA); a refused one does not count."""

    async def attempt(self, key: str) -> Verdict:
        """Count one more try of a password, before it is checked, so that tries at once all count.

        Refused while the wait lasts, which doubles with each try beyond `ATTEMPTS_FREE`. The next that is
        not says how many were.
        """

    async def forget_attempts(self, key: str) -> None:
        """The password was right: the next try is the first again."""


async def admit(limits: RateLimits, key: str, rate: Rate) -> None:
    """Raise `TooManyRequests` when the key has used up its rate."""
    verdict = await limits.take(key, rate)
    if not verdict.allowed:
        raise TooManyRequests(verdict.retry_after_seconds)


async def admit_recorded(limits: RateLimits, kind: str, principal: int, rate: Rate) -> None:
    """Before a call is recorded; raises `TooManyToRecord` when the principal has used up the rate."""
    verdict = await limits.take(f"{kind} of {principal}", rate)
    if not verdict.allowed:
        excess = await limits.take(f"{kind} too many of {principal}", EXCESSES_PER_PRINCIPAL)
        raise TooManyToRecord(verdict.retry_after_seconds, told=excess.allowed)


async def admit_sign_in(limits: RateLimits, *, username_key: str, client: str) -> Attempt:
    """Before a password is checked; raises `TooManyRequests`. After a right one: `sign_in_succeeded`.

    The strict count is per name and client, so that a stranger's failures do not lock out the owner.
    Answers whether this is the last try before a wait, unless it is right.
    """
    await admit(limits, f"sign-in client {client}", SIGN_INS_PER_CLIENT)
    verdict = await limits.attempt(_attempts_key(username_key, client))
    if not verdict.allowed:
        raise TooManyRequests(verdict.retry_after_seconds)
    await admit(limits, f"sign-in name {username_key}", SIGN_INS_PER_ACCOUNT)
    return Attempt(verdict.remaining == 0, verdict.turned_away)


async def sign_in_succeeded(limits: RateLimits, *, username_key: str, client: str) -> None:
    await limits.forget_attempts(_attempts_key(username_key, client))


def _attempts_key(username_key: str, client: str) -> str:
    return f"{len(username_key)} {username_key} {client}"


class InProcessRateLimits:
    """The twin for one process. Holds at most `KEYS_MAX` keys of each kind; see `_make_room`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # GCRA keeps one number a key: when the whole burst will be free again, in microseconds.
        self._full_at: dict[str, int] = {}
        # Tries, next allowed at, forgotten at, turned away since the last that was allowed.
        self._attempts: dict[str, tuple[int, int, int, int]] = {}

    async def take(self, key: str, rate: Rate) -> Verdict:
        now, interval, window = self._now(), interval_of(rate), rate.seconds * MICROSECONDS
        full_at = max(self._full_at.get(key, 0), now) + interval
        if full_at - now > window:
            return Verdict(False, seconds_up(full_at - now - window), 0)
        _make_room(self._full_at, key, lambda when: when <= now)
        self._full_at[key] = full_at
        return Verdict(True, 0, (window - (full_at - now)) // interval)

    async def attempt(self, key: str) -> Verdict:
        now = self._now()
        tries, next_at, forgotten_at, turned_away = self._attempts.get(key, (0, 0, 0, 0))
        if forgotten_at <= now:
            tries = next_at = turned_away = 0
        if next_at > now:
            self._attempts[key] = tries, next_at, forgotten_at, turned_away + 1
            return Verdict(False, seconds_up(next_at - now), 0)
        tries += 1
        if tries >= ATTEMPTS_FREE:
            wait = FIRST_WAIT_SECONDS * 2 ** min(tries - ATTEMPTS_FREE, 20)
            next_at = now + min(wait, LONGEST_WAIT_SECONDS) * MICROSECONDS
        _make_room(self._attempts, key, lambda entry: entry[2] <= now)
        self._attempts[key] = tries, next_at, now + ATTEMPTS_REMEMBERED_SECONDS * MICROSECONDS, 0
        return Verdict(True, 0, max(ATTEMPTS_FREE - tries, 0), turned_away)

    async def forget_attempts(self, key: str) -> None:
        self._attempts.pop(key, None)

    def _now(self) -> int:
        return int(self._clock() * MICROSECONDS)


def interval_of(rate: Rate) -> int:
    return rate.seconds * MICROSECONDS // rate.burst


def seconds_up(microseconds: int) -> int:
    return -(-microseconds // MICROSECONDS)


def _make_room(entries: dict[str, Any], key: str, is_over: Callable[[Any], bool]) -> None:
    """When full, drop what is over, and if nothing is, the oldest tenth: memory stays bounded."""
    if key in entries or len(entries) < KEYS_MAX:
        return
    for old in [name for name, entry in entries.items() if is_over(entry)]:
        del entries[old]
    if len(entries) >= KEYS_MAX:
        for old in list(entries)[: max(KEYS_MAX // 10, 1)]:
            del entries[old]
