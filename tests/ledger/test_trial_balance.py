"""All accounts with their totals, whose two sums are equal."""

from hypothesis import given
from hypothesis import strategies as st

from domain.account_facts import Movement
from ledger.chart_of_accounts import CASH, CHECKING_ACCOUNTS
from ledger.journal import Entry, Posting, entry_of, mirrored
from ledger.trial_balance import TrialBalanceLine, trial_balance
from tests.ledger.samples import SAMPLES

entries = st.sampled_from(
    [r.event.entry for r in SAMPLES.values() if isinstance(r.event.fact, Movement)]
)


def cash_in(amount: int, currency: str) -> Entry:
    return entry_of(
        Posting(CASH, None, "D", amount, currency),
        Posting(CHECKING_ACCOUNTS, "account-1", "C", amount, currency),
    )


def test_totals_stand_by_account_and_currency_with_balances_on_the_normal_side() -> None:
    lines = trial_balance([cash_in(5, "EUR"), cash_in(2, "JPY"), mirrored(cash_in(1, "EUR"))])

    assert lines == [
        TrialBalanceLine(CASH, "EUR", debits=5, credits=1),
        TrialBalanceLine(CASH, "JPY", debits=2, credits=0),
        TrialBalanceLine(CHECKING_ACCOUNTS, "EUR", debits=1, credits=5),
        TrialBalanceLine(CHECKING_ACCOUNTS, "JPY", debits=0, credits=2),
    ]
    assert [line.balance for line in lines] == [4, 2, 4, 2]


@given(st.lists(entries))
def test_the_trial_balance_of_any_entries_is_zero_and_does_not_depend_on_their_order(
    posted: list[Entry],
) -> None:
    lines = trial_balance(posted)

    assert sum(line.debits for line in lines) == sum(line.credits for line in lines)
    assert trial_balance(reversed(posted)) == lines
