"""What a password may be, and that checking one stops nothing else."""

import asyncio
import statistics
import time
from collections.abc import Iterator

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from application.passwords import (
    COMMON_PASSWORDS,
    HASHING_AT_ONCE_MAX,
    LENGTH_MAX,
    LENGTH_MIN,
    PasswordNotAccepted,
    Passwords,
    TooManySignIns,
    Verdict,
    check_password,
)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    passwords = Passwords(environment="test")
    yield passwords
    passwords.close()


def accept(password: str) -> None:
    check_password(password, username="john_doe", email="jd.private@example.com")


@pytest.mark.parametrize(
    "password",
    [
        "secure_password",
        "correct horse battery staple",
        "tr0ub4dor&3",
        "x" * 5 + "yz!",
        "ñandú über straße",
        "\U0001f600\U0001f601\U0001f602\U0001f603\U0001f604\U0001f605\U0001f606\U0001f607",
        ("long " * 26)[:LENGTH_MAX],
        "a daybook is where john_doe writes",
    ],
)
def test_an_unusual_password_of_any_composition_is_accepted(password: str) -> None:
    accept(password)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "a" * (LENGTH_MIN - 1),
        "seven77",
        "ab" * 64 + "c",
        "x1y2" * 10_000,
        "password",
        "PassWord",
        "Password123!",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44",
        "12345678",
        "qwertyuiop",
        "q1w2e3r4t5",
        "dragon12",
        "Chocolate!",
        "stephanie_99",
        "postgres",
        "aaaaaaaa",
        "abababab",
        "with\x00nul in it",
        "with\nbreak in it",
        "half a pair \ud800",
        "john_doe",
        "John_Doe1!",
        "jd.private",
        "jd.private99",
        "Daybook!",
        "daybook2026",
    ],
)
def test_short_long_common_and_own_names_are_not_accepted(password: str) -> None:
    with pytest.raises(PasswordNotAccepted):
        accept(password)


def test_what_is_tried_first_is_known_by_the_thousand_and_written_as_it_is_looked_up() -> None:
    assert len([word for word in COMMON_PASSWORDS if len(word) >= LENGTH_MIN]) > 30_000
    assert all(word == word.casefold() for word in COMMON_PASSWORDS)


def test_a_common_word_among_many_digits_and_words_in_a_row_are_no_common_password() -> None:
    accept("tea 9482-6651")
    accept("chocolate stephanie")
    accept("secure_password")


async def hashed_and_verified(passwords: Passwords, password: str, tried: str) -> Verdict:
    return await passwords.verify(await passwords.hash(password), tried)


def test_the_right_password_matches_and_another_does_not(passwords: Passwords) -> None:
    right = asyncio.run(hashed_and_verified(passwords, "secure_password", "secure_password"))
    wrong = asyncio.run(hashed_and_verified(passwords, "secure_password", "Secure_password"))

    assert right == Verdict(matches=True, rehash=False)
    assert wrong == Verdict(matches=False, rehash=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("caf\u00e9 au lait", "cafe\u0301 au lait"),
        ("\ufb01nancial", "financial"),
        ("\u212bngstrom", "\u00c5ngstrom"),
    ],
)
def test_two_ways_to_type_the_same_letters_are_one_password(
    passwords: Passwords, one: str, other: str
) -> None:
    assert asyncio.run(hashed_and_verified(passwords, one, other)).matches


