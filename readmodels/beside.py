"""The views built again from the log, beside the live ones, in a schema that is theirs alone."""

import datetime as dt
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeAlias

from readmodels.fold import ACCOUNT, AccountState, Batch, LogGap, fold
from readmodels.projector import read_log
from readmodels.view_tables import LIVE, VIEWS, SyncConnection, read_states, write

BATCH_EVENTS: Final = 16_384
STATES_MAX: Final = 200_000
# Filled row by row with few rows, or looked up while they are filled: these keep their indexes.
INDEXED_FROM_THE_START: Final = (
    *(
        "accounts",
        "account_holders",
        "bill_dues",
        "holds",
        "ledger_totals",
        "transactions",
        "interest",
    ),
    *("loans", "work_items", "standing_orders"),
)

INDEXES: Final = """
    SELECT pg_get_indexdef(i.indexrelid)
      FROM pg_index i WHERE i.indrelid = %s::regclass ORDER BY i.indexrelid
"""
OPTIONS: Final = """
    SELECT coalesce(array_to_string(reloptions, ', '), '') FROM pg_class
     WHERE oid = %s::regclass
"""

CLEAR: Final = """
    DO $$ DECLARE found regclass; BEGIN
        FOR found IN SELECT oid FROM pg_class
                      WHERE relnamespace = '{schema}'::regnamespace AND relkind = 'r'
        LOOP EXECUTE format('DROP TABLE %s', found); END LOOP;
    END $$
"""

# Told the position reached and the position aimed at.
Progress: TypeAlias = Callable[[int, int], None]


class Beside:
    """The tables of some views in a schema beside the live ones, and how far they have come.

    Accounts are always among them, since what an event is held against is read from there.
    """

    def __init__(
        self,
        reading: SyncConnection,
        writing: SyncConnection,
        schema: str,
        views: Collection[str] = VIEWS,
    ) -> None:
        self._reading = reading
        self._writing = writing
        self._schema = schema
        self._views = tuple(views)
        self._states: dict[str, AccountState] = {}
        self.tables = [table for view in self._views for table in VIEWS[view]]
        self.position = 0
        self.recorded_at: dt.datetime | None = None

    def build(self, target: int, progress: Progress, *, logged: bool = True) -> None:
        """Everything up to a position, with indexes and statistics.

        What is not `logged` costs no write-ahead log, and is gone after a crash of the server.
        """
        tables = [table for view in {*self._views, "accounts"} for table in VIEWS[view]]
        with self._writing.transaction():
            clear(self._writing, self._schema)
            for table in tables:
                options = self._writing.execute(OPTIONS, (f"{LIVE}.{table}",)).fetchone()
                self._writing.execute(
                    f"CREATE {'' if logged else 'UNLOGGED '}TABLE {self._schema}.{table}"
                    f" (LIKE {LIVE}.{table} INCLUDING DEFAULTS)"
                    + (f" WITH ({options[0]})" if options and options[0] else "")
                )
                if table in INDEXED_FROM_THE_START:
                    self._create_indexes(table)
        self.fill(target, progress)
        for table in self.tables:
            if table not in INDEXED_FROM_THE_START:
                self._create_indexes(table)
            self._writing.execute(f"ANALYZE {self._schema}.{table}")

    def fill(self, target: int, progress: Progress) -> None:
        """Write batch after batch; while Postgres takes one, the next is read and folded."""
        with ThreadPoolExecutor(1, "beside-writer") as writer:
            writing: Future[None] | None = None
            for batch in self._batches(target):
                if writing is not None:
                    writing.result()
                writing = writer.submit(self._write, batch)
                if len(self._states) > STATES_MAX:
                    writing.result()
                    self._states.clear()
                progress(batch.last, target)
            if writing is not None:
                writing.result()

    def fill_within(self, target: int) -> None:
        """The last few batches, within the database transaction that the caller has opened."""
        for batch in self._batches(target):
            write(self._writing, self._schema, batch, self._views)

    def back_to(self, position: int, recorded_at: dt.datetime | None) -> None:
        """What was written since was rolled back."""
        self.position, self.recorded_at = position, recorded_at
        self._states.clear()

    def _batches(self, target: int) -> Iterator[Batch]:
        while self.position < target:
            read = read_log(self._reading, self.position, BATCH_EVENTS)
            rows = [row for row in read if row[0] <= target]
            if not rows:
                raise LogGap(f"the log ends at {self.position}, before {target}")
            streams = {row[1] for row in rows} - self._states.keys()
            accounts = {stream for stream in streams if stream.startswith(ACCOUNT)}
            self._states.update(read_states(self._reading, self._schema, accounts))
            batch = fold(self.position, rows, self._states)
            self.position, self.recorded_at = batch.last, batch.recorded_at
            yield batch

    def _write(self, batch: Batch) -> None:
        with self._writing.transaction():
            write(self._writing, self._schema, batch, self._views)

    def _create_indexes(self, table: str) -> None:
        for (definition,) in self._reading.execute(INDEXES, (f"{LIVE}.{table}",)).fetchall():
            self._writing.execute(definition.replace(f" ON {LIVE}.", f" ON {self._schema}."))


def clear(connection: SyncConnection, schema: str) -> None:
    """Drop the tables of a schema; the schema stays, since only the owner of the database makes one."""
    connection.execute(CLEAR.format(schema=schema))
