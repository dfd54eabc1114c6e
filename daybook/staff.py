"""`daybook staff`: who works at the bank, and in which role, is decided here, and nowhere over the network.

So there is no rule of a last administrator: whoever has the host can always add another.
"""

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import msgspec

from application import staff, users
from application.books import Answer, Command, Posted
from application.keyring import Keyring, open_keyring
from application.passwords import PasswordNotAccepted, Passwords, check_password
from application.pools import Pool, next_number, open_pool
from application.staff import OPERATOR, Asked, Member
from application.transact import OutcomeUnknown, Unavailable, Writer
from daybook.bank_database import bank_database
from daybook.settings import Settings, read_settings
from domain.customer import (
    USERNAME_IS,
    USERNAME_LENGTH_MAX,
    USERNAME_LENGTH_MIN,
    Role,
    is_email,
    is_username,
)
from domain.refusals import Refused

PASSWORD: Final = "DAYBOOK_STAFF_PASSWORD"
NOTHING_NEW: Final = 200
COLUMNS: Final = ("username", "user", "role", "since", "")


class StaffRefused(Exception):
    """Nothing was changed; the message says why."""


class Listed(msgspec.Struct, frozen=True):
    """A member of staff as he is listed: `since` when in this role."""

    username: str
    user_id: int
    role: Role
    since: str
    ended: bool


class _Desk(NamedTuple):
    writer: Writer
    pool: Pool
    keyring: Keyring


def run_add(arguments: argparse.Namespace) -> int:
    settings = read_settings()
    email = arguments.email or f"{arguments.username}@staff.invalid"
    if not is_username(arguments.username):
        raise StaffRefused(
            f"nobody can be called {arguments.username!r}: {USERNAME_LENGTH_MIN} to {USERNAME_LENGTH_MAX} "
            f"characters; {USERNAME_IS[0].lower()}{USERNAME_IS[1:]}"
        )
    if not is_email(email):
        raise StaffRefused(f"{email!r} is no email address; give one with --email")
    password = os.environ.get(PASSWORD) or _asked_for()
    _check(password, username=arguments.username, email=email)
    with bank_database(settings, make=True) as conninfo:
        user_id = asyncio.run(
            add_staff(
                conninfo,
                settings,
                username=arguments.username,
                email=email,
                role=arguments.role,
                password=password,
            )
        )
    print(f"daybook: {arguments.username} is user {user_id}, {arguments.role}")
    return 0


async def add_staff(
    conninfo: str, settings: Settings, *, username: str, email: str, role: Role, password: str
) -> int:
    """The id of a new user with a role. Raises `StaffRefused` for a name or address that is taken."""
    async with _desk(conninfo, settings, role="daybook_sign_in") as desk:
        new = users.NewUser(
            user_id=await next_number(desk.pool, "user_ids"),
            username=username,
            email=email,
            role=role,
            password_hash=await _hashed(password, settings),
        )
        user = users.seal_user(new, desk.keyring)
        command = users.register_user(
            user, key=None, principal=OPERATOR, answer=_done, refuse=_refuse
        )
        await _submitted(desk, command)
    return user.user_id


def run_role(arguments: argparse.Namespace) -> int:
    name, role = arguments.username, arguments.role

    def change(member: Member) -> Command:
        return staff.change_role(Asked(_done, _refuse), member.profile.user_id, role)

    before, changed = _change(name, change, lambda member: member.profile.role == role)
    was = before.profile.role
    said = (
        f"is {role} now, and was {was}; open sessions have ended"
        if changed
        else f"is {role} already"
    )
    print(f"daybook: {name} {said}")
    return 0


def run_end(arguments: argparse.Namespace) -> int:
    def change(member: Member) -> Command:
        return staff.end_sign_in(Asked(_done, _refuse), member.profile.user_id)

    _, changed = _change(arguments.username, change, lambda member: member.ended)
    said = (
        "has ended: no sign-in any more, open sessions have ended"
        if changed
        else "has ended already"
    )
    print(f"daybook: {arguments.username} {said}")
    return 0


def run_reinstate(arguments: argparse.Namespace) -> int:
    def change(member: Member) -> Command:
        return staff.restore_sign_in(Asked(_done, _refuse), member.profile.user_id)

    before, changed = _change(arguments.username, change, lambda member: not member.ended)
    said = f"may sign in again, as {before.profile.role}" if changed else "may sign in already"
    print(f"daybook: {arguments.username} {said}")
    return 0


