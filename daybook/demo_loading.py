"""The demo bank put into the ledger, through the writer, once.

The first command keeps the seed and the last day, so that a loading that was killed plays the same
days again and finds by the keys what is already there; the last one keeps what is worth showing.
"""

import datetime as dt
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec
import psycopg

from application import accounts, corrections
from application.books import Command
from application.capital import pay_capital_in
from application.commands import SYSTEM, Actor, Details
from application.interbank import settle_interbank
from application.keyring import Keyring
from application.loss_rates import set_loss_rates
from application.transact import Writer
from application.users import NewUser
from daybook.demo_bank import CURRENCY, SEED, DemoBank, demo_bank
from daybook.demo_bills import Debtor, load_bills
from daybook.demo_clearing import ClearedDay, cleared_days
from daybook.demo_habits import Step
from daybook.demo_loans import LIVED_DAYS, STATES, DemoLoan, commands_of
from daybook.demo_people import CUSTOMERS, Person
from daybook.loading import Told, answered, ask, fresh_ids, register, told
from domain.banking_calendar import WEEKENDS, Calendar
from domain.capital import PaidInto
from domain.customer import Role
from domain.loans.loss_rates import LossRates
from domain.money import decimal_of
from readmodels.stream_history import original

BEGUN: Final = "demo-begun"
DONE: Final = "demo-done"
REASON: Final = "demo"
STAFF: Final[dict[Role, str]] = {
    "teller": "demo-teller",
    "loan_officer": "demo-officer",
    "auditor": "demo-auditor",
    "compliance": "demo-compliance",
}
CAPITAL: Final[tuple[tuple[PaidInto, int], ...]] = (
    ("vault", 1_000_000),
    ("central_bank", 3_900_000),
    ("nostro", 100_000),
)
QUERY_KEPT: Final = "SELECT request FROM commands WHERE principal = %s AND key = %s"


Kept = TypeVar("Kept", "Plan", "Shown")


class DemoRefused(Exception):
    """The demo bank cannot be here; the message says why."""


class Plan(msgspec.Struct, frozen=True):
    """What the demo bank is played from. The call is what the command is kept as."""

    seed: int
    today: dt.date
    customers: int
    call: str = "demo/begin"


class Shown(msgspec.Struct, frozen=True):
    """What to look at: a customer with an account, a friend's, and a balance known in two ways.

    At `position_before` a deposit of `late_on` was not known yet.
    """

    username: str
    account_id: int
    friend_account_id: int
    late_on: dt.date
    position_before: int
    call: str = "demo/done"


class Loaded(msgspec.Struct, frozen=True):
    shown: Shown
    commands: int
    seconds: float


async def load_demo(
    conninfo: str,
    *,
    keyring: Keyring,
    today: dt.date,
    zone: dt.tzinfo,
    calendar: Calendar = WEEKENDS,
    password_hash: str,
    seed: int = SEED,
    customers: int = CUSTOMERS,
) -> Loaded:
    """Put the demo bank there, ending `today`; where it is already, nothing is done.

    `password_hash` is of the password of the staff and the customers. Raises `DemoRefused` for a
    ledger that holds anything else, since that password is known to everybody.
    """
    began = time.perf_counter()
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        done = await _kept(connection, DONE, Shown)
        if done is not None:
            return Loaded(done, 0, time.perf_counter() - began)
        plan = await _kept(connection, BEGUN, Plan)
        if plan is None:
            if await (await connection.execute("SELECT 1 FROM commits LIMIT 1")).fetchone():
                raise DemoRefused("this database holds books already; the demo needs an empty one")
            plan = Plan(seed, today, customers)
        writer = Writer(conninfo, zone=zone, calendar=calendar)
        writer.start()
        try:
            loading = _Loading(writer, connection, keyring, password_hash)
            await loading.one(_note(BEGUN, plan))
            bank = demo_bank(plan.seed, plan.today, plan.customers)
            shown = await loading.all_of(bank, calendar)
            await load_bills(loading.one, connection, loading.debtors(bank), plan.today)
            await loading.one(_note(DONE, shown))
        finally:
            await writer.stop()
    return Loaded(shown, loading.commands, time.perf_counter() - began)


async def _kept(
    connection: psycopg.AsyncConnection[Any], key: str, kind: type[Kept]
) -> Kept | None:
    row = await (await connection.execute(QUERY_KEPT, (SYSTEM.name, key))).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=kind)


