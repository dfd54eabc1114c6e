"""Writing a batch into the tables of the views; `schema` is theirs, or that of a rebuild beside them."""

from collections.abc import Collection
from typing import Any, Final, TypeAlias

import psycopg

from readmodels.bill_rows import BillRows
from readmodels.copy_text import array_of
from readmodels.fold import ACCOUNT, AccountState, Batch
from readmodels.hold_rows import HoldRows
from readmodels.interest_rows import COLUMNS as INTEREST_COLUMNS
from readmodels.interest_rows import InterestRows
from readmodels.loan_rows import LoanRows
from readmodels.standing_order_rows import StandingOrderRows
from readmodels.transaction_rows import TransactionRows
from readmodels.trial_balance import LEVEL_BITS, LEVELS, bits_of
from readmodels.work_item_rows import WorkItemRows

SyncConnection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

LIVE: Final = "readmodels"

# The tables of each view that can be rebuilt alone.
VIEWS: Final[dict[str, tuple[str, ...]]] = {
    "accounts": ("accounts", "account_holders", "account_terms"),
    "journal_lines": ("journal_lines",),
    "transactions": ("transactions", "transaction_labels"),
    "holds": ("holds", "hold_settlements"),
    "loans": ("loans", "loan_standings", "loan_pauses"),
    "bills": ("billers", "bills", "bill_payments", "autopay_rules", "registrations", "bill_dues"),
    "ledger_totals": ("ledger_totals",),
    "interest": ("interest", "rate_plans"),
    "work_items": ("work_items", "reconciliations"),
    "standing_orders": ("standing_orders", "standing_order_outcomes"),
    "accesses": ("accesses", "access_subjects"),
}

STATES: Final = """
    SELECT account_id, version, balance, booked_through, lateness_max, drift_max, opened_position,
           position
      FROM {schema}.accounts WHERE account_id = ANY(%s::bigint[])
"""
# The balance and what else moves with it, of accounts that are in the view.
MOVE_ACCOUNTS: Final = """
    UPDATE {schema}.accounts a
       SET version = n.version, balance = n.balance, booked_through = n.booked_through,
           lateness_max = n.lateness_max, drift_max = n.drift_max, position = n.position
      FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::date[], %s::int[], %s::int[],
                  %s::bigint[])
        AS n (account_id, version, balance, booked_through, lateness_max, drift_max, position)
     WHERE a.account_id = n.account_id
"""
PUT_ACCOUNTS: Final = """
    INSERT INTO {schema}.accounts
           (account_id, version, balance, booked_through, lateness_max, drift_max, position,
            opened_position, overdraft_limit, opened_on, account_type, currency, status,
            restriction, reference)
    SELECT n.*
      FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::date[], %s::int[], %s::int[],
                  %s::bigint[], %s::bigint[], %s::bigint[], %s::date[], %s::text[], %s::text[],
                  %s::text[], %s::text[], %s::text[]) AS n
        ON CONFLICT (account_id) DO UPDATE
       SET version = excluded.version, balance = excluded.balance,
           booked_through = excluded.booked_through, lateness_max = excluded.lateness_max,
           drift_max = excluded.drift_max,
           position = excluded.position, overdraft_limit = excluded.overdraft_limit,
           status = excluded.status, restriction = excluded.restriction,
           reference = excluded.reference
"""
DROP_HOLDERS: Final = "DELETE FROM {schema}.account_holders WHERE account_id = ANY(%s::bigint[])"
PUT_HOLDERS: Final = """
    INSERT INTO {schema}.account_holders (user_id, account_id, holder_right)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[])
"""
PUT_TOTALS: Final = """
    INSERT INTO {schema}.ledger_totals AS t
           (level, run, booking_date, ledger_account, currency, kind, debits, credits, newest)
    SELECT 0, n.*, false
      FROM unnest(%s::bigint[], %s::date[], %s::smallint[], %s::text[], %s::text[], %s::bigint[],
                  %s::bigint[]) AS n
        ON CONFLICT (level, run, ledger_account, currency, kind, booking_date) DO UPDATE
       SET debits = t.debits + excluded.debits, credits = t.credits + excluded.credits
"""
# Runs of a level that are over become one of the next; what happens later belongs to later runs.
SUM_RUNS: Final = f"""
    INSERT INTO {{schema}}.ledger_totals
           (level, run, ledger_account, currency, kind, booking_date, debits, credits,
            debits_through, credits_through, newest)
    SELECT level + 1, run >> {LEVEL_BITS}, ledger_account, currency, kind, booking_date,
           sum(debits), sum(credits), sum(sum(debits)) OVER through, sum(sum(credits)) OVER through,
           lead(booking_date) OVER through IS NULL
      FROM {{schema}}.ledger_totals
     WHERE level = %s AND run >= %s AND run < %s
     GROUP BY 1, 2, 3, 4, 5, 6
    WINDOW through AS (PARTITION BY run >> {LEVEL_BITS}, ledger_account, currency, kind
                       ORDER BY booking_date)
     ORDER BY 2, 3, 4, 5, 6
"""
MARK_REVERSED: Final = """
    UPDATE {schema}.transactions t
       SET reversed_by = n.reversed_by, reversed_amount = n.reversed_amount
      FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])
        AS n (transaction_id, reversed_by, reversed_amount)
     WHERE t.transaction_id = n.transaction_id
"""

