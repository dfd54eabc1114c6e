"""A restatement whose events do not come to the difference is never answered."""

import datetime as dt

import msgspec
import pytest

from api.restatements import check_explained
from readmodels.restatement import LaterLine
from readmodels.statements.building import InconsistentStatement, Line, Standing, build_statement
from readmodels.statements.canonical import Bank, StatedAccount, Statement

FIRST, LAST = dt.date(2026, 3, 1), dt.date(2026, 3, 31)
AT = dt.datetime(2026, 4, 2, tzinfo=dt.UTC)


def stated(position: int, opening: int, entries: dict[int, int]) -> Statement:
    """A statement on a position whose entries have these positions and amounts."""
    return build_statement(
        Bank("Daybook Bank", "DAYBCZPP", (), None),
        StatedAccount(1, None, "checking", "EUR", ()),
        Standing(
            booked_from=FIRST,
            booked_to=LAST,
            as_of=LAST,
            position=position,
            root="0" * 64,
            known_at=AT,
        ),
        opening_balance=opening,
        lines=[
            Line(
                position=place,
                transaction_id=place,
                booking_date=FIRST,
                value_date=FIRST,
                recorded_at=AT,
                kind="deposit",
                amount=amount,
            )
            for place, amount in entries.items()
        ],
        closing_balance=opening + sum(entries.values()),
    )


def later(position: int, amount: int, day: dt.date = FIRST) -> LaterLine:
    return LaterLine(
        position, position, "deposit", day, day, AT, amount, None, None, "teller-1", None
    )


FEBRUARY = dt.date(2026, 2, 1)
THEN = stated(5, 100, {4: 50})
NOW = stated(9, 103, {4: 50, 8: 7})
ALL = [later(7, 3, FEBRUARY), later(8, 7)]


def test_lines_that_explain_every_cent_pass() -> None:
    check_explained(THEN, NOW, ALL)
    check_explained(THEN, msgspec.structs.replace(THEN, position=9), [])


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [later(7, 3, FEBRUARY)],
        [later(8, 7)],
        [later(7, 2, FEBRUARY), later(8, 8)],
        [later(7, 3), later(8, 7)],
        [later(7, 3, FEBRUARY), later(6, 7)],
        [*ALL, later(9, 5), later(10, -5)],
    ],
)
def test_lines_that_leave_a_cent_unexplained_do_not(lines: list[LaterLine]) -> None:
    with pytest.raises(InconsistentStatement, match="do not explain"):
        check_explained(THEN, NOW, lines)
