"""The forms a statement can be had in: one function for all of them."""

import datetime as dt
from collections.abc import Callable
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from readmodels.statements.camt053 import render_camt053
from readmodels.statements.canonical import Statement, encode
from readmodels.statements.csv_statement import render_csv
from readmodels.statements.mt940 import render_mt940
from readmodels.statements.ofx import render_ofx
from readmodels.statements.pdf import render_pdf

Format: TypeAlias = Literal["json", "csv", "pdf", "camt053", "mt940", "ofx"]

FORMATS: Final[tuple[Format, ...]] = get_args(Format)


class Rendering(msgspec.Struct, frozen=True):
    """A statement in one of its forms, with what a server or a file system has to say of it."""

    body: bytes
    media_type: str
    file_name: str


# The renderer, the media type and the ending of the file's name.
_FORMS: Final[dict[Format, tuple[Callable[[Statement], bytes], str, str]]] = {
    "json": (encode, "application/json", "json"),
    "csv": (render_csv, "text/csv; charset=utf-8; header=present", "csv"),
    "pdf": (render_pdf, "application/pdf", "pdf"),
    "camt053": (render_camt053, "application/xml", "xml"),
    "mt940": (render_mt940, "text/plain; charset=us-ascii", "sta"),
    "ofx": (render_ofx, "application/x-ofx", "ofx"),
}


def render(statement: Statement, form: Format) -> Rendering:
    """The statement in a form; the same bytes each time, whatever the machine, locale or zone.

    It takes milliseconds, and a PDF of thousands of entries seconds: not for an event loop. Raises
    `NotExpressible` where the form has no room: amounts in MT940, thousands of entries in PDF.
    """
    write, media_type, _ = _FORMS[form]
    return Rendering(write(statement), media_type, _name(statement, form))


def file_name(account_id: int, first: dt.date, last: dt.date, form: Format) -> str:
    """The name of a statement that has no number."""
    return f"statement-{account_id}-{first}-{last}.{_FORMS[form][2]}"


def _name(statement: Statement, form: Format) -> str:
    account_id = statement.account.account_id
    if statement.number is None:
        return file_name(account_id, statement.booked_from, statement.booked_to, form)
    return f"statement-{account_id}-{statement.number:04}.{_FORMS[form][2]}"
