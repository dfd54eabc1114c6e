"""A bounded cache may forget a state; it must never forget one between the lock and the decision."""

import pytest

from tests.bank import Bank, told, transfer


@pytest.mark.parametrize("cache_max", [1, 3, 10])
def test_a_full_cache_loses_no_account_of_the_batch_at_hand(database: str, cache_max: int) -> None:
    numbers = range(1, 21)
    pairs = [(a, b) for step in (1, 3, 7) for a, b in zip(numbers, numbers[step:], strict=False)]

    with Bank(database, cache_max=cache_max).with_accounts(dict.fromkeys(numbers, 100)) as bank:
        answers = [told(bank.submit(transfer(a, b, 1))) for a, b in pairs]

    assert {answer.refused for answer in answers} == {None}
