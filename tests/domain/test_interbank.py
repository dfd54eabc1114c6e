"""The stream of settlements between banks, and what each means in the ledger."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.interbank import NONE_SETTLED, restore, settle
from domain.money import MINOR_UNITS_MAX
from domain.refusals import AmountNotPositive, AmountTooLarge, CorrectionAboveSettled
from ledger.interbank_posting_rules import entry_for_interbank

CURRENCIES = st.sampled_from(("EUR", "CZK"))
AMOUNTS = st.integers(-(10**6), 10**12)
REPORTS = st.lists(st.tuples(AMOUNTS, AMOUNTS, CURRENCIES).filter(lambda r: r[0] or r[1]))


@given(REPORTS)
def test_the_account_at_the_central_bank_has_what_came_less_what_went(
    reports: list[tuple[int, int, str]],
) -> None:
    totals, at_the_central_bank = NONE_SETTLED, dict.fromkeys(("EUR", "CZK"), 0)
    for incoming, outgoing, currency in reports:
        would_be = (
            totals.incoming.get(currency, 0) + incoming,
            totals.outgoing.get(currency, 0) + outgoing,
        )
        if min(would_be) < 0:
            with pytest.raises(CorrectionAboveSettled):
                settle(totals, incoming, outgoing, currency, "a reference")
            continue
        (fact,) = settle(totals, incoming, outgoing, currency, "a reference")
        totals = restore(0, fact, totals.version + 1)
        for posting in entry_for_interbank(fact, totals):
            if posting.ledger_account == 1110:
                signed = posting.amount if posting.side == "D" else -posting.amount
                at_the_central_bank[posting.currency] += signed

    for currency, net in at_the_central_bank.items():
        assert totals.incoming.get(currency, 0) - totals.outgoing.get(currency, 0) == net


def test_nothing_cannot_be_settled() -> None:
    with pytest.raises(AmountNotPositive):
        settle(NONE_SETTLED, 0, 0, "EUR", "a reference")


@pytest.mark.parametrize(("incoming", "outgoing"), [(-1, 0), (0, -1), (5, -1), (-5, 9)])
def test_more_than_was_settled_cannot_be_taken_back(incoming: int, outgoing: int) -> None:
    with pytest.raises(CorrectionAboveSettled):
        settle(NONE_SETTLED, incoming, outgoing, "EUR", "a reference")


def test_all_that_was_ever_settled_stays_a_number_of_the_bank() -> None:
    (fact,) = settle(NONE_SETTLED, MINOR_UNITS_MAX, 0, "EUR", "a reference")
    totals = restore(0, fact, 1)

    with pytest.raises(AmountTooLarge):
        settle(totals, 1, 0, "EUR", "another")
    assert settle(totals, 0, 1, "EUR", "another")
