"""The rows that loans have in the table of problems."""

from typing import Final

from domain.loans import loan_refusals
from domain.refusals import Refused

# Status and title.
LOAN_PROBLEMS: Final[dict[type[Refused], tuple[int, str]]] = {
    loan_refusals.LoanNotFound: (404, "No such loan"),
    loan_refusals.ProductNotFound: (422, "There is no such product"),
    loan_refusals.LoanAmountNotOffered: (422, "The product is not for that amount"),
    loan_refusals.LoanTermNotOffered: (422, "The product is not for that term"),
    loan_refusals.LoanRateNotOffered: (422, "The rate is out of range"),
    loan_refusals.IndexNotFound: (422, "There is no such index"),
    loan_refusals.LoanStatusForbids: (409, "The status of the loan forbids it"),
    loan_refusals.LoanMovedOn: (409, "The loan has moved on from that day"),
    loan_refusals.LoanChangedSince: (409, "The loan was changed since"),
    loan_refusals.RulesNotMet: (409, "The rules of the decision are not met"),
    loan_refusals.ApprovalOver: (409, "The approval has ended"),
    loan_refusals.DisbursementAboveCommitment: (409, "More than is approved cannot be paid out"),
    loan_refusals.NotInTranches: (409, "The loan is not paid out in so many parts"),
    loan_refusals.PaymentTooSmall: (409, "The instalment would not pay the interest"),
    loan_refusals.LoanInCredit: (409, "The loan has a credit"),
    loan_refusals.RefundAboveCredit: (409, "More than the credit cannot be refunded"),
    loan_refusals.WaiverAboveOpen: (409, "More than is open cannot be waived"),
    loan_refusals.RecoveryAboveDebt: (409, "More than is owed cannot be recovered"),
    loan_refusals.NothingToChargeBack: (409, "There is nothing to charge back"),
    loan_refusals.ChargeBackAboveRepayment: (409, "More than was repaid cannot be taken back"),
    loan_refusals.CostAboveLoan: (409, "The costs are above what was lent"),
    loan_refusals.LossRatesTooLate: (409, "The day was ended by the rates before"),
    loan_refusals.IndexValueMissing: (409, "No value of the index is known"),
    loan_refusals.RateFollowsIndex: (409, "The rate follows an index"),
    loan_refusals.NothingToUndo: (409, "There is nothing to undo"),
}
