"""The use cases of interest: rates are set, interest is accrued, and what is open is capitalised."""

import datetime as dt
from collections.abc import Callable

import msgspec

from application.books import Books, Command, Transaction
from application.commands import Ask, Details, late_streams, note, transaction
from domain import account as accounts
from domain import accrued_interest, rate_plans
from domain.account import Account
from domain.account import stream_of as account_stream
from domain.account_facts import AccountFact
from domain.accrued_interest import (
    Capitalised,
    InterestFact,
    Unclaimed,
    settle,
    stream_of,
)
from domain.interest import Interest, part, posting_day
from domain.rate_plans import NO_PLAN, Rates, Rounding
from ledger.interest_posting_rules import entry_for_interest


class Found(msgspec.Struct, frozen=True):
    """What was found for an account: the interest earned since `version` of its stream.

    It rests on what was known at a position, up to which the log is taken into account from now on.
    """

    version: int
    earned: Interest
    currency: str
    known_at: int
    balance: int
    rounding: Rounding


def set_rates(ask: Ask, account_type: str, currency: str, rates: Rates) -> Command:
    """Agree rates for accounts of a type and currency, from a day on; in the past if so asked."""
    stream = rate_plans.stream_of(account_type, currency)

    def decide(books: Books) -> list[Transaction]:
        plan = books.state(stream) or NO_PLAN
        return note(ask, books, stream, rate_plans.set_rates(plan, account_type, currency, rates))

    request = {
        "call": "rate-plans",
        "account_type": account_type,
        "currency": currency,
        **msgspec.to_builtins(rates),
    }
    return ask.command(request, (stream,), decide)


def accrue_interest(
    ask: Ask, account_id: int, day: dt.date, details: Details, found: Found
) -> Command:
    """Accrue what was found up to the end of a day. Nothing where more was accrued meanwhile."""
    stream = stream_of(account_id)

    def decide(books: Books) -> list[Transaction]:
        state = books.state(stream)
        if (0 if state is None else state.version) != found.version:
            return []
        posted = transaction(ask.actor, details, books)
        facts = accrued_interest.accrue(
            state,
            found.earned,
            currency=found.currency,
            through=day,
            known_at=found.known_at,
            balance=found.balance,
            rounding=found.rounding,
        )
        books.add(posted, stream, facts, entry=lambda fact, _: entry_for_interest(fact, stream))
        return [posted]

    request = {"call": "interest/accrue", "account_id": account_id, **details.request()}
    return ask.command(request, (stream, *late_streams(details)), decide)


def capitalise_interest(
    ask: Ask, account_id: int, day: dt.date, details: Details, rates: Rates
) -> Command:
    """Pay and take what is open of an account's interest, should a posting day have come by `day`.

    It counts for interest from the day after. Tax is withheld from what is paid. Where the account is
    closed, what it earned goes to suspense.
    """
    stream = stream_of(account_id)
    from_tomorrow = msgspec.structs.replace(details, value_date=day + dt.timedelta(days=1))

    def decide(books: Books) -> list[Transaction]:
        account = books.account(account_id)
        currency = account.terms.currency
        kind = Unclaimed if account.terms.closed else Capitalised
        done: list[Transaction] = []

        def post(
            decision: Callable[[Account, int], list[AccountFact]] | None,
            amount: int,
            fact: InterestFact | None,
        ) -> None:
            posted = transaction(ask.actor, from_tomorrow, books)
            if decision is not None:
                lapsed = books.lapse(posted, account_id)
                books.post(posted, account_id, decision(lapsed, amount))
            if fact is not None:
                books.add(posted, stream, [fact], entry=entry_for_interest(fact, stream))
            done.append(posted)

        due = posting_day(rates.posting, day)
        for fact in settle(books.state(stream), kind, due, currency):
            if kind is Unclaimed:
                post(None, 0, fact)
                continue
            if fact.debit:
                post(accounts.capitalise_overdraft_interest, fact.debit, fact)
                continue
            post(accounts.capitalise_interest, fact.credit, fact)
            tax = part(fact.credit, rates.withholding_rate, rates.rounding)
            if tax:
                post(accounts.withhold_tax, tax, None)
        return done

    request = {"call": "interest/capitalise", "account_id": account_id, **details.request()}
    streams = (account_stream(account_id), stream, *late_streams(details))
    return ask.command(request, streams, decide)
