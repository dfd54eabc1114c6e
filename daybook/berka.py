"""The Berka bank brought in: its clients, accounts and loans, and every transaction on its own day.

Everything goes through the writer under a key made from the bank's own number, so a second import,
or one that was killed and starts again, finds what the first one did and adds what is missing.
"""

import datetime as dt
import time
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final, Literal, LiteralString, TypeVar

import psycopg

from application import accounts, clock, loan_servicing
from application.books import Answer, Command
from application.commands import Details
from application.keyring import Keyring
from application.transact import Writer
from application.users import NewUser
from daybook.berka_files import (
    Advance,
    BankAccount,
    BerkaFiles,
    Client,
    Disposition,
    Fault,
    Movement,
    bank_accounts,
    clients,
    dispositions,
    movements,
)
from daybook.berka_loan_files import BankLoan, instalments, loans
from daybook.berka_loans import Lending
from daybook.berka_orders import StandingOrderRow, import_orders, standing_orders
from daybook.berka_report import Count, Difference, Report
from daybook.loading import NO_PASSWORD, Told, answered, ask, fresh_ids, register, told
from domain.money import decimal_of

CURRENCY: Final = "CZK"
REASON: Final = "import"
NOTHING: Final = Decimal(0)

KNOWN_USERS: Final = """
    SELECT substr(key, 14)::bigint, (convert_from(answer, 'UTF8')::json ->> 'user_id')::bigint
      FROM commands
     WHERE principal = 'system-0' AND key ~ '^berka-client-[0-9]{1,15}$' AND status = 201
"""
KNOWN_ACCOUNTS: Final = """
    SELECT substr(name, 25)::bigint, substr(holder, 9)::bigint FROM claims
     WHERE name ~ '^account-reference/berka-[0-9]{1,15}$'
"""
KNOWN_LOANS: Final = """
    SELECT substr(name, 22)::bigint, substr(holder, 6)::bigint FROM claims
     WHERE name ~ '^loan-reference/berka-[0-9]{1,15}$'
"""


Row = TypeVar("Row", Client, BankAccount, Disposition, Movement, StandingOrderRow, BankLoan)
Listed = TypeVar("Listed", Client, BankAccount)


async def import_berka(
    conninfo: str, files: BerkaFiles, *, keyring: Keyring, zone: dt.tzinfo, advance: Advance
) -> Report:
    """Import what is not yet there. `advance` is told of compressed bytes as they are read.

    Rows that cannot be read or that the bank refuses are in the report; everything else is posted.
    Raises `Unavailable` or `OutcomeUnknown` where the store fails; importing again carries on.
    """
    began = time.perf_counter()
    report = Report()
    writer = Writer(conninfo, zone=zone)
    writer.start()
    try:
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            users = await _register_clients(writer, connection, keyring, files, report, advance)
            opened = await _open_accounts(writer, connection, files, users, report, advance)
            lending = await _lending(connection, files, opened, report, advance)
            await _post_movements(writer, files, opened, lending, report, advance)
            today = clock.business_date(clock.now(), zone)
            await _agree_orders(writer, connection, files, opened, today, report, advance)
    finally:
        await writer.stop()
    report.refusals.sort(key=lambda fault: (fault.place.file, fault.place.line))
    report.elapsed_seconds = time.perf_counter() - began
    return report


async def _register_clients(
    writer: Writer,
    connection: psycopg.AsyncConnection[Any],
    keyring: Keyring,
    files: BerkaFiles,
    report: Report,
    advance: Advance,
) -> dict[int, int]:
    """The user of every client: one who cannot sign in, and of whom nothing is kept but a number."""
    count = report.clients
    found = _once(_sound(clients(files.client, advance), count, report), "client", count, report)
    known = await _known(connection, KNOWN_USERS)
    ids = await _ids(connection, "user_ids", found, known)

    def command(client_id: int) -> Command:
        username = f"berka-client-{client_id}"
        user = NewUser(ids[client_id], username, f"{username}@berka.invalid", "user", NO_PASSWORD)
        return register(username, user, keyring)

    users = {}
    asked = ((client, command(client_id)) for client_id, client in found.items())
    async for client, answer in answered(writer, asked):
        said = _settled(client, answer, count, report)
        if said is not None and said.user_id is not None:
            users[client.client_id] = said.user_id
    return users


