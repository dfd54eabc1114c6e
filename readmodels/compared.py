"""Every view held against the log: built again beside, to where the live ones stand, and compared.

The live views are read in one snapshot, in which the last few batches are written into those beside, so
that both stand at the same position while the projector goes on.
"""

from typing import Any, Final, NamedTuple

import msgspec

from readmodels.beside import Beside, Progress, clear
from readmodels.projector import connect
from readmodels.rebuild import HEAD, POSITION, take_lock
from readmodels.view_tables import LIVE, VIEWS, SyncConnection

AUDIT: Final = "readmodels_audit"
# The audit in the background has a place of its own, and stands in nobody's way.
WATCH: Final = "readmodels_watch"
LOCKS: Final = {AUDIT: 0x6461_7962_6175_64, WATCH: 0x6461_7962_7774_63}  # "daybaud", "daybwtc"
PROJECTION: Final = "projection"
EXAMPLES_MAX: Final = 3
EXAMPLE_CHARACTERS_MAX: Final = 300

DIFFERENT: Final = """
    WITH d AS MATERIALIZED (TABLE {one} EXCEPT ALL TABLE {other})
    SELECT (SELECT count(*) FROM d), ARRAY(SELECT left(d::text, {width}) FROM d LIMIT {examples})
"""


class ViewDifference(msgspec.Struct, frozen=True):
    """Rows of a table that the log leads to and the view has not, and rows it has beyond them."""

    view: str
    table: str
    missing: int
    extra: int
    examples: tuple[str, ...]


class _Different(NamedTuple):
    rows: int
    examples: list[str]


class Compared(msgspec.Struct, frozen=True):
    """The position the views were compared at, the rows of each table, and what differed."""

    position: int
    rows: dict[str, int]
    differences: tuple[ViewDifference, ...]


def compare_views(conninfo: str, progress: Progress, *, schema: str = AUDIT) -> Compared:
    """Build all views again in `schema` and compare; nothing of the live ones is changed.

    Raises `RebuildRefused` where another audit works there, or a rebuild runs when it is time to compare,
    and `PoisonedEvent` or `LogGap` where the log is such
    that no views follow from it.
    """
    with (
        connect(conninfo, "daybook audit") as writing,
        connect(conninfo, "daybook audit (reading)") as reading,
    ):
        writing.execute("SET statement_timeout = 0")
        take_lock(writing, LOCKS[schema], "another audit is running")
        try:
            beside = Beside(reading, writing, schema)
            beside.build(_position(reading), progress, logged=False)
            # A table that was swapped in since the snapshot would look empty in it.
            take_lock(writing)
            with writing.transaction():
                writing.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                return _compare(beside, writing, schema)
        finally:
            if not writing.closed:
                clear(writing, schema)
                # The locks go with the session.


def _position(connection: SyncConnection) -> int:
    """Where the views stand, but not beyond the log."""
    row = connection.execute(POSITION).fetchone()
    head = _one(connection, HEAD)
    return int(head if row is None else min(row[0], head))


def _compare(beside: Beside, writing: SyncConnection, schema: str) -> Compared:
    # The first statement takes the snapshot.
    beside.fill_within(_position(writing))
    rows, differences = {}, []
    for view, tables in VIEWS.items():
        for table in tables:
            live, fresh = f"{LIVE}.{table}", f"{schema}.{table}"
            rows[table] = int(_one(writing, f"SELECT count(*) FROM {live}"))
            missing = _different(writing, fresh, live)
            extra = _different(writing, live, fresh)
            if missing.rows or extra.rows:
                examples = (
                    *(f"missing {row}" for row in missing.examples),
                    *(f"extra {row}" for row in extra.examples),
                )
                differences.append(ViewDifference(view, table, missing.rows, extra.rows, examples))
    live_row = writing.execute("SELECT position, recorded_at FROM readmodels.projection").fetchall()
    due = [(beside.position, beside.recorded_at)]
    if live_row != due:
        said = (f"stands at {live_row}, and {due} is due",)
        differences.append(ViewDifference(PROJECTION, PROJECTION, 1, len(live_row), said))
    return Compared(beside.position, rows, tuple(differences))


def _different(connection: SyncConnection, one: str, other: str) -> _Different:
    """The rows of the one that the other has not, as often."""
    query = DIFFERENT.format(
        width=EXAMPLE_CHARACTERS_MAX, examples=EXAMPLES_MAX, one=one, other=other
    )
    row = connection.execute(query).fetchone()
    assert row is not None, "a count is always answered"
    return _Different(*row)


def _one(connection: SyncConnection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None, f"no answer to {query}"
    return row[0]
