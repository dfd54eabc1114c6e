"""The business days over HTTP: staff see which were ended, and what that came to."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from application import accounts, clock
from application.books import Command
from daybook.end_of_day.run import Bank, end_days
from daybook.end_of_day.steps import Day, Step
from tests.running_api import RunningApi

TODAY = clock.now().date()
pytestmark = pytest.mark.usefixtures("one_day")


def test_staff_see_the_days_that_were_ended_newest_first(api: RunningApi) -> None:
    customer = api.person()
    account_id = api.account(customer, 10)

    async def due(day: Day) -> AsyncIterator[Command]:
        for name, amount in (("little", "0.50"), ("much", "99")):
            yield accounts.withdraw(day.ask(name), account_id, Decimal(amount), day.details)

    bank = Bank(conninfo=api.conninfo, steps=(Step(name="fees", due=due),))
    yesterday = TODAY - dt.timedelta(days=1)
    asyncio.run(end_days(bank, [yesterday, TODAY]))

    auditor = api.person("auditor")
    answer = auditor.get("/v1/ledger/business-days")
    newest = auditor.get("/v1/ledger/business-days", limit=1)

    steps = [{"step": "fees", "done": 1, "refused": 1, "moved": {"EUR": 0.5}}]
    told = [{n: d[n] for n in ("date", "status", "steps")} for d in answer.json()]
    assert told == [
        {"date": str(TODAY), "status": "ended", "steps": steps},
        {"date": str(yesterday), "status": "ended", "steps": steps},
    ]
    assert newest.json() == answer.json()[:1]
    assert answer.headers["Daybook-Position"] == str(answer.json()[0]["position"])
    assert customer.get("/v1/ledger/business-days").status_code == 403
