"""Billers: who can be paid by customer reference, and on what terms; what they are owed is settled."""

from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from litestar import get, post, put
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, asked_by, told, written
from api.documents import answers, described
from api.pages import Cursor, Limit, page_of, told_page
from api.parameters import Text, Word
from api.strict_json import Amount, Rate, encode
from api.visibility import reading
from application import billers
from application.billers import SETTLED_AT_ONCE_MAX, PaymentPlace
from application.books import Answer, Posted
from application.pools import next_number
from domain.bills.bill_refusals import BillerNotFound
from domain.bills.biller import (
    Biller,
    BillerSettled,
    BillerTerms,
    Overpayment,
    Refunds,
    Settlement,
)
from domain.bills.references import Check, ReferenceFormat
from domain.money import decimal_of
from readmodels import billers as billers_view
from readmodels import bills as bills_view

Currency = Annotated[str, msgspec.Meta(min_length=3, max_length=3, examples=["EUR"])]
Days = Annotated[int, msgspec.Meta(ge=0, le=366)]


class ReferenceIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    r"""What the biller's customer numbers look like. The pattern is of characters, \d and classes such
    as [A-Z], each with a count."""

    length_min: Annotated[int, msgspec.Meta(ge=1, le=35)] = 1
    length_max: Annotated[int, msgspec.Meta(ge=1, le=35)] = 35
    pattern: Text | None = None
    check: Check = "none"


class BillerIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Only the name has to be said. Amounts are major units of a bill's currency, rates per cent.
    Without a gateway the biller settles directly, and payments are captured at once."""

    name: Annotated[Word, msgspec.Meta(examples=["UtilityCo"])]
    category: Word | None = None
    country: Annotated[str, msgspec.Meta(max_length=2, pattern="^[A-Z]{2}$")] | None = None
    currencies: Annotated[list[Currency], msgspec.Meta(max_length=20)] | None = None
    active: bool = True
    gateway: Word | None = None
    presentment: bool = True
    reference: ReferenceIn = msgspec.field(default_factory=ReferenceIn)
    partial: bool = True
    overpayment: Overpayment = "refuse"
    payment_min: Amount | None = None
    payment_max: Amount | None = None
    grace_days: Days = 0
    accepts_late: bool = True
    late_fee: Amount = Amount(0)
    late_fee_rate: Rate = Rate(0)
    settlement: Settlement = "gross"
    settlement_days: Days = 1
    commission: Amount = Amount(0)
    commission_rate: Rate = Rate(0)
    fee: Amount = Amount(0)
    fee_returned: bool = False
    refunds: Refunds = "advanced"

    def terms(self, currency: str) -> BillerTerms:
        said = msgspec.structs.asdict(self)
        said["currencies"] = tuple(self.currencies or (currency,))
        said["reference"] = ReferenceFormat(**msgspec.structs.asdict(self.reference))
        return BillerTerms(**said)


class BillerOut(msgspec.Struct, kw_only=True):
    biller_id: int
    name: str
    category: str | None
    country: str | None
    currencies: list[str]
    active: bool
    gateway: str | None
    presentment: bool
    reference: ReferenceIn
    partial: bool
    overpayment: Overpayment
    payment_min: Decimal | None
    payment_max: Decimal | None
    grace_days: int
    accepts_late: bool
    late_fee: Decimal
    late_fee_rate: Decimal
    settlement: Settlement
    settlement_days: int
    commission: Decimal
    commission_rate: Decimal
    fee: Decimal
    fee_returned: bool
    refunds: Refunds


class BillerWritten(BillerOut, kw_only=True):
    """`position` is absent where nothing had to change."""

    position: int | None = None


class Settling(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """All that is captured, or with `due` only what its terms say is due by today."""

    due: bool = False


class SettledOut(msgspec.Struct, kw_only=True):
    currency: str
    payments: int
    amount: Decimal
    commission: Decimal


class BillerSettledOut(msgspec.Struct, kw_only=True):
    biller_id: int
    status: Literal["settled", "nothing_due"]
    settlements: list[SettledOut]
    position: int | None = None


@post(
    "/billers",
    **described("Register a biller", answers(201, BillerWritten, 401, 403, 409, 422, 429, 503)),
)
async def register_biller(request: Call, data: JSONBody[BillerIn]) -> ASGIApp:
    """From then on bills of it can be presented and paid. No two have one name."""
    biller_id = await next_number(request.bank.users, "biller_ids")
    terms = data.terms(request.bank.currency)

    def answer(posted: list[Posted]) -> Answer:
        return Answer(201, encode(_written(biller_id, terms, posted)))

    command = billers.register_biller(asked_by(request, answer), biller_id, terms)
    return await written(request, command)


@put(
    "/billers/{biller_id:int}",
    **described(
        "Change a biller",
        answers(200, BillerWritten, 401, 403, 404, 409, 422, 429, 503),
        writes=True,
    ),
)
async def change_biller(
    request: Call, biller_id: FromPath[int], data: JSONBody[BillerIn]
) -> ASGIApp:
    """All of its terms anew; they hold for what comes."""
    terms = data.terms(request.bank.currency)

    def answer(posted: list[Posted]) -> Answer:
        return Answer(200, encode(_written(biller_id, terms, posted)))

    command = billers.change_biller(asked_by(request, answer), biller_id, terms)
    return await written(request, command)


@get(
    "/billers",
    **described("List billers", answers(200, list[BillerOut], 401, 429, 503)),
)
async def list_billers(request: Call, limit: Limit = None, cursor: Cursor = None) -> ASGIApp:
    """By rising number."""
    page = page_of(limit, cursor)
    async with reading(request, transaction_id=_newest(request)) as (connection, moment):
        found = await billers_view.billers(connection, limit=page.rows, after=page.place or 0)
    return told_page(
        request, page, found, shown=_out, place=lambda biller: biller.biller_id, moment=moment
    )


@get(
    "/billers/{biller_id:int}",
    **described("A biller", answers(200, BillerOut, 401, 404, 429, 503)),
)
async def one_biller(request: Call, biller_id: FromPath[int]) -> ASGIApp:
    """With all of its terms."""
    async with reading(request, transaction_id=_newest(request)) as (connection, moment):
        found = await billers_view.biller(connection, biller_id)
    if found is None:
        raise BillerNotFound(biller_id=biller_id)
    return told(_out(found), position=moment.head)


def _newest(call: Call) -> int:
    """Billers are nobody's own: who asks sees what anybody has written here."""
    return call.bank.own_writes.newest()