async def _open_accounts(
    writer: Writer,
    connection: psycopg.AsyncConnection[Any],
    files: BerkaFiles,
    users: dict[int, int],
    report: Report,
    advance: Advance,
) -> dict[int, int]:
    """Our account of every account of theirs that is open: the one that carries its reference."""
    count = report.accounts
    rows = _sound(bank_accounts(files.account, advance), count, report)
    found = _once(rows, "account", count, report)
    holders = _holders(files, users, found, report, advance)
    opened = await _known(connection, KNOWN_ACCOUNTS)
    ids = await _ids(connection, "account_ids", found, opened)

    def asked() -> Iterator[tuple[BankAccount, Command]]:
        for number, row in found.items():
            owner, *authorised = holders.get(number, [None])
            if owner is None:
                report.refuse(
                    count, row.place, f"account {number} has no owner in {files.disp.name}"
                )
                continue
            yield (
                row,
                accounts.open_account(
                    ask(f"berka-account-{number}"),
                    account_id=ids[number],
                    user_id=owner,
                    account_type="checking",
                    currency=CURRENCY,
                    reference=f"berka-{number}",
                    authorised=[user for user in authorised if user is not None],
                    opened_on=row.opened_on,
                ),
            )

    async for row, answer in answered(writer, asked()):
        said = _settled(row, answer, count, report)
        if said is not None and said.account_id is not None:
            opened[row.account_id] = said.account_id
    return opened


def _holders(
    files: BerkaFiles,
    users: dict[int, int],
    found: dict[int, BankAccount],
    report: Report,
    advance: Advance,
) -> dict[int, list[int | None]]:
    """The users of each account: first its owner, or None, then those authorised to use it."""
    count = report.dispositions
    holders: dict[int, list[int | None]] = {}
    for row in _sound(dispositions(files.disp, advance), count, report):
        holding = holders.setdefault(row.account_id, [None])
        user = users.get(row.client_id)
        reason = None
        if row.account_id not in found:
            reason = f"account {row.account_id} is not in {files.account.name}"
        elif user is None:
            reason = f"client {row.client_id} is not in {files.client.name}"
        elif user in holding:
            reason = f"client {row.client_id} holds account {row.account_id} already"
        elif row.right == "owner" and holding[0] is not None:
            reason = f"account {row.account_id} has an owner already"
        if reason is not None:
            report.refuse(count, row.place, reason)
        elif row.right == "owner":
            holding[0] = user
        else:
            holding.append(user)
    return holders


async def _lending(
    connection: psycopg.AsyncConnection[Any],
    files: BerkaFiles,
    opened: dict[int, int],
    report: Report,
    advance: Advance,
) -> Lending:
    """The loans of accounts that are open, none of them granted yet."""
    found: dict[int, BankLoan] = {}
    count = report.loans
    rows = () if files.loan is None else _sound(loans(files.loan, advance), count, report)
    numbers: set[int] = set()
    for row in rows:
        if row.account_id not in opened:
            report.refuse(count, row.place, f"account {row.account_id} was not opened")
        elif row.account_id in found or row.loan_id in numbers:
            report.refuse(
                count,
                row.place,
                f"loan {row.loan_id} or one of account {row.account_id} came before",
            )
        else:
            found[row.account_id] = row
            numbers.add(row.loan_id)
    known = await _known(connection, KNOWN_LOANS)
    ids = await _ids(connection, "loan_ids", sorted(numbers), known)
    ordered = {} if files.order is None else instalments(files.order)
    return Lending(found.values(), ids, opened, ordered)


async def _post_movements(
    writer: Writer,
    files: BerkaFiles,
    opened: dict[int, int],
    lending: Lending,
    report: Report,
    advance: Advance,
) -> None:
    """Every transaction, and before it the loans that were granted by its day."""
    count = report.transactions

    def asked() -> Iterator[tuple[Movement | BankLoan, Command]]:
        for row in _sound(movements(files.trans, advance), count, report):
            yield from lending.granted_by(row.booked_on)
            account_id = opened.get(row.account_id)
            if account_id is None:
                report.refuse(count, row.place, f"account {row.account_id} was not opened")
                continue
            loan_id, reason = lending.repaid_by(row)
            if reason:
                report.no_repayments.append(Fault(row.place, reason))
            yield row, _movement(row, account_id, loan_id)
        report.later_loans = lending.later

    differences: dict[int, Decimal] = {}
    async for row, answer in answered(writer, asked()):
        if isinstance(row, BankLoan):
            _settled(row, answer, report.loans, report)
            continue
        said = _settled(row, answer, count, report)
        if said is None or said.balance is None:
            continue
        report.repayments += said.loan_id is not None
        difference = decimal_of(said.balance, CURRENCY) - row.balance
        step = difference - differences.get(row.account_id, NOTHING)
        differences[row.account_id] = difference
        report.largest_step = _larger(report.largest_step, abs(step), row)
        report.largest_difference = _larger(report.largest_difference, abs(difference), row)


