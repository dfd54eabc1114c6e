"""How late a loan is: days past due, and the buckets and stages that they are told by.

Days past due count from the due date of the oldest instalment that is not fully paid: on the due date
itself an instalment is not late, on the next day it is so by one. Days of a pause do not count.
"""

import datetime as dt
from typing import Final, Literal, TypeAlias

from domain.loans.loan_terms import LoanTerms

Bucket: TypeAlias = Literal["current", "1-29", "30-59", "60-89", "90+"]
# By IFRS 9: as expected when it was lent, at a risk that has grown much, and impaired.
Stage: TypeAlias = Literal[1, 2, 3]

BUCKETS: Final[tuple[tuple[int, Bucket], ...]] = (
    (90, "90+"),
    (60, "60-89"),
    (30, "30-59"),
    (1, "1-29"),
    (0, "current"),
)
STAGES: Final[tuple[Stage, ...]] = (1, 2, 3)
DAY: Final = dt.timedelta(days=1)


def days_past_due(terms: LoanTerms, since: dt.date | None, on: dt.date) -> int:
    """How late the loan is on a day, without the days of its pauses."""
    return 0 if since is None else max(0, counted_days(terms, since, on))


def counted_days(terms: LoanTerms, since: dt.date, on: dt.date) -> int:
    """The days from `since` to `on`, the last not included, that are in no pause."""
    days = (on - since).days
    for pause in terms.pauses:
        days -= max(0, (min(on, pause.last + DAY) - max(since, pause.first)).days)
    return days


def bucket_of(days: int) -> Bucket:
    return next(name for least, name in BUCKETS if days >= least)


def stage_of(days: int) -> Stage:
    """By days past due alone, on the bounds of the buckets: 30 and 90 days are the latest that
    IFRS 9 takes without a better reason (5.5.11, B5.5.37)."""
    if days >= 90:
        return 3
    return 2 if days >= 30 else 1
