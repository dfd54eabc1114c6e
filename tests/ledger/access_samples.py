"""The sample facts of the audit trail, and of what a person may do and whether he may sign in."""

from typing import Any

from domain.access import (
    AccessFact,
    CommandRefused,
    Denied,
    Looked,
    PasswordChanged,
    RefreshRefused,
    RefreshReused,
    RoleChanged,
    SignedIn,
    SignedOut,
    SignInFailed,
    StaffAdded,
    StaffEnded,
    StaffReinstated,
)
from domain.customer import CustomerFact, SignInEnded, SignInRestored
from domain.customer import PasswordChanged as PasswordOfCustomerChanged
from domain.customer import RoleChanged as RoleOfCustomerChanged

SESSION = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
CAME_BY: dict[str, Any] = {"session": SESSION, "request_id": "5f2c9a10-1f-3b"}

# A new one goes to the end: its place is part of its golden file.
ACCESS_FACTS: tuple[AccessFact, ...] = (
    Looked(
        route="GET /transactions/history/{user_id}",
        subjects=("user-7", "account-456"),
        filters={"from": "2024-01-01", "text": "…"},
        origin="9f86d081884c7d65",
        outcome="answered",
        **CAME_BY,
    ),
    Denied(
        route="POST /accounts/{account_id}/unfreeze",
        subjects=("account-456",),
        origin="9f86d081884c7d65",
        outcome="not-permitted",
        **CAME_BY,
    ),
    CommandRefused(
        call="accounts/withdraw",
        subjects=("account-456",),
        refusal="insufficient-funds",
        figures={"account_id": "456", "available": "10.00 EUR", "requested": "25.00 EUR"},
        **CAME_BY,
    ),
    SignedIn(user_id=7, address="ASNFZ4mrze8BI0VniavN7wEjRWeJq83v", **CAME_BY),
    SignInFailed(
        reason="wrong-password",
        user_id=7,
        origin="9f86d081884c7d65",
        locked_out=True,
        request_id="5f2c9a10-1f-3b",
    ),
    RefreshReused(user_id=7, **CAME_BY),
    SignedOut(user_id=7, **CAME_BY),
    StaffAdded(user_id=9, role="teller"),
    RefreshRefused(user_id=7, reason="session-ended", origin="9f86d081884c7d65", **CAME_BY),
    RoleChanged(user_id=9, before="teller", after="loan_officer"),
    StaffEnded(user_id=9, role="loan_officer"),
    StaffReinstated(user_id=9, role="loan_officer"),
    PasswordChanged(user_id=7, **CAME_BY),
)

STANDING_FACTS: tuple[CustomerFact, ...] = (
    RoleOfCustomerChanged(role="loan_officer"),
    SignInEnded(role="loan_officer", ended=True),
    SignInRestored(role="user", password_changes=2),
    PasswordOfCustomerChanged(role="user", password_changes=3, held=True),
)
