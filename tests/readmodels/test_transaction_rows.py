"""What a transaction is called."""

from domain.account_facts import Movement
from domain.bills.biller import BillerSettled, GatewayFeeCharged, RefundLost, RefundRepaid
from domain.facts import FACTS
from domain.periods import YearEnded
from readmodels.transaction_rows import KINDS


def test_every_movement_of_an_account_has_a_name() -> None:
    movements = {fact for fact in FACTS.values() if issubclass(fact, Movement)}

    others = {YearEnded, BillerSettled, GatewayFeeCharged, RefundRepaid, RefundLost}
    assert set(KINDS) - movements == others
    assert movements <= set(KINDS)
