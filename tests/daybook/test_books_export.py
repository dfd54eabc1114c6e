"""The books as other programs read them: each of them, with its own arithmetic, agrees to the cent."""

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from pyarrow import parquet

from application import clock
from daybook.books_export.beancount import BEANCOUNT
from daybook.books_export.booked import ExportRefused, account_name
from daybook.books_export.export import Exported
from daybook.books_export.forms import Form, figure_of
from daybook.books_export.hledger import HLEDGER
from daybook.books_export.parquet import export_parquet
from ledger.chart_of_accounts import CHART
from ledger.trial_balance import trial_balance
from readmodels import trial_balance as views
from tests import book_keepers as keepers
from tests.bank import Bank, deposit, read_log
from tests.busy_bank import keep_busy
from tests.readmodels.asking import moment, project, read

MOVES = 120
PROGRAMS = [
    pytest.param(HLEDGER, keepers.checked_by_hledger, keepers.balances_of_hledger, id="hledger"),
    pytest.param(HLEDGER, keepers.checked_by_ledger, keepers.balances_of_ledger, id="ledger"),
    pytest.param(
        BEANCOUNT, keepers.checked_by_beancount, keepers.balances_of_beancount, id="beancount"
    ),
]


@pytest.fixture(scope="module")
def busy(module_database: str) -> str:
    with Bank(module_database) as bank:
        keep_busy(bank, seed=7, moves=MOVES)
    project(module_database)
    return module_database


@pytest.mark.parametrize(("form", "checked", "balances_of"), PROGRAMS)
def test_the_program_accepts_every_line_and_has_our_balances(
    busy: str,
    tmp_path: Path,
    form: Form,
    checked: Callable[[Path], str],
    balances_of: Callable[[Path], keepers.Balances],
) -> None:
    log = read_log(busy)
    for known_at in (None, len(log) // 2):
        books = tmp_path / f"books-{known_at}"
        exported = keepers.export(busy, form, books, known_at)
        known = log[: exported.position]

        assert checked(books) == ""
        ours = keepers.totals(trial_balance(recorded.event.entry for recorded in known))
        assert keepers.by_ledger_account(balances_of(books)) == ours
        at = moment(exported.position, clock.now().date() + dt.timedelta(1))
        assert keepers.totals(read(busy, lambda c, at=at: views.trial_balance(c, at))) == ours  # type: ignore[misc]
        assert len({currency for _, currency in ours}) == 3
        assert exported.entries == sum(1 for recorded in known if recorded.event.entry)


@pytest.mark.parametrize(("form", "checked", "balances_of"), PROGRAMS)
@pytest.mark.parametrize("wrong", ["a posting", "a balance"])
def test_the_program_finds_a_single_minor_unit(
    busy: str,
    tmp_path: Path,
    form: Form,
    checked: Callable[[Path], str],
    balances_of: Callable[[Path], keepers.Balances],
    wrong: str,
) -> None:
    """The control of the test above: what it holds against us would be seen."""
    books = tmp_path / "books"
    keepers.export(busy, form, books)
    text = books.read_text()
    line = {
        "a posting": r"^ +\S+:1010-\S+  (\d+\.\d\d)(?= EUR$)",
        "a balance": r"1010\S+ .*?(\d+\.\d\d)(?= EUR$)"
        if form is HLEDGER
        else r"balance \S+:1010\S+  (\d+\.\d\d)(?= ~)",
    }[wrong]
    last = list(re.finditer(line, text, re.MULTILINE))[-1]
    cents = int(last[1].replace(".", "")) + 1
    books.write_text(text[: last.start(1)] + figure_of(cents, "EUR") + text[last.end(1) :])

    assert checked(books) != ""


def test_a_book_is_the_same_bytes_as_long_as_the_log_goes_on(database: str, tmp_path: Path) -> None:
    with Bank(database) as bank:
        keep_busy(bank, seed=1, moves=20)
        before = keepers.export(database, BEANCOUNT, tmp_path / "before")
        for _ in range(3):
            bank.submit(deposit(1, 1))
    after = keepers.export(database, BEANCOUNT, tmp_path / "after", before.position)

    assert (tmp_path / "before").read_bytes() == (tmp_path / "after").read_bytes()
    assert before.entries == after.entries


def test_an_account_and_currency_is_asserted_on_every_day_it_was_booked_on(
    busy: str, tmp_path: Path
) -> None:
    exported = keepers.export(busy, BEANCOUNT, tmp_path / "books")
    booked = {
        (recorded.event.booking_date, posting.ledger_account, posting.sub_account, posting.currency)
        for recorded in read_log(busy)
        for posting in recorded.event.entry
    }

    asserted = re.findall(r"^\S+ balance ", (tmp_path / "books").read_text(), re.MULTILINE)
    assert len(asserted) == exported.assertions == len(booked)
    assert exported.days == len({day for day, *_ in booked}) > 3


def test_names_are_of_what_every_program_takes() -> None:
    names = {account_name((code, None)) for code in CHART}
    names |= {account_name((2110, "account-17")), account_name((2110, "account-18"))}

    assert "Liabilities:2110-Customers-Checking-Accounts:Account-17" in names
    assert len(names) == len(CHART) + 2
    for name in names:
        assert re.fullmatch(r"[A-Z][a-z]+(:[A-Z0-9][A-Za-z0-9-]*)+", name)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("DELETE FROM daybook_events WHERE notification_id = 2", "at the first"),
        (
            """UPDATE daybook_events SET state = convert_to(replace(convert_from(state, 'UTF8'),
                   '"C",100', '"C",101'), 'UTF8') WHERE notification_id = 3""",
            "at position 3: debits and credits differ",
        ),
    ],
)
def test_a_damaged_log_is_not_exported(
    database: str, tmp_path: Path, damage: str, reason: str
) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 1})
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE daybook_events DISABLE TRIGGER append_only")
        changed = connection.execute(damage.encode())
        assert changed.rowcount == 1

    with pytest.raises(ExportRefused, match=reason):
        keepers.export(database, HLEDGER, tmp_path / "books")


