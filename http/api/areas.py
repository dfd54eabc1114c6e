"""The calls, by what they are about: so they are grouped in the document, and in the mind of who looks."""

from typing import Final, NamedTuple

from litestar import Router
from litestar.openapi.spec import Tag
from litestar.types import ControllerRouterHandler

from api import (
    accesses,
    account_readings,
    accounts,
    audit,
    autopay,
    bill_readings,
    bill_refunds,
    billers,
    bills,
    business_days,
    capital,
    clearing,
    erasure,
    explanations,
    gateways,
    health,
    holds,
    interbank,
    labels,
    ledger,
    loan_accounting,
    loan_quotes,
    loan_rates,
    loan_readings,
    loan_reports,
    loan_servicing,
    loans,
    paying_together,
    periods,
    person_export,
    rate_indexes,
    rate_plans,
    reconciliations,
    registrations,
    reports,
    restatements,
    standing_orders,
    statement_proofs,
    statements,
    transaction_readings,
    transactions,
    users,
)


class Area(NamedTuple):
    name: str
    about: str
    handlers: list[ControllerRouterHandler]


AREAS: Final = (
    Area("Users", "Who may call: registered, signed in, and what role they have.", users.HANDLERS),
    Area(
        "Accounts",
        "Opened, paid into and out of, held, frozen, closed; and what stood on them on any day.",
        [
            *accounts.HANDLERS,
            *account_readings.HANDLERS,
            *holds.HANDLERS,
            *rate_plans.HANDLERS,
            *rate_indexes.HANDLERS,
        ],
    ),
    Area(
        "Transactions",
        "Transfers, one or a thousand; reversals; categories and tags.",
        [*transactions.HANDLERS, *transaction_readings.HANDLERS, *labels.HANDLERS],
    ),
    Area(
        "Statements",
        "Of any period, as known at any moment; issued ones are the same bytes for ever.",
        [*statements.HANDLERS, *restatements.HANDLERS, *statement_proofs.HANDLERS],
    ),
    Area("Standing orders", "What is paid again and again.", standing_orders.HANDLERS),
    Area(
        "Bills",
        "Billers, who is registered with them, what they present, and how it is paid, refunded and settled.",
        [
            *billers.HANDLERS,
            *bills.HANDLERS,
            *bill_readings.HANDLERS,
            *bill_refunds.HANDLERS,
            *paying_together.HANDLERS,
            *autopay.HANDLERS,
            *registrations.HANDLERS,
        ],
    ),
    Area(
        "Loans",
        "From the application to the last instalment, or to what was lost.",
        [
            *loans.HANDLERS,
            *loan_servicing.HANDLERS,
            *loan_readings.HANDLERS,
            *loan_accounting.HANDLERS,
        ],
    ),
    Area(
        "Reckonings",
        "Schedules, rates of return and day counts. They need no customer and store nothing.",
        [*loan_quotes.HANDLERS, *loan_rates.HANDLERS],
    ),
    Area(
        "The books",
        "The ledger, its periods and business days. For staff.",
        [
            *ledger.HANDLERS,
            *periods.HANDLERS,
            *business_days.HANDLERS,
            *clearing.HANDLERS,
            *capital.HANDLERS,
            *interbank.HANDLERS,
        ],
    ),
    Area(
        "Reports",
        "What the bank has and earns, what moved, what was spent; as JSON or CSV.",
        [*reports.HANDLERS, *loan_reports.HANDLERS],
    ),
    Area(
        "Gateways",
        "News of payments from outside, and the differences with them.",
        [*gateways.HANDLERS, *reconciliations.HANDLERS],
    ),
    Area(
        "Evidence",
        "The log, its signed heads, proofs that anybody can check, and who looked at what.",
        [*audit.HANDLERS, *explanations.HANDLERS, *accesses.HANDLERS],
    ),
    Area(
        "Persons",
        "What is kept of a person, and how a person is forgotten.",
        [*erasure.HANDLERS, *person_export.HANDLERS],
    ),
    Area("Operation", "Whether it lives, and how it does.", health.HANDLERS),
)
TAGS: Final = tuple(Tag(area.name, area.about) for area in AREAS)


def routers() -> list[Router]:
    """One an area, made anew for each address that the calls stand under."""
    return [Router("/", route_handlers=area.handlers, tags=[area.name]) for area in AREAS]
