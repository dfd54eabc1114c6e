"""What a transaction is called."""

from domain.account_facts import Movement
from domain.accrued_interest import InterestFact
from domain.bills.bill_facts import RefundClaimed, RefundUnclaimed, UnclaimedTakenBack
from domain.bills.biller import BillerSettled, GatewayFeeCharged, RefundLost, RefundRepaid
from domain.capital import CapitalPaidIn
from domain.facts import FACTS
from domain.interbank import InterbankSettled
from domain.loans.loan_facts import Agreement, LoanMovement
from domain.periods import YearEnded
from readmodels.transaction_rows import KINDS


def test_every_movement_of_an_account_has_a_name() -> None:
    movements = {fact for fact in FACTS.values() if issubclass(fact, Movement)}

    named = Movement | Agreement | LoanMovement | InterestFact
    others = {fact for fact in KINDS if not issubclass(fact, named)}

    of_billers = {BillerSettled, GatewayFeeCharged, RefundRepaid, RefundLost}
    of_refunds = {RefundUnclaimed, RefundClaimed, UnclaimedTakenBack}
    assert others == of_billers | of_refunds | {YearEnded, CapitalPaidIn, InterbankSettled}
    assert movements <= set(KINDS)
