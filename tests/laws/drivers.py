"""The same bank behind three doors: the pure core, two writers on Postgres, and the API on a socket."""

import datetime as dt
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

import httpx
import msgspec
import psycopg

from application import append, clock
from application.aggregates import Aggregate
from application.books import Books, streams_of
from application.decisions import KnownCommands, decide_together
from ledger.journal import Recorded, decode
from tests.bank import CUSTOMER, Bank, read_log, register
from tests.laws.intents import Intent, Outcome, command_of, outcome_of
from tests.running_api import Person, RunningApi


class Driver(Protocol):
    today: dt.date
    charges_fees: bool

    def run(self, intents: Sequence[Intent], *, linked: bool, at: int) -> list[Outcome]:
        """Do it in one commit, at one of two doors of the bank."""

    def log(self) -> list[Recorded]:
        """What was recorded since this driver began."""

    def balance(self, number: int) -> Decimal | None:
        """What a reader is told, in major units; None where there is nobody to be asked."""


class PureCore:
    """Decisions on states in memory; nothing is stored."""

    charges_fees = True

    def __init__(self) -> None:
        self.today = dt.date(2024, 2, 29)
        self.states: dict[str, Aggregate | None] = {}
        self._claims: dict[str, str] = {}
        self._known: KnownCommands = {}
        self._head = append.ORIGIN
        self._log: list[Recorded] = []
        self._accounts = 0
        self.decide([register(CUSTOMER)])

    def run(self, intents: Sequence[Intent], *, linked: bool, at: int) -> list[Outcome]:
        numbered = [self._numbered(intent) for intent in intents]
        commands = [command_of(intent, self._log) for intent in numbered]
        answers = self.decide(commands, linked=linked)
        return [outcome_of(*each) for each in zip(numbered, answers, strict=True)]

    def decide(self, commands: Sequence[Any], *, linked: bool = False) -> list[Any]:
        instant = dt.datetime.combine(self.today, dt.time(12), dt.UTC)
        instant += dt.timedelta(seconds=self._head.position)
        states = {stream: self.states.get(stream) for stream in streams_of(commands)}
        rows = append.Batch(self._head, instant)
        books = Books(states, self._claims, self.today, instant)
        answers = decide_together(commands, linked, books, self._known, rows, again=False)
        self.states.update(states)
        self._log += [
            Recorded(stream.decode(), version, position, decode(tag.decode(), state))
            for position, (stream, version, tag, state) in enumerate(
                rows.events, rows.first_position
            )
        ]
        self._head = append.end_of(rows)
        return answers

    def log(self) -> list[Recorded]:
        return self._log

    def balance(self, number: int) -> Decimal | None:
        return None

    def _numbered(self, intent: Intent) -> Intent:
        if intent.call != "open":
            return intent
        self._accounts += 1
        return msgspec.structs.replace(intent, number=self._accounts)


class _StoredLog:
    """The log of a database, from where it ends now."""

    def __init__(self, conninfo: str) -> None:
        self.today = clock.now().date()
        self._conninfo = conninfo
        self._log: list[Recorded] = []
        self._position = self._value("SELECT coalesce(max(last_position), 0) FROM commits")

    def log(self) -> list[Recorded]:
        newer = read_log(self._conninfo, after=self._position)
        if newer:
            self._position = newer[-1].position
            self._log += newer
        return self._log

    def _value(self, query: Any) -> int:
        with psycopg.connect(self._conninfo) as connection:
            row: Any = connection.execute(query).fetchone()
        return int(row[0])


class OnPostgres(_StoredLog):
    """Two writers side by side on one database, as two processes would be."""

    charges_fees = True

    def __init__(self, conninfo: str, banks: Sequence[Bank]) -> None:
        super().__init__(conninfo)
        self._banks = banks

    def run(self, intents: Sequence[Intent], *, linked: bool, at: int) -> list[Outcome]:
        numbered = [
            msgspec.structs.replace(i, number=self._value("SELECT nextval('account_ids')"))
            if i.call == "open"
            else i
            for i in intents
        ]
        log = self.log() if any(i.call == "reverse" for i in numbered) else []
        commands = [command_of(intent, log) for intent in numbered]
        answers = self._banks[at].submit_all(commands, linked=linked)
        return [outcome_of(*each) for each in zip(numbered, answers, strict=True)]

    def balance(self, number: int) -> Decimal | None:
        return None


