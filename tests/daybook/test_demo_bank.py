"""The demo bank is the same for the same seed, is plausible, and keeps its books."""

import asyncio
import datetime as dt
import hashlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, get_args

import msgspec
import psycopg
import pytest

from daybook.demo_bank import DemoBank, demo_bank
from daybook.demo_habits import REPORTED_CASH, last_business_day
from daybook.demo_loading import STAFF, DemoRefused, Loaded, load_demo
from domain.account_facts import Debit, TermsFact
from domain.customer import Registered
from domain.loans.loan_facts import Agreement, LoanMovement
from domain.loans.loan_terms import Status
from ledger.chart_of_accounts import CONTROL_ACCOUNT, TRANSFERS_IN_TRANSIT
from ledger.journal import Recorded
from ledger.trial_balance import trial_balance
from migrations.runner import migrate
from tests.bank import Bank, balances_of, open_account, read_log, register
from tests.keys import keyring_of

ROOT = Path(__file__).parents[2]
TODAY = dt.date(2026, 3, 18)
CREDITS = ("deposit", "payment received", "interest credited")
CHARGES = ("fee", "interest charged")
FINGERPRINT = "0730f621be5a1a125e42d845a20b6927662da865895f3044789573a4ce684cdb"


@pytest.fixture(scope="module")
def bank() -> DemoBank:
    return demo_bank(1, TODAY)


@pytest.fixture(scope="module")
def loaded(module_database: str) -> Loaded:
    return _loaded(module_database, customers=200)


@pytest.fixture(scope="module")
def log(module_database: str, loaded: Loaded) -> list[Recorded]:
    return read_log(module_database)


@pytest.fixture
def migrated_database(empty_database: str) -> str:
    """A second database beside `database`."""
    migrate(empty_database)
    return empty_database


def _loaded(conninfo: str, *, customers: int, today: dt.date = TODAY, seed: int = 1) -> Loaded:
    return asyncio.run(
        load_demo(
            conninfo,
            keyring=keyring_of(conninfo),
            today=today,
            zone=dt.UTC,
            password_hash="!",
            seed=seed,
            customers=customers,
        )
    )


def _facts(log: list[Recorded]) -> str:
    """A digest of what happened, in its order: everything but when it was recorded."""
    digest = hashlib.sha256()
    for recorded in log:
        # The hash of the command is over its answer, which says when.
        event = msgspec.structs.replace(
            recorded.event, recorded_at=dt.datetime.min, command_hash=None
        )
        if isinstance(event.fact, Registered):
            # Sealed under a key that chance has drawn, and asked for by names digested with another.
            fact = Registered(role=event.fact.role)
            event = msgspec.structs.replace(event, fact=fact, command_hash=None)
        digest.update(f"{recorded.originator_id} {event.fact.TAG} ".encode())
        digest.update(msgspec.json.encode(event))
    return digest.hexdigest()


# --- The days as they were played


def test_the_same_seed_and_day_give_the_same_bank_in_every_interpreter(bank: DemoBank) -> None:
    program = (
        "import datetime; from daybook.demo_bank import demo_bank; "
        "print(demo_bank(1, datetime.date(2026, 3, 18)).fingerprint())"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}

    other = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )

    assert bank.fingerprint() == other.stdout.strip() == FINGERPRINT


def test_another_seed_or_another_day_gives_another_bank(bank: DemoBank) -> None:
    others = {demo_bank(2, TODAY).fingerprint(), demo_bank(1, dt.date(2026, 3, 19)).fingerprint()}

    assert len(others | {bank.fingerprint()}) == 3


def test_half_a_year_ends_today_and_nothing_is_dated_after_it(bank: DemoBank) -> None:
    days = [step.on for step in bank.steps]

    assert (min(days), max(days)) == (dt.date(2025, 9, 1), TODAY)
    assert days == sorted(days)
    assert all(correction.on <= TODAY for correction in bank.corrections)