@get(
    "/bills/services",
    **described("The names of the billers", answers(200, list[str], 401, 429, 503)),
)
async def services(request: Call) -> ASGIApp:
    """Of those that can be paid, in the order of the alphabet."""
    async with reading(request, transaction_id=_newest(request)) as (connection, moment):
        names = await billers_view.names(connection)
    return told(names, position=moment.head)


@post(
    "/billers/{biller_id:int}/settle",
    **described(
        "Settle with a biller", answers(201, BillerSettledOut, 401, 403, 404, 409, 422, 429, 503)
    ),
)
async def settle(request: Call, biller_id: FromPath[int], data: JSONBody[Settling]) -> ASGIApp:
    """Pay the biller what was captured for it: whole, or less the commission, as its terms say. What is
    more than one settlement holds is left for the next."""
    today = request.bank.today()
    async with reading(request, transaction_id=_newest(request)) as (connection, _):
        # The day on which a payment is due is never so far off.
        due_by = today if data.due else today.replace(year=today.year + 1, day=1)
        places = await bills_view.to_settle(
            connection, biller_id, due_by=due_by, limit=SETTLED_AT_ONCE_MAX
        )

    def answer(posted: list[Posted]) -> Answer:
        facts = [fact for one in posted for fact in one.facts if isinstance(fact, BillerSettled)]
        out = BillerSettledOut(
            biller_id=biller_id,
            status="settled" if facts else "nothing_due",
            settlements=[
                SettledOut(
                    currency=fact.currency,
                    payments=len(fact.payment_ids),
                    amount=decimal_of(fact.amount, fact.currency),
                    commission=decimal_of(fact.commission, fact.currency),
                )
                for fact in facts
            ],
            position=posted[-1].position if posted else None,
        )
        return Answer(201, encode(out))

    command = billers.settle(
        asked_by(request, answer),
        biller_id,
        [PaymentPlace(*place) for place in places[:SETTLED_AT_ONCE_MAX]],
        asked={"due": data.due},
    )
    return await written(request, command)


def _written(biller_id: int, terms: BillerTerms, posted: list[Posted]) -> BillerWritten:
    return BillerWritten(
        **msgspec.structs.asdict(_out(Biller(biller_id, terms, 1))),
        position=posted[0].position if posted else None,
    )


def _out(biller: Biller) -> BillerOut:
    said = msgspec.structs.asdict(biller.terms)
    said["currencies"] = list(biller.terms.currencies)
    said["reference"] = ReferenceIn(**msgspec.structs.asdict(biller.terms.reference))
    return BillerOut(biller_id=biller.biller_id, **said)


HANDLERS: Final[list[ControllerRouterHandler]] = [
    services,
    register_biller,
    change_biller,
    list_billers,
    one_biller,
    settle,
]
