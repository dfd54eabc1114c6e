"""A commit that its standby may not have is not told as done (V6).

Postgres says so in a WARNING, SQLSTATE 01000, when the wait for a synchronous standby is broken off; a
deferred trigger that raises the same at the same moment, within COMMIT, stands in for the standby.
"""

from decimal import Decimal
from typing import LiteralString

import psycopg
import pytest

from application import accounts
from application.books import Command
from application.commands import Details
from application.transact import OutcomeUnknown
from tests.bank import Bank, ask, balances_of, deposit, told, withdraw

WARN_AT_COMMIT: LiteralString = """
    CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF position('standby' in convert_from(NEW.state, 'UTF8')) > 0 THEN
            RAISE WARNING 'might not have been replicated' USING ERRCODE = '01000';
        END IF;
        RETURN NULL;
    END; $$;
    CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON daybook_events DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION warn();
"""


def unreplicated_deposit(account_id: int, amount: int, key: str | None = None) -> Command:
    details = Details(description="the standby is away")
    return accounts.deposit(ask(key), account_id, Decimal(amount), details)


def warn_at_commit(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute(WARN_AT_COMMIT)


def test_a_commit_that_may_not_be_replicated_is_told_as_unknown(database: str) -> None:
    with Bank(database).with_accounts({1: 0}) as bank:
        warn_at_commit(database)

        with pytest.raises(OutcomeUnknown):
            bank.submit(unreplicated_deposit(1, 5))


def test_the_key_of_an_unknown_outcome_answers_what_happened(database: str) -> None:
    with Bank(database).with_accounts({1: 0}) as bank:
        warn_at_commit(database)
        with pytest.raises(OutcomeUnknown):
            bank.submit(unreplicated_deposit(1, 5, "key"))

        answer = bank.submit(unreplicated_deposit(1, 5, "key"))

    assert answer.replayed
    assert told(answer).balances == [500]
    assert balances_of(bank.log())["account-1"] == 500


def test_what_is_decided_while_an_unknown_commit_is_on_its_way_stands_on_it(database: str) -> None:
    with Bank(database).with_accounts({1: 0, 2: 0}) as bank:
        warn_at_commit(database)
        for _ in range(20):
            unknown = bank.send(unreplicated_deposit(1, 5))
            others = [bank.send(deposit(2, 1)) for _ in range(5)]
            with pytest.raises(OutcomeUnknown):
                unknown.result(30)
            for other in others:
                # Those in the same commit are unknown as well.
                other.exception(30)
        answer = told(bank.submit(withdraw(1, 100)))

    assert answer.refused is None
    assert answer.balances == [0]
