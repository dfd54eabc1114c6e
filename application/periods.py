"""The use cases of accounting periods: two people close one, and it is sealed with its trial balance."""

import hashlib
from collections.abc import Callable, Sequence

import msgspec

from application.books import Books, Command, Transaction
from application.commands import NO_DETAILS, Ask, check_text, note, transaction
from domain import periods
from domain.periods import NONE_CLOSED, PeriodFact, Periods, last_day
from ledger.chart_of_accounts import CHART, RETAINED_EARNINGS, Side
from ledger.journal import Entry, Posting, entry_of
from ledger.trial_balance import TrialBalanceLine


def close_period(ask: Ask, name: str, reason: str | None) -> Command:
    """Ask to close a period, or, as a second person, close it."""

    def decision(standing: Periods, books: Books) -> list[PeriodFact]:
        return periods.close(standing, name, ask.actor.name, books.today)

    return _change(ask, "close", name, reason, decision)


def reopen_period(ask: Ask, name: str, reason: str) -> Command:
    return _change(ask, "reopen", name, reason, lambda standing, _: periods.reopen(standing, name))


def end_year(
    ask: Ask, name: str, trial_balance: Sequence[TrialBalanceLine], *, version: int
) -> Command:
    """Take income and expense to retained earnings, on the last day of a closed December.

    `trial_balance` is that of the day, as known after the version of the stream of periods. Where the
    stream has moved on since, nothing is done: somebody else may have ended the year.
    """
    entry = year_end_entry(trial_balance)

    def decide(books: Books) -> list[Transaction]:
        standing = books.periods() or NONE_CLOSED
        if standing.version != version:
            return []
        facts = periods.end_year(standing, name)
        if not facts or not entry:
            return []
        posted = transaction(ask.actor, NO_DETAILS, books)
        posted.booking_date = posted.value_date = last_day(name)
        posted.description = f"Result of the year {name[:4]}"
        books.add(posted, periods.STREAM, facts, entry)
        return [posted]

    return ask.command({"call": "periods/end-year", "period": name}, (periods.STREAM,), decide)


def year_end_entry(trial_balance: Sequence[TrialBalanceLine]) -> Entry:
    """Every income and expense account to zero, and what is left to retained earnings."""
    postings: list[Posting] = []
    results: dict[str, int] = {}
    for line in trial_balance:
        net = line.debits - line.credits
        if net == 0 or CHART[line.ledger_account].kind not in ("income", "expense"):
            continue
        side: Side = "C" if net > 0 else "D"
        postings.append(Posting(line.ledger_account, None, side, abs(net), line.currency))
        results[line.currency] = results.get(line.currency, 0) + net
    for currency, net in results.items():
        if net:
            side = "D" if net > 0 else "C"
            postings.append(Posting(RETAINED_EARNINGS, None, side, abs(net), currency))
    return entry_of(*postings) if postings else ()


def seal_period(
    ask: Ask, name: str, trial_balance: Sequence[TrialBalanceLine], known_at: int, *, version: int
) -> Command:
    """Keep the trial balance of a closed period, as known at a position after it was closed.

    Where the stream of periods has moved on from the version since, nothing is done: the period may
    have been opened again meanwhile.
    """
    text = msgspec.json.encode(trial_balance).decode()

    def decision(standing: Periods, _: Books) -> list[PeriodFact]:
        if standing.version != version:
            return []
        return periods.seal(
            standing,
            name,
            known_at=known_at,
            trial_balance=text,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
        )

    return _change(ask, "seal", name, None, decision)


def _change(
    ask: Ask,
    call: str,
    name: str,
    reason: str | None,
    decision: Callable[[Periods, Books], list[PeriodFact]],
) -> Command:
    def decide(books: Books) -> list[Transaction]:
        check_text("reason", reason)
        facts = decision(books.periods() or NONE_CLOSED, books)
        return note(ask, books, periods.STREAM, facts, reason)

    request = {"call": f"periods/{call}", "period": name, "reason": reason}
    return ask.command(request, (periods.STREAM,), decide)
