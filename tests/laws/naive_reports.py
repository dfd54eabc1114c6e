"""Every report made from the whole log, the slow and obvious way."""

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

from ledger.chart_of_accounts import CHART
from ledger.journal import Recorded
from readmodels.moments import Moment
from readmodels.reports.analysis import BANK_KINDS
from readmodels.transaction_rows import kind_of
from tests.laws import naive_reading as naive

Log = Sequence[Recorded]


def known(log: Log, moment: Moment, first: dt.date = dt.date.min) -> list[Recorded]:
    """What was booked from a day on, and was known."""
    return [
        r
        for r in log[: moment.known_at]
        if r.event.entry and first <= r.event.booking_date <= moment.as_of
    ]


def balances(log: Log, moment: Moment, first: dt.date, kinds: str, skip: str) -> dict[int, int]:
    """Of ledger accounts of a kind (asset, income), on the side it grows on, where not zero."""
    found: dict[int, int] = {}
    for recorded in known(log, moment, first):
        for posting in recorded.event.entry:
            ledger_account = CHART[posting.ledger_account]
            if ledger_account.kind == kinds and kind_of(recorded.event.fact) != skip:
                grows = posting.side == ("D" if kinds in ("asset", "expense") else "C")
                signed = posting.amount if grows else -posting.amount
                found[ledger_account.code] = found.get(ledger_account.code, 0) + signed
    return {code: balance for code, balance in found.items() if balance}


def cash(log: Log, moment: Moment, first: dt.date, accounts: Sequence[int]) -> tuple[Any, ...]:
    """Opening, inflows and outflows by kind."""
    opening, ins, outs = 0, dict[str, int](), dict[str, int]()
    for recorded in known(log, moment):
        for posting in recorded.event.entry:
            if posting.ledger_account not in accounts:
                continue
            if recorded.event.booking_date < first:
                opening += posting.amount if posting.side == "D" else -posting.amount
            else:
                flows, kind = ins if posting.side == "D" else outs, kind_of(recorded.event.fact)
                flows[kind] = flows.get(kind, 0) + posting.amount
    return opening, ins, outs


class Line:
    """A posting on a customer's account, with the events of its transaction and of what it reverses."""

    def __init__(
        self, transactions: dict[int, list[Recorded]], recorded: Recorded, posting: Any
    ) -> None:
        event = recorded.event
        self.event, self.fact = event, event.fact
        self.account_id = int(posting.sub_account[8:])
        self.amount = posting.amount if posting.side == "C" else -posting.amount
        self.group = transactions[event.transaction_id]
        self.reverses: int | None = getattr(event.fact, "reverses", None)
        self.original = self.group if self.reverses is None else transactions[self.reverses]


def accounts_of(recorded: Sequence[Recorded]) -> list[int]:
    return [int(p.sub_account[8:]) for r in recorded for p in r.event.entry if p.sub_account]


def lines(log: Log, moment: Moment, first: dt.date, numbers: Sequence[int] | None) -> list[Line]:
    transactions: dict[int, list[Recorded]] = {}
    for recorded in log:
        transactions.setdefault(recorded.event.transaction_id, []).append(recorded)
    return [
        Line(transactions, recorded, posting)
        for recorded in known(log, moment, first)
        for posting in recorded.event.entry
        if posting.sub_account is not None
        and (numbers is None or int(posting.sub_account[8:]) in numbers)
    ]


def key_of(log: Log, moment: Moment, group_by: str) -> Callable[[Line], str | None]:
    def counterparty(line: Line) -> str | None:
        named: str | None = next(
            (n for r in line.group if (n := getattr(r.event.fact, "counterparty", None))), None
        )
        others = [n for n in accounts_of(line.group) if n != line.account_id]
        return named or (f"account {others[0]}" if others else None)

    def week(line: Line) -> str:
        day = line.event.booking_date
        return (day - dt.timedelta(day.weekday())).isoformat()

    return {
        "day": lambda line: line.event.booking_date.isoformat(),
        "week": week,
        "month": lambda line: line.event.booking_date.replace(day=1).isoformat(),
        "kind": lambda line: kind_of(line.fact),
        "category": lambda line: naive.labels(log, line.event, moment.known_at)[0],
        "counterparty": counterparty,
    }[group_by]


def summed(found: Sequence[Line]) -> tuple[int, int, int, int, str]:
    """Count, in, out, largest, mean."""
    amounts = [line.amount for line in found]
    sizes = [abs(amount) for amount in amounts]
    exact = Fraction(sum(sizes), len(sizes) * 100)
    mean = Decimal(round(exact * 10_000)) / 10_000
    return (
        len(found),
        sum(a for a in amounts if a > 0),
        -sum(a for a in amounts if a < 0),
        max(sizes),
        str(mean.quantize(Decimal("0.0001"), ROUND_HALF_EVEN)),
    )


def summary(found: Sequence[Line], key: Callable[[Line], str | None]) -> dict[str | None, Any]:
    groups: dict[str | None, list[Line]] = {}
    for line in found:
        groups.setdefault(key(line), []).append(line)
    return {name: summed(group) for name, group in groups.items()}


def spent(
    log: Log, moment: Moment, first: dt.date, numbers: Sequence[int] | None
) -> dict[str | None, tuple[int, int]]:
    """Count and sum by category. Two accounts of the log have one owner, and `owner` tells which."""
    sums: dict[str | None, tuple[int, int]] = {}
    for line in lines(log, moment, first, numbers):
        owners = {owner(log, number) for number in accounts_of(line.original)}
        own = len(set(accounts_of(line.original))) == 2 and len(owners) == 1
        origin = next(r.event for r in line.original if r.event.entry)
        given = kind_of(origin.fact) == "adjustment_credited"
        out = line.amount < 0 if line.reverses is None else line.amount > 0
        if own or not (out or given):
            continue
        category = naive.labels(log, origin, moment.known_at)[0]
        count, amount = sums.get(category, (0, 0))
        sums[category] = (count + 1, amount - line.amount)
    return sums


def owner(log: Log, account_id: int) -> int:
    first = next(r for r in log if r.originator_id == f"account-{account_id}")
    return int(first.event.fact.terms.holders[0].user_id)


def account_balances(log: Log, moment: Moment) -> dict[int, int]:
    opened = [r for r in log[: moment.known_at] if r.event.fact.TAG == "account.opened.1"]
    found = {int(r.originator_id[8:]): 0 for r in opened}
    for line in lines(log, moment, dt.date.min, None):
        found[line.account_id] += line.amount
    return found


def quiet(log: Log, moment: Moment, days: int) -> dict[int, dt.date | None]:
    """Accounts opened long enough ago that only the bank moved, with the day of the last other line."""
    since = moment.as_of - dt.timedelta(days)
    moved: dict[int, dt.date] = {}
    for line in lines(log, moment, dt.date.min, None):
        if kind_of(line.fact) not in BANK_KINDS:
            day = line.event.booking_date
            moved[line.account_id] = max(moved.get(line.account_id, day), day)
    found = {}
    for recorded in log[: moment.known_at]:
        if recorded.event.fact.TAG == "account.opened.1":
            number = int(recorded.originator_id[8:])
            last = moved.get(number)
            if recorded.event.fact.terms.opened_on <= since and (last is None or last <= since):
                found[number] = last
    return found
