"""`nox -s examples`: makes the journey, and writes http/api/examples.json where it was told otherwise."""

import tempfile
from pathlib import Path

from daybook.embedded_postgres import embedded_postgres
from migrations.runner import migrate
from tests.examples.journey import exchanges
from tests.examples.recorded import RECORDED, kept_where_alike, recorded, written

if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_postgres(Path(folder) / "postgres", durable=False) as conninfo,
    ):
        migrate(conninfo)
        told = exchanges(conninfo, Path(folder))
    RECORDED.write_bytes(written(kept_where_alike(recorded(), told)))
