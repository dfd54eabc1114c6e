"""Who may sign in, and as what, is what the log says: whoever changes the table past it is found."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from application import staff
from daybook.self_audit.audit import Certificate, audit
from daybook.self_audit.command import STATUS, said
from tests.api.test_staff import BY_OPERATOR, change, done, member
from tests.running_api import Person, RunningApi, running_api


class Story:
    """A teller, one who ended, one who was erased, and a customer with another password."""

    def __init__(self, api: RunningApi) -> None:
        self.api = api
        self.teller, self.gone = member(api), member(api, "auditor")
        self.customer, self.erased = api.person(), api.person()
        done(api, staff.end_sign_in(BY_OPERATOR, self.gone.user_id))
        assert change(self.customer).status_code == 200
        for compliance in (member(api, "compliance"), member(api, "compliance")):
            answer = compliance.post(f"/v1/users/{self.erased.user_id}/erasure", {})
            assert answer.status_code in (200, 202), answer.text

    def people(self) -> dict[str, Person]:
        return {
            "teller": self.teller,
            "gone": self.gone,
            "customer": self.customer,
            "erased": self.erased,
        }


@pytest.fixture(scope="module")
def story(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with running_api(module_database, tmp_path_factory.mktemp("api"), retention_years=0) as api:
        yield Story(api)


def tampered(story: Story, statement: str, *parameters: Any) -> Certificate:
    """What an audit finds while it is so. It is undone, without the triggers, so that nothing else changes."""
    with psycopg.connect(story.api.conninfo, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("CREATE TABLE kept AS TABLE users")
        try:
            connection.execute(statement.encode(), parameters)
            return audit(story.api.conninfo)
        finally:
            connection.execute("DELETE FROM users")
            connection.execute("INSERT INTO users TABLE kept")
            connection.execute("DROP TABLE kept")


def test_a_bank_whose_staff_came_and_went_agrees(story: Story) -> None:
    certificate = audit(story.api.conninfo)

    assert said(certificate)[-1].startswith("agrees")
    assert certificate.findings == []


@pytest.mark.parametrize(
    ("who", "tampering", "found"),
    [
        ("teller", "role = 'admin'", "role is admin in the table, and teller in the log"),
        ("customer", "role = 'teller'", "role is teller in the table, and user in the log"),
        ("gone", "disabled_at = NULL", "may_sign_in is True in the table, and False in the log"),
        ("teller", "disabled_at = now()", "may_sign_in is False in the table, and True in the log"),
        ("customer", "password_changes = 0", "password_changes is 0 in the table, and 1"),
        (
            "erased",
            "erased_at = NULL, username_key = 'x', email_key = 'y'",
            "erased is False in the table, and True in the log",
        ),
    ],
)
def test_a_row_that_is_not_what_the_log_says_is_found_and_named(
    story: Story, who: str, tampering: str, found: str
) -> None:
    user_id = story.people()[who].user_id

    certificate = tampered(story, f"UPDATE users SET {tampering} WHERE user_id = %s", user_id)

    (finding,) = certificate.findings
    assert (finding.check, finding.stream) == ("users", f"customer-{user_id}")
    assert finding.detail.startswith(f"user {user_id}: {found}")
    assert (certificate.verdict, STATUS[certificate.verdict]) == ("users differ", 2)
    assert f"users differ: {finding.detail}" in said(certificate)
    # The log and the views are whole.
    assert certificate.differences == []


def test_a_row_that_is_gone_and_one_that_nobody_registered_are_found(story: Story) -> None:
    gone = tampered(story, "DELETE FROM users WHERE user_id = %s", story.customer.user_id)
    added = tampered(
        story,
        "INSERT INTO users (user_id, username_key, email_key, password_hash, role, created_at)"
        " VALUES (4711, 'a', 'b', 'c', 'admin', now())",
    )

    assert re.search(r"\d+ persons were registered, and the table has rows of \d+", str(gone))
    assert "user 4711 is a row of the table, and nobody in the log" in str(added)
    assert (gone.verdict, added.verdict) == ("users differ", "users differ")
    assert (gone.findings_count, added.findings_count) == (1, 1)


def test_who_watches_is_told_and_what_is_rebuilt_is_views_alone(story: Story) -> None:
    conninfo, anyone = story.api.conninfo, story.api.anyone
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            "UPDATE users SET role = 'admin' WHERE user_id = %s", [story.teller.user_id]
        )

    certificate = audit(conninfo, repair=True)

    assert (certificate.verdict, certificate.rebuilt) == ("users differ", [])
    assert anyone.get("/v1/health/ready").json()["books"] == "users_differ"
    figures = anyone.get("/v1/metrics").text
    assert "daybook_self_audit_user_findings 1.0\n" in figures
    assert "daybook_self_audit_log_findings 0.0\n" in figures
    # Any change of the person brings the row back to the log.
    done(story.api, staff.end_sign_in(BY_OPERATOR, story.teller.user_id))
    assert audit(conninfo).verdict == "agrees"
    assert anyone.get("/v1/health/ready").json()["books"] == "sound"
