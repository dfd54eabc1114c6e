"""Statements made again by the auditor's program, from the log alone: the same bytes as the bank's."""

import datetime as dt
import random
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
import pytest

from application import accounts, clock, corrections, holds
from daybook import daybook_verify
from domain.money import DECIMALS
from domain.statement import LETTERHEAD, StatementIssued
from readmodels.statements import canonical
from readmodels.statements.account_statement import account_statement
from readmodels.transaction_rows import KINDS
from tests.bank import Bank, ask
from tests.busy_bank import keep_busy
from tests.evidence.test_tampering import exported
from tests.readmodels.asking import details, moment, project, read

ACCOUNTS = (1, 2, 11, 12, 21, 22)
BANK = canonical.Bank(LETTERHEAD.name, LETTERHEAD.bic, LETTERHEAD.address, LETTERHEAD.contact)


def keep_holding(bank: Bank, chance: random.Random) -> None:
    """Holds that are settled in part or whole, released, or over by time; labels; overdraft limits."""
    today = clock.now()
    placed = 0
    for account_id in ACCOUNTS:
        bank.submit(accounts.deposit(ask(), account_id, Decimal(90_000), details(9)))
        bank.submit(accounts.change_overdraft_limit(ask(), account_id, Decimal(500)))
        for _ in range(4):
            placed += 1
            until = chance.choice((None, today + dt.timedelta(3), today + dt.timedelta(400)))
            bank.submit(
                holds.place_hold(
                    ask(),
                    account_id,
                    placed,
                    Decimal(chance.randrange(10, 99)),
                    expires_at=until,
                    counterparty=chance.choice((None, "Hotel Žofín")),
                    description=chance.choice((None, 'a "deposit"')),
                )
            )
            ending = chance.choice(("nothing", "settle", "part", "release"))
            if ending in ("settle", "part"):
                part = Decimal(5) if ending == "part" else None
                at = details(chance.choice((0, 1)))
                bank.submit(
                    holds.settle_hold(
                        ask(), account_id, placed, part, at, keep_rest=ending == "part"
                    )
                )
            elif ending == "release":
                bank.submit(holds.release_hold(ask(), account_id, placed))
        bank.submit(accounts.change_overdraft_limit(ask(), account_id, Decimal(700)))
    log = [recorded for recorded in bank.log() if recorded.event.entry]
    for recorded in chance.sample(log, 12):
        wanted = recorded.event.transaction_id
        original = [r for r in log if r.event.transaction_id == wanted]
        bank.submit(corrections.categorise(ask(), original, chance.choice((None, "Žluťoučký"))))
        bank.submit(corrections.tag(ask(), original, chance.choice(((), ("a", "b")))))
    for recorded in chance.sample(log, 12):
        wanted = recorded.event.transaction_id
        original = [r for r in log if r.event.transaction_id == wanted]
        part = Decimal(1) if recorded.event.entry[0].amount > 10_000 else None
        bank.submit(corrections.reverse(ask(), original, details(chance.choice((0, 2))), part))
    assert placed == 24


@pytest.mark.parametrize("seed", [1, 2])
def test_the_auditors_program_makes_the_bytes_of_any_statement(database: str, seed: int) -> None:
    chance = random.Random(seed)
    with Bank(database) as bank:
        keep_busy(bank, seed=seed, moves=50)
        keep_holding(bank, chance)
        keep_busy_again = bank.log()[-1].position
    project(database)
    with psycopg.connect(database) as connection:
        lines = exported(connection)
    today = clock.now().date()
    held = entries = 0
    for number in range(1, 61):
        account_id = chance.choice(ACCOUNTS)
        first = today - dt.timedelta(chance.randrange(0, 14))
        last = min(today, first + dt.timedelta(chance.choice((0, 1, 5, 30))))
        known_at = chance.choice((keep_busy_again, chance.randrange(20, keep_busy_again)))

        async def stated(connection: Any) -> canonical.Statement | None:
            return await account_statement(
                connection,
                account_id,  # noqa: B023 - it is awaited before the next
                bank=BANK,
                booked_from=first,  # noqa: B023
                booked_to=last,  # noqa: B023
                moment=moment(known_at, today),  # noqa: B023
                number=number,  # noqa: B023
            )

        statement = read(database, stated)
        if statement is None:
            continue
        fact = StatementIssued(
            statement_id=number,
            number=number,
            booked_from=first,
            booked_to=last,
            as_of=today,
            known_at=known_at,
            bank=LETTERHEAD,
            form=canonical.FORM,
            code_version="1",
            sha256="",
        )

        made = daybook_verify.make_statement(
            lines, f"statements-{account_id}", msgspec.json.decode(msgspec.json.encode(fact))
        )

        assert made.decode() == canonical.encode(statement).decode()
        held += len(statement.holds)
        entries += len(statement.entries)
    assert held > 20
    assert entries > 100


def test_both_programs_call_facts_the_same() -> None:
    ours = {fact.TAG: kind for fact, kind in KINDS.items()}
    by_tag = {tag: tag.rpartition(".")[0] for tag in (*ours, *daybook_verify.KINDS)}

    assert {**by_tag, **daybook_verify.KINDS} == {**by_tag, **ours}


def test_both_programs_know_the_decimals_of_every_currency() -> None:
    theirs = {
        code: decimals
        for decimals, codes in daybook_verify.DECIMALS.items()
        for code in codes.split()
    }

    assert {**dict.fromkeys(DECIMALS, 2), **theirs} == DECIMALS
