"""The portfolio of loans: outstanding, by how late it is, at risk, and by the month it was lent in."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from domain.loans.lateness import BUCKETS, STAGES, Stage, stage_of
from readmodels.moments import Moment
from readmodels.reading import Connection
from readmodels.reports.subject_lines import per_cent_of

# What was told late stands after what it took back, so the newest of what was booked by a day is how the
# loan stood on it. The days of pauses between the due date and the day asked about do not count as late.
PORTFOLIO: Final = """
    WITH standing AS (
        SELECT DISTINCT ON (loan_id) loan_id, principal, off_balance, past_due_since, non_accrual,
               allowance
          FROM readmodels.loan_standings
         WHERE position <= %(known_at)s AND booking_date <= %(as_of)s
         ORDER BY loan_id, position DESC),
    agreed AS (
        SELECT DISTINCT ON (loan_id) loan_id, disbursed FROM readmodels.loan_standings
         WHERE position <= %(known_at)s AND booking_date <= %(as_of)s AND disbursed IS NOT NULL
         ORDER BY loan_id, position DESC),
    late AS (
        SELECT s.*, l.currency, a.disbursed, to_char(l.disbursed_on, 'YYYY-MM') AS vintage,
               coalesce(%(as_of)s - s.past_due_since - (
                   SELECT coalesce(sum(greatest(0, least(%(as_of)s, p.last + 1)
                                                   - greatest(s.past_due_since, p.first))), 0)
                     FROM readmodels.loan_pauses p
                    WHERE p.loan_id = s.loan_id AND p.position <= %(known_at)s
                      AND p.booking_date <= %(as_of)s), 0) AS days
          FROM standing s JOIN agreed a USING (loan_id) JOIN readmodels.loans l USING (loan_id)
         WHERE a.disbursed > 0)
    SELECT currency, vintage,
           CASE WHEN principal = 0 THEN -1 WHEN days >= 90 THEN 90 WHEN days >= 60 THEN 60
                WHEN days >= 30 THEN 30 WHEN days >= 1 THEN 1 ELSE 0 END AS bucket,
           count(*), sum(principal)::bigint, sum(disbursed)::bigint, sum(off_balance)::bigint,
           coalesce(sum(principal) FILTER (WHERE non_accrual), 0)::bigint,
           coalesce(sum(principal) FILTER (WHERE days > 30), 0)::bigint,
           coalesce(sum(principal) FILTER (WHERE days > 60), 0)::bigint,
           coalesce(sum(principal) FILTER (WHERE days > 90), 0)::bigint, sum(allowance)::bigint
      FROM late GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


class AgeingRow(msgspec.Struct, frozen=True):
    """Loans that are so late, and their principal. `share` is per cent of all that is outstanding.

    `coverage` is the allowance in per cent of their principal.
    """

    bucket: str
    loans: int
    outstanding: int
    share: str | None
    allowance: int
    coverage: str | None


class StageRow(msgspec.Struct, frozen=True):
    """Loans of a stage by IFRS 9: 2 from 30 days past due on, 3 from 90. `coverage` is as above."""

    stage: Stage
    loans: int
    outstanding: int
    allowance: int
    coverage: str | None


class VintageRow(msgspec.Struct, frozen=True):
    """Loans first paid out in a month; `outstanding_par30` is on loans more than 30 days late.

    `share` is that in per cent of what was disbursed.
    """

    vintage: str
    loans: int
    disbursed: int
    outstanding: int
    outstanding_par30: int
    charged_off: int
    share: str | None


class LoanPortfolio(msgspec.Struct, frozen=True):
    """Loans of a currency that were paid out; minor units of principal.

    `par30` is the principal of loans more than 30 days late, and so on; `par30_share` per cent of all
    that is outstanding. `charged_off` is debt that is owed and on no balance sheet, `allowance` what is
    set aside for losses.
    """

    currency: str
    as_of: dt.date
    loans: int
    outstanding: int
    non_accrual: int
    charged_off: int
    allowance: int
    coverage: str | None
    par30: int
    par30_share: str | None
    par60: int
    par60_share: str | None
    par90: int
    par90_share: str | None
    ageing: list[AgeingRow]
    stages: list[StageRow]
    vintages: list[VintageRow]


async def loan_portfolio(connection: Connection, moment: Moment) -> list[LoanPortfolio]:
    """The portfolio as of a booking date, as known at a position; a report for each currency."""
    found = await connection.execute(
        PORTFOLIO, {"as_of": moment.as_of, "known_at": moment.known_at}
    )
    by_currency: dict[str, list[tuple[Any, ...]]] = {}
    for row in await found.fetchall():
        by_currency.setdefault(row[0], []).append(row)
    return [_portfolio(currency, rows, moment.as_of) for currency, rows in by_currency.items()]


def _portfolio(currency: str, rows: list[tuple[Any, ...]], as_of: dt.date) -> LoanPortfolio:
    outstanding = _sum(rows, 4)
    par30, par60, par90, allowance = (_sum(rows, column) for column in (8, 9, 10, 11))
    return LoanPortfolio(
        currency=currency,
        as_of=as_of,
        loans=sum(row[3] for row in rows if row[2] >= 0),
        outstanding=outstanding,
        non_accrual=_sum(rows, 7),
        charged_off=_sum(rows, 6),
        allowance=allowance,
        coverage=_share(allowance, outstanding),
        par30=par30,
        par30_share=_share(par30, outstanding),
        par60=par60,
        par60_share=_share(par60, outstanding),
        par90=par90,
        par90_share=_share(par90, outstanding),
        ageing=[
            _ageing(name, [row for row in rows if row[2] == least], outstanding)
            for least, name in reversed(BUCKETS)
        ],
        stages=[
            _stage(stage, [row for row in rows if _stage_of(row) == stage]) for stage in STAGES
        ],
        vintages=[
            _vintage(vintage, [row for row in rows if row[1] == vintage])
            for vintage in sorted({row[1] for row in rows})
        ],
    )


def _ageing(bucket: str, rows: list[tuple[Any, ...]], outstanding: int) -> AgeingRow:
    of_bucket, allowance = _sum(rows, 4), _sum(rows, 11)
    return AgeingRow(
        bucket,
        _sum(rows, 3),
        of_bucket,
        _share(of_bucket, outstanding),
        allowance,
        _share(allowance, of_bucket),
    )


def _stage_of(row: tuple[Any, ...]) -> Stage | None:
    """By its bucket; a loan that nothing is outstanding of has none."""
    return stage_of(row[2]) if row[2] >= 0 else None


def _stage(stage: Stage, rows: list[tuple[Any, ...]]) -> StageRow:
    of_stage, allowance = _sum(rows, 4), _sum(rows, 11)
    return StageRow(stage, _sum(rows, 3), of_stage, allowance, _share(allowance, of_stage))


def _vintage(vintage: str, rows: list[tuple[Any, ...]]) -> VintageRow:
    disbursed, par30 = _sum(rows, 5), _sum(rows, 8)
    return VintageRow(
        vintage=vintage,
        loans=_sum(rows, 3),
        disbursed=disbursed,
        outstanding=_sum(rows, 4),
        outstanding_par30=par30,
        charged_off=_sum(rows, 6),
        share=_share(par30, disbursed),
    )


def _share(part: int, whole: int) -> str | None:
    return per_cent_of(part, whole) if whole > 0 else None


def _sum(rows: Iterable[tuple[Any, ...]], column: int) -> int:
    return sum(row[column] for row in rows)
