"""How often a caller may ask, and how often a password may be tried.

One small port, `RateLimits`, with two twins: in this process, and in Redis, where all processes share
one count and one clock. Nothing about money rests on either.

When Redis cannot be asked the in-process twin takes over: limits then count per process, a little too
generous and never absent. Refusing all sign-ins instead would let whoever stops Redis close the bank,
and letting all through would let him guess passwords.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

KEYS_MAX: Final = 100_000
REDIS_AT_ONCE_MAX: Final = 32  # well below the 100 connections after which the client gives up
REDIS_SECONDS_MAX: Final = 0.25
REDIS_AVOIDED_SECONDS: Final = 5.0

# PSD2's technical standard: no more than five failures in a row. Then each costs twice the wait of the
# one before, so that the owner comes in again soon and a guesser never comes far.
ATTEMPTS_FREE: Final = 5
FIRST_WAIT_SECONDS: Final = 30
LONGEST_WAIT_SECONDS: Final = 3600
ATTEMPTS_REMEMBERED_SECONDS: Final = 24 * 3600

_MICROSECONDS: Final = 1_000_000
_log = logging.getLogger(__name__)

T = TypeVar("T")


class Rate(NamedTuple):
    """So many at once, and as many again evenly over so many seconds."""

    burst: int
    seconds: int


class Verdict(NamedTuple):
    allowed: bool
    retry_after_seconds: int  # rounded up; 0 when allowed
    remaining: int


class TooManyRequests(Exception):
    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"Try again in {retry_after_seconds} seconds.")
        self.retry_after_seconds = retry_after_seconds


# Wide enough for any honest client, also one that measures how fast the bank is.
PER_PRINCIPAL: Final = Rate(burst=100_000, seconds=10)
# A name may be tried from everywhere at this rate, whatever the number of clients (NIST: at most 100).
SIGN_INS_PER_ACCOUNT: Final = Rate(burst=100, seconds=3600)
SIGN_INS_PER_CLIENT: Final = Rate(burst=1_000, seconds=60)


class RateLimits(Protocol):
    async def take(self, key: str, rate: Rate) -> Verdict:
        """Count one more under the key (GCRA); a refused one does not count."""

    async def attempt(self, key: str) -> Verdict:
        """Count one more try of a password, before it is checked, so that tries at once all count.

        Refused while the wait lasts, which doubles with each try beyond `ATTEMPTS_FREE`.
        """

    async def forget_attempts(self, key: str) -> None:
        """The password was right: the next try is the first again."""


async def admit(limits: RateLimits, key: str, rate: Rate) -> None:
    """Raise `TooManyRequests` when the key has used up its rate."""
    verdict = await limits.take(key, rate)
    if not verdict.allowed:
        raise TooManyRequests(verdict.retry_after_seconds)


async def admit_sign_in(limits: RateLimits, *, username_key: str, client: str) -> None:
    """Before a password is checked; raises `TooManyRequests`. After a right one: `sign_in_succeeded`.

    The strict count is per name and client, so that a stranger's failures do not lock out the owner.
    """
    await admit(limits, f"sign-in client {client}", SIGN_INS_PER_CLIENT)
    verdict = await limits.attempt(_attempts_key(username_key, client))
    if not verdict.allowed:
        raise TooManyRequests(verdict.retry_after_seconds)
    await admit(limits, f"sign-in name {username_key}", SIGN_INS_PER_ACCOUNT)


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
        self._attempts: dict[str, tuple[int, int, int]] = {}  # tries, next allowed at, forgotten at

    async def take(self, key: str, rate: Rate) -> Verdict:
        now, interval, window = self._now(), _interval(rate), rate.seconds * _MICROSECONDS
        full_at = max(self._full_at.get(key, 0), now) + interval
        if full_at - now > window:
            return Verdict(False, _seconds_up(full_at - now - window), 0)
        _make_room(self._full_at, key, lambda when: when <= now)
        self._full_at[key] = full_at
        return Verdict(True, 0, (window - (full_at - now)) // interval)

    async def attempt(self, key: str) -> Verdict:
        now = self._now()
        tries, next_at, forgotten_at = self._attempts.get(key, (0, 0, 0))
        if forgotten_at <= now:
            tries, next_at = 0, 0
        if next_at > now:
            return Verdict(False, _seconds_up(next_at - now), 0)
        tries += 1
        if tries >= ATTEMPTS_FREE:
            wait = FIRST_WAIT_SECONDS * 2 ** min(tries - ATTEMPTS_FREE, 20)
            next_at = now + min(wait, LONGEST_WAIT_SECONDS) * _MICROSECONDS
        _make_room(self._attempts, key, lambda entry: entry[2] <= now)
        self._attempts[key] = tries, next_at, now + ATTEMPTS_REMEMBERED_SECONDS * _MICROSECONDS
        return Verdict(True, 0, max(ATTEMPTS_FREE - tries, 0))

    async def forget_attempts(self, key: str) -> None:
        self._attempts.pop(key, None)

    def _now(self) -> int:
        return int(self._clock() * _MICROSECONDS)


class RedisRateLimits:
    """The twin that all processes share: one script a call, and the clock of the Redis server."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._places = asyncio.Semaphore(REDIS_AT_ONCE_MAX)
        self._take = redis.register_script(_TAKE)
        self._attempt = redis.register_script(_ATTEMPT)

    async def take(self, key: str, rate: Rate) -> Verdict:
        window = rate.seconds * _MICROSECONDS
        async with self._places:
            answer = await self._take(
                keys=[_redis_key("rate", key)], args=[_interval(rate), window]
            )
        return _verdict(answer)

    async def attempt(self, key: str) -> Verdict:
        limits = [ATTEMPTS_FREE, FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS]
        async with self._places:
            answer = await self._attempt(
                keys=[_redis_key("attempts", key)], args=[*limits, ATTEMPTS_REMEMBERED_SECONDS]
            )
        return _verdict(answer)

    async def forget_attempts(self, key: str) -> None:
        async with self._places:
            await self._redis.delete(_redis_key("attempts", key))


