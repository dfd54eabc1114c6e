"""A bounded cache may forget a state; it must never forget one between the lock and the decision."""

import time

import pytest

from application.state_cache import StateCache
from domain.access import AuditTrail
from tests.bank import Bank, told, transfer


@pytest.mark.parametrize("cache_max", [1, 3, 10])
def test_a_full_cache_loses_no_account_of_the_batch_at_hand(database: str, cache_max: int) -> None:
    numbers = range(1, 21)
    pairs = [(a, b) for step in (1, 3, 7) for a, b in zip(numbers, numbers[step:], strict=False)]

    with Bank(database, cache_max=cache_max).with_accounts(dict.fromkeys(numbers, 100)) as bank:
        answers = [told(bank.submit(transfer(a, b, 1))) for a, b in pairs]

    assert {answer.refused for answer in answers} == {None}


def test_what_a_full_cache_gives_up_is_read_again_where_another_wrote(database: str) -> None:
    """A stale state that was put out by what is read under the lock was taken for current."""
    numbers = range(1, 9)
    with (
        Bank(database, cache_max=3).with_accounts(dict.fromkeys(numbers, 100)) as one,
        Bank(database) as other,
    ):
        for _ in range(3):
            # It knows both and the end of the trail, and that another writes beside it.
            other.submit(transfer(1, 2, 1))
            one.submit(transfer(1, 2, 1))
            other.submit(transfer(1, 2, 1))
            commands = [transfer(1, number, 1) for number in numbers[2:]]
            answers = [told(answer) for answer in one.submit_all(commands)]

            assert {answer.refused for answer in answers} == {None}


def test_a_full_cache_is_no_slower_than_one_with_room() -> None:
    """Each state that came into a full one cost a search past all that had been given up before."""
    entries, batch = 100_000, 500
    cache = StateCache(entries)

    def seconds_of_writing(first: int) -> float:
        began = time.process_time()
        for number in range(first, first + 20_000, batch):
            streams = (f"account-{each}" for each in range(number, number + batch))
            cache.wrote([(stream, AuditTrail(1)) for stream in streams], number)
        return time.process_time() - began

    seconds = [seconds_of_writing(first) for first in range(0, 2 * entries, 20_000)]

    assert len(cache) <= entries
    assert sum(seconds[5:]) < 4 * sum(seconds[:5])
