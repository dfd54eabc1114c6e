"""The canonical statement: it foots, it is one for all machines, and it is read back as it was."""

import datetime as dt
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import decimal_of
from readmodels.statements.building import InconsistentStatement, Line, Standing
from readmodels.statements.canonical import Bank, StatedHold, Statement, decode, digest, encode
from tests.statements.made import (
    BANK,
    FIRST,
    KNOWN_AT,
    LAST,
    POSITION,
    ROOT,
    line,
    months_lines,
    statement_of,
    statements,
)

PROJECT = Path(__file__).parents[2]
# Of the statement below, computed once and kept: it must be the same for ever and everywhere.
DIGEST = "204758f967835ecd6b874cd7619bc9976943c6f22e698f3cf44df4f9d2416acc"


def kept() -> Statement:
    return statement_of(months_lines(20), 123_456, overdraft_limit=50_000, number=3)


@given(statements())
def test_opening_balance_and_entries_come_to_the_closing_balance(statement: Statement) -> None:
    balance = statement.opening_balance
    for number, entry in enumerate(statement.entries, 1):
        balance += entry.signed

        assert entry.number == number
        assert entry.balance == balance
    assert statement.closing_balance == balance
    assert statement.available == balance - statement.held + statement.overdraft_limit


@given(statements())
def test_the_totals_are_those_of_the_entries(statement: Statement) -> None:
    totals, entries = statement.totals, statement.entries

    assert totals.credits - totals.debits == sum(e.signed for e in entries)
    assert totals.credits_count + totals.debits_count == len(entries)
    assert sum(c.count for c in totals.categories) == len(entries)
    assert sum(c.credits for c in totals.categories) == totals.credits
    assert sum(c.debits for c in totals.categories) == totals.debits
    assert {c.category for c in totals.categories} == {e.category for e in entries}
    for charge in totals.charges:
        assert charge.amount == sum(e.signed for e in entries if e.kind == charge.kind)


@given(statements())
def test_the_canonical_bytes_are_read_back_as_the_same_statement(statement: Statement) -> None:
    canonical = encode(statement)

    assert decode(canonical) == statement
    assert encode(decode(canonical)) == canonical


@given(statements())
def test_money_is_a_number_with_the_decimals_of_the_currency(statement: Statement) -> None:
    said = json.loads(encode(statement), parse_float=Decimal, parse_int=Decimal)

    currency = statement.account.currency
    for entry, stated in zip(statement.entries, said["entries"], strict=True):
        for name in ("amount", "balance"):
            expected = decimal_of(getattr(entry, name), currency)
            assert str(stated[name]) == str(expected)
    assert str(said["closing_balance"]) == str(decimal_of(statement.closing_balance, currency))


@given(statements(), st.integers(-14, 14))
def test_an_instant_is_said_in_utc_wherever_it_was_read(statement: Statement, hours: int) -> None:
    zone = dt.timezone(dt.timedelta(hours=hours))
    there = Standing(
        booked_from=FIRST,
        booked_to=LAST,
        as_of=LAST,
        position=POSITION,
        root=ROOT,
        known_at=KNOWN_AT.astimezone(zone),
    )
    moved = line(1, 5, recorded_at=KNOWN_AT.astimezone(zone))

    assert encode(statement_of([moved], standing=there)) == encode(statement_of([line(1, 5)]))
    assert b'"known_at":"2026-04-01T00:00:03.120000Z"' in encode(statement)


def test_the_bytes_of_a_statement_are_those_they_always_were() -> None:
    assert digest(encode(kept())) == DIGEST


@pytest.mark.parametrize(("zone", "language"), [("Asia/Kathmandu", "cs_CZ.UTF-8"), ("UTC", "C")])
def test_the_bytes_are_the_same_in_another_zone_and_locale(
    zone: str, language: str, tmp_path: Path
) -> None:
    program = (
        "import locale\n"
        "from readmodels.statements.canonical import digest, encode\n"
        "from tests.statements.test_canonical import kept\n"
        "print(digest(encode(kept())))\n"
    )
    path = f"{PROJECT}{os.pathsep}{PROJECT / 'http'}"
    environ = {"TZ": zone, "LANG": language, "LC_ALL": language, "PYTHONPATH": path}

    said = subprocess.run(
        [sys.executable, "-c", program],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert said.stdout.strip() == DIGEST


@pytest.mark.parametrize(
    ("found", "more"),
    [
        ([line(1, 5), line(2, 5)], {"closing_balance": 11}),
        ([line(2, 5), line(1, 5)], {}),
        ([line(1, 5), line(1, 5)], {}),
        ([line(1, 5, 2), line(2, 5, 1)], {}),
        ([line(1, 0)], {}),
        ([line(1, 10**15)], {}),
        ([line(POSITION + 1, 5)], {}),
        ([line(1, 5, recorded_at=KNOWN_AT + dt.timedelta(microseconds=1))], {}),
        ([line(1, 5, booking_date=FIRST - dt.timedelta(1))], {}),
        ([line(1, 5, booking_date=LAST + dt.timedelta(1))], {}),
        ([], {"number": 0}),
        ([], {"overdraft_limit": -1}),
        ([], {"holds": [StatedHold(1, 0, KNOWN_AT, None, None)]}),
        ([], {"holds": [StatedHold(1, 1, KNOWN_AT.replace(tzinfo=None), None, None)]}),
    ],
)
def test_what_contradicts_itself_is_no_statement(found: list[Line], more: dict[str, int]) -> None:
    with pytest.raises(InconsistentStatement):
        statement_of(found, **more)


@pytest.mark.parametrize(
    "change",
    [
        {"booked_from": LAST, "booked_to": FIRST},
        {"as_of": LAST - dt.timedelta(1)},
        {"position": 0},
        {"root": "0" * 63},
        {"root": "G" * 64},
        {"known_at": KNOWN_AT.replace(tzinfo=None)},
    ],
)
def test_a_period_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    standing = Standing(
        booked_from=FIRST,
        booked_to=LAST,
        as_of=LAST,
        position=POSITION,
        root=ROOT,
        known_at=KNOWN_AT,
    )

    with pytest.raises(InconsistentStatement):
        statement_of([], standing=msgspec.structs.replace(standing, **change))


@pytest.mark.parametrize("bic", ["", "DAYB", "daybczpp", "DAYBCZPPXXXX", "DAYBCZPP\n"])
def test_a_bank_without_a_right_bic_is_refused(bic: str) -> None:
    with pytest.raises(ValueError, match="BIC"):
        Bank(BANK.name, bic, BANK.address, BANK.contact)


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        (b"}", b""),
        (b"{", b" {"),
        (b"1234.56", b"1234.560"),
        (b"1234.56", b"1234.5601"),
        (b"1234.56", b'"1234.56"'),
        (b'"number":3', b'"number":"3"'),
        (b"daybook.statement.1", b"daybook.statement.2"),
        (b'"EUR"', b'"XXX"'),
        (b'"form"', b'"more":1,"form"'),
        (b"DAYBCZPP", b"DAYB"),
    ],
)
def test_bytes_that_are_not_canonical_are_not_read(said: bytes, instead: bytes) -> None:
    spoiled = encode(kept()).replace(said, instead, 1)

    assert spoiled != encode(kept())
    with pytest.raises(ValueError, match="no canonical statement"):
        decode(spoiled)


@pytest.mark.parametrize("said", [b"", b"[]", b"null", b"{}", b'{"account":{}}', b"1e999"])
def test_what_is_no_statement_is_not_read(said: bytes) -> None:
    with pytest.raises(ValueError, match="no canonical statement"):
        decode(said)
