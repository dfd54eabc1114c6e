"""The machine, run on the pure core, on Postgres and over HTTP."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.bank import CUSTOMER, Bank, register
from tests.laws.bank_machine import BankMachine
from tests.laws.drivers import Driver, OnPostgres, OverHttp, PureCore
from tests.running_api import running_api


def run(driver: Callable[[], Driver], *, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        lambda: BankMachine(driver()),  # type: ignore[arg-type]
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_pure_core_agrees_with_the_reference() -> None:
    run(PureCore, examples=150, steps=50)


def test_two_writers_on_postgres_agree_with_the_reference(database: str) -> None:
    # A cache of four is full at once, so that what was forgotten is read again all the time.
    with Bank(database, cache_max=4) as one, Bank(database) as other:
        one.submit(register(CUSTOMER))

        run(lambda: OnPostgres(database, (one, other)), examples=15, steps=40)


def test_two_servers_over_http_agree_with_the_reference(database: str, tmp_path: Path) -> None:
    with running_api(database, tmp_path) as one, running_api(database, tmp_path) as other:
        apis = (one, other)
        teller, officer = one.person("teller"), one.person("compliance")
        tellers = (teller, other.signed_in(teller.user_id, teller.username))
        officers = (officer, other.signed_in(officer.user_id, officer.username))

        run(lambda: OverHttp(apis, tellers, officers), examples=10, steps=30)
