"""Registrations: under which references a customer is known to billers, and what is agreed about each."""

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from litestar import delete, get, post, put
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.accounts import Tags
from api.bill_readings import UserIn
from api.bills import written_for
from api.call import Call, asked_by, told
from api.documents import answers, described
from api.pages import Cursor, Limit, steady_page_of, told_page
from api.parameters import Id, KnownAt, Word
from api.strict_json import encode
from api.visibility import check_user, reading, registration_for, wanted_user
from application import registrations
from application.books import Answer, Command, Posted
from application.commands import Ask
from application.pools import next_number
from application.registrations import WantedLink
from domain.bills.bill_refusals import RegistrationNotFound
from domain.bills.registration import Link, RegistrationStatus
from readmodels import billers as billers_view


class Registering(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The reference is the biller's own for its customer. Bills are paid from `account_id` where no
    other account is named."""

    user_id: Id
    biller_id: Id
    reference: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=35, examples=["12345674"])] | None
    ) = None
    nickname: Word | None = None
    account_id: Id | None = None
    tags: Tags = []


class ChangingRegistration(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """All of them: what is left out is there no more."""

    nickname: Annotated[Word, msgspec.Meta(examples=["The flat"])] | None = None
    account_id: Id | None = None
    tags: Tags = []


class RegistrationOut(msgspec.Struct, kw_only=True):
    """`verified_on` is the day on which the reference was held against the biller's rules."""

    registration_id: int
    user_id: int
    biller_id: int
    reference: str | None
    nickname: str | None
    account_id: int | None
    tags: list[str]
    verified_on: dt.date
    status: RegistrationStatus


class RegistrationWritten(RegistrationOut, kw_only=True):
    """`position` is absent where nothing had to change."""

    position: int | None = None


@post(
    "/bills/registrations",
    **described(
        "Register with a biller",
        answers(201, RegistrationWritten, 401, 403, 404, 409, 422, 429, 503),
    ),
)
async def register(request: Call, data: JSONBody[Registering]) -> ASGIApp:
    """One customer a reference. A nickname is kept as long as the log, so it names nobody."""
    bank = request.bank
    check_user(request.actor, data.user_id)
    registration_id = await next_number(bank.users, "registration_ids")
    known = await registrations.known_under(
        bank.reads, data.biller_id, data.reference, data.user_id
    )
    wanted = WantedLink(
        user_id=data.user_id,
        biller_id=data.biller_id,
        reference=data.reference,
        nickname=data.nickname,
        account_id=data.account_id,
        tags=tuple(data.tags),
    )

    def answer(posted: list[Posted]) -> Answer:
        return Answer(201, encode(_written(registration_id, posted[0].facts[-1].link, posted)))

    command = registrations.register(asked_by(request, answer), registration_id, wanted, known)
    return await written_for(request, command, data.user_id)


@get(
    "/bills/registrations",
    **described("List registrations", answers(200, list[RegistrationOut], 401, 404, 422, 429, 503)),
)
async def list_registrations(
    request: Call,
    user_id: UserIn = None,
    known_at: KnownAt = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ASGIApp:
    """One's own; staff see all. By rising number, those that have ended too."""
    page = steady_page_of(limit, cursor, None, known_at)
    wanted = wanted_user(request.actor, user_id)
    async with reading(request, user_id=wanted, known_at=page.known_at) as (connection, moment):
        found = await billers_view.registrations(
            connection, moment.known_at, user_id=wanted, limit=page.rows, after=page.place or 0
        )
    return told_page(
        request,
        page,
        found,
        shown=lambda row: registration_out(row.registration_id, row.link),
        place=lambda row: row.registration_id,
        moment=moment,
    )


@get(
    "/bills/registrations/{registration_id:int}",
    **described("A registration", answers(200, RegistrationOut, 401, 404, 422, 429, 503)),
)
async def one_registration(
    request: Call, registration_id: FromPath[int], known_at: KnownAt = None
) -> ASGIApp:
    """As it is, or as it was known then."""
    known = await registration_for(request.bank, request.actor, registration_id)
    user_id = known.link.user_id
    async with reading(request, user_id=user_id, known_at=known_at) as (connection, moment):
        found = await billers_view.registrations(
            connection, moment.known_at, registration_id=registration_id
        )
    if not found:
        raise RegistrationNotFound(registration_id=registration_id)
    return told(registration_out(registration_id, found[0].link), position=moment.known_at)


_CHANGES: Final = answers(200, RegistrationWritten, 401, 403, 404, 409, 422, 429, 503)


@put(
    "/bills/registrations/{registration_id:int}",
    **described("Change a registration", _CHANGES, writes=True),
)
async def change(
    request: Call, registration_id: FromPath[int], data: JSONBody[ChangingRegistration]
) -> ASGIApp:
    """Another nickname, default account and tags. Another reference is another registration."""
    return await _change(
        request,
        registration_id,
        lambda ask: registrations.change(
            ask, registration_id, data.nickname, data.account_id, tuple(data.tags)
        ),
    )


@delete(
    "/bills/registrations/{registration_id:int}",
    status_code=200,
    **described(
        "End a registration",
        answers(200, RegistrationWritten, 401, 403, 404, 422, 429, 503),
        writes=True,
    ),
)
async def end(request: Call, registration_id: FromPath[int]) -> ASGIApp:
    """For good. The bills that came under it stay; the reference can be registered again."""
    return await _change(
        request, registration_id, lambda ask: registrations.end(ask, registration_id)
    )


async def _change(call: Call, registration_id: int, change: Callable[[Ask], Command]) -> ASGIApp:
    known = await registration_for(call.bank, call.actor, registration_id)

    def answer(posted: list[Posted]) -> Answer:
        link = posted[0].facts[-1].link if posted else known.link
        return Answer(200, encode(_written(registration_id, link, posted)))

    return await written_for(call, change(asked_by(call, answer)), known.link.user_id)


def registration_out(registration_id: int, link: Link) -> RegistrationOut:
    return RegistrationOut(
        registration_id=registration_id,
        user_id=link.user_id,
        biller_id=link.biller_id,
        reference=link.reference,
        nickname=link.nickname,
        account_id=link.account_id,
        tags=list(link.tags),
        verified_on=link.verified_on,
        status=link.status,
    )


def _written(registration_id: int, link: Link, posted: list[Posted]) -> RegistrationWritten:
    return RegistrationWritten(
        **msgspec.structs.asdict(registration_out(registration_id, link)),
        position=posted[0].position if posted else None,
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [
    register,
    list_registrations,
    one_registration,
    change,
    end,
]
