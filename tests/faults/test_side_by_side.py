"""Writers of several processes on one log: what one has not seen, it must not decide on."""

from tests.bank import Bank, deposit, told, withdraw


def test_a_state_that_another_process_changed_is_not_refused_on(database: str) -> None:
    with Bank(database) as one, Bank(database) as other:
        one.with_accounts({1: 0, 2: 0, 3: 0})
        other.submit(deposit(1, 100))
        # The first of these finds that the log has moved, the second that it has not moved again.
        one.submit(deposit(2, 1))
        one.submit(deposit(3, 1))
        answer = told(one.submit(withdraw(1, 60)))

    assert answer.refused is None
    assert answer.balances == [4000]
