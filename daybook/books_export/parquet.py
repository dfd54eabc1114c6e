"""The books as a Parquet file, a row a posting, for DuckDB and the like. Needs `daybook[parquet]`."""

from collections.abc import Iterator
from itertools import islice
from typing import IO, Any, Final

import psycopg

from daybook.books_export.booked import ExportRefused, account_name, booked_days
from domain.money import decimals_of
from readmodels.transaction_rows import kind_of

ROWS_AT_ONCE: Final = 20_000


def export_parquet(connection: psycopg.Connection[Any], position: int, file: IO[bytes]) -> int:
    """Write the postings of the first `position` events in booking order; answers how many they are.

    `minor_units` is signed, debits above zero; `decimals` says how many of its digits are decimals.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise ExportRefused("Parquet needs pyarrow: pip install 'daybook[parquet]'") from None
    schema = pa.schema(
        [
            pa.field("position", pa.int64(), nullable=False),
            pa.field("line", pa.int16(), nullable=False),
            pa.field("transaction_id", pa.int64(), nullable=False),
            pa.field("kind", pa.string(), nullable=False),
            pa.field("booking_date", pa.date32(), nullable=False),
            pa.field("value_date", pa.date32(), nullable=False),
            pa.field("recorded_at", pa.timestamp("us", tz="UTC"), nullable=False),
            pa.field("ledger_account", pa.int32(), nullable=False),
            pa.field("sub_account", pa.string()),
            pa.field("account", pa.string(), nullable=False),
            pa.field("minor_units", pa.int64(), nullable=False),
            pa.field("currency", pa.string(), nullable=False),
            pa.field("decimals", pa.int8(), nullable=False),
            pa.field("description", pa.string()),
        ],
        metadata={"daybook.position": str(position)},
    )
    count = 0
    rows = _rows(connection, position)
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while part := list(islice(rows, ROWS_AT_ONCE)):
            columns = [
                pa.array(column, type=field.type)
                for column, field in zip(zip(*part, strict=True), schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            count += len(part)
    return count


def _rows(connection: psycopg.Connection[Any], position: int) -> Iterator[tuple[Any, ...]]:
    for _, booked_that_day in booked_days(connection, position):
        for booked in booked_that_day:
            event = booked.event
            for line, posting in enumerate(event.entry):
                yield (
                    booked.position,
                    line,
                    event.transaction_id,
                    kind_of(event.fact),
                    event.booking_date,
                    event.value_date,
                    event.recorded_at,
                    posting.ledger_account,
                    posting.sub_account,
                    account_name((posting.ledger_account, posting.sub_account)),
                    posting.amount if posting.side == "D" else -posting.amount,
                    posting.currency,
                    decimals_of(posting.currency),
                    event.description,
                )
