"""The self-audit of claims: what came again under one name stands in the order in which it came."""

from decimal import Decimal

import pytest

from application import accounts, clock, corrections, registrations
from application.commands import NO_DETAILS
from application.presenting import Known, Outcome, PresentedBill, present_bill
from application.registrations import WantedLink
from daybook.self_audit.audit import audit
from domain.bills.registration import Registration
from tests.bank import CUSTOMER, Bank, ask
from tests.campaigns.columns import have_all_sorts
from tests.evidence.sealing import as_superuser
from tests.readmodels.asking import project

CHANGES = {
    "two registrations are exchanged": (
        """UPDATE claims SET holder = CASE holder WHEN 'registration-1' THEN 'registration-2'
                                                 ELSE 'registration-1' END
            WHERE name LIKE 'registration/%'""",
        "behind registration-2, which was not there yet",
    ),
    "two presentments are exchanged": (
        """UPDATE claims c SET holder = o.holder FROM claims o
            WHERE c.name LIKE 'bill/%' AND o.name LIKE 'bill/%' AND o.name <> c.name""",
        "behind bill-2, which was not there yet",
    ),
    "a reversal is another's": (
        "UPDATE claims SET holder = 'teller-9' WHERE name LIKE 'reversal/%'",
        "is system-0's, and claimed by teller-9",
    ),
    "a name more": (
        "INSERT INTO claims VALUES ('hold/99', 'account-1')",
        "3 names of the sort hold are claimed, and the log tells of 2",
    ),
}


@pytest.fixture
def bank(database: str) -> str:
    """A bill that was presented anew, a reference that was registered again, and a reversal."""
    with Bank(database).with_accounts({1: 100}) as bank:
        have_all_sorts(bank)
        anew = PresentedBill(
            biller_id=1,
            user_id=CUSTOMER,
            amount=Decimal(30),
            currency="EUR",
            due_date=clock.now().date(),
            external_id="W-1",
        )
        known = Known(1, 1, frozenset({1}))
        outcome = Outcome()
        bank.submit(
            present_bill(ask(), anew, bill_id=2, known=known, outcome=outcome, supersede=True)
        )
        assert outcome.is_new
        link = WantedLink(user_id=CUSTOMER, biller_id=1, reference="12")
        assert bank.submit(registrations.register(ask(), 1, link, None)).status == 201
        bank.submit(registrations.end(ask(), 1))
        ended = bank.log()[-1].event.fact.link
        before = registrations.Known(Registration(1, ended, 2), 1)
        assert bank.submit(registrations.register(ask(), 2, link, before)).status == 201
        bank.submit(accounts.deposit(ask(), 3, Decimal(7), NO_DETAILS))
        assert bank.submit(corrections.reverse(ask(), bank.log()[-1:], NO_DETAILS)).status == 201
    project(database)
    return database


def test_all_that_was_claimed_follows_from_the_log(bank: str) -> None:
    certificate = audit(bank)

    assert (certificate.verdict, certificate.findings) == ("agrees", [])


@pytest.mark.parametrize("change", CHANGES)
def test_a_claim_that_was_changed_is_found_and_nothing_is_refused(bank: str, change: str) -> None:
    statement, told = CHANGES[change]
    as_superuser(bank, statement)

    findings = audit(bank).findings

    assert {finding.check for finding in findings} == {"claims"}
    assert any(told in finding.detail for finding in findings)