def test_no_password_is_cut_short(passwords: Passwords) -> None:
    whole = "ab" * (LENGTH_MAX // 2)

    assert asyncio.run(hashed_and_verified(passwords, whole, whole)).matches
    assert not asyncio.run(hashed_and_verified(passwords, whole, whole + "c")).matches
    assert not asyncio.run(hashed_and_verified(passwords, whole, whole[:-1])).matches
    assert not asyncio.run(hashed_and_verified(passwords, whole, whole + "c" * 100_000)).matches


@pytest.mark.parametrize("letter", ["a\u0301", "\u03c9\u0314\u0342\u0345"])
def test_letters_count_as_they_are_read_and_not_as_they_are_typed(
    passwords: Passwords, letter: str
) -> None:
    longest = letter * (LENGTH_MAX - 2) + "xy"

    accept(longest)
    with pytest.raises(PasswordNotAccepted):
        accept(longest + letter)
    assert asyncio.run(hashed_and_verified(passwords, longest, longest)).matches
    assert not asyncio.run(hashed_and_verified(passwords, longest, longest + letter)).matches


@pytest.mark.parametrize("stored", [None, "", "not a hash", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA"])
def test_no_password_matches_an_unknown_user_or_a_broken_hash(
    passwords: Passwords, stored: str | None
) -> None:
    for tried in ("", "the password of nobody at all", "secure_password", "\ud800"):
        assert not asyncio.run(passwords.verify(stored, tried)).matches


def test_a_hash_of_another_cost_is_to_be_made_anew(passwords: Passwords) -> None:
    dear = Passwords(environment="dev")

    stored = asyncio.run(passwords.hash("secure_password"))
    verdict = asyncio.run(dear.verify(stored, "secure_password"))

    dear.close()
    assert verdict == Verdict(matches=True, rehash=True)


@pytest.mark.parametrize("environment", ["dev", "prod", "anything else"])
def test_outside_tests_the_cost_is_at_least_the_recommended(environment: str) -> None:
    passwords = Passwords(environment=environment)

    cost = extract_parameters(asyncio.run(passwords.hash("secure_password")))

    passwords.close()
    assert cost.type is Type.ID
    assert (cost.memory_cost >= 19 * 1024, cost.time_cost >= 2) == (True, True)
    assert (cost.salt_len, cost.hash_len) == (16, 32)


def test_an_unknown_user_takes_as_long_as_a_known_one() -> None:
    passwords = Passwords(environment="dev")

    async def seconds(stored: str | None) -> float:
        before = time.thread_time(), time.perf_counter()
        await passwords.verify(stored, "a wrong password")
        return time.perf_counter() - before[1]

    async def medians() -> tuple[float, float]:
        known = await passwords.hash("secure_password")
        pairs = [(await seconds(known), await seconds(None)) for _ in range(15)]
        return statistics.median(k for k, _ in pairs), statistics.median(u for _, u in pairs)

    known, unknown = asyncio.run(medians())

    passwords.close()
    assert 0.5 < unknown / known < 2


def test_a_full_line_refuses_at_once_and_empties_again() -> None:
    passwords = Passwords(environment="prod", waiting_max=4)

    async def flood() -> tuple[int, int]:
        asked = [asyncio.ensure_future(passwords.hash("secure_password")) for _ in range(10)]
        await asyncio.sleep(0)
        refused = [job for job in asked if job.done()]
        assert all(isinstance(job.exception(), TooManySignIns) for job in refused)
        waiting = [job for job in asked if not job.done()]
        waiting[-1].cancel()
        await asyncio.sleep(0)
        with pytest.raises(TooManySignIns):
            await passwords.hash("one that hung up makes no room while its hashing goes on")
        await asyncio.gather(*waiting[:-1])
        while passwords._waiting:
            await asyncio.sleep(0.01)
        await passwords.hash("there is room again")
        return len(refused), len(waiting)

    counted = asyncio.run(flood())

    passwords.close()
    assert counted == (6, 4)


def test_the_event_loop_goes_on_while_passwords_are_checked() -> None:
    passwords = Passwords(environment="dev")

    async def longest_pause() -> float:
        jobs = [asyncio.ensure_future(passwords.hash(f"password no. {i}")) for i in range(12)]
        longest = 0.0
        while not all(job.done() for job in jobs):
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before)
        return longest

    pause = asyncio.run(longest_pause())

    passwords.close()
    assert pause < 0.2
    assert HASHING_AT_ONCE_MAX <= 4
