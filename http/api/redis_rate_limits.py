"""The rate limits that all processes share, in Redis; imported only where there is one.

When Redis cannot be asked the in-process twin takes over: limits then count per process, a little too
generous and never absent. Refusing all sign-ins instead would let whoever stops Redis close the bank,
and letting all through would let him guess passwords.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.rate_limits import (
    ATTEMPTS_FREE,
    ATTEMPTS_REMEMBERED_SECONDS,
    FIRST_WAIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    MICROSECONDS,
    InProcessRateLimits,
    Rate,
    RateLimits,
    Verdict,
    interval_of,
    seconds_up,
)

REDIS_AT_ONCE_MAX: Final = 32  # well below the 100 connections after which the client gives up
REDIS_SECONDS_MAX: Final = 0.25
REDIS_AVOIDED_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)

T = TypeVar("T")


@asynccontextmanager
async def shared_rate_limits(redis_url: str) -> AsyncIterator[RateLimits]:
    """The limits in Redis, with the in-process twin behind them; disconnected at the end."""
    redis = Redis.from_url(redis_url)
    try:
        yield RateLimitsWithFallback(RedisRateLimits(redis), InProcessRateLimits())
    finally:
        await redis.aclose()


class RedisRateLimits:
    """The twin that all processes share: one script a call, and the clock of the Redis server."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._places = asyncio.Semaphore(REDIS_AT_ONCE_MAX)
        self._take = redis.register_script(_TAKE)
        self._attempt = redis.register_script(_ATTEMPT)

    async def take(self, key: str, rate: Rate) -> Verdict:
        window = rate.seconds * MICROSECONDS
        async with self._places:
            answer = await self._take(
                keys=[_redis_key("rate", key)], args=[interval_of(rate), window]
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


def _redis_key(kind: str, key: str) -> str:
    # Hashed: no name or address of a person is kept in Redis, and no key is long.
    return f"daybook:{kind}:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _verdict(answer: Any) -> Verdict:
    allowed, wait_microseconds, *more = (int(number) for number in answer)
    return Verdict(bool(allowed), seconds_up(wait_microseconds), *more)


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
local found = redis.call('HMGET', KEYS[1], 'tries', 'next_at', 'turned_away')
local tries, next_at = tonumber(found[1] or '0'), tonumber(found[2] or '0')
if next_at > now then
  redis.call('HINCRBY', KEYS[1], 'turned_away', 1)
  return {0, next_at - now, 0}
end
tries = tries + 1
if tries >= free then
  next_at = now + math.min(first * 2 ^ math.min(tries - free, 20), longest) * 1000000
end
redis.call('HSET', KEYS[1], 'tries', tries, 'next_at', string.format('%.0f', next_at), 'turned_away', 0)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {1, 0, math.max(free - tries, 0), tonumber(found[3] or '0')}
"""
