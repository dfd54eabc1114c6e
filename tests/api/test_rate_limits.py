"""One suite over both twins, with Redis as fakeredis and, where it is found, as a real server."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import fakeredis
import pytest
from redis.asyncio import Redis

from api.rate_limits import (
    ATTEMPTS_FREE,
    FIRST_WAIT_SECONDS,
    KEYS_MAX,
    LONGEST_WAIT_SECONDS,
    PER_PRINCIPAL,
    SIGN_INS_PER_ACCOUNT,
    InProcessRateLimits,
    Rate,
    RateLimits,
    TooManyRequests,
    Verdict,
    admit,
    admit_sign_in,
    sign_in_succeeded,
)
from api.redis_rate_limits import RateLimitsWithFallback, RedisRateLimits

T = TypeVar("T")
Story = Callable[[RateLimits], Awaitable[Any]]
# Runs a story against a twin, inside one event loop.
Run = Callable[[Story], Any]


@pytest.fixture(scope="module")
def redis_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    socket = tmp_path_factory.mktemp("redis") / "s"
    server = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
    )
    for _ in range(200):
        if socket.exists():
            break
        time.sleep(0.05)
    yield socket
    server.terminate()
    server.wait(10)


@pytest.fixture(params=["in process", "fakeredis", "redis"])
def run(request: pytest.FixtureRequest, redis_socket: Path | None) -> Run:
    if request.param == "redis" and redis_socket is None:
        pytest.skip("no redis-server on the PATH")

    async def with_redis(redis: Redis, story: Story) -> Any:
        async with redis:
            await redis.flushall()
            return await story(RedisRateLimits(redis))

    def run_story(story: Story) -> Any:
        if request.param == "in process":
            return asyncio.run(_awaited(story(InProcessRateLimits())))
        redis: Redis = (
            fakeredis.FakeAsyncRedis()
            if request.param == "fakeredis"
            else Redis(unix_socket_path=str(redis_socket))
        )
        return asyncio.run(with_redis(redis, story))

    return run_story


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


def test_a_burst_is_let_through_and_no_more(run: Run) -> None:
    async def story(limits: RateLimits) -> list[Verdict]:
        return [await limits.take("key", Rate(burst=10, seconds=1000)) for _ in range(12)]

    verdicts = run(story)

    assert [verdict.remaining for verdict in verdicts] == [*range(9, -1, -1), 0, 0]
    assert [verdict.allowed for verdict in verdicts] == [True] * 10 + [False] * 2
    assert 98 <= verdicts[-1].retry_after_seconds <= 100


def test_calls_at_once_are_counted_exactly(run: Run) -> None:
    async def story(limits: RateLimits) -> int:
        rate = Rate(burst=100, seconds=100_000)
        verdicts = await asyncio.gather(*(limits.take("key", rate) for _ in range(400)))
        return sum(verdict.allowed for verdict in verdicts)

    assert run(story) == 100


def test_the_rate_comes_back_evenly(run: Run) -> None:
    async def story(limits: RateLimits) -> list[bool]:
        rate = Rate(burst=2, seconds=1)
        answers = [(await limits.take("key", rate)).allowed for _ in range(3)]
        await asyncio.sleep(0.55)
        return answers + [(await limits.take("key", rate)).allowed for _ in range(2)]

    assert run(story) == [True, True, False, True, False]


def test_keys_are_counted_apart(run: Run) -> None:
    async def story(limits: RateLimits) -> list[bool]:
        rate = Rate(burst=1, seconds=100)
        keys = ["a", "b", "a ", "A", "\u0430", "\ud800", "x" * 10_000, "a"]
        return [(await limits.take(key, rate)).allowed for key in keys]

    assert run(story) == [True] * 7 + [False]


def test_five_tries_of_a_password_are_free_and_the_next_waits(run: Run) -> None:
    async def story(limits: RateLimits) -> list[Verdict]:
        return [await limits.attempt("john") for _ in range(7)]

    verdicts = run(story)

    assert [verdict.allowed for verdict in verdicts] == [True] * ATTEMPTS_FREE + [False] * 2
    assert FIRST_WAIT_SECONDS - 2 <= verdicts[-1].retry_after_seconds <= FIRST_WAIT_SECONDS


def test_the_first_try_after_a_wait_says_how_many_the_wait_turned_away(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("rate_limits", "redis_rate_limits"):
        monkeypatch.setattr(f"api.{module}.FIRST_WAIT_SECONDS", 1)

    async def story(limits: RateLimits) -> list[Verdict]:
        tries = [await limits.attempt("john") for _ in range(ATTEMPTS_FREE + 3)]
        await limits.attempt("jane")
        await asyncio.sleep(1.1)
        return [*tries, await limits.attempt("john"), await limits.attempt("john")]

    verdicts = run(story)

    assert [v.allowed for v in verdicts] == [True] * ATTEMPTS_FREE + [False] * 3 + [True, False]
    assert [v.turned_away for v in verdicts if v.allowed] == [0] * ATTEMPTS_FREE + [3]


def test_guesses_at_once_are_all_counted(run: Run) -> None:
    async def story(limits: RateLimits) -> int:
        verdicts = await asyncio.gather(*(limits.attempt("john") for _ in range(200)))
        return sum(verdict.allowed for verdict in verdicts)

    assert run(story) == ATTEMPTS_FREE


def test_a_right_password_makes_the_next_try_the_first_again(run: Run) -> None:
    async def story(limits: RateLimits) -> list[bool]:
        answers = [(await limits.attempt("john")).allowed for _ in range(ATTEMPTS_FREE)]
        await limits.forget_attempts("john")
        return answers + [(await limits.attempt("john")).allowed for _ in range(ATTEMPTS_FREE + 1)]

    assert run(story) == [True] * (2 * ATTEMPTS_FREE) + [False]


def test_a_strangers_guesses_do_not_lock_out_the_owner(run: Run) -> None:
    async def story(limits: RateLimits) -> None:
        for _ in range(ATTEMPTS_FREE):
            await admit_sign_in(limits, username_key="john", client="192.0.2.1")
        with pytest.raises(TooManyRequests):
            await admit_sign_in(limits, username_key="john", client="192.0.2.1")
        await admit_sign_in(limits, username_key="john", client="192.0.2.2")
        await sign_in_succeeded(limits, username_key="john", client="192.0.2.2")
        with pytest.raises(TooManyRequests):
            await admit_sign_in(limits, username_key="john", client="192.0.2.1")

    run(story)


def test_guesses_from_everywhere_are_bounded_for_one_name(run: Run) -> None:
    async def story(limits: RateLimits) -> int:
        let_through = 0
        for number in range(SIGN_INS_PER_ACCOUNT.burst + 50):
            try:
                await admit_sign_in(limits, username_key="john", client=f"client {number}")
            except TooManyRequests:
                continue
            let_through += 1
        return let_through

    assert run(story) == SIGN_INS_PER_ACCOUNT.burst


def test_an_honest_client_in_a_hurry_is_not_slowed(run: Run) -> None:
    async def story(limits: RateLimits) -> None:
        for _ in range(2_000):
            await admit(limits, "principal 7", PER_PRINCIPAL)

    run(story)


def test_the_wait_doubles_up_to_a_longest_and_a_day_forgets_it() -> None:
    clock = [0.0]
    limits = InProcessRateLimits(clock=lambda: clock[0])

    async def story() -> list[int]:
        for _ in range(ATTEMPTS_FREE):
            await limits.attempt("john")
        waits = []
        for _ in range(10):
            waits.append((await limits.attempt("john")).retry_after_seconds)
            clock[0] += waits[-1]
            assert (await limits.attempt("john")).allowed
        clock[0] += 24 * 3600
        assert [(await limits.attempt("john")).allowed for _ in range(6)] == [True] * 5 + [False]
        return waits

    assert asyncio.run(story()) == [30, 60, 120, 240, 480, 960, 1920, *[LONGEST_WAIT_SECONDS] * 3]


def test_the_memory_of_the_process_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.rate_limits.KEYS_MAX", 50)
    clock = [0.0]
    limits = InProcessRateLimits(clock=lambda: clock[0])

    async def story() -> None:
        for number in range(1_000):
            clock[0] += 0.001
            await limits.take(f"key {number}", Rate(10, 1000))
            await limits.attempt(f"key {number}")

    asyncio.run(story())

    assert max(len(limits._full_at), len(limits._attempts)) <= 50 < KEYS_MAX


def test_without_redis_the_process_counts_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    server = fakeredis.FakeServer()
    redis = fakeredis.FakeAsyncRedis(server=server)
    limits = RateLimitsWithFallback(RedisRateLimits(redis), InProcessRateLimits())

    async def story() -> list[bool]:
        answers = [(await limits.attempt("john")).allowed for _ in range(2)]
        server.connected = False
        answers += [(await limits.attempt("john")).allowed for _ in range(ATTEMPTS_FREE + 1)]
        await limits.forget_attempts("john")
        answers.append((await limits.attempt("john")).allowed)
        await redis.aclose()
        return answers

    answers = asyncio.run(story())

    assert answers == [True] * 2 + [True] * ATTEMPTS_FREE + [False, True]
    assert caplog.text.count("count in this process only") == 1


def test_a_redis_that_does_not_answer_holds_up_one_request_and_briefly() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def story() -> float:
        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            redis: Redis = Redis(host="127.0.0.1", port=port)
            limits = RateLimitsWithFallback(RedisRateLimits(redis), InProcessRateLimits())
            started = time.monotonic()
            for _ in range(200):
                await limits.take("key", PER_PRINCIPAL)
            taken = time.monotonic() - started
            await redis.aclose()
        return taken

    assert asyncio.run(story()) < 2
