"""Other book-keeping programs, and what they make of a file of books: a balance by account and currency."""

import csv
import os
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeAlias

import psycopg
import pytest

from daybook.books_export.export import Exported, export_books
from daybook.books_export.forms import Form
from domain.money import decimals_of
from ledger.trial_balance import TrialBalanceLine

# Minor units by account name and currency; what is zero is left out.
Balances: TypeAlias = dict[tuple[str, str], int]

SECONDS_MAX: Final = 280
CODE: Final = re.compile(r"\w+:(\d+)-")
UTF_8: Final = {**os.environ, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}
# beancount has no report of its own; this is its own loader and its own arithmetic.
BEANCOUNT_BALANCES: Final = """
import sys
from beancount import loader
from beancount.core import data, realization
entries, errors, _ = loader.load_file(sys.argv[1])
print(len(errors), file=sys.stderr)
for real in realization.iter_children(realization.realize(entries)):
    for position in real.balance:
        print(real.account, position.units.number, position.units.currency)
"""


def export(conninfo: str, form: Form, file: Path, known_at: int | None = None) -> Exported:
    with psycopg.connect(conninfo) as connection, file.open("wb") as out:
        if known_at is None:
            row = connection.execute("SELECT max(last_position) FROM commits").fetchone()
            known_at = (row[0] or 0) if row else 0
        return export_books(form, connection, known_at, out)


def said(*command: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=UTF_8,
        timeout=SECONDS_MAX,
        check=False,
    )


def found(program: str) -> str:
    """The program's path; the test is skipped where the machine has it not."""
    path = shutil.which(program) or shutil.which(program, path=str(Path(sys.executable).parent))
    if path is None:
        pytest.skip(f"{program} is not installed (Debian: apt-get install {program})")
    return path


def checked_by_hledger(books: Path) -> str:
    """What its strict check finds wrong, in words; nothing where all is right."""
    done = said(found("hledger"), "-f", books, "check", "-s", "ordereddates")
    return done.stderr if done.returncode else ""


def checked_by_ledger(books: Path) -> str:
    done = said(found("ledger"), "--args-only", "-f", books, "balance", "--depth", "1")
    return done.stderr if done.returncode or done.stderr else ""


def checked_by_beancount(books: Path) -> str:
    done = said(found("bean-check"), "--no-cache", books)
    return (done.stderr or f"status {done.returncode}") if done.returncode else ""


def balances_of_hledger(books: Path) -> Balances:
    done = said(found("hledger"), "-f", books, "balance", "--flat", "-N", "-O", "csv")
    assert done.returncode == 0, done.stderr
    balances: Balances = {}
    for name, amounts in list(csv.reader(done.stdout.splitlines()))[1:]:
        for amount in amounts.split(", "):
            _add(balances, name, amount)
    return balances


def balances_of_ledger(books: Path) -> Balances:
    form = "%(account)\t%(quoted(display_total))\n"
    command = (found("ledger"), "--args-only", "-f", books, "balance", "--flat", "--no-total")
    done = said(*command, "--format", form)
    assert done.returncode == 0, done.stderr
    balances: Balances = {}
    name = ""
    for line in done.stdout.replace("\\n", "\n").splitlines():
        head, tab, amount = line.partition("\t")
        name = head if tab else name
        _add(balances, name, (amount if tab else head).strip('" '))
    return balances


def balances_of_beancount(books: Path) -> Balances:
    done = said(sys.executable, "-c", BEANCOUNT_BALANCES, books)
    assert done.stderr.strip() == "0", done.stderr
    balances: Balances = {}
    for line in done.stdout.splitlines():
        name, _, amount = line.partition(" ")
        _add(balances, name, amount)
    return balances


def asserted_last(books: Path) -> Balances:
    """What the last assertion of each account says in a file for beancount."""
    balances: Balances = {}
    for line in books.read_text().splitlines():
        words = line.split()
        if words[1:2] == ["balance"]:
            balances.pop((words[2], words[6]), None)
            _add(balances, words[2], f"{words[3]} {words[6]}")
    return balances


def totals(lines: list[TrialBalanceLine]) -> dict[tuple[int, str], int]:
    """Debits less credits by ledger account and currency, where they differ."""
    found = {(line.ledger_account, line.currency): line.debits - line.credits for line in lines}
    return {place: total for place, total in found.items() if total}


def by_ledger_account(balances: Balances) -> dict[tuple[int, str], int]:
    found: dict[tuple[int, str], int] = {}
    for (name, currency), minor_units in balances.items():
        code = CODE.match(name)
        assert code is not None
        place = int(code[1]), currency
        found[place] = found.get(place, 0) + minor_units
    return {place: total for place, total in found.items() if total}


def _add(balances: Balances, name: str, amount: str) -> None:
    if amount in ("0", ""):
        return
    figure, _, currency = amount.partition(" ")
    minor_units = Decimal(figure).scaleb(decimals_of(currency))
    assert minor_units == int(minor_units), f"{amount} is no amount of the currency"
    if minor_units:
        balances[name, currency] = int(minor_units)
