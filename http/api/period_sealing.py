"""Sealing a closed period: its trial balance is kept with it, as known once nothing can change it.

The trial balance is read from the views, and so after the period was closed and not with it. What a
crash leaves closed and unsealed is sealed by the next who asks to close it.
"""

from collections.abc import Sequence
from typing import Final

from api.call import Call, asked_by
from api.problems import NotYetRead
from api.visibility import moment_of
from application import periods
from application.books import Answer, Posted
from application.commands import Ask
from application.pools import borrowed
from domain.periods import Closed, Reopened, Sealed, YearEnded, last_day
from ledger.journal import Recorded
from ledger.trial_balance import TrialBalanceLine
from readmodels.periods import period_events
from readmodels.trial_balance import trial_balance

# How often it is tried while others close and open periods.
ATTEMPTS: Final = 10


def of_period(life: Sequence[Recorded], name: str) -> list[Recorded]:
    return [recorded for recorded in life if recorded.event.fact.period == name]


def since_closed(life: Sequence[Recorded], name: str) -> list[Recorded]:
    """What became of a period since it was closed last; empty where it is open."""
    found: list[Recorded] = []
    for recorded in of_period(life, name):
        if isinstance(recorded.event.fact, Closed):
            found = [recorded]
        elif isinstance(recorded.event.fact, Reopened):
            found = []
        elif found:
            found.append(recorded)
    return found


async def ensure_sealed(call: Call, name: str) -> Recorded | None:
    """The seal of the closed period, made now where there is none; None where it is open again."""
    for _ in range(ATTEMPTS):
        async with borrowed(call.bank.reads) as connection:
            life = await period_events(connection)
            since = since_closed(life, name)
            if not since:
                return None
            seals = [each for each in since if isinstance(each.event.fact, Sealed)]
            if seals:
                return seals[0]
            newest = life[-1]
            moment = await moment_of(
                connection, call.bank.today(), last_day(name), None, newest.position
            )
            lines = await trial_balance(connection, moment)
        year_ended = any(isinstance(each.event.fact, YearEnded) for each in since)
        version = newest.originator_version
        ask = _ask(call)
        if name.endswith("-12") and not year_ended and _has_result(lines):
            command = periods.end_year(ask, name, lines, version=version)
        else:
            command = periods.seal_period(ask, name, lines, moment.known_at, version=version)
        await call.bank.writer.submit(command)
    raise NotYetRead


def _ask(call: Call) -> Ask:
    """For a command of the program's own: nobody is told its answer, so its key is a fresh one."""

    def answer(posted: list[Posted]) -> Answer:
        return Answer(200, b"{}", posted[-1].position if posted else None)

    asked = asked_by(call, answer)
    return Ask(asked.actor, asked.answer, asked.refuse)


def _has_result(lines: Sequence[TrialBalanceLine]) -> bool:
    return bool(periods.year_end_entry(lines))