def run_password(arguments: argparse.Namespace) -> int:
    name, settings = arguments.username, read_settings()
    password = os.environ.get(PASSWORD) or _asked_for()
    with bank_database(settings) as conninfo:
        asyncio.run(_set_password(conninfo, settings, name, password))
    print(f"daybook: {name} has another password; open sessions have ended")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    settings = read_settings()
    with bank_database(settings) as conninfo:
        listed = asyncio.run(list_staff(conninfo, settings))
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(listed), indent=2).decode())
    else:
        print("\n".join(_in_columns(listed)))
    return 0


async def list_staff(conninfo: str, settings: Settings) -> list[Listed]:
    """Who works at the bank, and who has ended, by number; each name is opened with its person's key."""
    async with _desk(conninfo, settings) as desk:
        found = []
        for member in await staff.members(desk.pool):
            user = member.profile.opened(desk.keyring)
            since = member.since.astimezone(settings.time_zone).date().isoformat()
            found.append(Listed(user.username, user.user_id, user.role, since, member.ended))
    return found


async def _set_password(conninfo: str, settings: Settings, name: str, password: str) -> None:
    async with _desk(conninfo, settings) as desk:
        member = await _member(desk, name)
        user = member.profile.opened(desk.keyring)
        _check(password, username=user.username, email=user.email)
        asked = Asked(_done, _refuse)
        hashed = await _hashed(password, settings)
        await _submitted(desk, staff.change_password(asked, user.user_id, hashed))


def _change(
    name: str, change: Callable[[Member], Command], is_so: Callable[[Member], bool]
) -> tuple[Member, bool]:
    """How the person stood before, and whether anything was new.

    Where the log had it so already, the table of users must too.
    """
    settings = read_settings()

    async def run(conninfo: str) -> tuple[Member, bool]:
        async with _desk(conninfo, settings) as desk:
            member = await _member(desk, name)
            answer = await _submitted(desk, change(member))
            if answer.status != NOTHING_NEW:
                return member, True
            if not is_so(await _member(desk, name)):
                raise StaffRefused(
                    f"the log has {name} so already, and the table of users has not: it was changed past "
                    "the log. See what `daybook audit verify` finds; any change of this person mends the row."
                )
            return member, False

    with bank_database(settings) as conninfo:
        return asyncio.run(run(conninfo))


async def _member(desk: _Desk, name: str) -> Member:
    member = await staff.member_named(desk.pool, desk.keyring.claim_of(users.USERNAME, name))
    if member is None:
        raise StaffRefused(f"nobody has the user name {name}")
    return member


@asynccontextmanager
async def _desk(
    conninfo: str, settings: Settings, role: str = "daybook_keys"
) -> AsyncIterator[_Desk]:
    """A writer, a connection with the rights of the role, and the keys. Raises `StaffRefused`."""
    writer = Writer(conninfo, zone=settings.time_zone)
    writer.start()
    try:
        async with open_pool(conninfo, name="staff", size=1, role=role) as pool:
            yield _Desk(writer, pool, open_keyring(conninfo, settings.kek, settings.data))
    except (Unavailable, OutcomeUnknown) as error:
        raise StaffRefused(str(error)) from error
    finally:
        await writer.stop()


async def _submitted(desk: _Desk, command: Command) -> Answer:
    answer = await desk.writer.submit(command)
    if answer.status >= 400:
        raise StaffRefused(msgspec.json.decode(answer.body, type=str))
    return answer


def _done(posted: list[Posted]) -> Answer:
    return Answer(201 if posted else NOTHING_NEW, b"{}")


def _refuse(refusal: Refused) -> Answer:
    return Answer(409, msgspec.json.encode(str(refusal)))


def _check(password: str, **names: str) -> None:
    try:
        check_password(password, **names)
    except PasswordNotAccepted as error:
        raise StaffRefused(str(error)) from None


async def _hashed(password: str, settings: Settings) -> str:
    passwords = Passwords(environment=settings.environment)
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()


def _in_columns(listed: list[Listed]) -> list[str]:
    rows: list[Any] = [COLUMNS]
    rows += [
        (each.username, str(each.user_id), each.role, each.since, "ended" if each.ended else "")
        for each in listed
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _asked_for() -> str:
    if not sys.stdin.isatty():
        raise StaffRefused(f"set {PASSWORD}, or run this in a terminal to be asked for a password")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise StaffRefused("the two passwords differ")
    return password
