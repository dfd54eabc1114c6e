"""A question that has no true answer is refused, and says why."""

import datetime as dt
from typing import Any

import pytest

from readmodels.moments import Moment, MomentAhead, UnanswerableMoment, resolve
from tests.bank import Bank, deposit
from tests.readmodels.asking import project, read

TODAY = dt.date(2100, 1, 1)
NOW = dt.datetime(2100, 1, 1, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def conninfo(module_database: str) -> str:
    with Bank(module_database) as bank:
        bank.with_accounts({1: 5})
        project(module_database)
        bank.submit(deposit(1, 1))
    return module_database


def asked(conninfo: str, **given: Any) -> Moment:
    arguments = {"as_of": None, "known_at": None, "today": TODAY, "now": NOW, **given}
    return read(conninfo, lambda c: resolve(c, **arguments))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"as_of": TODAY + dt.timedelta(1)}, "after today"),
        ({"as_of": TODAY + dt.timedelta(1), "known_at": 1}, "after today"),
        ({"known_at": 99}, "has not come to position 99"),
        ({"as_of": dt.date(1990, 1, 1), "known_at": 99}, "has not come to position 99"),
        ({"known_at": -1}, "no position -1"),
        ({"known_at": dt.datetime(2024, 1, 1)}, "offset from UTC"),
        ({"known_at": 4}, "stand at position 3, not yet at 4"),
    ],
)
def test_an_unanswerable_combination_is_an_error(
    conninfo: str, given: dict[str, Any], why: str
) -> None:
    with pytest.raises(UnanswerableMoment, match=why):
        asked(conninfo, **given)


def test_what_the_log_has_and_the_views_do_not_is_worth_waiting_for(conninfo: str) -> None:
    with pytest.raises(MomentAhead):
        asked(conninfo, known_at=4)


def test_time_has_run_out_until_the_end_of_a_day_that_is_over_and_until_now_today(
    conninfo: str,
) -> None:
    today = asked(conninfo)
    yesterday = asked(conninfo, as_of=TODAY - dt.timedelta(1), known_at=2)

    assert (today.instant, today.known_at) == (NOW, 3)
    assert yesterday.instant == dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
    assert yesterday.known_at == 2
