"""A small made-up bank in the form of the Berka files, and its import."""

import asyncio
import datetime as dt
import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg

from daybook.berka import import_berka
from daybook.berka_files import find_files
from daybook.berka_report import Report
from tests.keys import keyring_of

# Who was imported, by the key of the command, and as which user.
USERS: Any = """
    SELECT c.key, u.role, u.user_id, u.password_hash
      FROM commands c JOIN users u
        ON u.user_id = (convert_from(c.answer, 'UTF8')::json ->> 'user_id')::bigint
     WHERE c.key LIKE 'berka-client-%' ORDER BY c.key
"""
TRANS = (
    "trans_id,account_id,date,type,operation,amount,balance,k_symbol,bank,account,seq_in_account"
)
FILES = {
    "client": ["client_id,birth_number,district_id", "1,706213,18", "2,450204,1", "3,406009,1"],
    "account": [
        "account_id,district_id,frequency,date",
        "576,55,POPLATEK MESICNE,930101",
        "704,55,POPLATEK TYDNE,970131",
    ],
    "disp": [
        "disp_id,client_id,account_id,type",
        "1,1,576,OWNER",
        "2,2,576,DISPONENT",
        "3,3,704,OWNER",
    ],
    "trans": [
        TRANS,
        "11,576,1993-01-01,PRIJEM,VKLAD,900.00,900.00,,,,1",
        "12,576,1993-01-11,PRIJEM,PREVOD Z UCTU,6207.00,7107.00,DUCHOD,YZ,30300313,2",
        "21,704,1993-01-12,PRIJEM,VKLAD,100.00,100.00,,,,1",
        "13,576,1993-01-31,PRIJEM,,20.16,7127.20,UROK,,,3",
        "14,576,1993-02-02,VYDAJ,PREVOD NA UCET,7000.00,127.20,SIPO,AB,1,4",
        "15,576,1993-02-03,VYBER,VYBER,200.00,-72.80,,,0,5",
        "16,576,1993-02-04,VYDAJ,VYBER,14.60,-87.40,SLUZBY,,,6",
        "17,576,1993-02-05,VYDAJ,VYBER,0.10,-87.50,SANKC. UROK,,,7",
        "18,576,1993-02-06,VYDAJ,VYBER KARTOU,10.00,-97.50,,,0,8",
        "19,576,1993-02-07,VYDAJ,PREVOD NA UCET,2.50,-100.00,UVER,AB,1,9",
    ],
}
MOVEMENTS = """
    SELECT a.name, convert_from(e.state, 'UTF8')::json ->> 'command_id', e.topic,
           convert_from(e.state, 'UTF8')::json #>> '{fact,amount}',
           convert_from(e.state, 'UTF8')::json #>> '{fact,balance}',
           convert_from(e.state, 'UTF8')::json ->> 'booking_date'
      FROM daybook_events e JOIN claims a ON a.holder = e.originator_id
     WHERE a.name LIKE 'account-reference/%' ORDER BY a.name, e.originator_version
"""


def written(folder: Path, **changed: Iterable[str | bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, lines in {**FILES, **changed}.items():
        encoded = [line if isinstance(line, bytes) else line.encode() for line in lines]
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(b"\n".join(encoded) + b"\n"))
    return folder


def imported(conninfo: str, folder: Path) -> Report:
    files = find_files(folder)
    return asyncio.run(
        import_berka(
            conninfo, files, keyring=keyring_of(conninfo), zone=dt.UTC, advance=lambda _: None
        )
    )


def refusals(report: Report) -> list[tuple[str, str]]:
    return [(str(fault.place), fault.reason) for fault in report.refusals]


def rows(conninfo: str, query: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(query).fetchall()


def books(conninfo: str) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """All that an import leaves, without what depends on when it ran: movements in order, users."""
    users = [user[:2] for user in rows(conninfo, USERS)]
    return rows(conninfo, MOVEMENTS), users
