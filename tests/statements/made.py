"""Statements made up for the tests: any that could be, and one as a bank would send it."""

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from lxml import etree

from domain.money import MINOR_UNITS_MAX
from readmodels.statements.building import Line, Standing, build_statement
from readmodels.statements.canonical import Bank, StatedAccount, StatedHold, Statement

BANK = Bank(
    "Daybook Bank",
    "DAYBCZPP",
    ("Na Příkopě 28", "110 00 Praha 1"),
    "help@daybook.example, +420 200 100 200",
)
FIRST, LAST = dt.date(2026, 3, 1), dt.date(2026, 3, 31)
KNOWN_AT = dt.datetime(2026, 4, 1, 0, 0, 3, 120_000, tzinfo=dt.UTC)
POSITION = 10**9
ROOT = "0123456789abcdef" * 4
AWKWARD = (
    "Coffee ☕ and cake 🍰",
    'She said "fine", twice',
    "<b>&amp;</b> ]]> <!-- -->",
    "x" * 200,
    "שלום עולם",
    "مرحبا بالعالم",
    "漢字とかな",
    "Žluťoučký kůň",
    "=1+1",
    "-5",
    "@SUM(A1)",
    "'=1+1",
    " ",
    "\u202egnp.exe",
    "e\u0301\u200d\ufe0f",
    "\ufffe\uffff",
    "#emph[x] $1$ `raw` \\ @ref",
    ":86:/REMI/-",
    "-" * 200,
    "\U000e0041\U0001f9d1\u200d\U0001f680",
)
# What the API lets through: any letter, no control character.
TEXTS = st.sampled_from(AWKWARD) | st.text(
    st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=200
)
KINDS = st.sampled_from(
    [
        "deposit",
        "withdrawal",
        "transfer",
        "payment_sent",
        "payment_received",
        "interest_credited",
        "interest_charged",
        "fee",
        "reversal",
        "loan.repaid",
    ]
)
CURRENCIES = st.sampled_from(["EUR", "CZK", "JPY", "KWD"])
AMOUNTS = st.integers(1, 10**6) | st.integers(1, 10**11)
IDS = st.integers(1, 2**53)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    moved = draw(AMOUNTS) * draw(st.sampled_from((1, -1)))
    booked = draw(st.dates(FIRST, LAST))
    return Line(
        position=draw(st.integers(1, POSITION)),
        transaction_id=draw(IDS),
        booking_date=booked,
        value_date=booked + dt.timedelta(draw(st.sampled_from((0, 0, -40, 3)))),
        recorded_at=KNOWN_AT - dt.timedelta(microseconds=draw(st.integers(0, 10**12))),
        kind=draw(KINDS),
        amount=moved,
        counterparty=draw(st.none() | TEXTS),
        counterparty_account=draw(st.none() | IDS),
        description=draw(st.none() | TEXTS),
        category=draw(st.none() | TEXTS | st.just("Housing")),
        tags=tuple(draw(st.lists(TEXTS, max_size=3))),
        reference=draw(st.none() | st.just("INV-1") | TEXTS),
        reverses=draw(st.none() | IDS),
        reversed_by=(reversed_by := draw(st.none() | IDS)),
        reversed_amount=None if reversed_by is None else draw(st.integers(1, abs(moved))),
    )


@st.composite
def statements(draw: st.DrawFn, sizes: int = 6) -> Statement:
    found = draw(st.lists(lines(), max_size=sizes, unique_by=lambda line: line.position))
    found.sort(key=lambda line: (line.booking_date, line.position))
    opening = draw(st.integers(-(10**11), 10**11))
    holds = [
        StatedHold(draw(IDS), draw(AMOUNTS), KNOWN_AT, draw(st.none() | st.just(KNOWN_AT)), text)
        for text in draw(st.lists(st.none() | TEXTS, max_size=2))
    ]
    account = StatedAccount(
        draw(IDS),
        draw(st.none() | st.just("CZ6508000000192000145399") | TEXTS.map(lambda t: t[:64])),
        draw(st.sampled_from(["checking", "savings"])),
        draw(CURRENCIES),
        tuple(draw(st.lists(TEXTS, max_size=2))),
    )
    return statement_of(
        found,
        opening,
        account=account,
        holds=holds,
        overdraft_limit=draw(st.sampled_from((0, 50_000))),
        number=draw(st.none() | st.integers(1, 10**6)),
    )


def statement_of(found: list[Line], opening: int = 0, **more: Any) -> Statement:
    """March 2026 of account 456, with these lines."""
    account = StatedAccount(456, "CZ6508000000192000145399", "checking", "EUR", ("Ada Lovelace",))
    said: dict[str, Any] = {
        "bank": BANK,
        "account": account,
        "standing": Standing(
            booked_from=FIRST,
            booked_to=LAST,
            as_of=LAST,
            position=POSITION,
            root=ROOT,
            known_at=KNOWN_AT,
        ),
        "opening_balance": opening,
        "lines": found,
        "closing_balance": opening + sum(line.amount for line in found),
        **more,
    }
    return build_statement(**said)


def line(position: int, amount: int, day: int = 1, **more: Any) -> Line:
    booked = FIRST.replace(day=day)
    said = {
        "transaction_id": position,
        "booking_date": booked,
        "value_date": booked,
        "recorded_at": KNOWN_AT,
        "kind": "deposit" if amount > 0 else "withdrawal",
        **more,
    }
    return Line(position=position, amount=amount, **said)


def months_lines(count: int) -> list[Line]:
    """So many lines as a bank has them, in order, the same each time."""
    said = [
        ("payment_sent", -145_000, "Rent for March", "Housing", "Nájem s.r.o."),
        ("payment_sent", -6_342, "Weekly shop", "Groceries", "Mercato Verde"),
        ("withdrawal", -10_000, None, None, None),
        ("payment_received", 325_000, "Salary", "Income", "Ada Lovelace & Sons Ltd"),
        ("fee", -490, "Monthly fee", "Fees", None),
        ("interest_credited", 123, None, None, None),
        ("payment_sent", -8_640, "Two seats in the balcony, " * 7, "Leisure", "Národní divadlo"),
    ]
    found = []
    for number in range(count):
        kind, amount, description, category, counterparty = said[number % len(said)]
        found.append(
            line(
                number + 1,
                amount - number if amount < 0 else amount + number,
                1 + number * 31 // count,
                kind=kind,
                description=description,
                category=category,
                counterparty=counterparty,
                reference=f"INV-{number:05}" if number % 3 == 0 else None,
            )
        )
    return found


def largest() -> Statement:
    return statement_of([line(1, MINOR_UNITS_MAX)])


def camt053_schema() -> etree.XMLSchema:
    """The schema of ISO 20022, which is not ours to give away."""
    folder = os.environ.get("DAYBOOK_ISO20022_DIR")
    if folder is None:
        pytest.skip("DAYBOOK_ISO20022_DIR names no folder with camt.053.001.08.xsd of ISO 20022")
    return etree.XMLSchema(etree.parse(Path(folder, "camt.053.001.08.xsd")))
