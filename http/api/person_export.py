"""Everything that is kept of a person, as one JSON document: one's own, or asked for by compliance."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any, Final

import msgspec
from litestar import get
from litestar.params import FromPath
from litestar.types import ASGIApp, ControllerRouterHandler

from api.account_readings import AccountOut, account_out
from api.autopay import AutopayOut, autopay_out
from api.bill_readings import PaymentOut, payment_out
from api.bills import BillOut, bill_out
from api.call import Call, Streamed
from api.documents import answers, described
from api.loan_readings import LoanListed, loan_listed
from api.registrations import RegistrationOut, registration_out
from api.standing_orders import StandingOrderOut, order_out
from api.statements import IssuedOut, issued_out
from api.strict_json import encode
from api.transaction_readings import TransactionOut, transaction_out
from api.visibility import check_user, moment_of, newest_recorded
from application import clock, sessions, users
from application.erasure import standing_of
from application.pools import borrowed
from application.sealing import Place, unseal
from domain.access import STREAM
from domain.customer import DetailsChanged, Registered, Role
from domain.money import decimal_of
from domain.statement import account_of
from ledger.journal import Recorded
from readmodels import billers, bills, issued_statements, loans, standing_orders, transactions
from readmodels.accesses import AccessRow, Wanted, accesses
from readmodels.accounts import AccountRow, accounts_of
from readmodels.moments import Moment
from readmodels.person import PastHold, customer_events, every_hold
from readmodels.reading import PAGE_MAX, Connection


class DetailsOut(msgspec.Struct, kw_only=True):
    """The details as they were from that event on."""

    timestamp: dt.datetime
    position: int
    username: str
    email: str


class CustomerEventOut(msgspec.Struct, kw_only=True):
    """`role` is what the person has been from that event on, and `ended` that no sign-in was possible."""

    timestamp: dt.datetime
    position: int
    type: str
    role: Role
    ended: bool
    actor: str
    reason: str | None


class HoldExportOut(msgspec.Struct, kw_only=True):
    hold_id: int
    account_id: int
    amount: Decimal
    currency: str
    counterparty: str | None
    description: str | None
    placed_at: dt.datetime
    expires_at: dt.datetime | None
    outcome: str | None


class SignInOut(msgspec.Struct, kw_only=True):
    signed_in_at: dt.datetime
    expires_at: dt.datetime
    ended_at: dt.datetime | None


class LookOut(msgspec.Struct, kw_only=True):
    """A member of staff, by role and number, was shown what is the person's, or asked for it.

    `call` is the route, and `subjects` what of the person's it named; of others it may have named more.
    """

    timestamp: dt.datetime
    position: int
    by: str
    call: str
    subjects: list[str]
    outcome: str


class ComingInOut(msgspec.Struct, kw_only=True):
    """A sign-in or what came of it, and from which address where the person was let in; or a new password."""

    timestamp: dt.datetime
    position: int
    kind: str
    outcome: str
    address: str | None


class ExportOut(msgspec.Struct, kw_only=True):
    """`details` are all there ever were, the newest last; none of a person who was erased.

    `looks` are those at the person, or at what is the person's, the newest first, and the lists and
    reports in which any of it was shown.

    Of sign-ins, the newest thousand that are still kept. `complete` comes last: a document without it
    was cut off.
    """

    user_id: int
    role: Role
    erased: bool
    exported_at: dt.datetime
    known_at: int
    details: list[DetailsOut]
    events: list[CustomerEventOut]
    sign_ins: list[SignInOut]
    accounts: list[AccountOut]
    transactions: list[TransactionOut]
    holds: list[HoldExportOut]
    statements: list[IssuedOut]
    loans: list[LoanListed]
    bills: list[BillOut]
    bill_payments: list[PaymentOut]
    registrations: list[RegistrationOut]
    autopay: list[AutopayOut]
    standing_orders: list[StandingOrderOut]
    looks: list[LookOut]
    coming_in: list[ComingInOut]
    complete: bool = True


@get(
    "/users/{user_id:int}/export",
    **described("Everything about a person", answers(200, ExportOut, 401, 403, 404, 429, 503)),
)
async def export(request: Call, user_id: FromPath[int]) -> ASGIApp:
    """Details, sign-ins, accounts, transactions, holds, statements, loans, bills and orders, as they stand
    at one position. For oneself; compliance may ask for anybody."""
    bank = request.bank
    check_user(request.actor, user_id)
    standing = await standing_of(bank.persons, user_id)
    wanted = max(standing.position, newest_recorded(bank))
    async with borrowed(bank.reads) as connection:
        moment = await moment_of(connection, bank.today(), None, None, wanted)
        life = await customer_events(connection, user_id)
    head = {
        "user_id": user_id,
        "role": standing.customer.role,
        "erased": standing.customer.erased,
        "exported_at": clock.now(),
        "known_at": moment.known_at,
        "details": await _details(request, user_id, life),
        "events": [_event(recorded) for recorded in life],
        "sign_ins": [
            SignInOut(signed_in_at=began, expires_at=expires, ended_at=ended)
            for began, expires, ended in await sessions.sessions_of(
                bank.users, user_id, limit=PAGE_MAX
            )
        ],
    }
    return Streamed(_document(request, user_id, moment, head), position=moment.known_at)


async def _data_key(call: Call, user_id: int) -> bytes | None:
    """Opened; None of a person who was erased."""
    key = await users.data_key_of(call.bank.persons, user_id)
    if key is None:
        return None
    return await asyncio.to_thread(call.bank.keyring.opened, user_id, key)


async def _details(call: Call, user_id: int, life: list[Recorded]) -> list[DetailsOut]:
    data_key = await _data_key(call, user_id)
    if data_key is None:
        return []
    found = []
    for recorded in life:
        fact = recorded.event.fact
        if isinstance(fact, Registered | DetailsChanged) and fact.details:
            version = recorded.originator_version
            said = users.open_details(data_key, user_id, version, fact.details)
            found.append(
                DetailsOut(
                    timestamp=recorded.event.recorded_at,
                    position=recorded.position,
                    username=said[users.USERNAME],
                    email=said[users.EMAIL],
                )
            )
    return found


def _event(recorded: Recorded) -> CustomerEventOut:
    event = recorded.event
    return CustomerEventOut(
        timestamp=event.recorded_at,
        position=recorded.position,
        type=event.fact.TAG.rpartition(".")[0],
        role=event.fact.role,
        ended=event.fact.ended,
        actor=event.actor,
        reason=event.reason,
    )


Page = Callable[[Connection, Any], Awaitable[list[Any]]]
# A list of the document: its name, where its pages come from, and how a row is said.
Section = tuple[str, list[Page], Callable[[Any], Any]]


async def _document(
    call: Call, user_id: int, moment: Moment, head: dict[str, Any]
) -> AsyncIterator[bytes]:
    """The document in parts, a page of rows at a time; no connection is held between two pages."""
    yield encode(head)[:-1]
    account_ids: list[int] = []

    def account_said(row: AccountRow) -> AccountOut:
        account_ids.append(row.account_id)
        return account_out(row)

    async def accounts(connection: Connection, last: Any) -> list[Any]:
        after = last.account_id if last else 0
        return await accounts_of(connection, user_id=user_id, limit=PAGE_MAX, after=after)

    async for part in _section(call, ("accounts", [accounts], account_said)):
        yield part
    data_key = await _data_key(call, user_id)
    for section in (
        *_of_accounts(user_id, moment, account_ids),
        *_of_agreements(user_id, moment),
        *_of_accesses(user_id, moment, data_key),
    ):
        async for part in _section(call, section):
            yield part
    yield b',"complete":true}'


def _of_accounts(user_id: int, moment: Moment, account_ids: list[int]) -> list[Section]:
    async def moved(connection: Connection, last: Any) -> list[Any]:
        before = last.transaction_id if last else None
        return await transactions.history(
            connection, user_id=user_id, moment=moment, limit=PAGE_MAX, before=before
        )

    return [
        ("transactions", [moved], transaction_out),
        ("holds", [_held(account_id, moment) for account_id in account_ids], _hold_out),
        ("statements", [_issued(account_id) for account_id in account_ids], _statement_out),
    ]


def _of_agreements(user_id: int, moment: Moment) -> list[Section]:
    whose: dict[str, Any] = {"user_id": user_id, "limit": PAGE_MAX}

    async def lent(connection: Connection, last: Any) -> list[Any]:
        return await loans.loans_of(connection, **whose, after=last.loan_id if last else 0)

    async def owed(connection: Connection, last: Any) -> list[Any]:
        return await bills.bills(connection, moment, **whose, after=last.bill_id if last else 0)

    async def paid(connection: Connection, last: Any) -> list[Any]:
        before = last.payment_id if last else bills.POSITION_MAX
        return await bills.payments(connection, moment, **whose, before=before)

    async def registered(connection: Connection, last: Any) -> list[Any]:
        after = last.registration_id if last else 0
        return await billers.registrations(connection, moment.known_at, **whose, after=after)

    async def ruled(connection: Connection, last: Any) -> list[Any]:
        after = last.autopay_id if last else 0
        return await billers.autopay_rules(connection, **whose, after=after)

    async def ordered(connection: Connection, last: Any) -> list[Any]:
        before = last.order_id if last else standing_orders.ID_MAX
        return await standing_orders.standing_orders(connection, **whose, before=before)

    on = moment.as_of
    return [
        ("loans", [lent], lambda row: loan_listed(row, moment)),
        ("bills", [owed], lambda row: bill_out(row.bill_id, row.standing, row.biller, on)),
        ("bill_payments", [paid], payment_out),
        (
            "registrations",
            [registered],
            lambda row: registration_out(row.registration_id, row.link),
        ),
        ("autopay", [ruled], lambda row: autopay_out(row.autopay_id, row.rule)),
        ("standing_orders", [ordered], order_out),
    ]


def _of_accesses(user_id: int, moment: Moment, data_key: bytes | None) -> list[Section]:
    def kind_of(kind: str) -> Page:
        wanted = Wanted(user_id=user_id, kind=kind)

        async def page(connection: Connection, last: AccessRow | None) -> list[AccessRow]:
            before = last.position if last else moment.known_at + 1
            return await accesses(connection, wanted, before=before, limit=PAGE_MAX)

        return page

    def came_in(row: AccessRow) -> ComingInOut:
        address = None
        if data_key is not None and row.address is not None:
            address = unseal(data_key, Place(STREAM, row.version, "address"), row.address)
        return ComingInOut(
            timestamp=row.recorded_at,
            position=row.position,
            kind=row.kind,
            outcome=row.outcome,
            address=address,
        )

    kinds = (
        *("signed-in", "sign-in-failed", "refresh-reused", "refresh-refused", "signed-out"),
        "password-changed",
    )
    return [
        ("looks", [kind_of("looked")], _look_out),
        ("coming_in", [kind_of(kind) for kind in kinds], came_in),
    ]


def _look_out(row: AccessRow) -> LookOut:
    return LookOut(
        timestamp=row.recorded_at,
        position=row.position,
        by=row.actor,
        call=row.call,
        subjects=row.theirs,
        outcome=row.outcome,
    )


async def _section(call: Call, section: Section) -> AsyncIterator[bytes]:
    """All pages of each source, one after the other."""
    name, sources, said = section
    yield f',"{name}":['.encode()
    comma = b""
    for page in sources:
        last: Any = None
        while True:
            async with borrowed(call.bank.reads) as connection:
                rows = await page(connection, last)
            if rows:
                yield comma + encode([said(row) for row in rows])[1:-1]
                comma = b","
            if len(rows) < PAGE_MAX:
                break
            last = rows[-1]
    yield b"]"


def _held(account_id: int, moment: Moment) -> Page:
    async def page(connection: Connection, last: PastHold | None) -> list[PastHold]:
        after = last.position if last else 0
        return await every_hold(connection, account_id, after=after, known_at=moment.known_at)

    return page


def _issued(account_id: int) -> Page:
    async def page(connection: Connection, last: Recorded | None) -> list[Recorded]:
        after = last.originator_version if last else 0
        return await issued_statements.issued_of(
            connection, account_id, after=after, limit=PAGE_MAX
        )

    return page


def _statement_out(row: Recorded) -> IssuedOut:
    account_id = account_of(row.originator_id)
    return issued_out(account_id, row.event.fact, row.event.recorded_at, row.position)


def _hold_out(row: PastHold) -> HoldExportOut:
    return HoldExportOut(
        hold_id=row.hold_id,
        account_id=row.account_id,
        amount=decimal_of(row.amount, row.currency),
        currency=row.currency,
        counterparty=row.counterparty,
        description=row.description,
        placed_at=row.placed_at,
        expires_at=row.expires_at,
        outcome=row.outcome,
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [export]
