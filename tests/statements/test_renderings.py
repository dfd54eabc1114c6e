"""One function for all forms: the same bytes each time, with a name and a type."""

import pytest

from readmodels.statements.canonical import decode, encode
from readmodels.statements.renderings import FORMATS, Format, render
from tests.statements.made import months_lines, statement_of


@pytest.mark.parametrize("form", FORMATS)
def test_a_form_of_the_stored_bytes_is_that_of_the_statement(form: Format) -> None:
    statement = statement_of(months_lines(10), 5, number=7)

    again = render(decode(encode(statement)), form)

    assert again == render(statement, form)


@pytest.mark.parametrize(
    ("form", "media_type", "ending"),
    [
        ("json", "application/json", "json"),
        ("csv", "text/csv; charset=utf-8; header=present", "csv"),
        ("pdf", "application/pdf", "pdf"),
        ("camt053", "application/xml", "xml"),
        ("mt940", "text/plain; charset=us-ascii", "sta"),
        ("ofx", "application/x-ofx", "ofx"),
    ],
)
def test_a_form_has_a_media_type_and_a_file_name(
    form: Format, media_type: str, ending: str
) -> None:
    issued = render(statement_of([], number=7), form)
    asked = render(statement_of([]), form)

    assert issued.media_type == media_type
    assert issued.file_name == f"statement-456-0007.{ending}"
    assert asked.file_name == f"statement-456-2026-03-01-2026-03-31.{ending}"
