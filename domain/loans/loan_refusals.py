"""Every refusal of loans: kinds of those in `domain/refusals.py`.

Where several apply, the one of the kind that stands first is the answer; of one kind, the first here.

    Refused
    |- NotFound
    |  `- LoanNotFound
    |- Malformed
    |  |- ProductNotFound
    |  |- LoanAmountNotOffered
    |  |- LoanTermNotOffered
    |  |- LoanRateNotOffered
    |  `- IndexNotFound
    `- Conflicting
       |- LoanStatusForbids
       |- LoanMovedOn
       |- LoanChangedSince
       |- RulesNotMet
       |- ApprovalOver
       |- DisbursementAboveCommitment
       |- NotInTranches
       |- PaymentTooSmall
       |- LoanInCredit
       |- RefundAboveCredit
       |- WaiverAboveOpen
       |- RecoveryAboveDebt
       |- NothingToChargeBack
       |- ChargeBackAboveRepayment
       |- CostAboveLoan
       |- LossRatesTooLate
       |- IndexValueMissing
       |- RateFollowsIndex
       `- NothingToUndo
"""

from domain.refusals import Conflicting, Malformed, NotFound


class LoanNotFound(NotFound):
    detail = "There is no loan {loan_id}."


class ProductNotFound(Malformed):
    detail = "There is no loan product {product}; there are {offered}."


class LoanAmountNotOffered(Malformed):
    detail = "The product {product} is for {least} to {most}; {requested} was asked for."


class LoanTermNotOffered(Malformed):
    detail = "The product {product} has {least} to {most} instalments; {requested} were asked for."


class LoanRateNotOffered(Malformed):
    detail = "A rate of {rate} per cent a year is not within 0 to {most}."


class IndexNotFound(Malformed):
    detail = "There is no index {index}; there are {offered}."


class LoanStatusForbids(Conflicting):
    detail = "Loan {loan_id} is {status}; it would have to be {needed}."


class LoanMovedOn(Conflicting):
    detail = "Loan {loan_id} has come to {through}; nothing but a repayment can be booked on {on}."


class LoanChangedSince(Conflicting):
    detail = "Loan {loan_id} was changed since by {change}, on {on}; undo that first."


class RulesNotMet(Conflicting):
    detail = "Loan {loan_id} does not meet the rules ({rules}); an approval would need a reason."


class ApprovalOver(Conflicting):
    detail = "The approval of loan {loan_id} ended on {approved_until}."


class DisbursementAboveCommitment(Conflicting):
    detail = "Of loan {loan_id}, {undrawn} can still be paid out; {requested} was asked for."


class NotInTranches(Conflicting):
    detail = (
        "Loan {loan_id} is paid out in at most {tranches_max} parts, the last of them the rest."
    )


class PaymentTooSmall(Conflicting):
    detail = "An instalment of {payment} would not pay the interest of {interest}."


class LoanInCredit(Conflicting):
    detail = "Loan {loan_id} has a credit of {credit}; refund it first."


class RefundAboveCredit(Conflicting):
    detail = "The borrower of loan {loan_id} has a credit of {credit}; {requested} was asked for."


class WaiverAboveOpen(Conflicting):
    detail = "Of the {component} of loan {loan_id}, {open} is open; {requested} was to be waived."


class RecoveryAboveDebt(Conflicting):
    detail = "Of loan {loan_id}, {owed} is owed; {requested} cannot be recovered."


class NothingToChargeBack(Conflicting):
    detail = "Transaction {transaction_id} is no repayment of loan {loan_id} that came from another bank."


class ChargeBackAboveRepayment(Conflicting):
    detail = "Of transaction {transaction_id}, {left} can be taken back still; {requested} was asked for."


class CostAboveLoan(Conflicting):
    detail = "Of loan {loan_id}, {disbursed} was paid out; its making cannot have cost {costs}."


class LossRatesTooLate(Conflicting):
    detail = "The bank has ended {ended}: new loss rates cannot hold from {first_day} on."


class IndexValueMissing(Conflicting):
    detail = "No value of the index {index} is known for {on}."


class RateFollowsIndex(Conflicting):
    detail = "The rate of loan {loan_id} follows the index {index}; it cannot be set."


class NothingToUndo(Conflicting):
    detail = "Transaction {transaction_id} is none of loan {loan_id} that can be undone."
