"""Users: registration, sign-in, and the session that follows."""

import asyncio
import time
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from litestar import get, post, put
from litestar.params import JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, refused, told, told_answer
from api.customer_problems import CurrentPasswordWrong
from api.documents import answers, described
from api.problems import CredentialsRefused
from api.rate_limits import admit_sign_in, sign_in_succeeded
from api.sign_ins import note_failure, note_refused_refresh, note_sign_in, note_sign_out
from api.strict_json import BodyInvalid, FieldError, encode
from api.tokens import ACCESS_TOKEN_SECONDS
from application import staff, users
from application.audit_trail import ANONYMOUS
from application.books import Answer, Posted
from application.passwords import LENGTH_MAX, PasswordNotAccepted, check_password
from application.pools import next_number
from application.sessions import (
    RefreshRefused,
    Session,
    refresh_session,
    start_session,
)
from domain.customer import (
    EMAIL_IS,
    EMAIL_LENGTH_MAX,
    EMAIL_LENGTH_MIN,
    USERNAME_IS,
    USERNAME_LENGTH_MAX,
    USERNAME_LENGTH_MIN,
    Role,
    is_email,
    is_username,
)

_WRONG_NAME: Final = FieldError("/username", USERNAME_IS)
_WRONG_EMAIL: Final = FieldError("/email", EMAIL_IS)

Secret: TypeAlias = Annotated[str, msgspec.Meta(max_length=LENGTH_MAX * 4)]


Email: TypeAlias = Annotated[
    str, msgspec.Meta(min_length=EMAIL_LENGTH_MIN, max_length=EMAIL_LENGTH_MAX)
]
Username: TypeAlias = Annotated[
    str, msgspec.Meta(min_length=USERNAME_LENGTH_MIN, max_length=USERNAME_LENGTH_MAX)
]


