"""The files of the Berka bank (PKDD'99), read row by row.

They are gzip CSV files with a header, in UTF-8, one row a line. A row that cannot be read becomes a
`Fault` that names its file and line, and the reading goes on with the next.
"""

import csv
import datetime as dt
import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar

import msgspec

from domain.account_facts import Right

LINE_BYTES_MAX: Final = 4096
# The complete bank has 1,056,320 transactions.
ROWS_MAX: Final = 2_000_000

AMOUNT: Final = re.compile(r"-?\d{1,15}(\.\d{1,4})?", re.ASCII)
NUMBER: Final = re.compile(r"\d{1,15}", re.ASCII)
ISO_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
SHORT_DATE: Final = re.compile(r"\d{6}", re.ASCII)
TEXT_MAX: Final = 40

RIGHTS: Final[dict[str, Right]] = {"OWNER": "owner", "DISPONENT": "authorised"}

Kind: TypeAlias = Literal[
    "deposit",
    "withdrawal",
    "payment received",
    "payment sent",
    "interest credited",
    "interest charged",
    "fee",
]

# What the bank calls a movement: by operation, and for its own ones by the symbol.
CREDITS: Final[dict[str, Kind]] = {"VKLAD": "deposit", "PREVOD Z UCTU": "payment received"}
DEBITS: Final[dict[str, Kind]] = {
    "VYBER": "withdrawal",
    "VYBER KARTOU": "withdrawal",
    "PREVOD NA UCET": "payment sent",
}
INTEREST: Final = "UROK"
CHARGES: Final[dict[str, Kind]] = {"SLUZBY": "fee", "SANKC. UROK": "interest charged"}


class BerkaError(Exception):
    """The folder cannot be imported at all; nothing was written."""


class Unreadable(ValueError):
    """A line could not be got out of its file."""


class Place(msgspec.Struct, frozen=True):
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Fault(msgspec.Struct, frozen=True):
    """A row that cannot be imported, and why."""

    place: Place
    reason: str


class Client(msgspec.Struct, frozen=True):
    """Nothing of the person but the bank's own number."""

    place: Place
    client_id: int


class BankAccount(msgspec.Struct, frozen=True):
    place: Place
    account_id: int
    opened_on: dt.date


class Disposition(msgspec.Struct, frozen=True):
    """What a client may do with an account."""

    place: Place
    client_id: int
    account_id: int
    right: Right


class Movement(msgspec.Struct, frozen=True):
    """A transaction as printed. `balance` is the printed one after it, rounded to 0.1.

    `sequence` is its number in the order of its account, or None where the file does not tell.
    """

    place: Place
    trans_id: int
    account_id: int
    booked_on: dt.date
    kind: Kind
    amount: Decimal
    balance: Decimal
    category: str | None
    counterparty: str | None
    sequence: int | None

    @property
    def signed(self) -> Decimal:
        """The amount as the holder sees it."""
        credit = self.kind in ("deposit", "payment received", "interest credited")
        return self.amount if credit else -self.amount


Fields: TypeAlias = dict[str, str]
T = TypeVar("T")
Advance: TypeAlias = Callable[[int], None]

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "client": ("client_id",),
    "account": ("account_id", "date"),
    "disp": ("client_id", "account_id", "type"),
    "trans": (
        *("trans_id", "account_id", "date", "type", "operation", "amount", "balance"),
        *("k_symbol", "bank", "account"),
    ),
    "loan": ("loan_id", "account_id", "date", "amount", "duration", "payments", "status"),
    "order": ("order_id", "account_id", "bank_to", "account_to", "amount", "k_symbol"),
}
# Files that a folder may lack.
OPTIONAL: Final = ("loan", "order")


class BerkaFiles(msgspec.Struct, frozen=True):
    """Where the files are. The transactions may be in several, read in the order of their names.

    Without `loan` there are no loans, and without `order` none of their instalments to the cent.
    """

    client: Path
    account: Path
    disp: Path
    trans: tuple[Path, ...]
    loan: Path | None = None
    order: Path | None = None

    @property
    def size_bytes(self) -> int:
        files = (self.client, self.account, self.disp, *self.trans, self.loan, self.order)
        return sum(path.stat().st_size for path in files if path is not None)


