"""`daybook demo`: a small living bank, served, with what to look at first."""

import argparse
import asyncio
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

import msgspec

from application import clock
from application.keyring import open_keyring
from application.passwords import Passwords
from daybook.demo_loading import STAFF, DemoRefused, Loaded, Shown, load_demo
from daybook.interpreter import settle_interpreter
from daybook.loading import bring_views_up
from daybook.serve import serve
from daybook.settings import Settings, read_settings

# For the demo alone, and known to everybody: `load_demo` refuses any other books.
DEMO_PASSWORD: Final = "demo-only-password"
REQUEST_SECONDS_MAX: Final = 30.0

_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)

LOGIN: Final = (
    "$(curl -s {address}/v1/login -H 'Content-Type: application/json' "
    """-d '{{"username": "{username}", "password": "{password}"}}' """
    """| sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')"""
)
# With a line feed after each answer, which has none of its own.
CURL: Final = r"curl -s -w '\n'"
TRANSFER: Final = (
    CURL + ' {address}/v1/transactions/create -H "Authorization: Bearer $TOKEN" '
    "-H 'Idempotency-Key: my-first' -H 'Content-Type: application/json' "
    """-d '{{"source_account_id": {account}, "destination_account_id": {friend}, """
    """"amount": 12.50, "description": "Lunch"}}'"""
)
BALANCE: Final = (
    CURL + ' "{address}/v1/accounts/{account}/balance{moment}" -H "Authorization: Bearer $TOKEN"'
)
TRIAL_BALANCE: Final = (
    CURL + ' {address}/v1/ledger/trial-balance -H "Authorization: Bearer {auditor}"'
)


class CheckFailed(Exception):
    """The demo bank did not answer as it must; the message says to what."""


def run(arguments: argparse.Namespace) -> int:
    """Load the demo bank, unless it is there already, and serve it until Ctrl-C.

    With `--check`, ask it a few things over HTTP and end: 0 where every answer was right, else 1.
    """
    settings = read_settings()
    if settings.environment == "prod":
        raise DemoRefused("the demo's password is known to everybody: not with DAYBOOK_ENV=prod")
    showing = _Showing(settings, check=arguments.check)
    try:
        serve(
            settings,
            host="127.0.0.1",
            port=arguments.port,
            prepared=showing.load,
            ready=showing.show,
        )
    except SystemExit:
        if not arguments.check:
            raise
    return showing.status if arguments.check else 0


class _Showing:
    """What is done between the start of Postgres and the first request of a visitor."""

    def __init__(self, settings: Settings, *, check: bool) -> None:
        self._settings = settings
        self._check = check
        self._shown: Shown | None = None
        self.status = 1

    def load(self, conninfo: str) -> None:
        settle_interpreter()
        loaded = asyncio.run(_load(conninfo, self._settings))
        self._shown = loaded.shown
        bring_views_up(conninfo)
        if loaded.commands:
            rate = loaded.commands / loaded.seconds
            text = f"{loaded.commands:,} commands in {loaded.seconds:.1f} s, {rate:,.0f} a second"
            print(f"daybook: loaded the demo bank: {text}", flush=True)

    def show(self, address: str) -> None:
        assert self._shown is not None
        try:
            print(_told(address, self._shown), flush=True)
            if self._check:
                check_demo(address, self._shown)
                print("daybook: checked: every answer was right", flush=True)
                self.status = 0
        except CheckFailed as error:
            print(f"daybook: {error}", file=sys.stderr, flush=True)
        finally:
            if self._check:
                os.kill(os.getpid(), signal.SIGTERM)


async def _load(conninfo: str, settings: Settings) -> Loaded:
    passwords = Passwords(environment=settings.environment)
    try:
        return await load_demo(
            conninfo,
            keyring=open_keyring(conninfo, settings.kek, settings.data),
            today=clock.business_date(clock.now(), settings.time_zone),
            zone=settings.time_zone,
            calendar=settings.calendar,
            password_hash=await passwords.hash(DEMO_PASSWORD),
        )
    finally:
        passwords.close()


