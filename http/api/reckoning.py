"""Calls that only reckon: open to anyone, within a rate, and away from what serves everybody else."""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from api.call import Call
from api.rate_limits import Rate, admit
from domain.refusals import DateOutOfRange

T = TypeVar("T")

# Of one address, over all these calls.
RECKONINGS: Final = Rate(burst=6_000, seconds=60)
EARLIEST: Final = dt.date(1600, 1, 1)
LATEST: Final = dt.date(2999, 12, 31)


async def reckoned(call: Call, work: Callable[[], T]) -> T:
    """What the work comes to. It is done in a thread, so that the loop goes on serving meanwhile."""
    await admit(call.bank.call_limits, f"reckoning {call.client_address}", RECKONINGS)
    return await asyncio.to_thread(work)


def said(description: str, *examples: Any) -> msgspec.Meta:
    """What the OpenAPI document says of a field."""
    return msgspec.Meta(description=description, examples=list(examples))


def check_day(field: str, day: dt.date | None) -> None:
    if day is not None and not EARLIEST <= day <= LATEST:
        raise DateOutOfRange(field=field, date=day, earliest=EARLIEST, latest=LATEST)
