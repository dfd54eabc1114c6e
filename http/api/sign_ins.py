"""Sign-ins and their ends in the audit trail: nobody is let in or turned away without an event of it.

What bounds how many there are: before each failure a password was checked, and only so many of these run
at once; and the limits of `rate_limits.py` stand before that, which turn tries away unrecorded.
"""

import asyncio

from api.call import Call
from application import users
from application.audit_trail import ANONYMOUS, FactAt, noted
from application.commands import Actor
from application.key_encryption import KeysUnavailable
from application.sealing import Place, seal
from application.sessions import Session
from domain.access import STREAM, RefreshReused, SignedIn, SignedOut, SignInFailed


async def note_sign_in(call: Call, session: Session) -> None:
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
            session=session.sid,
            request_id=call.request_id,
        )

    actor = Actor(user_id, session.role)  # type: ignore[arg-type]
    await _note(call, actor.name, fact_at)


async def note_failure(call: Call, user_id: int | None, *, locked_out: bool) -> None:
    """It takes the same for a name that somebody has and for one that nobody has."""
    fact = SignInFailed(
        reason="unknown-name" if user_id is None else "wrong-password",
        user_id=user_id,
        origin=call.bank.keyring.origin_of(call.client_address),
        locked_out=locked_out,
        request_id=call.request_id,
    )
    await _note(call, ANONYMOUS, lambda _: fact)


async def note_reuse(call: Call, sid: str, user_id: int) -> None:
    fact = RefreshReused(user_id=user_id, session=sid, request_id=call.request_id)
    await _note(call, ANONYMOUS, lambda _: fact)


async def note_sign_out(call: Call) -> None:
    fact = SignedOut(
        user_id=call.actor.user_id, session=call.session_id, request_id=call.request_id
    )
    await _note(call, call.actor.name, lambda _: fact)


async def _note(call: Call, actor: str, fact_at: FactAt) -> None:
    """Raises what the writer raises: then nothing is answered but that."""
    answer = await call.bank.writer.submit(noted(actor, fact_at))
    if answer.position is not None:
        call.bank.own_writes.noted(answer.position)
