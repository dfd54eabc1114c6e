"""Sign-ins and their ends in the audit trail: nobody is let in, or goes, without an event of it.

Nobody is turned away without one either whose password was checked, or whose refresh token was once given
out. What bounds how many there are: a failure costs the check of a password, of which only so many run at
once, and the limits of `rate_limits.py` stand before that; a session has one event of a token that was used
again, which ends it, and one of what came after its end. To carry a session on is no event: it was let in.

No event is what anybody can send as often as he likes, and what tells of nobody: tries during a lock-out,
whose number the next one that is checked tells, or beyond a limit, refresh tokens that nobody gave out, access tokens that are not accepted.
"""

import asyncio
from typing import Any

from api.call import Call
from api.rate_limits import Attempt
from application import users
from application.audit_trail import ANONYMOUS, FactAt, noted
from application.commands import Actor
from application.key_encryption import KeysUnavailable
from application.sealing import Place, seal
from application.sessions import RefreshReused as Reused
from application.sessions import RefreshTooLate, Session, ending_of, refusal_of
from domain.access import (
    STREAM,
    RefreshRefused,
    RefreshReused,
    SignedIn,
    SignedOut,
    SignInFailed,
    SignInFailure,
)


async def note_sign_in(call: Call, session: Session, turned_away: int) -> None:
    """The address is sealed under the person's key, and forgotten with it."""
    bank, user_id = call.bank, session.user_id
    wrapped = await users.data_key_of(bank.persons, user_id)
    key = None
    if wrapped is not None:
        try:
            key = await asyncio.to_thread(bank.keyring.opened, user_id, wrapped)
        except KeysUnavailable:
            # That nobody could sign in would be worse than not to know from where.
            key = None

    def fact_at(version: int) -> SignedIn:
        place = Place(STREAM, version, "address")
        return SignedIn(
            user_id=user_id,
            address=None if key is None else seal(key, place, call.client_address),
            turned_away=turned_away,
            session=session.sid,
            request_id=call.request_id,
        )

    actor = Actor(user_id, session.role)  # type: ignore[arg-type]
    await _note(call, actor.name, fact_at)


async def note_failure(
    call: Call,
    known: users.SignIn | None,
    attempt: Attempt,
    *,
    actor: str = ANONYMOUS,
    session: str = "",
) -> None:
    """It takes the same for a name that somebody has and for one that nobody has.

    Who is signed in and is asked for the password again is known, and so is the session.
    """
    reason: SignInFailure = "wrong-password"
    if known is None:
        reason = "unknown-name"
    elif known.ended:
        reason = "ended"
    fact = SignInFailed(
        reason=reason,
        user_id=None if known is None else known.user_id,
        origin=call.bank.keyring.origin_of(call.client_address),
        locked_out=attempt.locks_out,
        turned_away=attempt.turned_away,
        session=session,
        request_id=call.request_id,
    )
    await _note(call, actor, lambda _: fact)


async def note_refused_refresh(call: Call, refused: Reused | RefreshTooLate) -> None:
    """A token that came again ends its session in the commit of its event: there is not one without the other."""
    bank, sid = call.bank, refused.sid
    came: dict[str, Any] = {
        "user_id": refused.user_id,
        "origin": bank.keyring.origin_of(call.client_address),
        "session": sid,
        "request_id": call.request_id,
    }
    if isinstance(refused, RefreshTooLate):
        late = RefreshRefused(reason=refused.reason, **came)
        await _note(call, ANONYMOUS, lambda _: late, refusal_of(sid))
        return
    reused = RefreshReused(**came)
    await _note(call, ANONYMOUS, lambda _: reused, ending_of(sid))
    bank.revoked.add(sid)
    bank.own_writes.session_ended()


async def note_sign_out(call: Call) -> None:
    """The session ends in the commit of the event."""
    bank, sid = call.bank, call.session_id
    fact = SignedOut(user_id=call.actor.user_id, session=sid, request_id=call.request_id)
    await _note(call, call.actor.name, lambda _: fact, ending_of(sid))
    bank.revoked.add(sid)
    bank.own_writes.session_ended()


async def _note(
    call: Call, actor: str, fact_at: FactAt, *statements: tuple[str, tuple[Any, ...]]
) -> None:
    """Raises what the writer raises: then nothing is answered but that."""
    answer = await call.bank.writer.submit(noted(actor, fact_at, statements))
    if answer.position is not None:
        call.bank.own_writes.noted(answer.position)
