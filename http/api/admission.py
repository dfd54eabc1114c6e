"""The door: every request is let through to its handler here, or refused, by the table of policy."""

import time
from typing import Any

from litestar import Request, Response
from litestar.exceptions import NotFoundException
from litestar.params import QueryParameter

from api.call import Bank
from api.gate import TWICE
from api.parameters import ID_MAX, check_query
from api.policy import RULES, Rule, allowed
from api.rate_limits import (
    LOOKS_PER_PRINCIPAL,
    PER_PRINCIPAL,
    TooManyToRecord,
    admit,
    admit_recorded,
)
from api.tokens import TokenRefused
from api.visibility import check_visible
from application.commands import Actor
from application.revoked_sessions import RevocationsUnknown
from domain.refusals import NotPermitted


async def admitted(request: Request[Any, Any, Any]) -> Response[None] | None:
    """Let the request through to its handler, or refuse it: who, which role, which ids and parameters.

    Which methods an address takes is answered here: its handlers know of one another no more.
    """
    scope: Any = request.scope
    rule = RULES.get((scope["method"], scope["path_template"]))
    if rule is None:
        if scope["method"] == "OPTIONS":
            taken = [method for method, path in RULES if path == scope["path_template"]]
            return Response(None, status_code=204, headers={"Allow": allowed([*taken, "OPTIONS"])})
        raise NotFoundException
    if scope["query_string"]:
        check_query(scope, _parameters_of(scope["route_handler"]))
    if "anonymous" in rule.roles:
        return None
    bank: Bank = scope["litestar_app"].state["bank"]
    state = scope["state"]
    claims = bank.tokens.verify(_bearer(state["arrival"].authorization), now=time.time())
    if bank.endings_known != bank.own_writes.sessions_ended():
        await _learn_of_endings(bank)
    if bank.revoked.is_revoked(claims.sid):
        raise TokenRefused("the session has ended")
    actor = state["actor"] = Actor(claims.user_id, claims.role)  # type: ignore[arg-type]
    state["session_id"] = claims.sid
    await admit(bank.call_limits, f"user {claims.user_id}", PER_PRINCIPAL)
    for number in scope["path_params"].values():
        # The framework reads 1_0 and other spellings as numbers too; an address has one.
        if type(number) is int and not (0 < number <= ID_MAX and f"/{number}" in scope["path"]):
            raise NotFoundException
    if actor.role not in rule.roles:
        await _refuse_role(bank, actor, rule, scope)
    if rule.looked_at_by(scope["method"], actor.role):
        await _admit_look(bank, actor, state)
    return None


async def _admit_look(bank: Bank, actor: Actor, state: dict[str, Any]) -> None:
    """Mark the call as a look, which is recorded; too many are refused, of which one is recorded now and then."""
    try:
        await admit_recorded(bank.shared_limits, "looks", actor.user_id, LOOKS_PER_PRINCIPAL)
    except TooManyToRecord as error:
        if error.told:
            state["look"] = True
        raise
    state["look"] = True


async def _refuse_role(bank: Bank, actor: Actor, rule: Rule, scope: Any) -> None:
    """Not found for what the caller may not see, else not permitted."""
    if actor.role == "user":
        await check_visible(bank, actor, rule, scope["path_params"])
    raise NotPermitted(role=actor.role, action=f"use {scope['method']} {scope['path_template']}")


async def _learn_of_endings(bank: Bank) -> None:
    ended = bank.own_writes.sessions_ended()
    try:
        await bank.revoked.ask()
    except TimeoutError:
        raise RevocationsUnknown from None
    bank.endings_known = ended


def _bearer(header: bytes | None) -> str:
    if header is None or header == TWICE or header[:7].lower() != b"bearer ":
        raise TokenRefused("no bearer token")
    return header[7:].strip().decode("latin-1")


_taken: dict[Any, frozenset[str]] = {}


def _parameters_of(handler: Any) -> frozenset[str]:
    """The names of the query parameters that a handler takes."""
    known = _taken.get(handler)
    if known is None:
        signatures = [
            handler.parsed_fn_signature,
            *(
                provider.parsed_fn_signature
                for name, provider in handler.resolve_dependencies().items()
                if name in handler.parsed_fn_signature.parameters
            ),
        ]
        known = _taken[handler] = frozenset(
            field.kwarg_definition.name or name
            for signature in signatures
            for name, field in signature.parameters.items()
            if isinstance(field.kwarg_definition, QueryParameter)
        )
    return known