def _told(address: str, shown: Shown) -> str:
    logins = [(shown.username, "a customer")]
    logins += [(username, role) for role, username in STAFF.items()]
    lines = [
        "",
        f"The API          {address}/v1",
        f"Its description  {address}/schema",
        "",
        f"Sign in as (the password of all is {DEMO_PASSWORD} at first, for the demo only):",
        *(f"  {username:<20} {role}" for username, role in logins),
        "",
        "Five lines to try, in this order:",
        *(f"\n# {title}\n{line}" for title, line in curl_lines(address, shown)),
        "",
    ]
    return "\n".join(lines)


def curl_lines(address: str, shown: Shown) -> list[tuple[str, str]]:
    """Five lines for a shell, each with what it does; the ones in between use the first's TOKEN."""

    def login(username: str) -> str:
        return LOGIN.format(address=address, username=username, password=DEMO_PASSWORD)

    def line(form: str, **more: str) -> str:
        account, friend = shown.account_id, shown.friend_account_id
        return form.format(address=address, account=account, friend=friend, **more)

    before = f"?as_of={shown.late_on}&known_at={shown.position_before}"
    return [
        ("sign in", f"TOKEN={login(shown.username)}"),
        ("a balance", line(BALANCE, moment="")),
        ("a transfer; the same line again answers the same transaction", line(TRANSFER)),
        ("the balance of a day, before a deposit was booked late", line(BALANCE, moment=before)),
        ("the trial balance, as the auditor", line(TRIAL_BALANCE, auditor=login(STAFF["auditor"]))),
    ]


# --- The check


def check_demo(address: str, shown: Shown) -> None:
    """Ask what the five lines ask, and raise `CheckFailed` for the first answer that is not right."""
    token = _token(address, shown.username)
    account = f"/v1/accounts/{shown.account_id}/balance"
    before = _asked(address, account, token)["balance"]
    transfer = {
        "source_account_id": shown.account_id,
        "destination_account_id": shown.friend_account_id,
        "amount": 12.5,
    }
    key = {"Idempotency-Key": f"demo-check-{uuid4()}"}
    sent = _asked(address, "/v1/transactions/create", token, transfer, key)
    again = _asked(address, "/v1/transactions/create", token, transfer, key)
    after = _asked(address, account, token)["balance"]
    _expect("the same transfer is made once", again["transaction_id"], sent["transaction_id"])
    _expect("a transfer takes its amount", before - after, Decimal("12.50"))
    known = _asked(address, f"{account}?as_of={shown.late_on}", token)["balance"]
    query = f"as_of={shown.late_on}&known_at={shown.position_before}"
    unknown = _asked(address, f"{account}?{query}", token)["balance"]
    _expect("a late entry was not known before it came", known > unknown, True)
    auditor = _token(address, STAFF["auditor"])
    totals = _asked(address, "/v1/ledger/trial-balance", auditor)["totals"]
    _expect("there are books to balance", bool(totals), True)
    for total in totals:
        _expect("the books balance", total["debits"], total["credits"])


def _expect(what: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise CheckFailed(f"{what}: expected {expected}, found {found}")


def _token(address: str, username: str) -> str:
    login = {"username": username, "password": DEMO_PASSWORD}
    return str(_asked(address, "/v1/login", None, login)["access_token"])


def _asked(
    address: str,
    path: str,
    token: str | None,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """The answer to a request, its amounts as exact decimals."""
    given = {"Content-Type": "application/json"} if body is not None else {}
    if token is not None:
        given["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(
        address + path,
        data=None if body is None else msgspec.json.encode(body),
        headers={**given, **(headers or {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS_MAX) as answer:
            return _DECODER.decode(answer.read())
    except urllib.error.HTTPError as error:
        raise CheckFailed(f"{path} was answered {error.code}: {error.read().decode()}") from None
    except OSError as error:
        raise CheckFailed(f"{path} was not answered: {error}") from None
