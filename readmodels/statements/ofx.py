"""The statement as OFX 2.2, the form that programs for household money read."""

import datetime as dt
from typing import Final
from xml.etree import ElementTree as ET

from readmodels.statements.amounts import plain
from readmodels.statements.canonical import Entry, Statement, digest, encode
from readmodels.statements.characters import cut, xml_text

HEADER: Final = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
    b'<?OFX OFXHEADER="200" VERSION="220" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>\n'
)
NAME_MAX: Final = 32
MEMO_MAX: Final = 255
BANK_ID_LENGTH: Final = 8
ACCOUNT_TYPE: Final = {"checking": "CHECKING", "savings": "SAVINGS"}
TYPE: Final = {
    "deposit": "DEP",
    "withdrawal": "CASH",
    "transfer": "XFER",
    "payment_sent": "PAYMENT",
    "bill_payment": "PAYMENT",
    "interest_charged": "INT",
    "interest_credited": "INT",
    "fee": "FEE",
}


def render_ofx(statement: Statement) -> bytes:
    """A response with this one statement, in UTF-8. Days are said as noon GMT, the day of every zone."""
    document = ET.Element("OFX")
    _sign_on(document, statement)
    response = ET.SubElement(ET.SubElement(document, "BANKMSGSRSV1"), "STMTTRNRS")
    _say(response, "TRNUID", digest(encode(statement))[:32])
    _status(response)
    stated = ET.SubElement(response, "STMTRS")
    currency = statement.account.currency
    _say(stated, "CURDEF", currency)
    account = ET.SubElement(stated, "BANKACCTFROM")
    _say(account, "BANKID", statement.bank.bic[:BANK_ID_LENGTH])
    _say(account, "ACCTID", str(statement.account.account_id))
    _say(account, "ACCTTYPE", ACCOUNT_TYPE.get(statement.account.account_type, "CHECKING"))
    listed = ET.SubElement(stated, "BANKTRANLIST")
    _say(listed, "DTSTART", _day(statement.booked_from))
    _say(listed, "DTEND", _day(statement.booked_to))
    for entry in statement.entries:
        _entry(listed, entry, currency)
    for tag, balance in (
        ("LEDGERBAL", statement.closing_balance),
        ("AVAILBAL", statement.available),
    ):
        said = ET.SubElement(stated, tag)
        _say(said, "BALAMT", plain(balance, currency))
        _say(said, "DTASOF", _day(statement.booked_to))
    _opening_balance(stated, statement)
    ET.indent(document, "  ")
    return HEADER + ET.tostring(document, "unicode").encode() + b"\n"


def _sign_on(document: ET.Element, statement: Statement) -> None:
    said = ET.SubElement(ET.SubElement(document, "SIGNONMSGSRSV1"), "SONRS")
    _status(said)
    _say(said, "DTSERVER", f"{statement.known_at:%Y%m%d%H%M%S}.000[0:GMT]")
    _say(said, "LANGUAGE", "ENG")
    institution = ET.SubElement(said, "FI")
    _say(institution, "ORG", cut(xml_text(statement.bank.name), NAME_MAX))
    _say(institution, "FID", statement.bank.bic)


def _status(parent: ET.Element) -> None:
    status = ET.SubElement(parent, "STATUS")
    _say(status, "CODE", "0")
    _say(status, "SEVERITY", "INFO")


def _entry(listed: ET.Element, entry: Entry, currency: str) -> None:
    description = xml_text(entry.description or "")
    other = xml_text(entry.counterparty or "")
    if not other and entry.counterparty_account is not None:
        other = f"Account {entry.counterparty_account}"
    name = other or description or xml_text(entry.kind.replace("_", " ").capitalize())
    said = ET.SubElement(listed, "STMTTRN")
    _say(said, "TRNTYPE", TYPE.get(entry.kind, entry.side.upper()))
    _say(said, "DTPOSTED", _day(entry.booking_date))
    _say(said, "DTAVAIL", _day(entry.value_date))
    _say(said, "TRNAMT", plain(entry.signed, currency))
    _say(said, "FITID", str(entry.position))
    _say(said, "REFNUM", str(entry.transaction_id))
    _say(said, "NAME", cut(name, NAME_MAX))
    if description and (description != name or len(name) > NAME_MAX):
        _say(said, "MEMO", cut(description, MEMO_MAX))


def _opening_balance(stated: ET.Element, statement: Statement) -> None:
    said = ET.SubElement(ET.SubElement(stated, "BALLIST"), "BAL")
    _say(said, "NAME", "Opening balance")
    _say(said, "DESC", "The booked balance before the first entry")
    _say(said, "BALTYPE", "DOLLAR")
    _say(said, "VALUE", plain(statement.opening_balance, statement.account.currency))
    _say(said, "DTASOF", _day(statement.booked_from))


def _say(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text


def _day(date: dt.date) -> str:
    return f"{date:%Y%m%d}120000.000[0:GMT]"