class Registration(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    username: Annotated[Username, msgspec.Meta(examples=["ada"])]
    email: Annotated[Email, msgspec.Meta(examples=["ada@example.org"])]
    password: Annotated[Secret, msgspec.Meta(examples=["a long and private phrase"])]


class Profile(msgspec.Struct, kw_only=True):
    user_id: int
    username: str
    email: str
    role: Role


class SigningIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    username: Annotated[str, msgspec.Meta(max_length=254, examples=["ada"])]
    password: Annotated[Secret, msgspec.Meta(examples=["a long and private phrase"])]


class Tokens(msgspec.Struct, kw_only=True):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: Annotated[int, msgspec.Meta(description="Seconds.")] = ACCESS_TOKEN_SECONDS
    refresh_token: str


class Refreshing(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    refresh_token: Annotated[str, msgspec.Meta(max_length=512)]


class SignedOut(msgspec.Struct):
    signed_out: bool = True


class _Registered(msgspec.Struct):
    """What is stored of the answer: the log of commands must not hold a name for ever."""

    user_id: int
    role: Role


@post("/register", **described("Register a user", answers(201, Profile, 409, 422, 429, 503)))
async def register(request: Call, data: JSONBody[Registration]) -> ASGIApp:
    """The user becomes a customer of the bank, with the role `user`."""
    bank = request.bank
    wrong = [
        error
        for text, is_right, error in (
            (data.username, is_username, _WRONG_NAME),
            (data.email, is_email, _WRONG_EMAIL),
        )
        if not is_right(text)
    ]
    if wrong:
        raise BodyInvalid(*wrong)
    check_password(data.password, username=data.username, email=data.email)
    new = users.NewUser(
        user_id=await next_number(bank.users, "user_ids"),
        username=data.username,
        email=data.email,
        role="user",
        password_hash=await bank.passwords.hash(data.password),
    )
    user = await asyncio.to_thread(users.seal_user, new, bank.keyring)

    def answer(posted: list[Posted]) -> Answer:
        return Answer(201, encode(_Registered(user.user_id, user.role)))

    # Every registration that comes without a sign-in shares one space of idempotency keys.
    command = users.register_user(
        user, key=request.key, principal=ANONYMOUS, answer=answer, refuse=refused
    )
    given = await bank.writer.submit(command)
    if given.status != 201:
        return told_answer(given)
    # The same key means the same names, so the whole answer is the same bytes again.
    registered = msgspec.json.decode(given.body, type=_Registered)
    if given.position is not None:
        bank.own_writes.wrote(given.position, registered.user_id)
    profile = Profile(
        user_id=registered.user_id,
        username=data.username,
        email=data.email,
        role=registered.role,
    )
    return told_answer(msgspec.structs.replace(given, body=encode(profile)))


@post(
    "/login",
    status_code=200,
    **described(
        "Sign in", answers(200, Tokens, 401, 422, 429, 503), writes=False, open_to_anyone=True
    ),
)
async def login(request: Call, data: JSONBody[SigningIn]) -> ASGIApp:
    """An access token for ten minutes, and a refresh token to get the next one with."""
    bank = request.bank
    name, client = bank.keyring.claim_of(users.USERNAME, data.username), request.client_address
    attempt = await admit_sign_in(bank.shared_limits, username_key=name, client=client)
    known = await users.sign_in_of(bank.users, name)
    verdict = await bank.passwords.verify(
        None if known is None else known.password_hash, data.password
    )
    if known is None or known.ended or not verdict.matches:
        await note_failure(request, known, attempt)
        raise CredentialsRefused
    await sign_in_succeeded(bank.shared_limits, username_key=name, client=client)
    if verdict.rehash:
        anew = await bank.passwords.hash(data.password)
        await users.store_password_hash(bank.users, known.user_id, known.password_hash, anew)
    try:
        session = await start_session(
            bank.users, user_id=known.user_id, password_changes=known.password_changes
        )
    except RefreshRefused:
        # Since it was checked the password was changed, or the person has ended.
        now = await users.sign_in_of(bank.users, name)
        await note_failure(request, now, attempt._replace(locks_out=False))
        raise CredentialsRefused from None
    await note_sign_in(request, session, attempt.turned_away)
    return _tokens(request, session)


@post(
    "/refresh",
    status_code=200,
    **described(
        "Carry a session on", answers(200, Tokens, 401, 422, 503), writes=False, open_to_anyone=True
    ),
)
async def refresh(request: Call, data: JSONBody[Refreshing]) -> ASGIApp:
    """The next pair of tokens. A refresh token is used once; a second use ends the session."""
    bank = request.bank
    session = await refresh_session(
        bank.users,
        data.refresh_token,
        secret=bank.secret,
        note=lambda refused: note_refused_refresh(request, refused),
    )
    return _tokens(request, session)


@post(
    "/logout",
    status_code=200,
    **described("Sign out", answers(200, SignedOut, 401, 503), writes=False),
)
async def logout(request: Call) -> ASGIApp:
    """The session ends at once: neither its access nor its refresh token opens anything again."""
    await note_sign_out(request)
    return told(SignedOut())


@get("/profile", **described("Who is signed in", answers(200, Profile, 401, 503)))
async def profile(request: Call) -> ASGIApp:
    """Number, name, address and role of whoever holds the token."""
    bank = request.bank
    sealed = await users.sealed_profile(bank.persons, request.actor.user_id)
    if sealed is None:
        raise CredentialsRefused
    user = await asyncio.to_thread(sealed.opened, bank.keyring)
    return told(
        Profile(user_id=user.user_id, username=user.username, email=user.email, role=user.role)
    )


class ChangingProfile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    email: Annotated[Email, msgspec.Meta(examples=["ada@example.com"])]


@put(
    "/profile",
    **described(
        "Change one's email address", answers(200, Profile, 401, 409, 422, 429, 503), writes=True
    ),
)
async def change_profile(request: Call, data: JSONBody[ChangingProfile]) -> ASGIApp:
    """What it was before stays in the log, as ciphertext."""
    bank, actor = request.bank, request.actor
    if not is_email(data.email):
        raise BodyInvalid(_WRONG_EMAIL)
    sealed = await users.sealed_profile(bank.persons, actor.user_id)
    if sealed is None:
        raise CredentialsRefused
    data_key = await asyncio.to_thread(bank.keyring.opened, actor.user_id, sealed.key)
    username = sealed.opened_with(data_key).username

    def answer(posted: list[Posted]) -> Answer:
        return Answer(200, encode(_Registered(actor.user_id, sealed.role)))

    command = users.change_email(
        actor,
        data.email,
        bank.keyring,
        data_key,
        sealed,
        key=request.key,
        answer=answer,
        refuse=refused,
    )
    given = await bank.writer.submit(command)
    if given.status != 200:
        return told_answer(given)
    if given.position is not None:
        bank.own_writes.wrote(given.position, actor.user_id)
    profile = Profile(user_id=actor.user_id, username=username, email=data.email, role=sealed.role)
    return told_answer(msgspec.structs.replace(given, body=encode(profile)))


class ChangingPassword(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    current_password: Annotated[Secret, msgspec.Meta(examples=["a long and private phrase"])]
    new_password: Annotated[Secret, msgspec.Meta(examples=["another one, as long and private"])]


class PasswordChangedOut(msgspec.Struct):
    """All sessions have ended: the next call is a sign-in with the new password."""

    signed_out: bool = True


@put(
    "/profile/password",
    **described(
        "Change one's password",
        answers(200, PasswordChangedOut, 401, 409, 422, 429, 503),
        writes=False,
    ),
)
async def change_password(request: Call, data: JSONBody[ChangingPassword]) -> ASGIApp:
    """Every session of the person ends at once, this one too: who else holds a token of it is out.

    The current password is checked as at a sign-in, with the same limits. There is no idempotency key: sent
    again, the call finds its session ended.
    """
    bank, actor = request.bank, request.actor
    known = await users.own_sign_in(bank.users, actor.user_id)
    if known is None or known.ended:
        raise CredentialsRefused
    tried = {"username_key": known.username_key, "client": request.client_address}
    attempt = await admit_sign_in(bank.shared_limits, **tried)
    verdict = await bank.passwords.verify(known.password_hash, data.current_password)
    if not verdict.matches:
        await note_failure(request, known, attempt, actor=actor.name, session=request.session_id)
        raise CurrentPasswordWrong
    await sign_in_succeeded(bank.shared_limits, **tried)
    sealed = await users.sealed_profile(bank.persons, actor.user_id)
    if sealed is None:
        raise CredentialsRefused
    names = await asyncio.to_thread(sealed.opened, bank.keyring)
    check_password(data.new_password, username=names.username, email=names.email)
    if data.new_password == data.current_password:
        raise PasswordNotAccepted("The new password is the one there is.")
    command = staff.change_password(
        staff.Asked(
            lambda _: Answer(200, encode(PasswordChangedOut())), refused, actor.name, request.via
        ),
        known.user_id,
        await bank.passwords.hash(data.new_password),
        known.password_changes,
    )
    given = await bank.writer.submit(command)
    if given.position is not None:
        bank.own_writes.wrote(given.position, actor.user_id)
        # All workers look up which sessions have ended before they let the next request through.
        bank.own_writes.session_ended()
    return told_answer(given)


def _tokens(request: Call, session: Session) -> ASGIApp:
    access_token = request.bank.tokens.issue(
        user_id=session.user_id, role=session.role, sid=session.sid, now=time.time()
    )
    return told(Tokens(access_token=access_token, refresh_token=session.refresh_token))


HANDLERS: Final[list[ControllerRouterHandler]] = [
    register,
    login,
    refresh,
    logout,
    profile,
    change_profile,
    change_password,
]