_PATHS = {
    "limit": "overdraft-limit",
    "make_dormant": "dormant",
}


class OverHttp(_StoredLog):
    """Two servers on one database. A teller asks, and compliance freezes."""

    charges_fees = False

    def __init__(
        self, apis: Sequence[RunningApi], tellers: Sequence[Person], officers: Sequence[Person]
    ) -> None:
        super().__init__(apis[0].conninfo)
        self._tellers, self._officers = tellers, officers
        self._last = 0

    def run(self, intents: Sequence[Intent], *, linked: bool, at: int) -> list[Outcome]:
        self._last = at
        if linked or len(intents) > 1:
            return self._batch(intents, linked, at)
        (intent,) = intents
        return [self._outcome(intent, self._ask(intent, at))]

    def balance(self, number: int) -> Decimal | None:
        """Asked of the server that was written through: it shows a caller his own writes."""
        answer = self._tellers[self._last].get(f"/v1/accounts/{number}/balance")
        assert answer.status_code == 200, answer.text
        said = json.loads(answer.content, parse_float=Decimal, parse_int=Decimal)
        balance: Decimal = said["balance"]
        return balance

    def _ask(self, intent: Intent, at: int) -> httpx.Response:
        teller = self._tellers[at]
        late = {"booking_date": str(intent.booking_date)} if intent.booking_date else {}
        if intent.reason:
            late["reason"] = intent.reason
        amount = {"amount": str(intent.amount)}
        account = f"/v1/accounts/{intent.number}/{_PATHS.get(intent.call, intent.call)}"
        match intent.call:
            case "open":
                body = {"user_id": teller.user_id, "account_type": intent.account_type}
                return teller.post("/v1/accounts/create", body | {"currency": intent.currency})
            case "deposit" | "withdraw":
                return teller.post(account, amount | late, key=intent.key)
            case "transfer":
                return teller.post("/v1/transactions/create", _transfer(intent), key=intent.key)
            case "reverse":
                path = f"/v1/transactions/{intent.number}/reverse"
                return teller.post(path, {"reason": "asked for"})
            case "limit":
                return teller.put(account, {"overdraft_limit": str(intent.amount)})
            case "freeze":
                body = {"restriction": intent.restriction, "reason": "a court order"}
                return self._officers[at].post(account, body)
            case "unfreeze":
                return self._officers[at].post(account, {"reason": "asked for"})
            case _:
                return teller.post(account, {"reason": "asked for"})

    def _batch(self, intents: Sequence[Intent], linked: bool, at: int) -> list[Outcome]:
        body = {"atomic": linked, "transfers": [_transfer(intent) for intent in intents]}
        answer = self._tellers[at].post("/v1/transactions/batch", body)
        assert answer.status_code == 200, answer.text
        return [
            Outcome(refused=_refused(result["body"]), transaction_id=_transaction(result["body"]))
            for result in answer.json()["results"]
        ]

    def _outcome(self, intent: Intent, answer: httpx.Response) -> Outcome:
        assert answer.status_code < 500, answer.text
        body = answer.json()
        return Outcome(
            refused=_refused(body),
            transaction_id=_transaction(body),
            account_id=body.get("account_id"),
            figures=body.get("figures", {}),
            body=answer.content,
            position=body.get("position"),
            replayed=answer.headers.get("Idempotent-Replayed") == "true",
        )


def _transfer(intent: Intent) -> dict[str, Any]:
    return {
        "source_account_id": intent.number,
        "destination_account_id": intent.destination,
        "amount": str(intent.amount),
    }


def _refused(body: dict[str, Any]) -> str | None:
    """The name of the refusal, from its code: `insufficient-funds` is `InsufficientFunds`."""
    code = body.get("code")
    return None if code is None else re.sub(r"(?:^|-)([a-z])", lambda m: m[1].upper(), code)


def _transaction(body: dict[str, Any]) -> int | None:
    """A change of terms is no transaction to those who ask; its first event's position is its id."""
    return body.get("transaction_id")
