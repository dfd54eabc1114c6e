"""The clearing of bill payments over HTTP: each account between the bank and others, item by item."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from litestar import get
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, told
from api.documents import answers, described
from api.visibility import reading
from application import clock
from domain.money import decimal_of
from ledger.chart_of_accounts import CHART
from readmodels import clearing as clearing_view


class ClearingItemOut(msgspec.Struct, kw_only=True):
    """`age_days` counts from the booking date `since`."""

    item: Annotated[str, msgspec.Meta(description="A payment, a work item, or a day and its kind.")]
    amount: Annotated[Decimal, msgspec.Meta(description="Debits less credits.")]
    since: dt.date
    age_days: int
    work_item_id: int | None


class ClearingAccountOut(msgspec.Struct, kw_only=True):
    """`unexplained` is what the items do not come to; anything but zero is for people to look at."""

    ledger_account: int
    name: str
    currency: str
    balance: Annotated[Decimal, msgspec.Meta(description="Debits less credits.")]
    unexplained: Decimal
    items: list[ClearingItemOut]


@get(
    "/ledger/clearing",
    **described(
        "Clearing, item by item", answers(200, list[ClearingAccountOut], 401, 403, 429, 503)
    ),
)
async def clearing(request: Call) -> ASGIApp:
    """What is owed to billers and by billers and gateways, what waits for customers whose accounts were
    closed, and what the bank has with gateways, now.

    The items are told from the payments and work items, the balance from the ledger.
    """
    today = request.bank.today()
    async with reading(request) as (connection, _):
        found = await clearing_view.clearing(connection, today, clock.now())
    accounts = [
        ClearingAccountOut(
            ledger_account=each.ledger_account,
            name=CHART[each.ledger_account].name,
            currency=each.currency,
            balance=decimal_of(each.balance, each.currency),
            unexplained=decimal_of(each.unexplained, each.currency),
            items=[
                ClearingItemOut(
                    item=item.item,
                    amount=decimal_of(item.amount, item.currency),
                    since=item.since,
                    age_days=(today - item.since).days,
                    work_item_id=item.work_item_id,
                )
                for item in found.items
                if (item.ledger_account, item.currency) == (each.ledger_account, each.currency)
            ],
        )
        for each in found.balances
    ]
    return told(accounts, position=found.position)


HANDLERS: Final[list[ControllerRouterHandler]] = [clearing]
