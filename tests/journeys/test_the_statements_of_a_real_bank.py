"""Statements of the Berka bank: every month of 1993 says what the bank's own file says."""

import asyncio
import calendar
import datetime as dt
import gzip
import os
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from daybook.berka_files import find_files
from daybook.books_export.beancount import BEANCOUNT
from daybook.books_export.hledger import HLEDGER
from daybook.loading import bring_views_up
from daybook.statements import write_statements
from domain.statement import LETTERHEAD
from ledger.trial_balance import trial_balance
from readmodels.accounts import accounts_of
from readmodels.moments import Moment, resolve
from readmodels.statements.account_statement import account_statement
from readmodels.statements.canonical import Bank, Statement, decode
from tests import book_keepers as keepers
from tests.bank import read_log
from tests.berka_folder import imported

TODAY = dt.date(2026, 11, 1)
# Of 4,500 accounts, every so manieth is stated for all months; one month is stated for all.
EACH = 20
BANK = Bank(LETTERHEAD.name, LETTERHEAD.bic, LETTERHEAD.address, None)

# The date and the signed amount of each entry, in the order of the bank's own sequence.
Entries = list[tuple[str, Decimal]]


@pytest.fixture(scope="module")
def folder() -> Path:
    given = os.environ.get("DAYBOOK_BERKA_DIR")
    if not given:
        pytest.skip("the Berka files are not here: name their folder in DAYBOOK_BERKA_DIR")
    return Path(given)


@pytest.fixture(scope="module")
def bank(module_database: str, folder: Path) -> str:
    assert imported(module_database, folder).refusals == []
    assert bring_views_up(module_database)
    return module_database


def printed(folder: Path) -> dict[str, Entries]:
    """What the file says, by account: read here by hand, and not by the importer."""
    found: dict[str, list[tuple[str, int, Decimal]]] = {}
    for path in find_files(folder).trans:
        head, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        names = head.split(",")
        for line in lines:
            row = dict(zip(names, line.split(","), strict=True))
            sign = 1 if row["type"] == "PRIJEM" else -1
            entry = (row["date"], int(row["seq_in_account"]), sign * Decimal(row["amount"]))
            found.setdefault(row["account_id"], []).append(entry)
    return {
        account: [(date, amount) for date, _, amount in sorted(entries, key=lambda e: e[:2])]
        for account, entries in found.items()
    }


def stated(statement: Statement) -> Entries:
    return [
        (entry.booking_date.isoformat(), Decimal(entry.signed).scaleb(-2))
        for entry in statement.entries
    ]


def within(entries: Entries, month: str) -> Entries:
    return [entry for entry in entries if entry[0].startswith(month)]


def test_every_account_in_a_month_and_every_month_of_many_accounts(
    bank: str, folder: Path, tmp_path: Path
) -> None:
    file = printed(folder)
    written = asyncio.run(
        write_statements(
            bank, tmp_path, month="1993-06", forms=["json"], bank=LETTERHEAD, today=TODAY
        )
    )
    june = [decode(path.read_bytes()) for path in tmp_path.glob("statement-*.json")]
    assert (len(june), written.written, written.missing) == (4500, 4500, [])

    of_june = {str(statement.account.reference)[6:]: stated(statement) for statement in june}

    expected = {account: within(file.get(account, []), "1993-06") for account in of_june}
    assert of_june == expected
    assert sum(map(len, of_june.values())) > 1_000
    asyncio.run(check_year(bank, file))


async def check_year(conninfo: str, file: dict[str, Entries]) -> None:
    compared = 0
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        moment = await resolve(connection, as_of=None, known_at=None, today=TODAY)
        after, number = 0, 0
        while page := await accounts_of(connection, limit=1000, after=after):
            after = page[-1].account_id
            for row in page:
                number += 1
                if number % EACH == 0:
                    assert row.reference is not None
                    entries = file.get(row.reference.removeprefix("berka-"), [])
                    compared += await compare(connection, row.account_id, entries, moment)
    assert compared > 500


async def compare(
    connection: "psycopg.AsyncConnection[tuple[object, ...]]",
    account_id: int,
    entries: Entries,
    moment: Moment,
) -> int:
    """Every month of the year, each beginning where the one before it ended."""
    closing, compared = 0, 0
    for month in range(1, 13):
        name = f"1993-{month:02}"
        statement = await account_statement(
            connection,
            account_id,
            bank=BANK,
            booked_from=dt.date(1993, month, 1),
            booked_to=dt.date(1993, month, calendar.monthrange(1993, month)[1]),
            moment=moment,
        )
        assert statement is not None
        assert stated(statement) == within(entries, name), (account_id, name)
        assert statement.opening_balance == closing
        closing = statement.closing_balance
        compared += len(statement.entries)
    whole = sum(amount for date, amount in entries if date <= "1993-12-31")
    assert Decimal(closing).scaleb(-2) == whole
    return compared


def test_three_other_programs_read_the_books_and_agree_to_the_cent(
    bank: str, tmp_path: Path
) -> None:
    ours = keepers.totals(trial_balance(recorded.event.entry for recorded in read_log(bank)))
    books, beans = tmp_path / "hledger", tmp_path / "beancount"
    exported = keepers.export(bank, HLEDGER, books)
    assert keepers.export(bank, BEANCOUNT, beans).assertions == exported.assertions >= 39_576
    assert exported.entries >= 46_997

    assert keepers.checked_by_hledger(books) == ""
    for balances in (
        keepers.balances_of_hledger(books),
        keepers.balances_of_ledger(books),
        keepers.asserted_last(beans),
    ):
        assert keepers.by_ledger_account(balances) == ours
        assert sum(1 for name, _ in balances if name.startswith("Liabilities")) > 1_000
    # It holds every assertion, the last ones too.
    assert keepers.checked_by_beancount(beans) == ""
