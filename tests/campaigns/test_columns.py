"""The table of columns leaves none out, and whoever is to find a change of one does, of each."""

import random

import psycopg
import pytest

from tests.campaigns.columns import COLUMNS, catalogue, change, found_columns, missed_by
from tests.campaigns.tampering import Sealed, unfenced

FOUND = [*found_columns()]


@pytest.fixture(scope="module")
def sealed(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return Sealed(module_database, tmp_path_factory.mktemp("sealed"))


def test_no_column_is_left_out_and_none_is_declared_that_is_not_there(database: str) -> None:
    declared = {(table, column) for table, columns in COLUMNS.items() for column in columns}

    with psycopg.connect(database) as connection:
        assert declared == catalogue(connection).keys()


@pytest.mark.parametrize(("table", "column", "by"), FOUND, ids=[f"{t}.{c}" for t, c, _ in FOUND])
def test_a_change_is_found_by_all_who_are_to(
    sealed: Sealed, table: str, column: str, by: tuple[str, ...]
) -> None:
    def verify(lines: list[bytes], records: list[bytes], notes: list[bytes]) -> object:
        return sealed.verified(lines, [*sealed.kept, *notes], records)

    with unfenced(sealed.conninfo) as connection:
        assert missed_by(connection, by, sealed.sizes[-1], verify) == [*by], "a false alarm"
        for seed in range(2):
            assert change(connection, table, column, random.Random(seed)) == 1
            assert missed_by(connection, by, sealed.sizes[-1], verify) == []
            connection.execute("ROLLBACK TO SAVEPOINT before")
