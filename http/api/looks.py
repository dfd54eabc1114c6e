"""Looks: what a member of staff reads of customers is answered once it stands in the audit trail.

This is the one place for all routes. The door marks a look by the table of policy; when the answer begins,
which by then is known, the look is recorded with it, and only when that is committed does the first byte
go out. Where it cannot be committed the caller is told so, in place of the answer. Calls that were not for
the role of their caller are recorded in the same way, up to so many: then they are too many requests.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Request
from litestar.types import ASGIApp

from api.call import Bank, Told
from api.policy import RULES, VERSIONED
from api.problems import answer_problem
from api.rate_limits import DENIALS_PER_PRINCIPAL, TooManyToRecord, admit_recorded
from api.shown import shown_in
from application.audit_trail import noted
from application.commands import Actor
from domain.access import CallFact, Denied, Looked
from domain.refusals import NotPermitted, code_of
from readmodels.transaction_rows import KINDS

ANSWERED: Final = "answered"
# Values that are no text somebody chose: numbers, dates and instants, and words of the program's own.
_PLAIN: Final = re.compile(r"-?[0-9][0-9TZ.:+-]{0,39}", re.ASCII)
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
_WORD: Final = re.compile(r"[a-z][a-z_-]{0,39}[0-9]{0,16}", re.ASCII)
_WORDS: Final = frozenset(
    {"status", "by", "basis", "in_arrears", "kind", "outcome", "actor", "gateway"}
)
# What a `type` may be; any text is taken for one, and finds nothing.
_TYPES: Final = frozenset(KINDS.values())
# Free texts, and what stands for them in a cursor: they may name a person.
_TEXTS: Final = frozenset({"text", "reference", "category", "tag", "cursor"})
NOT_KEPT: Final = "…"
# Filters that name a subject.
_NAMING: Final = {"account_id": "account", "user_id": "user", "transaction_id": "transaction"}
# Says how much is shown, and not of what.
_SIZE: Final = "limit"


async def recorded(scope: Any, status: int) -> ASGIApp | None:
    """Have the look, or the call that was not permitted, committed; else what is to be answered instead."""
    state = scope["state"]
    looked = state.pop("look", False)
    problem = state.get("problem")
    # A refusal that is stored with its command was recorded there.
    if not looked and problem != code_of(NotPermitted):
        return None
    bank: Bank = scope["litestar_app"].state["bank"]
    actor: Actor = state["actor"]
    instead: Told | None = None
    try:
        if not looked:
            await admit_recorded(
                bank.shared_limits, "denials", actor.user_id, DENIALS_PER_PRINCIPAL
            )
    except TooManyToRecord as error:
        instead = _problem(scope, error)
        if not error.told:
            return instead
    outcome = _outcome(status, state.get("problem"))
    try:
        fact = _look(bank, scope, outcome) if looked else _call(bank, scope, Denied, outcome)
        answer = await bank.writer.submit(noted(actor.name, lambda _: fact))
    except Exception as error:  # noqa: BLE001 - whatever it is: nothing is shown that is not recorded
        return _problem(scope, error)
    if answer.position is not None:
        bank.own_writes.noted(answer.position)
    return instead


def _problem(scope: Any, error: Exception) -> Told:
    response = answer_problem(Request(scope), error)
    headers = [(n.lower().encode(), v.encode()) for n, v in response.headers.items()]
    return Told(
        response.status_code or 500,
        response.content,
        headers,
        media_type=str(response.media_type).encode(),
    )


def _look(bank: Bank, scope: Any, outcome: str) -> CallFact:
    """Of one thing, its subject says what was seen; of many, what the answer names."""
    rule, answer = RULES[scope["method"], scope["path_template"]], scope["state"].get("told")
    shown = shown_in(answer) if rule.subject == "many" else {}
    return _call(bank, scope, Looked, outcome, shown=shown)


def _call(bank: Bank, scope: Any, kind: type[CallFact], outcome: str, **more: Any) -> CallFact:
    state, template = scope["state"], scope["path_template"]
    rule = RULES[scope["method"], template]
    named = {f"{rule.subject}_id": rule.subject, **_NAMING}
    asked = {name: str(value) for name, value in scope["path_params"].items()}
    asked.update(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    client = scope["client"]
    return kind(
        session=state["session_id"],
        request_id=state["request_id"],
        route=f"{scope['method']} {template.removeprefix(VERSIONED)}",
        subjects=tuple(
            f"{named[name]}-{value}"
            for name, value in asked.items()
            if name in named and _NUMBER.fullmatch(value)
        ),
        filters=_filters(
            {n: v for n, v in asked.items() if n not in named and n != _SIZE},
            answered=outcome == ANSWERED,
        ),
        origin=bank.keyring.origin_of(client[0] if client else ""),
        outcome=outcome,
        **more,
    )


def _filters(asked: Mapping[str, str], *, answered: bool) -> dict[str, str]:
    """Of a call that was not answered, nobody has looked at whether a value is what it should be: a name
    or a number of birth may stand where a status or a date was due."""
    return {
        name: value if answered and _is_plain(name, value) else NOT_KEPT
        for name, value in sorted(asked.items())
    }


def _is_plain(name: str, value: str) -> bool:
    if name == "type":
        return value in _TYPES
    if name in _WORDS:
        return _WORD.fullmatch(value) is not None
    return name not in _TEXTS and _PLAIN.fullmatch(value) is not None


def _outcome(status: int, problem: str | None) -> str:
    return ANSWERED if status < 400 else problem or str(status)
