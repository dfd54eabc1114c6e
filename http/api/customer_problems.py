"""The rows that refusals about persons, and keys that cannot be had, have in the table of problems."""

from typing import Final

from api.strict_json import BodyInvalid, FieldError
from application.key_encryption import KeysUnavailable
from domain import refusals


class CurrentPasswordWrong(BodyInvalid):
    """Whoever is signed in wants another password, and gave one that is not theirs."""

    def __init__(self) -> None:
        super().__init__(FieldError("/current_password", "This is not the current password."))


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
    refusals.NotStaff: (409, "The user is no member of staff"),
    refusals.PasswordChangedBefore: (409, "The password was changed in the meantime"),
    CurrentPasswordWrong: (422, "The current password is wrong"),
    KeysUnavailable: (503, "The keys of persons cannot be had at the moment"),
}
