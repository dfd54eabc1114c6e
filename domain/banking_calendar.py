"""Which days the bank pays on, and where a day that it does not is moved to."""

import datetime as dt
from typing import Final, Literal, TypeAlias

import msgspec

# Following: the next day on which the bank pays. Modified following: that, unless it is of another
# month, then the last before. Preceding: the last before.
DayRule: TypeAlias = Literal["following", "modified_following", "preceding"]
DAY_RULES: Final[tuple[DayRule, ...]] = ("following", "modified_following", "preceding")

_ONE: Final = dt.timedelta(days=1)
_SATURDAY: Final = 5


class Calendar(msgspec.Struct, frozen=True):
    """Saturdays, Sundays and the holidays named are no business days; all others are."""

    holidays: frozenset[dt.date] = frozenset()

    def is_business_day(self, date: dt.date) -> bool:
        return date.weekday() < _SATURDAY and date not in self.holidays

    def following(self, date: dt.date) -> dt.date:
        """The date itself, or the first business day after it."""
        while not self.is_business_day(date):
            date += _ONE
        return date

    def preceding(self, date: dt.date) -> dt.date:
        """The date itself, or the last business day before it."""
        while not self.is_business_day(date):
            date -= _ONE
        return date

    def moved(self, date: dt.date, rule: DayRule) -> dt.date:
        """The date by a rule; a business day stays where it is."""
        if rule == "preceding":
            return self.preceding(date)
        found = self.following(date)
        if rule == "modified_following" and found.month != date.month:
            return self.preceding(date)
        return found

    def moved_after(self, earlier: dt.date, date: dt.date, rule: DayRule) -> dt.date:
        """The same, but never a day that is not after an earlier one: then the next business day."""
        found = self.moved(date, rule)
        return found if found > earlier else self.following(date)


WEEKENDS: Final = Calendar()