def test_people_live_within_the_bands_of_their_kind(bank: DemoBank) -> None:
    livings = Counter(person.living for person in bank.people)
    groceries = [step for step in bank.steps if step.category == "groceries"]
    months = ((TODAY - dt.date(2025, 9, 1)).days + 1) / 30

    assert 100 <= livings["employed"] <= 140
    assert min(livings.values()) >= 10
    assert 7 <= len(groceries) / months / 198 <= 13
    amounts = sorted(step.amount for step in groceries)
    assert 1_500 <= amounts[len(amounts) // 2] <= 4_500
    assert 30_000 <= len(bank.steps) <= 42_000


def test_salaries_come_on_the_last_business_day_and_rents_go_on_the_first(bank: DemoBank) -> None:
    salaries = [step for step in bank.steps if step.description == "Salary"]
    rents = [step for step in bank.steps if step.category == "rent"]

    assert all(last_business_day(step.on) for step in salaries)
    assert {step.on.day for step in rents} == {1}
    assert len(salaries) > 600
    assert len(rents) > 1_000


def test_cash_comes_in_twenties(bank: DemoBank) -> None:
    withdrawals = [step.amount for step in bank.steps if step.kind == "withdrawal"]

    assert withdrawals
    assert all(amount % 2_000 == 0 for amount in withdrawals)


def test_three_pay_in_cash_just_below_what_is_reported_and_two_do_nothing_at_all(
    bank: DemoBank,
) -> None:
    paid_in = defaultdict(list)
    for step in bank.steps:
        if step.kind == "deposit":
            paid_in[step.account].append(step)
    steps = Counter(step.account for step in bank.steps)
    dormant = [person.checking for person in bank.people if person.part == "dormant"]

    assert len(paid_in) == 3
    for deposits in paid_in.values():
        assert len(deposits) >= 4
        assert all(0.9 * REPORTED_CASH < step.amount < REPORTED_CASH for step in deposits)
        assert (deposits[-1].on - deposits[0].on).days < 10
    assert len(dormant) == 2
    # One opening payment; what friends send would show here too.
    assert all(steps[account] <= 1 for account in dormant)


def test_nobody_spends_what_is_not_there(bank: DemoBank) -> None:
    limits = {person.checking: person.overdraft_limit for person in bank.people}
    balances: dict[str, int] = defaultdict(int)
    short = []

    for step in bank.steps:
        balances[step.account] += step.amount if step.kind in CREDITS else -step.amount
        if step.kind == "transfer" and step.other is not None:
            balances[step.other] += step.amount
        beyond = balances[step.account] < -limits.get(step.account, 0)
        if beyond and step.kind not in (*CHARGES, *CREDITS):
            short.append(step)

    assert short == []


@pytest.mark.parametrize(
    ("day", "last"),
    [
        (dt.date(2026, 2, 27), True),
        (dt.date(2026, 1, 30), True),
        (dt.date(2026, 3, 31), True),
        (dt.date(2025, 11, 28), True),
        (dt.date(2026, 1, 31), False),
        (dt.date(2026, 3, 30), False),
        (dt.date(2026, 1, 23), False),
    ],
)
def test_the_last_business_day_is_never_at_the_weekend(day: dt.date, last: bool) -> None:
    assert last_business_day(day) is last


# --- In the ledger


def test_the_trial_balance_is_even_and_nothing_is_left_in_transit(log: list[Recorded]) -> None:
    lines = trial_balance(r.event.entry for r in log)
    totals = {line.ledger_account: line for line in lines}
    balances = balances_of(log)

    assert sum(line.debits for line in lines) == sum(line.credits for line in lines) > 0
    assert totals[TRANSFERS_IN_TRANSIT].balance == 0
    control = sum(totals[code].balance for code in CONTROL_ACCOUNT.values())
    assert control == sum(balances.values())


def test_nobody_stands_below_the_limit_unless_the_bank_forced_it(log: list[Recorded]) -> None:
    limits: dict[str, int] = {}
    debits, unforced = 0, []

    for recorded in log:
        fact = recorded.event.fact
        if isinstance(fact, TermsFact):
            limits[recorded.originator_id] = fact.terms.overdraft_limit
        elif isinstance(fact, Debit):
            debits += 1
            if fact.balance < -limits[recorded.originator_id] and not fact.forced:
                unforced.append(recorded)

    assert debits > 30_000
    assert unforced == []


def test_mistakes_are_put_right_by_a_teller_who_says_why(log: list[Recorded]) -> None:
    by_tellers = [r.event for r in log if r.event.entry and r.event.actor.startswith("teller-")]
    tags = Counter(event.fact.TAG for event in by_tellers)

    assert tags["account.debit-reversed.1"] >= 4
    assert tags["account.deposited.1"] >= 2
    assert all(event.reason for event in by_tellers)
    assert all(
        event.booking_date < TODAY - dt.timedelta(days=10)
        for event in by_tellers
        if event.fact.TAG == "account.deposited.1"
    )


def test_two_accounts_are_dormant_and_one_is_frozen(log: list[Recorded]) -> None:
    terms: dict[str, Any] = {}
    for recorded in log:
        if isinstance(recorded.event.fact, TermsFact):
            terms[recorded.originator_id] = recorded.event.fact.terms

    statuses = Counter(term.status for term in terms.values())
    assert statuses["dormant"] == 2
    assert statuses["frozen"] == 1
    assert statuses["active"] >= 280


def test_there_is_a_loan_in_every_state(log: list[Recorded]) -> None:
    loans: dict[str, Any] = {}
    for recorded in log:
        if isinstance(recorded.event.fact, Agreement):
            loans[recorded.originator_id] = recorded.event.fact.terms
    figures = {
        recorded.originator_id: recorded.event.fact.figures
        for recorded in log
        if isinstance(recorded.event.fact, Agreement | LoanMovement)
    }

    statuses = {terms.status for terms in loans.values()}
    assert statuses == set(get_args(Status)) - {"expired", "closed"}
    active = [figures[stream] for stream, terms in loans.items() if terms.status == "active"]
    assert any(each.past_due_since for each in active)
    assert any(each.overpaid and not each.owed for each in active)
    assert any(each.principal and not each.past_due_since for each in active)


def test_what_is_shown_is_a_late_entry_of_the_customer(loaded: Loaded, log: list[Recorded]) -> None:
    shown = loaded.shown
    late = log[shown.position_before]

    assert late.position == shown.position_before + 1
    assert late.originator_id == f"account-{shown.account_id}"
    assert (late.event.booking_date, late.event.fact.TAG) == (shown.late_on, "account.deposited.1")


def test_a_second_start_loads_nothing_also_on_another_day(
    module_database: str, loaded: Loaded, log: list[Recorded]
) -> None:
    again = _loaded(module_database, customers=200, today=TODAY + dt.timedelta(days=3))

    assert (again.commands, again.shown) == (0, loaded.shown)
    assert len(read_log(module_database)) == len(log)


def test_the_same_seed_gives_the_same_facts_in_another_ledger(
    database: str, migrated_database: str
) -> None:
    _loaded(database, customers=20)
    _loaded(migrated_database, customers=20)

    assert _facts(read_log(database)) == _facts(read_log(migrated_database))


def test_books_that_are_not_the_demo_s_are_left_alone(database: str) -> None:
    with Bank(database) as bank:
        bank.submit_all([register(1), open_account(1)])
    before = read_log(database)

    with pytest.raises(DemoRefused, match="holds books already"):
        _loaded(database, customers=20)

    assert read_log(database) == before


PROGRAM = """
import asyncio, datetime, sys
from daybook.demo_loading import load_demo
from tests.keys import keyring_of
today = datetime.date.fromisoformat(sys.argv[2])
keyring = keyring_of(sys.argv[1])
asyncio.run(
    load_demo(
        sys.argv[1], keyring=keyring, today=today, zone=datetime.UTC, password_hash="!", customers=60
    )
)
"""


def test_a_loading_that_was_killed_goes_on_with_the_days_it_began_with(
    database: str, migrated_database: str
) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    loading = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, database, TODAY.isoformat()], env=environment
    )
    with psycopg.connect(database, autocommit=True) as connection:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and loading.poll() is None:
            row = connection.execute("SELECT max(last_position) FROM commits").fetchone()
            if row is not None and (row[0] or 0) > 1_000:
                break
    loading.send_signal(signal.SIGKILL)
    loading.wait(10)
    reached = len(read_log(database))

    resumed = _loaded(database, customers=60, today=TODAY + dt.timedelta(days=1))
    _loaded(migrated_database, customers=60)

    whole = read_log(migrated_database)
    assert 1_000 < reached < len(whole)
    assert resumed.commands > 0
    assert [(r.event.command_id, r.event.fact.TAG) for r in read_log(database)] == [
        (r.event.command_id, r.event.fact.TAG) for r in whole
    ]
    assert sorted(balances_of(read_log(database)).values()) == sorted(balances_of(whole).values())


