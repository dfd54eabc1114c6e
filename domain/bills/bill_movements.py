"""What paying bills does to a deposit account. The tags are on disk for ever."""

from domain.account_facts import Credit, Debit
from domain.facts import stored_as


class BillDebit(Debit, frozen=True, kw_only=True, omit_defaults=True):
    """`counterparty` is the biller's name."""

    biller_id: int
    bill_id: int
    payment_id: int
    counterparty: str | None = None


class BillCredit(Credit, frozen=True, kw_only=True, omit_defaults=True):
    """`counterparty` is the biller's name."""

    biller_id: int
    bill_id: int
    payment_id: int
    counterparty: str | None = None


@stored_as("account.bill-paid.1")
class BillPaid(BillDebit, frozen=True, kw_only=True, omit_defaults=True):
    """A bill was paid; the bank owes it to the biller."""


@stored_as("account.bill-refunded.1")
class BillRefunded(BillCredit, frozen=True, kw_only=True, omit_defaults=True):
    """Given back before the biller was paid: it is owed less."""


@stored_as("account.bill-refund-advanced.1")
class BillRefundAdvanced(BillCredit, frozen=True, kw_only=True, omit_defaults=True):
    """Given back after the biller was paid: the biller owes it to the bank."""


@stored_as("account.bill-refund-passed-on.1")
class BillRefundPassedOn(BillCredit, frozen=True, kw_only=True, omit_defaults=True):
    """The biller gave it back, and the bank passed it on."""


@stored_as("account.bill-refund-taken-back.1")
class BillRefundTakenBack(BillDebit, frozen=True, kw_only=True, omit_defaults=True):
    """What was advanced is the customer's to pay after all: a chargeback that he lost."""


@stored_as("account.fee-refunded.1")
class FeeRefunded(Credit, frozen=True, kw_only=True, omit_defaults=True):
    """The bank gave a fee back."""
