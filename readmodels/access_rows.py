"""From the events of the audit trail to their rows."""

from typing import Any, Final

import msgspec

from domain.access import (
    STREAM,
    AccessFact,
    CallFact,
    CommandRefused,
    Looked,
    PasswordChanged,
    RefreshRefused,
    RoleChanged,
    SignedIn,
    SignInFailed,
    StaffAdded,
    StaffEnded,
    StaffReinstated,
)
from ledger.journal import JournalEvent
from readmodels.copy_text import text_of, texts_of

DONE: Final = "done"
# Whose they are is asked of other views, by number.
ASKED_ELSEWHERE: Final = ("transaction", "statement")


class AccessRows:
    """Rows in the text form of COPY."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.subjects: list[str] = []

    def add(self, stream: str, version: int, position: int, event: JournalEvent[Any]) -> None:
        if stream != STREAM:
            return
        fact: AccessFact = event.fact
        subjects = _subjects_of(fact)
        call, outcome, detail = _told(fact)
        self.rows.append(
            f"{position}\t{version}\t{event.recorded_at.isoformat()}\t{event.booking_date}"
            f"\t{kind_of(fact)}\t{text_of(event.actor)}\t{text_of(call)}\t{text_of(outcome)}"
            f"\t{text_of(fact.session or None)}\t{text_of(fact.request_id or None)}"
            f"\t{text_of(getattr(fact, 'origin', None) or None)}\t{text_of(getattr(fact, 'address', None))}"
            f"\t{texts_of(subjects)}\t{text_of(msgspec.json.encode(detail).decode())}"
            f"\t{texts_of(_shown_by(fact))}\n"
        )
        for subject in subjects:
            kind, _, number = subject.rpartition("-")
            if kind in ASKED_ELSEWHERE:
                self.subjects.append(f"{kind}\t{number}\t{position}\n")


def kind_of(fact: AccessFact) -> str:
    """`looked` of `access.looked.1`."""
    return fact.TAG.split(".")[1]


def _subjects_of(fact: AccessFact) -> tuple[str, ...]:
    if isinstance(fact, CallFact | CommandRefused):
        return tuple(dict.fromkeys(fact.subjects))
    user_id = getattr(fact, "user_id", None)
    return () if user_id is None else (f"user-{user_id}",)


def _shown_by(fact: AccessFact) -> list[str]:
    if not isinstance(fact, Looked):
        return []
    return [f"{kind}-{number}" for kind, numbers in fact.shown.items() for number in numbers]


def _told(fact: AccessFact) -> tuple[str, str, dict[str, Any]]:
    """What was called, how it ended, and what else there is to say: of what a list showed, how many."""
    if isinstance(fact, CallFact):
        detail: dict[str, Any] = {"filters": fact.filters} if fact.filters else {}
        if isinstance(fact, Looked) and fact.shown:
            detail["shown"] = {kind: len(numbers) for kind, numbers in fact.shown.items()}
        return fact.route, fact.outcome, detail
    if isinstance(fact, CommandRefused):
        return fact.call, fact.refusal, {"figures": fact.figures}
    if isinstance(fact, SignInFailed):
        said = {"locked_out": True} if fact.locked_out else {}
        return "sign-in", fact.reason, said | _turned_away(fact)
    if isinstance(fact, SignedIn):
        return "sign-in", DONE, _turned_away(fact)
    if isinstance(fact, RefreshRefused):
        return "session", fact.reason, {}
    if isinstance(fact, StaffAdded | StaffEnded | StaffReinstated):
        return "staff", DONE, {"role": fact.role}
    if isinstance(fact, RoleChanged):
        return "staff", DONE, {"before": fact.before, "after": fact.after}
    if isinstance(fact, PasswordChanged):
        return "password", DONE, {}
    return "session", DONE, {}


def _turned_away(fact: SignedIn | SignInFailed) -> dict[str, Any]:
    return {"turned_away": fact.turned_away} if fact.turned_away else {}
