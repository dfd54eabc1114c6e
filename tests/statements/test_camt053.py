"""camt.053: valid by the schema of ISO 20022 whatever is stated, and it says what was stated."""

import hashlib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from lxml import etree

from domain.money import decimal_of
from readmodels.statements.camt053 import NAMESPACE, render_camt053
from readmodels.statements.canonical import Statement, digest, encode
from readmodels.statements.characters import xml_text
from readmodels.statements.iban import is_iban
from tests.statements.made import (
    AWKWARD,
    camt053_schema,
    largest,
    line,
    months_lines,
    statement_of,
    statements,
)

NS = {"c": NAMESPACE}


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return camt053_schema()


def parsed(statement: Statement) -> etree._Element:
    return etree.fromstring(render_camt053(statement))


def said(element: etree._Element, path: str) -> str:
    return str(element.findtext(path, "", NS))


def signed(element: etree._Element) -> Decimal:
    amount = Decimal(said(element, "c:Amt"))
    return amount if said(element, "c:CdtDbtInd") == "CRDT" else -amount


@settings(max_examples=150)
@given(statement=statements())
def test_any_statement_is_valid_by_the_schema(
    schema: etree.XMLSchema, statement: Statement
) -> None:
    schema.assertValid(parsed(statement))


@pytest.mark.parametrize("count", [0, 1, 3000])
def test_short_and_long_statements_are_valid(schema: etree.XMLSchema, count: int) -> None:
    schema.assertValid(parsed(statement_of(months_lines(count))))


def test_the_largest_amount_is_valid(schema: etree.XMLSchema) -> None:
    schema.assertValid(parsed(largest()))


@given(statements())
def test_the_opening_balance_and_the_entries_come_to_the_closing_balance(
    statement: Statement,
) -> None:
    document = parsed(statement)
    balances = {
        said(balance, "c:Tp/c:CdOrPrtry/c:Cd"): signed(balance)
        for balance in document.iterfind(".//c:Bal", NS)
    }
    entries = document.findall(".//c:Ntry", NS)

    currency = statement.account.currency
    assert balances["OPBD"] + sum(map(signed, entries)) == balances["CLBD"]
    assert balances["CLBD"] == decimal_of(statement.closing_balance, currency)
    assert balances["CLAV"] == decimal_of(statement.available, currency)


@given(statements())
def test_an_entry_says_all_that_it_is(statement: Statement) -> None:
    elements = parsed(statement).findall(".//c:Ntry", NS)

    for entry, element in zip(statement.entries, elements, strict=True):
        assert said(element, "c:NtryRef") == str(entry.position)
        assert said(element, "c:Sts/c:Cd") == "BOOK"
        assert said(element, "c:BookgDt/c:Dt") == str(entry.booking_date)
        assert said(element, "c:ValDt/c:Dt") == str(entry.value_date)
        assert said(element, "c:RvslInd") == ("true" if entry.reverses is not None else "")
        remittance = "".join(u.text or "" for u in element.iterfind(".//c:Ustrd", NS))
        assert remittance == xml_text(entry.description or "")


def test_a_party_stands_on_its_side() -> None:
    document = parsed(
        statement_of(
            [
                line(1, 500, counterparty="Ada & Co", counterparty_account=7),
                line(2, -500, counterparty="<Bob>", counterparty_account=8),
            ]
        )
    )

    credit, debit = document.findall(".//c:RltdPties", NS)
    assert said(credit, "c:Dbtr/c:Pty/c:Nm") == "Ada & Co"
    assert said(credit, "c:DbtrAcct/c:Id/c:Othr/c:Id") == "7"
    assert said(debit, "c:Cdtr/c:Pty/c:Nm") == "<Bob>"
    assert said(debit, "c:CdtrAcct/c:Id/c:Othr/c:Id") == "8"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (None, "NOTPROVIDED"),
        ("INV-1", "INV-1"),
        ("r" * 35, "r" * 35),
        ("r" * 36, hashlib.sha256(b"r" * 36).hexdigest()[:32]),
        (" INV", hashlib.sha256(b" INV").hexdigest()[:32]),
    ],
)
def test_an_end_to_end_id_has_at_most_35_characters(reference: str | None, expected: str) -> None:
    document = parsed(statement_of([line(1, 5, reference=reference)]))

    assert document.findtext(".//c:EndToEndId", None, NS) == expected


@pytest.mark.parametrize(("number", "expected"), [(None, ""), (3, "3")])
def test_an_issued_statement_has_its_number(number: int | None, expected: str) -> None:
    statement = statement_of([], number=number)
    document = parsed(statement)

    assert document.findtext(".//c:ElctrncSeqNb", "", NS) == expected
    assert document.findtext(".//c:Stmt/c:Id", "", NS) == (
        "456-3" if number else digest(encode(statement))[:32]
    )


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_texts_are_told_apart_from_markup(text: str) -> None:
    document = parsed(statement_of([line(1, 5, description=text)]))

    remittance = "".join(u.text or "" for u in document.iterfind(".//c:Ustrd", NS))
    assert remittance == " ".join(
        text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd").split()
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CZ6508000000192000145399", True),
        ("GB82WEST12345698765432", True),
        ("GB82WEST12345698765433", False),
        ("GB82 WEST 1234 5698 7654 32", False),
        ("456", False),
        ("", False),
    ],
)
def test_an_iban_has_right_check_digits(text: str, expected: bool) -> None:
    assert is_iban(text) is expected


@pytest.mark.parametrize(
    ("taken_back", "expected"),
    [
        (5000, "Reversed by transaction 9."),
        (1234, "Reversed in part, 12.34 EUR, by transaction 9."),
    ],
)
def test_an_entry_says_how_much_of_it_was_reversed(taken_back: int, expected: str) -> None:
    statement = statement_of([line(1, 5000, reversed_by=9, reversed_amount=taken_back)])

    assert said(parsed(statement), ".//c:AddtlTxInf") == expected
