"""Every refusal of bills, billers and autopay: kinds of those in `domain/refusals.py`.

Where several apply, the one of the kind that stands first is the answer; of one kind, the first here.

    Refused
    |- NotFound
    |  |- BillNotFound
    |  |- BillerNotFound
    |  |- PaymentNotFound
    |  |- AutopayNotFound
    |  |- RegistrationNotFound
    |  `- ReferenceNotRegistered
    |- Malformed
    |  |- TermsContradictory
    |  `- ReferenceNotAccepted
    `- Conflicting
       |- PaymentNotReversible
       |- HoldOfPayment
       |- BillerNameTaken
       |- BillDiffers
       |- BillerInactive
       |- PresentmentNotOffered
       |- CurrencyNotAccepted
       |- AutopayEnded
       |- ReferenceRegistered
       |- TooManyRegistrations
       |- RegistrationEnded
       |- NoDefaultAccount
       |- NothingOwed
       |- NoAccountToPayFrom
       |- BillNotDisputed
       |- BillNotPayable
       |- BillHasPayments
       |- PaymentCarriedOver
       |- TooManyPayments
       |- LatePaymentNotAccepted
       |- OverpaymentNotAccepted
       |- PartialPaymentNotAccepted
       |- PaymentOutsideLimits
       |- PaymentOver
       |- PaymentNotRefundable
       |- RefundAbovePayment
       `- RefundNotDue
"""

from domain.refusals import Conflicting, Malformed, NotFound


class BillNotFound(NotFound):
    detail = "There is no bill {bill_id}."


class BillerNotFound(NotFound):
    detail = "There is no biller {biller_id}."


class PaymentNotFound(NotFound):
    detail = "There is no payment {payment_id}."


class AutopayNotFound(NotFound):
    detail = "There is no autopay rule {autopay_id}."


class RegistrationNotFound(NotFound):
    detail = "There is no registration {registration_id}."


class ReferenceNotRegistered(NotFound):
    detail = "Nobody is registered with the biller under the reference {reference!r}."


class TermsContradictory(Malformed):
    detail = "The {field} cannot be so: {why}."


class ReferenceNotAccepted(Malformed):
    detail = "The biller has no such reference as {reference!r}: {why}."


class PaymentNotReversible(Conflicting):
    detail = (
        "Transaction {transaction_id} is of bill {bill_id}, whose payments are refunded instead."
    )


class HoldOfPayment(Conflicting):
    detail = "The hold {hold_id} is of a bill payment, which alone settles or releases it."


class BillerNameTaken(Conflicting):
    detail = "Another biller has the name {name}."


class BillDiffers(Conflicting):
    detail = "The biller's bill was presented before, as bill {bill_id}, with another {field}."


class BillerInactive(Conflicting):
    detail = "{biller} is a biller of this bank no more."


class PresentmentNotOffered(Conflicting):
    detail = "{biller} presents no bills; whoever owes one enters it."


class CurrencyNotAccepted(Conflicting):
    detail = "{biller} takes no payments in {currency}."


class AutopayEnded(Conflicting):
    detail = "The autopay rule {autopay_id} has ended."


class ReferenceRegistered(Conflicting):
    detail = "A customer is registered with {biller} under that reference already."


class TooManyRegistrations(Conflicting):
    detail = "With {biller}, that reference was registered {limit} times, and cannot be once more."


class RegistrationEnded(Conflicting):
    detail = "The registration {registration_id} has ended."


class NoDefaultAccount(Conflicting):
    detail = "No account was named, and none is agreed for bills of biller {biller_id}."


class NothingOwed(Conflicting):
    detail = "The customer owes {biller} nothing in {currency}."


class NoAccountToPayFrom(Conflicting):
    detail = "The customer has no active account in {currency} to pay from."


class BillNotDisputed(Conflicting):
    detail = "Bill {bill_id} is not disputed."


class BillNotPayable(Conflicting):
    detail = "Nothing can be paid of bill {bill_id}: it is {status}."


class BillHasPayments(Conflicting):
    detail = "Bill {bill_id} has payments; refund them first, or wait for those on their way."


class PaymentCarriedOver(Conflicting):
    detail = "Payment {payment_id} went over to bill {bill_id} with what was paid; ask again."


class TooManyPayments(Conflicting):
    detail = "Bill {bill_id} has had {limit} payments, and can have no more."


class LatePaymentNotAccepted(Conflicting):
    detail = "{biller} takes no payments after {last_day}."


class OverpaymentNotAccepted(Conflicting):
    detail = "Of bill {bill_id}, {payable} is payable; {requested} is more."


class PartialPaymentNotAccepted(Conflicting):
    detail = "Of bill {bill_id}, {least} is the least that {biller} takes; {requested} is less."


class PaymentOutsideLimits(Conflicting):
    detail = "{biller} takes payments from {least} to {most}; {requested} is not among them."


class PaymentOver(Conflicting):
    detail = "Payment {payment_id} is {state}, and what was held for it is free again."


class PaymentNotRefundable(Conflicting):
    detail = "Payment {payment_id} is {state}; there is nothing to give back."


class RefundAbovePayment(Conflicting):
    detail = "Of payment {payment_id}, {left} can be given back; {requested} is more."


class RefundNotDue(Conflicting):
    detail = "No refund of {requested} is due for payment {payment_id}."
