"""Writing the books into a file, in booking order, with the balances of every booked day."""

from typing import IO, Any

import msgspec
import psycopg

from daybook.books_export.booked import Account, account_name, booked_days
from daybook.books_export.forms import Form
from readmodels.transaction_rows import kind_of


class Exported(msgspec.Struct):
    """What was written: entries and their postings, accounts by name, and balances asserted."""

    position: int
    days: int = 0
    entries: int = 0
    postings: int = 0
    accounts: int = 0
    assertions: int = 0


def export_books(
    form: Form, connection: psycopg.Connection[Any], position: int, file: IO[bytes]
) -> Exported:
    """Write the books as known at a position; the same position, the same bytes.

    Within a database transaction of the caller. What is in memory is a balance for each account, and
    never the books. Raises `ExportRefused` where the log is damaged.
    """
    exported = Exported(position)
    names: dict[Account, str] = {}
    sums: dict[tuple[str, str], int] = {}
    commodities: set[str] = set()
    file.write(form.head(position).encode())
    for day, booked_that_day in booked_days(connection, position):
        touched: set[tuple[str, str]] = set()
        for booked in booked_that_day:
            named: list[str] = []
            for posting in booked.entry:
                account = posting.ledger_account, posting.sub_account
                if posting.currency not in commodities:
                    commodities.add(posting.currency)
                    file.write(form.commodity(posting.currency, day).encode())
                name = names.get(account)
                if name is None:
                    name = names[account] = account_name(account)
                    file.write(form.account(name, day).encode())
                named.append(name)
                place = name, posting.currency
                signed = posting.amount if posting.side == "D" else -posting.amount
                sums[place] = sums.get(place, 0) + signed
                touched.add(place)
            file.write(form.entry(booked, kind_of(booked.event.fact), named).encode())
            exported.entries += 1
            exported.postings += len(named)
        balances = [(*place, sums[place]) for place in sorted(touched)]
        file.write(form.balances(day, balances).encode())
        exported.days += 1
        exported.assertions += len(touched)
    exported.accounts = len(names)
    return exported
