"""Statements: of any period, as of any day and as known at any moment; and issued ones, for ever."""

import asyncio
import datetime as dt
from typing import Annotated, Final

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, asked_by, written
from api.documents import NOT_MODIFIED, answers, described
from api.pages import Cursor, Limit, page_of, told_page
from api.parameters import A_DATE, AsOf, KnownAt, date_of, refuse
from api.problems import StatementNotReproduced
from api.statement_forms import (
    OTHER_FORMS,
    FormatIn,
    IfNoneMatch,
    StatementOut,
    bank_of,
    form_of,
    told_statement,
)
from api.strict_json import BodyInvalid, FieldError, encode
from api.visibility import check_account, moment_of, reading, stream_of_statement
from application import statements
from application.books import Answer, Posted
from application.commands import EARLIEST
from application.pools import borrowed, next_number
from domain.refusals import AccountNotFound
from domain.statement import StatementIssued, account_of
from ledger.journal import Recorded
from readmodels import issued_statements
from readmodels.statements import canonical
from readmodels.statements.account_statement import account_statement
from readmodels.statements.building import InconsistentStatement
from readmodels.statements.canonical import FORM, Statement

From = Annotated[
    str | None,
    QueryParameter(
        name="from",
        description="The first booking date; else the first of the month.",
        schema_extra=A_DATE,
    ),
]
To = Annotated[
    str | None,
    QueryParameter(
        name="to", description="The last booking date, at most `as_of`.", schema_extra=A_DATE
    ),
]


