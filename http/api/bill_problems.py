"""The problems of bills, billers and autopay: the status and the title of each refusal."""

from typing import Final

from domain.bills import bill_refusals
from domain.refusals import Refused

BILL_PROBLEMS: Final[dict[type[Refused], tuple[int, str]]] = {
    bill_refusals.BillNotFound: (404, "No such bill"),
    bill_refusals.BillerNotFound: (404, "No such biller"),
    bill_refusals.PaymentNotFound: (404, "No such payment"),
    bill_refusals.AutopayNotFound: (404, "No such autopay rule"),
    bill_refusals.TermsContradictory: (422, "The terms contradict themselves"),
    bill_refusals.ReferenceNotAccepted: (422, "The biller has no such reference"),
    bill_refusals.PaymentNotReversible: (409, "A bill payment is refunded, not reversed"),
    bill_refusals.HoldOfPayment: (409, "The hold is of a bill payment"),
    bill_refusals.BillerNameTaken: (409, "The name of the biller is taken"),
    bill_refusals.BillDiffers: (409, "The bill was presented before, and differs"),
    bill_refusals.BillerInactive: (409, "The biller is one no more"),
    bill_refusals.PresentmentNotOffered: (409, "The biller presents no bills"),
    bill_refusals.CurrencyNotAccepted: (409, "The biller does not take that currency"),
    bill_refusals.AutopayEnded: (409, "The autopay rule has ended"),
    bill_refusals.RegistrationNotFound: (404, "No such registration"),
    bill_refusals.ReferenceNotRegistered: (404, "Nobody is registered under the reference"),
    bill_refusals.ReferenceRegistered: (409, "The reference is registered already"),
    bill_refusals.TooManyRegistrations: (409, "The reference was registered too often"),
    bill_refusals.RegistrationEnded: (409, "The registration has ended"),
    bill_refusals.NoDefaultAccount: (409, "There is no default account"),
    bill_refusals.NothingOwed: (409, "Nothing is owed to the biller"),
    bill_refusals.NoAccountToPayFrom: (409, "There is no account to pay from"),
    bill_refusals.BillNotDisputed: (409, "The bill is not disputed"),
    bill_refusals.BillNotPayable: (409, "Nothing can be paid of the bill"),
    bill_refusals.BillHasPayments: (409, "The bill has payments"),
    bill_refusals.PaymentCarriedOver: (409, "The payment is of another bill by now"),
    bill_refusals.TooManyPayments: (409, "The bill has too many payments"),
    bill_refusals.LatePaymentNotAccepted: (409, "The biller takes no late payments"),
    bill_refusals.OverpaymentNotAccepted: (409, "More than is owed cannot be paid"),
    bill_refusals.PartialPaymentNotAccepted: (409, "Less than the least cannot be paid"),
    bill_refusals.PaymentOutsideLimits: (409, "The biller does not take such an amount"),
    bill_refusals.PaymentOver: (409, "The payment is over"),
    bill_refusals.PaymentNotRefundable: (409, "There is nothing to refund"),
    bill_refusals.RefundAbovePayment: (409, "More than was paid cannot be refunded"),
    bill_refusals.RefundNotDue: (409, "No such refund is due"),
}
