"""Reading a settlement file: all of it, or none, with the line that is wrong."""

import csv
import datetime as dt
import io
import re
from typing import Final, cast

from domain.money import MINOR_UNITS_MAX, decimals_of
from domain.reconciliation import LineStatus, SettlementLine
from domain.refusals import UnknownCurrency

HEADER: Final = ("key", "reference", "amount", "currency", "status", "captured_at")
LINES_MAX: Final = 200_000
BYTES_MAX: Final = 64 * 1024 * 1024
TEXT_LENGTH_MAX: Final = 128
STATUSES: Final = ("captured", "refunded")
_AMOUNT: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z", re.ASCII
)


class SettlementFileRefused(Exception):
    """The file is not one that can be reconciled; the message names the line and what is wrong."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"Line {line} of the settlement file: {what}.")


def read_settlement_file(content: bytes) -> list[SettlementLine]:
    """The lines of a CSV file with the columns of `HEADER`; amounts are minor units, times are UTC."""
    if len(content) > BYTES_MAX:
        raise SettlementFileRefused(1, f"the file has more than {BYTES_MAX} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettlementFileRefused(1, "the file is not UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[SettlementLine] = []
    try:
        if tuple(next(reader, ())) != HEADER:
            raise SettlementFileRefused(1, f"the columns must be {', '.join(HEADER)}")
        for fields in reader:
            if len(lines) >= LINES_MAX:
                raise SettlementFileRefused(reader.line_num, f"there are more than {LINES_MAX}")
            lines.append(_line(reader.line_num, fields))
    except csv.Error as error:
        raise SettlementFileRefused(reader.line_num, str(error)) from None
    if text and not text.endswith("\n"):
        # What was cut off in the middle of an amount may still look like one.
        raise SettlementFileRefused(reader.line_num, "the file ends within a line")
    return lines


def _line(number: int, fields: list[str]) -> SettlementLine:
    if len(fields) != len(HEADER):
        raise SettlementFileRefused(number, f"{len(fields)} fields, not {len(HEADER)}")
    key, reference, amount, currency, status, captured_at = fields
    for name, text in (("key", key), ("reference", reference)):
        if not 0 < len(text) <= TEXT_LENGTH_MAX or not text.isprintable():
            raise SettlementFileRefused(number, f"the {name} is no short printable text")
    if not _AMOUNT.fullmatch(amount) or int(amount) > MINOR_UNITS_MAX:
        raise SettlementFileRefused(number, f"{amount[:32]!r} is no amount in minor units")
    if status not in STATUSES:
        raise SettlementFileRefused(number, f"the status {status[:32]!r} is not one of {STATUSES}")
    try:
        decimals_of(currency)
    except UnknownCurrency:
        raise SettlementFileRefused(number, f"{currency[:32]!r} is no currency") from None
    return SettlementLine(
        key, reference, int(amount), currency, cast(LineStatus, status), _at(number, captured_at)
    )


def _at(number: int, text: str) -> dt.datetime:
    if _INSTANT.fullmatch(text):
        try:
            return dt.datetime.fromisoformat(text)
        except ValueError:
            pass
    raise SettlementFileRefused(number, f"{text[:40]!r} is no instant such as 2026-03-31T12:00:00Z")