MARK_LABELLED: Final = """
    UPDATE {schema}.transactions t SET labelled_from = n.position
      FROM unnest(%s::bigint[], %s::bigint[]) AS n (transaction_id, position)
     WHERE t.transaction_id = n.transaction_id AND t.labelled_from IS NULL
"""
END_HOLDS: Final = """
    UPDATE {schema}.holds h
       SET outcome = n.outcome, ended_position = n.position, ended_on = n.booking_date
      FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::date[])
        AS n (hold_id, outcome, position, booking_date)
     WHERE h.hold_id = n.hold_id
"""
PUT_INTEREST: Final = f"""
    INSERT INTO {{schema}}.interest ({", ".join(INTEREST_COLUMNS)})
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::date[], %s::bigint[],
                         %s::bigint[], %s::numeric[], %s::numeric[], %s::bigint[], %s::bigint[],
                         %s::bigint[], %s::bigint[], %s::date[])
        ON CONFLICT (account_id) DO UPDATE
       SET {", ".join(f"{name} = excluded.{name}" for name in INTEREST_COLUMNS[1:])}
"""
PUT_DUES: Final = """
    INSERT INTO {schema}.bill_dues
           (bill_id, biller_id, user_id, due_date, payable, late_fee_due, settles_on,
            unclaimed)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::date[], %s::bigint[],
                         %s::boolean[], %s::date[], %s::bigint[])
        ON CONFLICT (bill_id) DO UPDATE
       SET due_date = excluded.due_date, payable = excluded.payable,
           late_fee_due = excluded.late_fee_due, settles_on = excluded.settles_on,
           unclaimed = excluded.unclaimed
"""

LOAN_FIGURES: Final = (
    "principal, interest, suspended, fees, penalties, overpaid, off_balance, past_due_since, "
    "non_accrual, accrued_through, version, position"
)
LOAN_FIGURE_TYPES: Final = (
    f"{7 * '%s::bigint[], '}%s::date[], %s::boolean[], %s::date[], %s::bigint[], %s::bigint[]"
)
MOVE_LOANS: Final = f"""
    UPDATE {{schema}}.loans l
       SET {", ".join(f"{name} = n.{name}" for name in LOAN_FIGURES.split(", "))}
      FROM unnest(%s::bigint[], {LOAN_FIGURE_TYPES}) AS n (loan_id, {LOAN_FIGURES})
     WHERE l.loan_id = n.loan_id
"""
LOAN_TERMS: Final = (
    "borrower, product, status, currency, amount, instalments, annual_rate, applied_on, "
    "approved_until, disbursed, disbursed_on, account_id, forborne, due_dates"
)
PUT_LOANS: Final = f"""
    INSERT INTO {{schema}}.loans (loan_id, {LOAN_TERMS}, {LOAN_FIGURES})
    SELECT n.loan_id, {LOAN_TERMS.replace("due_dates", "due_dates::date[]")}, {LOAN_FIGURES}
      FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[],
                  %s::int[], %s::numeric[], %s::date[], %s::date[], %s::bigint[], %s::date[],
                  %s::bigint[], %s::boolean[], %s::text[], {LOAN_FIGURE_TYPES})
        AS n (loan_id, {LOAN_TERMS}, {LOAN_FIGURES})
        ON CONFLICT (loan_id) DO UPDATE
       SET {
    ", ".join(f"{name} = excluded.{name}" for name in f"{LOAN_TERMS}, {LOAN_FIGURES}".split(", "))
}
"""
PUT_ORDERS: Final = """
    INSERT INTO {schema}.standing_orders
           (order_id, account_id, to_account, status, attempt_on, position, terms)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::date[],
                         %s::bigint[], %s::text[])
        ON CONFLICT (order_id) DO UPDATE
       SET status = excluded.status, attempt_on = excluded.attempt_on,
           position = excluded.position, terms = excluded.terms
"""

