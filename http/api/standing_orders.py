"""Standing orders: agreed, changed, paused and cancelled; and what became of each due date."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from litestar import delete, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, asked_by, told, written
from api.documents import answers, described
from api.pages import END, Cursor, Limit, page_of, told_page
from api.parameters import AN_ID, Id, Text, id_of
from api.strict_json import Amount, encode
from api.visibility import account_of_order, check_account, reading
from application import standing_orders
from application.books import Answer, Command, Posted
from application.commands import Ask
from application.pools import next_number
from domain.banking_calendar import DayRule
from domain.money import decimal_of
from domain.refusals import StandingOrderNotFound
from domain.standing_orders import COUNT_MAX, RETRY_DAYS_MAX, Frequency, Order, Status
from readmodels import standing_orders as view
from readmodels.standing_orders import OrderRow, OutcomeRow

OUTCOMES_SHOWN: Final = 100

Day = Annotated[dt.date, msgspec.Meta(examples=["2026-12-31"])]
Count = Annotated[int, msgspec.Meta(ge=1, le=COUNT_MAX)]
Retries = Annotated[int, msgspec.Meta(ge=0, le=RETRY_DAYS_MAX)]
Of = Annotated[
    str | None,
    QueryParameter(
        name="account_id", description="Only those of this account.", schema_extra=AN_ID
    ),
]


class CreatingOrder(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """To an account of the bank (`to_account_id`) or of another (`counterparty`), one of the two.

    The day of `first_due` is kept: 31 is followed by 28 and by 31 again. A day on which the bank does
    not pay is moved by `day_rule`. Where money lacks, it is tried on `retry_days` business days more,
    then skipped. With `catch_up` a due date that the next one overtook is paid all the same.
    """

    account_id: Id
    amount: Annotated[Amount, msgspec.Meta(examples=[650.0])]
    frequency: Frequency
    first_due: Day
    to_account_id: Id | None = None
    counterparty: Text | None = None
    description: Text | None = None
    day_rule: DayRule = "following"
    last_due: Day | None = None
    count: Count | None = None
    retry_days: Retries = 3
    catch_up: bool = False

    def __post_init__(self) -> None:
        if (self.to_account_id is None) == (self.counterparty is None):
            raise ValueError("Expected one of `to_account_id` and `counterparty`")


class ChangingOrder(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is not named stays as it is."""

    amount: Annotated[Amount, msgspec.Meta(examples=[680.0])] | None = None
    description: Text | None = None
    last_due: Day | None = None
    count: Count | None = None
    retry_days: Retries | None = None