def test_staff_and_customers_can_sign_in_by_name(module_database: str, loaded: Loaded) -> None:
    keyring = keyring_of(module_database)
    with psycopg.connect(module_database) as connection:
        rows = connection.execute("SELECT username_key, role FROM users").fetchall()
    roles: dict[str, str] = dict(rows)

    assert {roles[keyring.claim_of("username", name)]: name for name in STAFF.values()} == STAFF
    assert roles[keyring.claim_of("username", loaded.shown.username)] == "user"
    assert len(roles) == 204


def test_the_vault_never_holds_less_than_nothing(log: list[Recorded]) -> None:
    """Nor do the bank's accounts elsewhere: on no day, as it was booked."""
    by_day: dict[tuple[int, dt.date], int] = defaultdict(int)
    for recorded in log:
        for posting in recorded.event.entry:
            signed = posting.amount if posting.side == "D" else -posting.amount
            by_day[posting.ledger_account, recorded.event.booking_date] += signed

    for account in (1010, 1110, 1120, 1130):
        days = sorted(day for code, day in by_day if code == account)
        balances = list(itertools.accumulate(by_day[account, day] for day in days))
        assert balances, account
        assert min(balances) >= 0, account
    capital = trial_balance(r.event.entry for r in log if r.originator_id == "bank-capital")
    assert {line.ledger_account: line.balance for line in capital}[3010] == 500_000_000


def test_only_what_the_last_days_brought_stands_in_clearing(log: list[Recorded]) -> None:
    """What came from other banks and went to them until the last business day is settled."""
    last = TODAY - dt.timedelta(days=1)
    while last.weekday() > 4:
        last -= dt.timedelta(days=1)
    waiting, all_of_it = Counter[int](), Counter[int]()
    for recorded in log:
        event = recorded.event
        for posting in event.entry:
            if posting.ledger_account in (1130, 2310):
                grows = posting.side == ("D" if posting.ledger_account == 1130 else "C")
                amount = posting.amount if grows else -posting.amount
                all_of_it[posting.ledger_account] += amount
                if event.booking_date > last and recorded.originator_id != "interbank-settlements":
                    waiting[posting.ledger_account] += amount

    assert all_of_it == waiting
