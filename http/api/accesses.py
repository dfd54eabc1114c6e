"""The audit trail over HTTP: who looked at what, who was refused what, who came in and from where."""

import datetime as dt
import re
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from litestar import get
from litestar.params import QueryParameter
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call
from api.documents import answers, described
from api.pages import END, Cursor, Limit, page_of, told_page
from api.parameters import A_DATE, AN_ID, date_of, id_of, one_of, refuse
from api.visibility import moment_of, newest_recorded
from application.pools import borrowed
from readmodels.accesses import AccessRow, Wanted, accesses

Kind: TypeAlias = Literal[
    "looked",
    "denied",
    "command-refused",
    "signed-in",
    "sign-in-failed",
    "refresh-reused",
    "refresh-refused",
    "signed-out",
    "staff-added",
    "role-changed",
    "staff-ended",
    "staff-reinstated",
    "password-changed",
]
KINDS: Final = Kind.__args__  # type: ignore[attr-defined]
_ACTOR: Final = re.compile(r"[a-z_]{1,20}(-[0-9]{1,16})?", re.ASCII)
_CODE: Final = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)


def _parameter(name: str, description: str, told: dict[str, Any]) -> Any:
    return QueryParameter(name=name, description=description, schema_extra=told)


UserIn = Annotated[
    str | None, _parameter("user_id", "To this user, or to anything that is this user's.", AN_ID)
]
AccountIn = Annotated[
    str | None,
    _parameter("account_id", "To this account, or to anything that belongs to it.", AN_ID),
]
ActorIn = Annotated[
    str | None, _parameter("actor", "By this one, as in teller-7.", {"pattern": _ACTOR.pattern})
]
KindIn = Annotated[str | None, _parameter("kind", f"One of {', '.join(KINDS)}.", one_of(KINDS))]
OutcomeIn = Annotated[
    str | None,
    _parameter(
        "outcome",
        "answered, done, or the code of a problem such as not-permitted.",
        {"pattern": _CODE.pattern},
    ),
]
FromIn = Annotated[
    str | None, _parameter("from", "Recorded on this business day or later.", A_DATE)
]
ToIn = Annotated[str | None, _parameter("to", "Recorded on this business day or before.", A_DATE)]


class AccessOut(msgspec.Struct, kw_only=True):
    """One event of the audit trail; `number` counts them without a gap.

    `call` is a route, a command, or what else was tried. `subjects` is what was asked about and, of whom this
    asks for, what a list showed; `detail` has how many things a list showed in all, by kind, and its event
    in the log which. A filter shown as `…` was a text, which is not kept. `origin` is a keyed digest of the
    address: the same address has the same. From where somebody signed in is under that person's key, and in
    the person's own export. `request_id` is ours, and no two calls have the same; behind a slash stands the
    `X-Request-Id` that the caller sent with it.
    """

    position: int
    number: int
    timestamp: dt.datetime
    kind: Kind
    actor: str
    call: str
    subjects: list[str]
    outcome: str
    session: str | None
    request_id: str | None
    origin: str | None
    detail: dict[str, Any]


@get(
    "/audit/accesses",
    **described(
        "Who looked, who was refused, who came in",
        answers(200, list[AccessOut], 401, 403, 429, 503),
    ),
)
async def list_accesses(
    request: Call,
    user_id: UserIn = None,
    account_id: AccountIn = None,
    actor: ActorIn = None,
    kind: KindIn = None,
    outcome: OutcomeIn = None,
    first: FromIn = None,
    last: ToIn = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ASGIApp:
    """The newest first. Looking here is a look too, and stands in the next answer."""
    if actor is not None and not _ACTOR.fullmatch(actor):
        refuse("actor", "Expected a role and a number, as in teller-7.")
    if kind is not None and kind not in KINDS:
        refuse("kind", f"Expected one of {', '.join(KINDS)}.")
    if outcome is not None and not _CODE.fullmatch(outcome):
        refuse("outcome", "Expected answered, done, or the code of a problem.")
    wanted = Wanted(
        user_id=id_of("user_id", user_id),
        account_id=id_of("account_id", account_id),
        actor=actor,
        kind=kind,
        outcome=outcome,
        first=date_of("from", first),
        last=date_of("to", last),
    )
    bank, page = request.bank, page_of(limit, cursor)
    async with borrowed(bank.reads) as connection:
        moment = await moment_of(connection, bank.today(), None, None, newest_recorded(bank))
        rows = await accesses(connection, wanted, before=page.place or END, limit=page.rows)
    return told_page(request, page, rows, shown=_out, place=lambda row: row.position, moment=moment)


def _out(row: AccessRow) -> AccessOut:
    return AccessOut(
        position=row.position,
        number=row.version,
        timestamp=row.recorded_at,
        kind=row.kind,  # type: ignore[arg-type]
        actor=row.actor,
        call=row.call,
        subjects=list(dict.fromkeys([*row.subjects, *row.theirs])),
        outcome=row.outcome,
        session=row.session,
        request_id=row.request_id,
        origin=row.origin,
        detail=msgspec.json.decode(row.detail),
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [list_accesses]