class Nothing(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class StandingOrderOut(msgspec.Struct, kw_only=True):
    """`next_due` comes next and is tried on `next_attempt`; null once the order is over."""

    standing_order_id: int
    account_id: int
    to_account_id: int | None
    counterparty: str | None
    amount: Decimal
    currency: str
    description: str | None
    frequency: Frequency
    day_rule: DayRule
    first_due: dt.date
    last_due: dt.date | None
    count: int | None
    retry_days: int
    catch_up: bool
    status: Status
    next_due: dt.date | None
    next_attempt: dt.date | None
    tries: Annotated[int, msgspec.Meta(description="Attempts at the next due date that failed.")]


class WrittenOrderOut(StandingOrderOut, kw_only=True):
    position: int | None


class OutcomeOut(msgspec.Struct, kw_only=True):
    """executed; failed, and to be tried again; or skipped. `reason` says why not."""

    due: dt.date
    booking_date: dt.date
    outcome: str
    reason: str | None
    transaction_id: int | None
    timestamp: dt.datetime


class OrderWithHistory(StandingOrderOut, kw_only=True):
    """The newest hundred outcomes, newest first."""

    history: list[OutcomeOut]


_WRITES: Final = answers(200, WrittenOrderOut, 401, 403, 404, 409, 422, 429, 503)


@post(
    "/standing-orders",
    **described(
        "Create a standing order",
        answers(201, WrittenOrderOut, 401, 403, 404, 409, 422, 429, 503),
    ),
)
async def create(request: Call, data: JSONBody[CreatingOrder]) -> ASGIApp:
    """A fixed amount by a rule of the calendar, from an account of the caller's."""
    order_id = await next_number(request.bank.users, "standing_order_ids")
    agreed = standing_orders.Agreed(
        account_id=data.account_id,
        amount=data.amount,
        frequency=data.frequency,
        first_due=data.first_due,
        to_account=data.to_account_id,
        counterparty=data.counterparty,
        description=data.description,
        day_rule=data.day_rule,
        last_due=data.last_due,
        count=data.count,
        retry_days=data.retry_days,
        catch_up=data.catch_up,
    )

    def answer(posted: list[Posted]) -> Answer:
        stream = posted[0].transaction.drafts[0].stream
        number = int(stream.rpartition("-")[2])
        return _answer(201, number, posted[0].facts[0].order, posted[0].position)

    ask = asked_by(request, answer)
    command = standing_orders.create(ask, order_id, agreed, request.bank.calendar)
    return await written(request, command, data.account_id)


@put(
    "/standing-orders/{standing_order_id:int}",
    **described("Change a standing order", _WRITES, writes=True),
)
async def change(
    request: Call, standing_order_id: FromPath[int], data: JSONBody[ChangingOrder]
) -> ASGIApp:
    """Another amount, end, text or patience, from the next attempt on."""
    said = {
        name: value
        for name in ("description", "last_due", "count", "retry_days")
        if (value := getattr(data, name)) is not None
    }
    return await _change(
        request,
        standing_order_id,
        lambda ask, account_id: standing_orders.change(
            ask, account_id, standing_order_id, amount=data.amount, **said
        ),
    )


@post(
    "/standing-orders/{standing_order_id:int}/pause",
    status_code=200,
    **described("Pause a standing order", _WRITES, writes=True),
)
async def pause(
    request: Call, standing_order_id: FromPath[int], data: JSONBody[Nothing]
) -> ASGIApp:
    """Nothing is paid until it is resumed."""
    return await _change(
        request,
        standing_order_id,
        lambda ask, account_id: standing_orders.pause(ask, account_id, standing_order_id),
    )


@post(
    "/standing-orders/{standing_order_id:int}/resume",
    status_code=200,
    **described("Resume a standing order", _WRITES, writes=True),
)
async def resume(
    request: Call, standing_order_id: FromPath[int], data: JSONBody[Nothing]
) -> ASGIApp:
    """It goes on with the first due date from today; what passed meanwhile is not made up for."""
    return await _change(
        request,
        standing_order_id,
        lambda ask, account_id: standing_orders.resume(
            ask, account_id, standing_order_id, request.bank.calendar
        ),
    )


@delete(
    "/standing-orders/{standing_order_id:int}",
    status_code=200,
    **described("Cancel a standing order", _WRITES, writes=True),
)
async def cancel(request: Call, standing_order_id: FromPath[int]) -> ASGIApp:
    """For good; its history stays."""
    return await _change(
        request,
        standing_order_id,
        lambda ask, account_id: standing_orders.cancel(ask, account_id, standing_order_id),
    )


@get(
    "/standing-orders",
    **described(
        "Standing orders", answers(200, list[StandingOrderOut], 400, 401, 404, 422, 429, 503)
    ),
)
async def list_orders(
    request: Call, of_account: Of = None, limit: Limit = None, cursor: Cursor = None
) -> ASGIApp:
    """The caller's own, the newest first; staff see all."""
    actor = request.actor
    account_id = id_of("account_id", of_account)
    page = page_of(limit, cursor)
    async with reading(request, account_id) as (connection, moment):
        if account_id is not None:
            await check_account(connection, actor, account_id)
        rows = await view.standing_orders(
            connection,
            account_id=account_id,
            user_id=actor.user_id if actor.role == "user" else None,
            limit=page.rows,
            before=page.place or END,
        )
    return told_page(
        request, page, rows, shown=order_out, place=lambda row: row.order_id, moment=moment
    )


@get(
    "/standing-orders/{standing_order_id:int}",
    **described("A standing order", answers(200, OrderWithHistory, 401, 404, 429, 503)),
)
async def one_order(request: Call, standing_order_id: FromPath[int]) -> ASGIApp:
    """How it stands, and what became of its due dates."""
    account_id = await account_of_order(request.bank, request.actor, standing_order_id)
    async with reading(request, account_id) as (connection, moment):
        row = await view.standing_order(connection, standing_order_id)
        outcomes = await view.outcomes(connection, standing_order_id, limit=OUTCOMES_SHOWN)
    if row is None:
        raise StandingOrderNotFound(standing_order_id=standing_order_id)
    out = OrderWithHistory(
        **msgspec.structs.asdict(order_out(row)), history=[_outcome(each) for each in outcomes]
    )
    return told(out, position=moment.known_at)


async def _change(call: Call, order_id: int, change: Callable[[Ask, int], Command]) -> ASGIApp:
    account_id = await account_of_order(call.bank, call.actor, order_id)
    async with reading(call, account_id) as (connection, _):
        row = await view.standing_order(connection, order_id)
    if row is None:
        raise StandingOrderNotFound(standing_order_id=order_id)
    as_it_was = row.order

    def answer(posted: list[Posted]) -> Answer:
        if not posted:
            return _answer(200, order_id, as_it_was, None)
        return _answer(200, order_id, posted[0].facts[-1].order, posted[0].position)

    return await written(call, change(asked_by(call, answer), account_id), account_id)


def _answer(status: int, order_id: int, order: Order, position: int | None) -> Answer:
    out = order_out(OrderRow(order_id, order, position or 0))
    return Answer(status, encode(WrittenOrderOut(**msgspec.structs.asdict(out), position=position)))


def order_out(row: OrderRow) -> StandingOrderOut:
    order = row.order
    return StandingOrderOut(
        standing_order_id=row.order_id,
        account_id=order.account_id,
        to_account_id=order.to_account,
        counterparty=order.counterparty,
        amount=decimal_of(order.amount, order.currency),
        currency=order.currency,
        description=order.description,
        frequency=order.frequency,
        day_rule=order.day_rule,
        first_due=order.first_due,
        last_due=order.last_due,
        count=order.count,
        retry_days=order.retry_days,
        catch_up=order.catch_up,
        status=order.status,
        next_due=None if order.is_over else order.due,
        next_attempt=None if order.is_over else order.attempt_on,
        tries=order.tries,
    )


def _outcome(row: OutcomeRow) -> OutcomeOut:
    return OutcomeOut(
        due=row.due,
        booking_date=row.booking_date,
        outcome=row.outcome,
        reason=row.why,
        transaction_id=row.transaction_id,
        timestamp=row.recorded_at,
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [
    create,
    change,
    pause,
    resume,
    cancel,
    list_orders,
    one_order,
]
