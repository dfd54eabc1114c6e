"""Calls that only reckon: open to anyone, within a rate, and away from what serves everybody else."""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from api.call import Call
from api.rate_limits import Rate, TooManyRequests, admit
from domain.refusals import DateOutOfRange

T = TypeVar("T")

# Of one address, over all these calls.
RECKONINGS: Final = Rate(burst=3_000, seconds=60)
LINE_MAX: Final = 16
EARLIEST: Final = dt.date(1600, 1, 1)
LATEST: Final = dt.date(2999, 12, 31)


async def reckoned(call: Call, work: Callable[[], T]) -> T:
    """What the work comes to: done in a thread, one at a time, so that the loop goes on serving.

    Raises `TooManyRequests` beyond the rate of the address, and when the line is full.
    """
    bank = call.bank
    await admit(bank.call_limits, f"reckoning {call.client_address}", RECKONINGS)
    if bank.reckonings >= LINE_MAX:
        raise TooManyRequests(retry_after_seconds=1)
    bank.reckonings += 1
    try:
        async with bank.reckoning:
            return await asyncio.to_thread(work)
    finally:
        bank.reckonings -= 1


def said(description: str, *examples: Any) -> msgspec.Meta:
    """What the OpenAPI document says of a field."""
    return msgspec.Meta(description=description, examples=list(examples))


def check_day(field: str, day: dt.date | None) -> None:
    if day is not None and not EARLIEST <= day <= LATEST:
        raise DateOutOfRange(field=field, date=day, earliest=EARLIEST, latest=LATEST)
