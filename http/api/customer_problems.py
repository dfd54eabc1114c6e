"""The rows that refusals of erasure, and keys that cannot be had, have in the table of problems."""

from typing import Final

from application.key_encryption import KeysUnavailable
from domain import refusals

# Status and title.
CUSTOMER_PROBLEMS: Final[dict[type[Exception], tuple[int, str]]] = {
    refusals.CustomerErased: (409, "The customer was erased"),
    refusals.AccountsOpen: (409, "The customer has open accounts"),
    refusals.LoansOpen: (409, "The customer has open loans"),
    refusals.BillsUnpaid: (409, "The customer has bills that are not settled"),
    refusals.LegalHoldStands: (409, "A legal hold stands"),
    refusals.RetentionRuns: (409, "The books must be kept for longer"),
    refusals.ErasureAsked: (409, "The erasure of the customer is asked for"),
    refusals.ErasureNotAsked: (409, "Nobody has asked for the erasure"),
    KeysUnavailable: (503, "The keys of persons cannot be had at the moment"),
}
