"""The machine, run on the pure core and on Postgres."""

from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.bank import CUSTOMER, Bank, register
from tests.laws.bank_machine import BankMachine
from tests.laws.drivers import Driver, OnPostgres, PureCore


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
    run(PureCore, examples=400, steps=60)


def test_two_writers_on_postgres_agree_with_the_reference(database: str) -> None:
    with Bank(database, cache_max=4) as one, Bank(database) as other:
        one.submit(register(CUSTOMER))

        run(lambda: OnPostgres(database, (one, other)), examples=25, steps=40)
