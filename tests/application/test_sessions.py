"""Sessions on a real Postgres: rotation, lost answers, theft, and endings that hold everywhere."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, LiteralString, TypeVar

import psycopg
import pytest

from application.pools import Pool, borrowed, open_pool
from application.revoked_sessions import RevocationsUnknown, RevokedSessions
from application.sessions import (
    REFRESH_IDLE_SECONDS,
    RETRY_SECONDS,
    RefreshRefused,
    RefreshReused,
    RefreshTooLate,
    Session,
    delete_ended_sessions,
    ending_of,
    refresh_session,
    refusal_of,
    start_session,
)
from application.transact import Unavailable

SECRET = b"the secret of this server, for tests"
T = TypeVar("T")


def with_pool(database: str, story: Callable[[Pool], Awaitable[T]], size: int = 4) -> T:
    async def run() -> T:
        async with open_pool(database, name="test", size=size) as pool:
            return await story(pool)

    return asyncio.run(run())


def add_user(database: str, name: str = "john_doe", role: str = "user") -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "INSERT INTO users (username_key, email_key, password_hash, role, created_at)"
            " VALUES (%(n)s, %(n)s || '@example.com', 'x', %(r)s, clock_timestamp())"
            " RETURNING user_id",
            {"n": name, "r": role},
        ).fetchone()
    assert row is not None
    return int(row[0])


def execute(database: str, statement: LiteralString, *arguments: Any) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(statement, arguments)


async def revoke_session(pool: Pool, sid: str) -> bool:
    """What the writer does at a sign-out; whether it was the one that ended the session."""
    async with borrowed(pool) as connection:
        return (await connection.execute(*ending_of(sid))).rowcount == 1


async def _idle(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute("SELECT pg_sleep(0.2)")


async def refreshed(
    pool: Pool, session: Session, told: list[RefreshReused | RefreshTooLate] | None = None
) -> Session:
    async def note(refused: RefreshReused | RefreshTooLate) -> None:
        """What the writer does in the commit of the event."""
        reused = isinstance(refused, RefreshReused)
        statement, parameters = (ending_of if reused else refusal_of)(refused.sid)
        async with pool.connection() as connection:
            await connection.execute(statement, parameters)
        if told is not None:
            told.append(refused)

    return await refresh_session(pool, session.refresh_token, secret=SECRET, note=note)


def age_use(database: str, seconds: float) -> None:
    execute(
        database,
        "UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => %s)",
        seconds,
    )


def test_a_session_is_carried_on_with_a_new_token_each_time(database: str) -> None:
    user_id = add_user(database, role="teller")

    async def story(pool: Pool) -> list[Session]:
        sessions = [await start_session(pool, user_id=user_id)]
        for _ in range(5):
            sessions.append(await refreshed(pool, sessions[-1]))
        return sessions

    sessions = with_pool(database, story)

    assert {(s.sid, s.user_id, s.role) for s in sessions} == {(sessions[0].sid, user_id, "teller")}
    assert len({s.refresh_token for s in sessions}) == 6


def test_a_lost_answer_is_given_again(database: str) -> None:
    user_id = add_user(database)

    async def story(pool: Pool) -> tuple[Session, Session, Session]:
        first = await start_session(pool, user_id=user_id)
        lost, again = await refreshed(pool, first), await refreshed(pool, first)
        return lost, again, await refreshed(pool, again)

    lost, again, carried_on = with_pool(database, story)

    assert lost == again
    assert carried_on.sid == lost.sid


def test_many_uses_of_a_token_at_once_all_get_the_same_successor(database: str) -> None:
    user_id = add_user(database)

    async def story(pool: Pool) -> tuple[set[Session], Session]:
        session = await start_session(pool, user_id=user_id)
        # All connections are open before the race begins.
        await asyncio.gather(*(_idle(pool) for _ in range(8)))
        answers = await asyncio.gather(*(refreshed(pool, session) for _ in range(200)))
        return set(answers), await refreshed(pool, answers[0])

    answers, carried_on = with_pool(database, story, size=8)

    assert len(answers) == 1
    assert carried_on.sid == answers.pop().sid


def test_a_used_token_that_comes_late_ends_the_session_for_everybody(database: str) -> None:
    user_id = add_user(database)

    async def start(pool: Pool) -> tuple[Session, Session]:
        first = await start_session(pool, user_id=user_id)
        return first, await refreshed(pool, first)

    async def steal(pool: Pool) -> None:
        with pytest.raises(RefreshReused) as reused:
            await refreshed(pool, first)
        assert (reused.value.sid, reused.value.user_id) == (first.sid, user_id)
        for token in (first, second):
            with pytest.raises(RefreshRefused, match="ended"):
                await refreshed(pool, token)

    first, second = with_pool(database, start)
    age_use(database, RETRY_SECONDS + 1)

    with_pool(database, steal)


def test_a_used_token_ends_the_session_once_its_successor_was_used(database: str) -> None:
    user_id = add_user(database)

    async def story(pool: Pool) -> None:
        first = await start_session(pool, user_id=user_id)
        second = await refreshed(pool, first)
        third = await refreshed(pool, second)
        with pytest.raises(RefreshReused):
            await refreshed(pool, first)
        with pytest.raises(RefreshRefused):
            await refreshed(pool, third)

    with_pool(database, story)


def test_a_used_token_that_comes_many_times_at_once_is_told_once_and_the_end_once(
    database: str,
) -> None:
    user_id = add_user(database)
    told: list[RefreshReused | RefreshTooLate] = []

    async def story(pool: Pool) -> list[BaseException | Session]:
        first = await start_session(pool, user_id=user_id)
        await refreshed(pool, await refreshed(pool, first))
        await asyncio.gather(*(_idle(pool) for _ in range(8)))
        tries = (refreshed(pool, first, told) for _ in range(7))
        return await asyncio.gather(*tries, return_exceptions=True)

    answers = with_pool(database, story, size=8)

    assert [type(each) for each in told] == [RefreshReused, RefreshTooLate]
    assert Counter(map(type, answers)) == {RefreshReused: 1, RefreshTooLate: 6}


def test_a_used_token_whose_note_takes_too_long_is_refused_and_the_session_lives(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.sessions.NOTING_SECONDS_MAX", 0.2)
    user_id = add_user(database)

    async def never(_: object) -> None:
        await asyncio.sleep(60)

    async def story(pool: Pool) -> None:
        first = await start_session(pool, user_id=user_id)
        third = await refreshed(pool, await refreshed(pool, first))
        with pytest.raises(Unavailable, match="in time"):
            await refresh_session(pool, first.refresh_token, secret=SECRET, note=never)
        await refreshed(pool, third)

    with_pool(database, story)


def test_ending_one_session_leaves_the_users_others_alone(database: str) -> None:
    user_id = add_user(database)

    async def story(pool: Pool) -> tuple[bool, bool]:
        ended = await start_session(pool, user_id=user_id)
        other = await start_session(pool, user_id=user_id)
        answers = await revoke_session(pool, ended.sid), await revoke_session(pool, ended.sid)
        with pytest.raises(RefreshRefused):
            await refreshed(pool, ended)
        await refreshed(pool, other)
        return answers

    assert with_pool(database, story) == (True, False)


@pytest.mark.parametrize(
    "token",
    ["", "x", "A" * 42, "A" * 43, "A" * 44, "=" * 43, "\0" * 43, "\u0661" * 43, "A" * 10_000_000],
)
def test_a_token_that_was_never_given_out_is_refused(database: str, token: str) -> None:
    async def story(pool: Pool) -> None:
        await refreshed(pool, Session("", 0, "", token))

    with pytest.raises(RefreshRefused):
        with_pool(database, story)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sessions SET expires_at = clock_timestamp() - interval '1 second'",
        "UPDATE refresh_tokens SET issued_at = issued_at - make_interval(secs => %s)",
        "UPDATE users SET disabled_at = clock_timestamp()",
        "UPDATE users SET role = 'admin'",
        "UPDATE users SET password_changes = 1",
    ],
)
def test_an_expired_idle_disabled_or_promoted_session_is_not_carried_on(
    database: str, statement: LiteralString
) -> None:
    user_id = add_user(database)

    async def start(pool: Pool) -> Session:
        return await start_session(pool, user_id=user_id)

    session = with_pool(database, start)
    execute(database, statement, *[REFRESH_IDLE_SECONDS + 1] * statement.count("%s"))

    with pytest.raises(RefreshRefused):
        with_pool(database, lambda pool: refreshed(pool, session))


def test_a_disabled_user_starts_no_session(database: str) -> None:
    user_id = add_user(database)
    execute(database, "UPDATE users SET disabled_at = clock_timestamp()")

    for unknown in (user_id, user_id + 1):

        async def story(pool: Pool, user_id: int = unknown) -> Session:
            return await start_session(pool, user_id=user_id)

        with pytest.raises(RefreshRefused):
            with_pool(database, story)


def test_a_password_that_was_changed_while_it_was_checked_starts_no_session(
    database: str,
) -> None:
    user_id = add_user(database)
    execute(database, "UPDATE users SET password_changes = 1")

    async def story(pool: Pool) -> Session:
        with pytest.raises(RefreshRefused):
            await start_session(pool, user_id=user_id, password_changes=0)
        return await start_session(pool, user_id=user_id, password_changes=1)

    assert with_pool(database, story).user_id == user_id


def test_the_database_holds_no_token(database: str) -> None:
    user_id = add_user(database)

    async def story(pool: Pool) -> list[str]:
        first = await start_session(pool, user_id=user_id)
        return [first.refresh_token, (await refreshed(pool, first)).refresh_token]

    tokens = with_pool(database, story)

    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT t::text, s::text FROM refresh_tokens t, sessions s")
        stored = str(rows.fetchall())
    assert not any(token in stored or token.encode().hex() in stored for token in tokens)


def test_sessions_that_ended_long_ago_are_deleted_in_batches(database: str) -> None:
    user_id = add_user(database)

    async def start(pool: Pool) -> list[Session]:
        return [await start_session(pool, user_id=user_id) for _ in range(3)]

    async def delete(pool: Pool) -> list[int]:
        return [await delete_ended_sessions(pool) for _ in range(2)]

    kept = with_pool(database, start)[0]
    execute(
        database,
        "UPDATE sessions SET expires_at = expires_at - interval '91 days' WHERE sid <> %s",
        kept.sid,
    )

    assert with_pool(database, delete) == [2, 0]
    with_pool(database, lambda pool: refreshed(pool, kept))


def test_two_names_that_look_alike_are_one_user_only_by_their_key(database: str) -> None:
    add_user(database)

    with pytest.raises(psycopg.errors.UniqueViolation):
        add_user(database)
    with pytest.raises(psycopg.errors.CheckViolation):
        add_user(database, "eve", role="root")


async def seconds_until_revoked(view: RevokedSessions, sid: str) -> float:
    started = time.monotonic()
    while not view.is_revoked(sid):
        assert time.monotonic() - started < 5
        await asyncio.sleep(0.01)
    return time.monotonic() - started


def test_an_ending_is_known_in_another_process_within_a_second(database: str) -> None:
    user_id = add_user(database)

    async def change_password(_: Session) -> None:
        changed = "UPDATE users SET password_changes = password_changes + 1"
        await asyncio.to_thread(execute, database, changed)

    async def promote(_: Session) -> None:
        await asyncio.to_thread(execute, database, "UPDATE users SET role = 'auditor'")

    async def disable(_: Session) -> None:
        await asyncio.to_thread(execute, database, "UPDATE users SET disabled_at = now()")

    async def story(pool: Pool) -> list[float]:
        view = RevokedSessions(pool)
        await view.start()
        waits = []

        async def sign_out(session: Session) -> None:
            await revoke_session(pool, session.sid)

        changes = 0
        for end in (sign_out, change_password, promote, disable):
            session = await start_session(pool, user_id=user_id, password_changes=changes)
            changes += end is change_password
            assert not view.is_revoked(session.sid)
            await end(session)
            waits.append(await seconds_until_revoked(view, session.sid))
        await view.stop()
        return waits

    assert max(with_pool(database, story)) <= 1


def test_an_ending_is_known_in_the_own_process_at_once(database: str) -> None:
    user_id = add_user(database)

    async def story(pool: Pool) -> bool:
        view = RevokedSessions(pool)
        await view.ask()
        session = await start_session(pool, user_id=user_id)
        await revoke_session(pool, session.sid)
        view.add(session.sid)
        return view.is_revoked(session.sid)

    assert with_pool(database, story)


def test_endings_before_the_start_are_known_at_the_start(database: str) -> None:
    user_id = add_user(database)

    async def story(pool: Pool) -> tuple[bool, bool]:
        ended = await start_session(pool, user_id=user_id)
        other = await start_session(pool, user_id=user_id)
        await revoke_session(pool, ended.sid)
        view = RevokedSessions(pool)
        await view.ask()
        return view.is_revoked(ended.sid), view.is_revoked(other.sid)

    assert with_pool(database, story) == (True, False)


def test_an_ending_that_commits_after_later_ones_is_not_missed(database: str) -> None:
    user_id = add_user(database)

    async def story(pool: Pool) -> Counter[bool]:
        view = RevokedSessions(pool)
        await view.ask()
        sessions = [await start_session(pool, user_id=user_id) for _ in range(3)]
        async with await psycopg.AsyncConnection.connect(database) as slow:
            await slow.execute(
                "UPDATE sessions SET revoked_at = clock_timestamp() - interval '1 hour',"
                " revoked_xid = pg_current_xact_id() WHERE sid = %s",
                [sessions[0].sid],
            )
            for session in sessions[1:]:
                await revoke_session(pool, session.sid)
                await view.ask()
            assert not view.is_revoked(sessions[0].sid)
        await view.ask()
        return Counter(view.is_revoked(session.sid) for session in sessions)

    assert with_pool(database, story) == {True: 3}


def test_nobody_is_let_through_when_the_database_cannot_be_asked(database: str) -> None:
    async def story(pool: Pool) -> None:
        view = RevokedSessions(pool, stale_seconds_max=1.0)
        with pytest.raises(RevocationsUnknown):
            view.is_revoked("any")
        await view.start()
        assert not view.is_revoked("any")
        await asyncio.sleep(1.5)
        assert not view.is_revoked("any")
        async with pool.connection() as first, pool.connection():
            # Both connections of the pool are taken: the view has none to ask with.
            await asyncio.sleep(1.6)
            with pytest.raises(RevocationsUnknown):
                view.is_revoked("any")
            await first.execute("SELECT 1")
        await asyncio.sleep(1.1)
        assert not view.is_revoked("any")
        await view.stop()

    with_pool(database, story, size=2)


def test_endings_are_forgotten_when_no_token_can_be_left(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.revoked_sessions.REMEMBER_SECONDS", 0.2)

    async def story(pool: Pool) -> tuple[int, int]:
        view = RevokedSessions(pool)
        view.add(*(f"sid-{n}" for n in range(100)))
        await view.ask()
        before = len(view._ended)
        await asyncio.sleep(0.3)
        await view.ask()
        return before, len(view._ended)

    assert with_pool(database, story) == (100, 0)


def test_a_database_that_is_away_is_said_to_be(database: str) -> None:
    async def story(pool: Pool) -> None:
        await pool.close()
        for ask in (start_session(pool, user_id=1), revoke_session(pool, str(uuid.uuid4()))):
            with pytest.raises(Unavailable):
                await ask

    with_pool(database, story)