def find_files(folder: Path) -> BerkaFiles:
    """The files of the folder, each with its header checked; raises `BerkaError` before a row is read."""
    if not folder.is_dir():
        raise BerkaError(f"{folder} is not a folder")
    found = {}
    for name in ("client", "account", "disp"):
        found[name] = folder / f"{name}.csv.gz"
        if not found[name].is_file():
            raise BerkaError(f"{folder} holds no {name}.csv.gz")
    for name in OPTIONAL:
        if (path := folder / f"{name}.csv.gz").is_file():
            found[name] = path
    trans = tuple(sorted(folder.glob("trans*.csv.gz")))
    if not trans:
        raise BerkaError(f"{folder} holds no transactions: a file like trans.csv.gz")
    for name, path in (*found.items(), *(("trans", path) for path in trans)):
        _check_header(path, COLUMNS[name])
    return BerkaFiles(**found, trans=trans)


def clients(path: Path, advance: Advance) -> Iterator[Client | Fault]:
    return parsed(path, advance, lambda place, row: Client(place, number_in(row, "client_id")))


def bank_accounts(path: Path, advance: Advance) -> Iterator[BankAccount | Fault]:
    return parsed(path, advance, _bank_account)


def dispositions(path: Path, advance: Advance) -> Iterator[Disposition | Fault]:
    return parsed(path, advance, _disposition)


def movements(paths: Iterable[Path], advance: Advance) -> Iterator[Movement | Fault]:
    """Every transaction, each account's in their order, however the rows lie in the files."""
    return _in_order(row for path in paths for row in parsed(path, advance, _movement))


def _in_order(rows: Iterable[Movement | Fault]) -> Iterator[Movement | Fault]:
    """Hold a row back until the one before it in its account has come, or the files have ended."""
    wanted: dict[int, int] = {}
    held: dict[int, dict[int, Movement]] = {}
    for row in rows:
        if isinstance(row, Fault) or row.sequence is None:
            yield row
            continue
        due = wanted.get(row.account_id, 1)
        if row.sequence > due:
            twin = held.setdefault(row.account_id, {}).setdefault(row.sequence, row)
            if twin is not row:
                yield row
            continue
        yield row
        if row.sequence < due:
            continue
        waiting = held.get(row.account_id, {})
        due += 1
        while due in waiting:
            yield waiting.pop(due)
            due += 1
        wanted[row.account_id] = due
    for waiting in held.values():
        yield from (waiting[sequence] for sequence in sorted(waiting))


def _bank_account(place: Place, row: Fields) -> BankAccount:
    return BankAccount(place, number_in(row, "account_id"), short_date_in(row))


def _disposition(place: Place, row: Fields) -> Disposition:
    right = RIGHTS.get(row["type"])
    if right is None:
        raise ValueError(f"the type is {row['type']!r}, and should be OWNER or DISPONENT")
    return Disposition(place, number_in(row, "client_id"), number_in(row, "account_id"), right)


def _movement(place: Place, row: Fields) -> Movement:
    date = row["date"]
    if not ISO_DATE.fullmatch(date):
        raise ValueError(f"the date is {date!r}, and should be like 1993-01-05")
    partner = " ".join(part for part in (text_in(row, "bank"), text_in(row, "account")) if part)
    return Movement(
        place=place,
        trans_id=number_in(row, "trans_id"),
        account_id=number_in(row, "account_id"),
        booked_on=_date(int(date[:4]), int(date[5:7]), int(date[8:])),
        kind=_kind(row["type"], row["operation"], row["k_symbol"]),
        amount=amount_in(row, "amount"),
        balance=amount_in(row, "balance"),
        category=text_in(row, "k_symbol") or None,
        counterparty=partner or None,
        sequence=number_in(row, "seq_in_account") if "seq_in_account" in row else None,
    )


def _kind(type_: str, operation: str, symbol: str) -> Kind:
    kind: Kind | None = None
    if type_ == "PRIJEM":
        kind = CREDITS.get(operation)
        if not operation and symbol == INTEREST:
            kind = "interest credited"
    elif type_ in ("VYDAJ", "VYBER"):
        # SLUZBY and SANKC. UROK are taken by the bank itself; SIPO and the like are for others.
        kind = CHARGES.get(symbol) or DEBITS.get(operation)
    if kind is None:
        raise ValueError(
            f"no movement is of type {type_!r} with operation {operation!r} and symbol {symbol!r}"
        )
    return kind


