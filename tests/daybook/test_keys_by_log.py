"""The self-audit by one who has the key of keys: every person's key opens what the log holds of him."""

import pytest

from daybook.self_audit.audit import audit
from daybook.self_audit.command import said
from tests.bank import Bank
from tests.campaigns.columns import have_all_sorts
from tests.evidence.sealing import as_superuser
from tests.keys import KEK
from tests.readmodels.asking import project

CHANGES = {
    "two keys are exchanged": (
        """UPDATE person_keys k SET wrapped = o.wrapped FROM person_keys o
            WHERE o.user_id <> k.user_id""",
        "the key of person 11 does not open",
    ),
    "a key is gone": ("DELETE FROM person_keys WHERE user_id = 11", "person 11 has no key"),
    "a key of nobody": (
        "INSERT INTO person_keys (user_id, key_id, kek, wrapped) VALUES (77, 'x', 'y', 'z')",
        "there is a key of person 77, who is not there",
    ),
    "somebody signs in by another name": (
        "UPDATE users SET username_key = 'person/username/x' WHERE user_id = 11",
        "person 11 signs in by another username",
    ),
}


@pytest.fixture
def bank(database: str) -> str:
    with Bank(database).with_accounts({1: 100}) as bank:
        have_all_sorts(bank)
    project(database)
    return database


def test_keys_and_names_are_those_of_the_log(bank: str) -> None:
    certificate = audit(bank, encryption=KEK)

    assert (certificate.verdict, certificate.opened_keys) == ("agrees", 2)
    assert "2 keys of persons open what the log holds of them" in said(certificate)
    assert "the keys of persons were not looked at" in said(audit(bank))


@pytest.mark.parametrize("change", CHANGES)
def test_a_key_or_a_name_that_was_changed_is_found(bank: str, change: str) -> None:
    statement, told = CHANGES[change]
    as_superuser(bank, statement)

    certificate = audit(bank, encryption=KEK)

    assert certificate.verdict == "users differ"
    assert any(told in finding.detail for finding in certificate.findings)
