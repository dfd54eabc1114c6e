"""OFX: read back by a reader that is not ours."""

import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from ofxtools.models.i18n import CURRENCY_CODES
from ofxtools.Parser import OFXTree

from domain.money import decimal_of
from readmodels.statements.canonical import Statement, digest, encode
from readmodels.statements.characters import cut, xml_text
from readmodels.statements.ofx import MEMO_MAX, NAME_MAX, render_ofx
from tests.statements.made import AWKWARD, largest, line, months_lines, statement_of, statements


def read(statement: Statement) -> Any:
    """The one statement in the document, as ofxtools has it."""
    tree = OFXTree()
    tree.parse(io.BytesIO(render_ofx(statement)))
    (stated,) = tree.convert().statements
    return stated


@given(statements())
def test_the_opening_balance_and_the_entries_come_to_the_closing_balance(
    statement: Statement,
) -> None:
    stated = read(statement)

    currency = statement.account.currency
    (opening,) = stated.ballist
    amounts = [entry.trnamt for entry in stated.banktranlist]
    assert stated.curdef == currency
    assert opening.value == decimal_of(statement.opening_balance, currency)
    assert opening.value + sum(amounts) == stated.ledgerbal.balamt
    assert stated.ledgerbal.balamt == decimal_of(statement.closing_balance, currency)
    assert stated.availbal.balamt == decimal_of(statement.available, currency)
    assert amounts == [decimal_of(entry.signed, currency) for entry in statement.entries]


@given(statements())
def test_an_entry_is_read_back_with_its_dates_and_texts(statement: Statement) -> None:
    stated = read(statement)

    for entry, element in zip(statement.entries, stated.banktranlist, strict=True):
        assert element.dtposted.date() == entry.booking_date
        assert element.dtavail.date() == entry.value_date
        assert element.fitid == str(entry.position)
        counterparty = xml_text(entry.counterparty or "")
        if counterparty:
            assert element.name == cut(counterparty, NAME_MAX)
        description = xml_text(entry.description or "")
        assert (element.memo or element.name) == cut(description, MEMO_MAX) or not description


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_texts_are_told_apart_from_markup(text: str) -> None:
    stated = read(statement_of([line(1, 5, description=text, counterparty="Ada")]))

    assert (stated.banktranlist[0].memo or "") == xml_text(text)


@pytest.mark.parametrize("count", [0, 1, 3000])
def test_short_and_long_statements_are_read(count: int) -> None:
    assert len(read(statement_of(months_lines(count))).banktranlist) == count


def test_the_largest_amount_is_read_to_the_last_digit() -> None:
    assert read(largest()).ledgerbal.balamt == Decimal("9999999999999.99")


def test_the_same_statement_has_the_same_identity() -> None:
    statement = statement_of([])

    assert digest(encode(statement))[:32].encode() in render_ofx(statement)


def test_the_currencies_of_the_tests_are_ones_that_ofx_knows() -> None:
    assert {"EUR", "CZK", "JPY", "KWD"} <= set(CURRENCY_CODES)