def number_in(row: Fields, column: str) -> int:
    if not NUMBER.fullmatch(row[column]) or not int(row[column]):
        raise ValueError(f"the {column} is {row[column]!r}, and should be a number above zero")
    return int(row[column])


def amount_in(row: Fields, column: str) -> Decimal:
    if not AMOUNT.fullmatch(row[column]):
        raise ValueError(f"the {column} is {row[column]!r}, and should be like 900.00")
    return Decimal(row[column])


def short_date_in(row: Fields) -> dt.date:
    date = row["date"]
    if not SHORT_DATE.fullmatch(date):
        raise ValueError(f"the date is {date!r}, and should be like 930101")
    return _date(1900 + int(date[:2]), int(date[2:4]), int(date[4:]))


def text_in(row: Fields, column: str) -> str:
    if len(row[column]) > TEXT_MAX:
        raise ValueError(f"the {column} is longer than {TEXT_MAX} characters")
    return row[column]


def _date(year: int, month: int, day: int) -> dt.date:
    try:
        return dt.date(year, month, day)
    except ValueError:
        raise ValueError(f"there is no day {year:04}-{month:02}-{day:02}") from None


# --- Lines


def _check_header(path: Path, columns: Iterable[str]) -> None:
    try:
        with gzip.open(path) as file:
            header = _fields(file.readline(LINE_BYTES_MAX).removeprefix(b"\xef\xbb\xbf"))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise BerkaError(f"{path.name} cannot be read: {error}") from None
    missing = [column for column in columns if column not in header]
    if missing:
        raise BerkaError(f"{path.name}:1: the header lacks {', '.join(missing)}")
    if len(set(header)) < len(header):
        raise BerkaError(f"{path.name}:1: the header names a column twice")


def parsed(
    path: Path, advance: Advance, parse: Callable[[Place, Fields], T]
) -> Iterator[T | Fault]:
    """Each row parsed, or its fault. `advance` is told how many bytes of the file were read since."""
    header: list[str] = []
    for place, line in _lines(path, advance):
        try:
            if isinstance(line, Unreadable):
                raise line
            fields = _fields(line if header else line.removeprefix(b"\xef\xbb\xbf"))
            if not header:
                header = fields
                continue
            if len(fields) != len(header):
                raise ValueError(f"the row has {len(fields)} fields, and should have {len(header)}")
            row = parse(place, dict(zip(header, fields, strict=True)))
        except ValueError as error:
            yield Fault(place, str(error))
        else:
            yield row


def _lines(path: Path, advance: Advance) -> Iterator[tuple[Place, bytes | Unreadable]]:
    """Every line that is not empty; in place of one that cannot be read, the reason."""
    number = told = 0
    with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) as file:
        while True:
            number += 1
            place = Place(path.name, number)
            try:
                line = file.readline(LINE_BYTES_MAX)
                too_long = len(line) == LINE_BYTES_MAX and not line.endswith(b"\n")
                rest = line
                while too_long and rest and not rest.endswith(b"\n"):
                    rest = file.readline(LINE_BYTES_MAX)
            except (OSError, EOFError, zlib.error) as error:
                yield place, Unreadable(f"the rest of the file cannot be read: {error}")
                return
            if raw.tell() != told:
                advance(raw.tell() - told)
                told = raw.tell()
            if not line:
                return
            if number > ROWS_MAX:
                yield (
                    place,
                    Unreadable(f"the file has more than {ROWS_MAX} rows; the rest was not read"),
                )
                return
            if too_long:
                yield place, Unreadable(f"the line is longer than {LINE_BYTES_MAX} bytes")
            elif line.strip():
                yield place, line


def _fields(line: bytes) -> list[str]:
    try:
        text = line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("the line is not UTF-8") from None
    if not text.isprintable():
        raise ValueError("the line holds characters that cannot be printed")
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader((text,), strict=True))
    except csv.Error as error:
        raise ValueError(f"the line is no CSV: {error}") from None