def _note(key: str, note: Plan | Shown) -> Command:
    """A command that changes nothing and is kept."""
    return ask(key).command(msgspec.to_builtins(note), (), lambda books: [])


class _Loading:
    """One loading: the ids of what has been made so far, by the names that the demo bank uses."""

    def __init__(
        self,
        writer: Writer,
        connection: psycopg.AsyncConnection[Any],
        keyring: Keyring,
        password_hash: str,
    ) -> None:
        self._writer = writer
        self._keyring = keyring
        self._connection = connection
        self._password_hash = password_hash
        self._users: dict[str, int] = {}
        self._accounts: dict[str, int] = {}
        self._transactions: dict[int, int] = {}
        self.commands = 0

    async def one(self, command: Command) -> tuple[Told, int | None]:
        """What the bank said, and the position. A refusal is a mistake of the demo bank."""
        answer = await self._writer.submit(command)
        self.commands += 1
        return _done(told(answer)), answer.position

    async def all_of(self, bank: DemoBank, calendar: Calendar) -> Shown:
        """Staff, customers, accounts, the days as they were played, and what came after them."""
        await self._capitalise(bank)
        await self._register(bank.people)
        await self._open(bank.people)
        await self._post(bank.steps)
        teller = Actor(self._users[STAFF["teller"]], "teller")
        for number, correction in enumerate(bank.corrections):
            transaction_id = self._transactions[correction.step]
            events = await original(self._connection, transaction_id)
            details = Details(booking_date=correction.on, reason=correction.reason)
            await self.one(
                corrections.reverse(ask(f"demo-correction-{number}", teller), events, details)
            )
        positions = []
        for number, late in enumerate(bank.late_entries):
            details = Details(
                description="Cash paid in",
                category="cash",
                booking_date=late.on,
                reason=late.reason,
            )
            amount = decimal_of(late.amount, CURRENCY)
            asking = ask(f"demo-late-entry-{number}", teller)
            account_id = self._accounts[late.account]
            _, position = await self.one(accounts.deposit(asking, account_id, amount, details))
            assert position is not None
            positions.append(position)
        await self._restrict(bank.people)
        await self._lend(bank.people, bank.today)
        await self._settle(await cleared_days(self._connection, calendar, bank.today))
        first = bank.people[0]
        return Shown(
            username=first.username,
            account_id=self._accounts[first.checking],
            friend_account_id=self._accounts[f"{first.friends[0]}-checking"],
            late_on=bank.late_entries[0].on,
            position_before=positions[0] - 1,
        )

    def debtors(self, bank: DemoBank) -> list[Debtor]:
        """Customers with bills, the one who is shown first among them."""
        return [
            Debtor(self._users[person.username], self._accounts[person.checking])
            for person in bank.people
            if person.part == "ordinary"
        ]

    async def _capitalise(self, bank: DemoBank) -> None:
        """The owners have founded the bank on the first day: notes for the machines, the rest in accounts."""
        details = Details(
            description="Capital paid in", booking_date=bank.first_day, reason="foundation"
        )
        for paid_into, amount in CAPITAL:
            asked = ask(f"demo-capital-{paid_into}")
            await self.one(pay_capital_in(asked, Decimal(amount), CURRENCY, paid_into, details))

    async def _register(self, people: list[Person]) -> None:
        names: list[tuple[str, Role]] = [(name, role) for role, name in STAFF.items()]
        names += [(person.username, "user") for person in people]
        ids = await fresh_ids(self._connection, "user_ids", len(names))
        asked = []
        for (name, role), user_id in zip(names, ids, strict=True):
            user = NewUser(user_id, name, f"{name}@demo.invalid", role, self._password_hash)
            asked.append((name, register(f"demo-user-{name}", user, self._keyring)))
        async for name, answer in answered(self._writer, asked):
            said = _done(told(answer))
            assert said.user_id is not None
            self._users[name] = said.user_id
        self.commands += len(asked)

    async def _open(self, people: list[Person]) -> None:
        wanted = [(person, person.checking, "checking") for person in people]
        wanted += [(person, person.savings, "savings") for person in people if person.saves]
        ids = await fresh_ids(self._connection, "account_ids", len(wanted))
        asked = []
        for (person, name, account_type), account_id in zip(wanted, ids, strict=True):
            command = accounts.open_account(
                ask(f"demo-account-{name}"),
                account_id=account_id,
                user_id=self._users[person.username],
                account_type=account_type,
                currency=CURRENCY,
                opened_on=person.opened_on,
            )
            asked.append((name, command))
        async for name, answer in answered(self._writer, asked):
            said = _done(told(answer))
            assert said.account_id is not None
            self._accounts[name] = said.account_id
        self.commands += len(asked)
        for person in people:
            if person.overdraft_limit:
                limit = decimal_of(person.overdraft_limit, CURRENCY)
                asking = ask(f"demo-overdraft-{person.number}")
                account_id = self._accounts[person.checking]
                await self.one(accounts.change_overdraft_limit(asking, account_id, limit))

    async def _post(self, steps: list[Step]) -> None:
        async for number, answer in answered(self._writer, self._commands_of(steps)):
            said = _done(told(answer))
            assert said.transaction_id is not None
            self._transactions[number] = said.transaction_id
        self.commands += len(steps)

    def _commands_of(self, steps: list[Step]) -> Iterator[tuple[int, Command]]:
        for number, step in enumerate(steps):
            yield number, _command(step, number, self._accounts)

    async def _settle(self, days: list[ClearedDay]) -> None:
        """What came from other banks and went to them, settled with the central bank day by day."""
        asked = []
        for day in days:
            reference = f"RTGS-{day.on:%Y%m%d}"
            command = settle_interbank(
                ask(f"demo-{reference}"),
                decimal_of(day.incoming, CURRENCY),
                decimal_of(day.outgoing, CURRENCY),
                CURRENCY,
                reference,
                Details(description="Settled with other banks", booking_date=day.on, reason=REASON),
            )
            asked.append((reference, command))
        async for _, answer in answered(self._writer, asked):
            _done(told(answer))
        self.commands += len(asked)

    async def _lend(self, people: list[Person], today: dt.date) -> None:
        """A loan in every state, each to another of the customers whose accounts are in use.

        Their nights set aside what the bank expects to lose of them.
        """
        lived = today - dt.timedelta(days=LIVED_DAYS)
        await self.one(set_loss_rates(ask("demo-loss-rates"), LossRates(first_day=lived)))
        officer = Actor(self._users[STAFF["loan_officer"]], "loan_officer")
        borrowers = [p for p in people if p.part not in ("dormant", "frozen")][: len(STATES)]
        # The ledger was empty, so these are the first there are, also when a loading goes on.
        await fresh_ids(self._connection, "loan_ids", len(borrowers))
        for number, person in enumerate(borrowers):
            loan = DemoLoan(
                loan_id=number + 1,
                user_id=self._users[person.username],
                account_id=self._accounts[person.checking],
                state=STATES[number],
                amount=4_000 + 1_000 * number,
            )
            asked = list(enumerate(commands_of(loan, today, officer)))
            async for _, answer in answered(self._writer, asked):
                _done(told(answer))
            self.commands += len(asked)

    async def _restrict(self, people: list[Person]) -> None:
        compliance = Actor(self._users[STAFF["compliance"]], "compliance")
        for person in people:
            account_id = self._accounts[person.checking]
            asking = f"demo-restriction-{person.number}"
            if person.part == "dormant":
                reason = "Nothing done by the holder for a year"
                await self.one(accounts.make_dormant(ask(asking), account_id, reason))
            elif person.part == "frozen":
                reason, order = "Seizure order", "District Court, order 12 E 345"
                asked = ask(asking, compliance)
                await self.one(accounts.freeze(asked, account_id, "debit", reason, order))


def _command(step: Step, number: int, ids: dict[str, int]) -> Command:
    asking, amount = ask(f"demo-step-{number}"), decimal_of(step.amount, CURRENCY)
    account_id = ids[step.account]
    details = Details(
        description=step.description,
        category=step.category,
        tags=step.tags,
        booking_date=step.on,
        reason=REASON,
    )
    match step.kind:
        case "deposit":
            return accounts.deposit(asking, account_id, amount, details)
        case "withdrawal":
            return accounts.withdraw(asking, account_id, amount, details)
        case "payment received":
            return accounts.receive_payment(asking, account_id, amount, details, step.other)
        case "payment sent":
            return accounts.send_payment(asking, account_id, amount, details, step.other)
        case "transfer":
            assert step.other is not None
            return accounts.transfer(asking, account_id, ids[step.other], amount, details)
        case "interest credited":
            return accounts.credit_interest(asking, account_id, amount, details)
        case "interest charged":
            return accounts.charge_interest(asking, account_id, amount, details)
        case "fee":
            return accounts.charge_fee(asking, account_id, amount, details)


def _done(said: Told) -> Told:
    assert said.refused is None, said.refused
    return said