async def _agree_orders(
    writer: Writer,
    connection: psycopg.AsyncConnection[Any],
    files: BerkaFiles,
    opened: dict[int, int],
    today: dt.date,
    report: Report,
    advance: Advance,
) -> None:
    if files.order is None:
        return
    count = report.standing_orders

    def tell(row: StandingOrderRow, refused: str | None, was_there: bool) -> None:
        if refused is not None:
            report.refuse(count, row.place, refused)
        elif was_there:
            count.already_there += 1
        else:
            count.posted += 1

    rows = _sound(standing_orders(files.order, advance), count, report)
    await import_orders(writer, connection, rows, opened, today, tell)


def _movement(row: Movement, account_id: int, loan_id: int | None) -> Command:
    """The command of a transaction, which may repay a loan of ours.

    Their bank made it, so a debit is forced where money is short.
    """
    asking, amount = ask(f"berka-trans-{row.trans_id}"), row.amount
    details = Details(
        description=f"berka trans {row.trans_id}",
        category=row.category,
        booking_date=row.booked_on,
        reason=REASON,
    )
    if loan_id is not None:
        return loan_servicing.repay(
            asking,
            loan_id,
            amount,
            details,
            account_id=account_id,
            counterparty=row.counterparty,
            forced=True,
        )
    match row.kind:
        case "deposit":
            return accounts.deposit(asking, account_id, amount, details)
        case "withdrawal":
            return accounts.withdraw(asking, account_id, amount, details, forced=True)
        case "payment received":
            return accounts.receive_payment(asking, account_id, amount, details, row.counterparty)
        case "payment sent":
            return accounts.send_payment(
                asking, account_id, amount, details, row.counterparty, forced=True
            )
        case "interest credited":
            return accounts.credit_interest(asking, account_id, amount, details)
        case "interest charged":
            return accounts.charge_interest(asking, account_id, amount, details)
        case "fee":
            return accounts.charge_fee(asking, account_id, amount, details)


# --- Rows and what became of them


def _sound(rows: Iterable[Row | Fault], count: Count, report: Report) -> Iterator[Row]:
    """The rows that could be read; the others go into the report."""
    for row in rows:
        count.read += 1
        if isinstance(row, Fault):
            report.refuse(count, row.place, row.reason)
        else:
            yield row


def _once(rows: Iterable[Listed], name: str, count: Count, report: Report) -> dict[int, Listed]:
    """Rows by their number; one whose number came before is refused."""
    found: dict[int, Listed] = {}
    for row in rows:
        number = row.client_id if isinstance(row, Client) else row.account_id
        if number in found:
            report.refuse(
                count, row.place, f"{name} {number} stands in {found[number].place} already"
            )
        else:
            found[number] = row
    return found


def _settled(
    row: Client | BankAccount | BankLoan | Movement, answer: Answer, count: Count, report: Report
) -> Told | None:
    """What the bank said about a row, or None where it refused."""
    said = told(answer)
    if said.refused is not None:
        report.refuse(count, row.place, said.refused)
        return None
    if answer.replayed:
        count.already_there += 1
    else:
        count.posted += 1
    return said


def _larger(known: Difference | None, amount: Decimal, row: Movement) -> Difference:
    if known is not None and known.amount >= amount:
        return known
    return Difference(amount, row.place, row.account_id, row.trans_id)


async def _known(connection: psycopg.AsyncConnection[Any], query: LiteralString) -> dict[int, int]:
    """Numbers of theirs with those of ours, as far as an import before this one has come."""
    return dict(await (await connection.execute(query)).fetchall())


async def _ids(
    connection: psycopg.AsyncConnection[Any],
    sequence: Literal["user_ids", "account_ids", "loan_ids"],
    found: Iterable[int],
    known: dict[int, int],
) -> dict[int, int]:
    """An id for each: the one known, or a fresh one."""
    missing = [number for number in found if number not in known]
    fresh = await fresh_ids(connection, sequence, len(missing))
    return known | dict(zip(missing, fresh, strict=True))
