"""Loss rates decided without a store: not for a day whose loans have had its night."""

import datetime as dt

import pytest

from application.loss_rates import set_loss_rates
from domain import business_days
from domain.business_days import BusinessDays
from domain.loans import loss_rates
from domain.loans.loan_refusals import LossRatesTooLate
from domain.loans.loss_rates import LossRates
from tests.bill_desk import TELLER, Desk, ask

DAY = dt.timedelta(days=1)


def test_rates_begin_after_the_day_that_is_being_ended() -> None:
    desk = Desk()
    today = desk.today
    desk.states[business_days.STREAM] = BusinessDays(ending=today, ended=today - DAY, version=3)

    with pytest.raises(LossRatesTooLate):
        desk.do(set_loss_rates(ask(TELLER), LossRates(first_day=today)))
    desk.do(set_loss_rates(ask(TELLER), LossRates(first_day=today + DAY)))

    assert desk.states[loss_rates.STREAM] is not None