class Issuing(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The first and the last booking date, both included."""

    booked_from: dt.date = msgspec.field(name="from")
    booked_to: dt.date = msgspec.field(name="to")


class IssuedOut(msgspec.Struct, kw_only=True):
    """`known_at` is the position the statement stands on, `sha256` the hash of its JSON form."""

    statement_id: int
    account_id: int
    number: int
    booked_from: dt.date = msgspec.field(name="from")
    booked_to: dt.date = msgspec.field(name="to")
    as_of: dt.date
    known_at: int
    form: str
    code_version: str
    sha256: str
    timestamp: dt.datetime
    position: int


@get(
    "/accounts/{account_id:int}/statement",
    **described(
        "A statement", answers(200, StatementOut, 401, 404, 422, 429, 503), forms=OTHER_FORMS
    ),
)
async def statement(
    request: Call,
    account_id: FromPath[int],
    booked_from: From = None,
    booked_to: To = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    form: FormatIn = None,
) -> ASGIApp:
    """Opening balance, entries in the order of the books, closing balance: as JSON, CSV, PDF,
    camt.053, MT940 or OFX. Without a period, the month so far."""
    wanted = form_of(request, form)
    first, last = date_of("from", booked_from), date_of("to", booked_to)
    async with reading(request, account_id, as_of=as_of, known_at=known_at) as (connection, moment):
        await check_account(connection, request.actor, account_id)
        last = moment.as_of if last is None else min(last, moment.as_of)
        first = first or last.replace(day=1)
        if first > last:
            refuse("from", f"Expected a date up to {last}, the last day of the statement.")
        found = await account_statement(
            connection,
            account_id,
            bank=bank_of(request.bank.letterhead),
            booked_from=first,
            booked_to=last,
            moment=moment,
        )
    if found is None:
        raise AccountNotFound(account_id=account_id)
    return await told_statement(found, wanted)


@post(
    "/accounts/{account_id:int}/statements",
    **described("Issue a statement", answers(201, IssuedOut, 401, 403, 404, 409, 422, 429, 503)),
)
async def issue(request: Call, account_id: FromPath[int], data: JSONBody[Issuing]) -> ASGIApp:
    """It gets the account's next number, and can be had again, byte for byte, for ever."""
    bank = request.bank
    _check_period(data, bank.today())
    async with reading(request, account_id) as (connection, moment):
        await check_account(connection, request.actor, account_id)
        found = await account_statement(
            connection,
            account_id,
            bank=bank_of(bank.letterhead),
            booked_from=data.booked_from,
            booked_to=data.booked_to,
            moment=moment,
        )
        known = await issued_statements.count_of(connection, account_id)
    if found is None:
        raise AccountNotFound(account_id=account_id)
    body = await asyncio.to_thread(canonical.encode, found)
    issue = statements.Issue(
        account_id=account_id,
        statement_id=await next_number(bank.users, "statement_ids"),
        known=known,
        booked_from=data.booked_from,
        booked_to=data.booked_to,
        as_of=moment.as_of,
        known_at=moment.known_at,
        bank=bank.letterhead,
        form=FORM,
        code_version=bank.version,
        sha256=lambda number: canonical.digest(canonical.numbered(body, number)),
    )

    def answer(posted: list[Posted]) -> Answer:
        one = posted[0]
        out = issued_out(account_id, one.facts[0], one.recorded_at, one.position)
        return Answer(201, encode(out))

    command = statements.issue_statement(asked_by(request, answer), issue)
    return await written(request, command, account_id)


def _check_period(data: Issuing, today: dt.date) -> None:
    if data.booked_to > today:
        raise BodyInvalid(FieldError("/to", f"Expected a date up to today, {today}."))
    if data.booked_from > data.booked_to:
        raise BodyInvalid(FieldError("/from", "Expected a date up to that of `to`."))
    if data.booked_from < EARLIEST:
        raise BodyInvalid(FieldError("/from", f"Expected a date from {EARLIEST} on."))


@get(
    "/accounts/{account_id:int}/statements",
    **described(
        "The statements that were issued", answers(200, list[IssuedOut], 401, 404, 422, 429, 503)
    ),
)
async def issued_of_account(
    request: Call, account_id: FromPath[int], limit: Limit = None, cursor: Cursor = None
) -> ASGIApp:
    """By rising number."""
    page = page_of(limit, cursor)
    async with reading(request, account_id) as (connection, moment):
        await check_account(connection, request.actor, account_id)
        rows = await issued_statements.issued_of(
            connection, account_id, after=page.place or 0, limit=page.rows
        )
    return told_page(
        request,
        page,
        rows,
        shown=lambda row: issued_out(
            account_id, row.event.fact, row.event.recorded_at, row.position
        ),
        place=lambda row: row.originator_version,
        moment=moment,
    )


@get(
    "/statements/{statement_id:int}",
    **described(
        "An issued statement",
        answers(200, StatementOut, 401, 404, 422, 429, 503) | NOT_MODIFIED,
        forms=OTHER_FORMS,
    ),
)
async def one_statement(
    request: Call,
    statement_id: FromPath[int],
    form: FormatIn = None,
    if_none_match: IfNoneMatch = None,
) -> ASGIApp:
    """The bytes that were issued, made again from the log and held against their hash. The ETag is the
    hash of the bytes, of JSON the `sha256` that was told when it was issued."""
    wanted = form_of(request, form)
    found, _ = await reproduced(request, statement_id)
    return await told_statement(found, wanted, issued=True, if_none_match=if_none_match)


async def reproduced(call: Call, statement_id: int) -> tuple[Statement, Recorded]:
    """The statement as it was issued, for a caller who may see it, and the event that says so.

    Raises `StatementNotReproduced` where its bytes are not those of the hash.
    """
    bank = call.bank
    stream, number = await stream_of_statement(bank, call.actor, statement_id)
    async with borrowed(bank.reads) as connection:
        issued = await issued_statements.issued(connection, stream, number)
        fact: StatementIssued = issued.event.fact
        moment = await moment_of(connection, bank.today(), fact.as_of, fact.known_at, 0)
        try:
            found = await account_statement(
                connection,
                account_of(stream),
                bank=bank_of(fact.bank),
                booked_from=fact.booked_from,
                booked_to=fact.booked_to,
                moment=moment,
                number=fact.number,
            )
        except InconsistentStatement as error:
            raise StatementNotReproduced(statement_id) from error
    if found is None or not await asyncio.to_thread(_is_as_issued, found, fact):
        raise StatementNotReproduced(statement_id)
    return found, issued


def _is_as_issued(found: Statement, fact: StatementIssued) -> bool:
    return found.form == fact.form and canonical.digest(canonical.encode(found)) == fact.sha256


def issued_out(
    account_id: int, fact: StatementIssued, recorded_at: dt.datetime, position: int
) -> IssuedOut:
    return IssuedOut(
        statement_id=fact.statement_id,
        account_id=account_id,
        number=fact.number,
        booked_from=fact.booked_from,
        booked_to=fact.booked_to,
        as_of=fact.as_of,
        known_at=fact.known_at,
        form=fact.form,
        code_version=fact.code_version,
        sha256=fact.sha256,
        timestamp=recorded_at,
        position=position,
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [
    statement,
    issue,
    issued_of_account,
    one_statement,
]
