"""`daybook staff add`: those who work at the bank are made here, and nowhere over the network."""

import argparse
import asyncio
import getpass
import os
import sys

import msgspec

from application import users
from application.books import Answer, Posted
from application.keyring import open_keyring
from application.passwords import PasswordNotAccepted, Passwords, check_password
from application.pools import open_pool
from application.transact import OutcomeUnknown, Unavailable, Writer
from daybook.bank_database import bank_database
from daybook.settings import Settings, read_settings
from domain.customer import Role
from domain.refusals import Refused

PASSWORD: str = "DAYBOOK_STAFF_PASSWORD"


class StaffRefused(Exception):
    """The user was not added; the message says why."""


def run_add(arguments: argparse.Namespace) -> int:
    settings = read_settings()
    email = arguments.email or f"{arguments.username}@staff.invalid"
    password = os.environ.get(PASSWORD) or _asked_for()
    try:
        check_password(password, username=arguments.username, email=email)
    except PasswordNotAccepted as error:
        raise StaffRefused(str(error)) from None
    with bank_database(settings) as conninfo:
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
    passwords = Passwords(environment=settings.environment)
    writer = Writer(conninfo, zone=settings.time_zone)
    writer.start()
    try:
        async with open_pool(conninfo, name="staff", size=1) as pool:
            new = users.NewUser(
                user_id=await users.next_user_id(pool),
                username=username,
                email=email,
                role=role,
                password_hash=await passwords.hash(password),
            )
            keyring = open_keyring(conninfo, settings.kek, settings.data)
            user = users.seal_user(new, keyring)
            answer = await writer.submit(
                users.register_user(
                    user, key=None, principal="operator", answer=_answer, refuse=_refuse
                )
            )
    except (Unavailable, OutcomeUnknown) as error:
        raise StaffRefused(str(error)) from error
    finally:
        await writer.stop()
        passwords.close()
    if answer.status != 201:
        raise StaffRefused(msgspec.json.decode(answer.body, type=str))
    return user.user_id


def _answer(posted: list[Posted]) -> Answer:
    return Answer(201, b"{}")


def _refuse(refusal: Refused) -> Answer:
    return Answer(409, msgspec.json.encode(str(refusal)))


def _asked_for() -> str:
    if not sys.stdin.isatty():
        raise StaffRefused(f"set {PASSWORD}, or run this in a terminal to be asked for a password")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise StaffRefused("the two passwords differ")
    return password
