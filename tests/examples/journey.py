"""Every call of the API, made on a real bank, with what it answers when it does what it says and when not.

The bodies here are the only examples that are written by hand: what is answered to them, and that they are
what the calls take, comes from the running bank.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from api.app import openapi_document
from api.examples import Exchange
from tests.examples import of_accounts, of_bills, of_books, of_loans
from tests.examples.bank import bank_of_examples
from tests.examples.people import People
from tests.examples.scribe import Scribe


def exchanges(conninfo: str, folder: Path) -> Mapping[str, Exchange]:
    """What was asked and answered; the database is empty before."""
    with bank_of_examples(conninfo, folder) as (api, clock):
        s, p = Scribe(api, json.loads(openapi_document())), People(api)
        of_accounts.users(s, p)
        of_accounts.accounts(s, p)
        of_accounts.transactions(s, p)
        of_accounts.holds(s, p)
        of_accounts.standing_orders(s, p)
        of_accounts.statements(s, p)
        of_bills.billers(s, p)
        of_bills.registrations(s, p)
        of_bills.bills(s, p)
        of_bills.autopay(s, p)
        of_bills.gateways(s, p)
        of_loans.reckonings(s, p)
        of_loans.rates(s, p)
        of_loans.applications(s, p)
        of_loans.servicing(s, p, clock)
        of_books.books(s, p, clock)
        of_books.evidence(s, p)
        of_books.persons(s, p)
        of_books.operation(s, p)
        of_books.every_call(s, p)
        return s.exchanges