RESOLVE_ITEMS: Final = """
    UPDATE {schema}.work_items w
       SET resolved_position = n.position, resolved_on = n.booking_date,
           resolution = n.resolution, reason = n.reason, resolved_by = n.actor
      FROM unnest(%s::bigint[], %s::bigint[], %s::date[], %s::text[], %s::text[], %s::text[])
        AS n (work_item_id, position, booking_date, resolution, reason, actor)
     WHERE w.work_item_id = n.work_item_id
"""


def read_states(
    connection: SyncConnection, schema: str, streams: set[str]
) -> dict[str, AccountState]:
    """The states of accounts as the view has them; those it has not are absent."""
    ids = array_of(stream.removeprefix(ACCOUNT) for stream in streams)
    found = connection.execute(STATES.format(schema=schema), (ids,), binary=True)
    return {f"{ACCOUNT}{row[0]}": AccountState(*row[1:]) for row in found}


def write(
    connection: SyncConnection, schema: str, batch: Batch, views: Collection[str] = VIEWS
) -> None:
    """Write the batch's rows of these views, within the database transaction of the caller.

    The accounts are written whatever is asked, because the next batch is held against them.
    """
    if "journal_lines" in views:
        _copy(connection, f"{schema}.journal_lines", batch.lines)
    if "transactions" in views:
        _write_transactions(connection, schema, batch.transactions)
    if "holds" in views:
        _write_holds(connection, schema, batch.holds)
    if "interest" in views:
        _write_interest(connection, schema, batch.interest)
    if "standing_orders" in views:
        _write_standing_orders(connection, schema, batch.standing_orders)
    if "loans" in views:
        _write_loans(connection, schema, batch.loans)
    if "bills" in views:
        _write_bills(connection, schema, batch.bills)
    if "work_items" in views:
        _write_work_items(connection, schema, batch.work_items)
    if "accesses" in views:
        _copy(connection, f"{schema}.accesses", batch.accesses.rows)
        _copy(connection, f"{schema}.access_subjects", batch.accesses.subjects)
    if "ledger_totals" in views:
        _write_totals(connection, schema, batch)
    _write_accounts(connection, schema, batch)


def _write_totals(connection: SyncConnection, schema: str, batch: Batch) -> None:
    if batch.totals:
        rows = [
            (run, booked, *key, *total)
            for (run, booked), sums in batch.totals.items()
            for key, total in sums.items()
        ]
        _run(connection, PUT_TOTALS, schema, *map(array_of, zip(*rows, strict=True)))
    for level in range(LEVELS - 1):
        # The runs of the next level that were not over before the batch and are after it.
        bits = bits_of(level + 1)
        first, end = (batch.after + 1) >> bits, (batch.last + 1) >> bits
        if first < end:
            _run(connection, SUM_RUNS, schema, level, first << LEVEL_BITS, end << LEVEL_BITS)


def _write_transactions(connection: SyncConnection, schema: str, made: TransactionRows) -> None:
    _copy(connection, f"{schema}.transactions", made.rows)
    if made.reversals:
        columns = zip(*made.reversals, strict=True)
        _run(connection, MARK_REVERSED, schema, *map(array_of, columns))
    _copy(connection, f"{schema}.transaction_labels", made.label_rows)
    if made.labelled:
        columns = zip(*made.labelled.items(), strict=True)
        _run(connection, MARK_LABELLED, schema, *map(array_of, columns))


