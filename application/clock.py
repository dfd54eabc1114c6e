"""The only reader of the time."""

import datetime as dt


def now() -> dt.datetime:
    """The instant, in UTC, to the microsecond."""
    return dt.datetime.now(dt.UTC)


def business_date(instant: dt.datetime, zone: dt.tzinfo) -> dt.date:
    """The date on the bank's calendar at an instant: the books of that day are open then."""
    return instant.astimezone(zone).date()
