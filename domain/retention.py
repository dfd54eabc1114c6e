"""How long the books must name a person: so many years after the relation ended.

Regulation (EU) 2024/1624, Article 77: five years, then personal data are deleted, unless an authority
has them kept for longer. Other laws have other periods; the bank sets its own.
"""

import datetime as dt
from typing import Final

RETENTION_YEARS: Final = 5
RETENTION_YEARS_MAX: Final = 100


def retained_until(ended_on: dt.date, years: int) -> dt.date:
    """The last day on which the books must name a person whose relation ended on that day."""
    if (ended_on.month, ended_on.day) == (2, 29):
        # Kept a day longer in a year without one, rather than a day shorter.
        ended_on += dt.timedelta(days=1)
    return ended_on.replace(year=ended_on.year + years)