def _write_holds(connection: SyncConnection, schema: str, made: HoldRows) -> None:
    _copy(connection, f"{schema}.holds", made.rows)
    _copy(connection, f"{schema}.hold_settlements", made.settlements)
    if made.endings:
        columns = zip(*made.endings, strict=True)
        _run(connection, END_HOLDS, schema, *map(array_of, columns))


def _write_interest(connection: SyncConnection, schema: str, made: InterestRows) -> None:
    _copy(connection, f"{schema}.rate_plans", made.plans)
    if made.standings:
        columns = zip(*made.standings.values(), strict=True)
        _run(connection, PUT_INTEREST, schema, *map(array_of, columns))


def _write_loans(connection: SyncConnection, schema: str, made: LoanRows) -> None:
    _copy(connection, f"{schema}.loan_standings", made.standings)
    _copy(connection, f"{schema}.loan_pauses", made.pauses)
    for statement, rows in ((PUT_LOANS, made.put()), (MOVE_LOANS, made.move())):
        if rows:
            _run(connection, statement, schema, *map(list, zip(*rows, strict=True)))


def _write_bills(connection: SyncConnection, schema: str, made: BillRows) -> None:
    _copy(connection, f"{schema}.billers", made.billers)
    _copy(connection, f"{schema}.bills", made.bills)
    _copy(connection, f"{schema}.bill_payments", made.payments)
    _copy(connection, f"{schema}.autopay_rules", made.rules)
    _copy(connection, f"{schema}.registrations", made.registrations)
    if made.dues:
        columns = zip(*made.dues.values(), strict=True)
        _run(connection, PUT_DUES, schema, *map(array_of, columns))


def _write_work_items(connection: SyncConnection, schema: str, made: WorkItemRows) -> None:
    _copy(connection, f"{schema}.work_items", made.rows)
    _copy(connection, f"{schema}.reconciliations", made.reconciliations)
    if made.resolutions:
        columns = map(list, zip(*made.resolutions, strict=True))
        _run(connection, RESOLVE_ITEMS, schema, *columns)


def _write_standing_orders(
    connection: SyncConnection, schema: str, made: StandingOrderRows
) -> None:
    _copy(connection, f"{schema}.standing_order_outcomes", made.outcomes)
    if made.orders:
        columns = zip(*made.orders.values(), strict=True)
        _run(connection, PUT_ORDERS, schema, *map(list, columns))


def _write_accounts(connection: SyncConnection, schema: str, batch: Batch) -> None:
    _copy(connection, f"{schema}.account_terms", batch.terms_lines)
    if batch.terms:
        _put_terms(connection, schema, batch)
    moved = [line[:7] for stream, line in batch.accounts.items() if stream not in batch.terms]
    if moved:
        _run(connection, MOVE_ACCOUNTS, schema, *map(array_of, zip(*moved, strict=True)))


def _put_terms(connection: SyncConnection, schema: str, batch: Batch) -> None:
    numbers, words = [], []
    holders: list[tuple[int, int, str]] = []
    for stream, fact in batch.terms.items():
        line, terms = batch.accounts[stream], fact.terms
        numbers.append((*line, terms.overdraft_limit, terms.opened_on))
        words.append(
            (
                terms.account_type,
                terms.currency,
                terms.status,
                terms.restriction,
                terms.reference,
            )
        )
        holders.extend((h.user_id, line.account_id, h.right) for h in terms.holders)
    columns = map(array_of, zip(*numbers, strict=True))
    _run(connection, PUT_ACCOUNTS, schema, *columns, *map(list, zip(*words, strict=True)))
    known = [s[8:] for s in batch.terms if batch.accounts[s].opened_position <= batch.after]
    if known:
        _run(connection, DROP_HOLDERS, schema, array_of(known))
    _run(connection, PUT_HOLDERS, schema, *map(array_of, zip(*holders, strict=True)))


def _copy(connection: SyncConnection, table: str, rows: list[str]) -> None:
    if rows:
        with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
            copy.write("".join(rows).encode())


def _run(connection: SyncConnection, statement: str, schema: str, *parameters: object) -> None:
    connection.execute(statement.format(schema=schema), parameters, prepare=True)