class RateLimitsWithFallback:
    """Asks the first, and the second when the first cannot be asked; both agree on what is asked."""

    def __init__(self, first: RateLimits, second: RateLimits) -> None:
        self._first = first
        self._second = second
        self._avoid_until = float("-inf")

    async def take(self, key: str, rate: Rate) -> Verdict:
        return await self._ask(lambda limits: limits.take(key, rate))

    async def attempt(self, key: str) -> Verdict:
        return await self._ask(lambda limits: limits.attempt(key))

    async def forget_attempts(self, key: str) -> None:
        await self._second.forget_attempts(key)
        await self._ask(lambda limits: limits.forget_attempts(key))

    async def _ask(self, question: Callable[[RateLimits], Awaitable[T]]) -> T:
        # After a failure the first is left in peace for a while: no request waits for it in vain.
        if time.monotonic() >= self._avoid_until:
            try:
                async with asyncio.timeout(REDIS_SECONDS_MAX):
                    return await question(self._first)
            except (RedisError, TimeoutError, OSError) as error:
                self._avoid_until = time.monotonic() + REDIS_AVOIDED_SECONDS
                _log.warning("rate limits count in this process only: %s", type(error).__name__)
        return await question(self._second)


def _interval(rate: Rate) -> int:
    return rate.seconds * _MICROSECONDS // rate.burst


def _seconds_up(microseconds: int) -> int:
    return -(-microseconds // _MICROSECONDS)


def _make_room(entries: dict[str, Any], key: str, is_over: Callable[[Any], bool]) -> None:
    """When full, drop what is over, and if nothing is, the oldest tenth: memory stays bounded."""
    if key in entries or len(entries) < KEYS_MAX:
        return
    for old in [name for name, entry in entries.items() if is_over(entry)]:
        del entries[old]
    if len(entries) >= KEYS_MAX:
        for old in list(entries)[: max(KEYS_MAX // 10, 1)]:
            del entries[old]


def _redis_key(kind: str, key: str) -> str:
    # Hashed: no name or address of a person is kept in Redis, and no key is long.
    return f"daybook:{kind}:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _verdict(answer: Any) -> Verdict:
    allowed, wait_microseconds, remaining = (int(number) for number in answer)
    return Verdict(bool(allowed), _seconds_up(wait_microseconds), remaining)


_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = tonumber(redis.call('GET', KEYS[1]) or '0')
full_at = math.max(full_at, now) + interval
local ahead = full_at - now
if ahead > window then
  return {0, ahead - window, 0}
end
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil(ahead / 1000))
return {1, 0, math.floor((window - ahead) / interval)}
"""

_ATTEMPT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local free, first, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local found = redis.call('HMGET', KEYS[1], 'tries', 'next_at')
local tries, next_at = tonumber(found[1] or '0'), tonumber(found[2] or '0')
if next_at > now then
  return {0, next_at - now, 0}
end
tries = tries + 1
if tries >= free then
  next_at = now + math.min(first * 2 ^ math.min(tries - free, 20), longest) * 1000000
end
redis.call('HSET', KEYS[1], 'tries', tries, 'next_at', string.format('%.0f', next_at))
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {1, 0, math.max(free - tries, 0)}
"""