def test_the_books_of_a_bank_without_events_are_empty(database: str, tmp_path: Path) -> None:
    assert keepers.export(database, HLEDGER, tmp_path / "books") == Exported(0)


@pytest.mark.parametrize(
    ("minor_units", "currency", "figure"),
    [(5, "EUR", "0.05"), (-5, "EUR", "-0.05"), (-100, "JPY", "-100"), (1005, "BHD", "1.005")],
)
def test_an_amount_has_the_decimals_of_its_currency(
    minor_units: int, currency: str, figure: str
) -> None:
    assert figure_of(minor_units, currency) == figure


def test_a_parquet_file_holds_every_posting_and_comes_to_our_balances(
    busy: str, tmp_path: Path
) -> None:
    log = read_log(busy)
    with psycopg.connect(busy) as connection, (tmp_path / "books").open("wb") as file:
        count = export_parquet(connection, len(log), file)

    rows = parquet.read_table(tmp_path / "books").to_pylist()
    found: dict[tuple[int, str], int] = {}
    for row in rows:
        place = row["ledger_account"], row["currency"]
        found[place] = found.get(place, 0) + row["minor_units"]

    assert count == len(rows) == sum(len(recorded.event.entry) for recorded in log)
    ours = keepers.totals(trial_balance(recorded.event.entry for recorded in log))
    assert {place: total for place, total in found.items() if total} == ours
    assert {(row["currency"], row["decimals"]) for row in rows} == {
        ("EUR", 2),
        ("JPY", 0),
        ("BHD", 3),
    }
    assert {row["position"]: row["recorded_at"] for row in rows} == {
        recorded.position: recorded.event.recorded_at for recorded in log if recorded.event.entry
    }
