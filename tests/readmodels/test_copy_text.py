"""Any text survives COPY to the letter."""

import psycopg
import pytest

from readmodels.copy_text import array_of, number_of, text_of, texts_of

TEXTS = ["", "\\N", "\\", "a\tb", "a\nb", "a\rb", '"', "{}", "NULL", "a,b", "é", "\\t", "\\."]


@pytest.fixture(scope="module")
def table(module_database: str) -> str:
    with psycopg.connect(module_database) as connection:
        connection.execute("CREATE TABLE copied (place int, one text, many text[], number bigint)")
    return module_database


def test_texts_arrays_of_texts_and_nothing_at_all(table: str) -> None:
    rows = [(n, text, [text, "x", text], n) for n, text in enumerate(TEXTS)]
    rows.append((len(TEXTS), None, TEXTS, None))  # type: ignore[arg-type]

    with psycopg.connect(table) as connection:
        with connection.cursor().copy("COPY copied FROM STDIN") as copy:
            for place, one, many, number in rows:
                line = (str(place), text_of(one), texts_of(many), number_of(number))
                copy.write("\t".join(line) + "\n")
        found = connection.execute("SELECT * FROM copied ORDER BY place").fetchall()

    assert found == rows


def test_an_array_of_numbers_with_a_gap(table: str) -> None:
    with psycopg.connect(table) as connection:
        found = connection.execute("SELECT %s::bigint[]", [array_of([1, None, -3])]).fetchone()

    assert found == ([1, None, -3],)
