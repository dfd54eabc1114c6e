"""The statement as camt.053.001.08, the bank-to-customer statement of ISO 20022.

Texts keep every character that XML has. Longer ones are divided or cut at the message's limits, and
an identifier above 35 characters is replaced by the beginning of its SHA-256.
"""

import hashlib
from typing import Final
from xml.etree import ElementTree as ET

from readmodels.statements.amounts import plain, side_of
from readmodels.statements.canonical import Entry, Statement, digest, encode
from readmodels.statements.characters import cut, xml_text
from readmodels.statements.iban import is_iban

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
HEADER: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'
ID_MAX: Final = 35
NAME_MAX: Final = 140
REMITTANCE_MAX: Final = 140
INFORMATION_MAX: Final = 500
SUM_DIGITS_MAX: Final = 18
SIDE: Final = {"credit": "CRDT", "debit": "DBIT"}


def render_camt053(statement: Statement) -> bytes:
    """A message with this one statement, in UTF-8, valid by the schema."""
    identity = digest(encode(statement))[:32]
    created = _instant(statement)
    document = ET.Element("Document", xmlns=NAMESPACE)
    message = ET.SubElement(document, "BkToCstmrStmt")
    header = ET.SubElement(message, "GrpHdr")
    _say(header, "MsgId", identity)
    _say(header, "CreDtTm", created)
    stated = ET.SubElement(message, "Stmt")
    if statement.number is None:
        _say(stated, "Id", identity)
    else:
        _say(stated, "Id", _identifier(f"{statement.account.account_id}-{statement.number}"))
        _say(stated, "ElctrncSeqNb", str(statement.number))
        _say(stated, "LglSeqNb", str(statement.number))
    _say(stated, "CreDtTm", created)
    period = ET.SubElement(stated, "FrToDt")
    _say(period, "FrDtTm", f"{statement.booked_from}T00:00:00")
    _say(period, "ToDtTm", f"{statement.booked_to}T23:59:59")
    _account(stated, statement)
    _balances(stated, statement)
    _summary(stated, statement)
    for entry in statement.entries:
        _entry(stated, entry, statement)
    ET.indent(document, "  ")
    return HEADER + ET.tostring(document, "unicode").encode() + b"\n"


def _account(stated: ET.Element, statement: Statement) -> None:
    account, bank = statement.account, statement.bank
    said = ET.SubElement(stated, "Acct")
    identity = ET.SubElement(said, "Id")
    reference = xml_text(account.reference or "")
    if is_iban(reference):
        _say(identity, "IBAN", reference)
    else:
        _say(identity, "Othr/Id", str(account.account_id))
    _say(said, "Tp/Prtry", cut(xml_text(account.account_type), ID_MAX))
    _say(said, "Ccy", account.currency)
    if reference and not is_iban(reference):
        _say(said, "Prxy/Id", reference)
    _say(said, "Ownr/Nm", cut(xml_text(", ".join(account.holders)), NAME_MAX))
    servicer = ET.SubElement(ET.SubElement(said, "Svcr"), "FinInstnId")
    _say(servicer, "BICFI", bank.bic)
    _say(servicer, "Nm", cut(xml_text(bank.name), NAME_MAX))


def _balances(stated: ET.Element, statement: Statement) -> None:
    currency = statement.account.currency
    for code, balance, date in (
        ("OPBD", statement.opening_balance, statement.booked_from),
        ("CLBD", statement.closing_balance, statement.booked_to),
        ("CLAV", statement.available, statement.booked_to),
    ):
        said = ET.SubElement(stated, "Bal")
        _say(said, "Tp/CdOrPrtry/Cd", code)
        if code == "CLAV" and statement.overdraft_limit:
            line = ET.SubElement(said, "CdtLine")
            _say(line, "Incl", "true")
            _amount(line, statement.overdraft_limit, currency)
        _amount(said, balance, currency)
        _say(said, "CdtDbtInd", SIDE[side_of(balance)])
        _say(said, "Dt/Dt", date.isoformat())


def _summary(stated: ET.Element, statement: Statement) -> None:
    totals, currency = statement.totals, statement.account.currency
    net = totals.credits - totals.debits
    summary = ET.SubElement(stated, "TxsSummry")
    both = ET.SubElement(summary, "TtlNtries")
    _count(both, len(statement.entries), totals.credits + totals.debits, currency)
    said = ET.SubElement(both, "TtlNetNtry")
    _say(said, "Amt", plain(abs(net), currency))
    _say(said, "CdtDbtInd", SIDE[side_of(net)])
    for tag, count, total in (
        ("TtlCdtNtries", totals.credits_count, totals.credits),
        ("TtlDbtNtries", totals.debits_count, totals.debits),
    ):
        _count(ET.SubElement(summary, tag), count, total, currency)


def _count(said: ET.Element, count: int, total: int, currency: str) -> None:
    _say(said, "NbOfNtries", str(count))
    # The schema has room for so many digits; a sum beyond it is left to the reader.
    if len(str(total)) <= SUM_DIGITS_MAX:
        _say(said, "Sum", plain(total, currency))


def _entry(stated: ET.Element, entry: Entry, statement: Statement) -> None:
    currency = statement.account.currency
    said = ET.SubElement(stated, "Ntry")
    _say(said, "NtryRef", str(entry.position))
    _amount(said, entry.amount, currency)
    _say(said, "CdtDbtInd", SIDE[entry.side])
    if entry.reverses is not None:
        _say(said, "RvslInd", "true")
    _say(said, "Sts/Cd", "BOOK")
    _say(said, "BookgDt/Dt", entry.booking_date.isoformat())
    _say(said, "ValDt/Dt", entry.value_date.isoformat())
    _say(said, "AcctSvcrRef", str(entry.transaction_id))
    code = ET.SubElement(ET.SubElement(said, "BkTxCd"), "Prtry")
    _say(code, "Cd", cut(xml_text(entry.kind), ID_MAX))
    _say(code, "Issr", statement.bank.bic)
    details = ET.SubElement(ET.SubElement(said, "NtryDtls"), "TxDtls")
    references = ET.SubElement(details, "Refs")
    _say(references, "AcctSvcrRef", str(entry.transaction_id))
    _say(references, "EndToEndId", _identifier(entry.reference or "") or "NOTPROVIDED")
    _amount(details, entry.amount, currency)
    _say(details, "CdtDbtInd", SIDE[entry.side])
    _parties(details, entry)
    description = xml_text(entry.description or "")
    if description:
        remittance = ET.SubElement(details, "RmtInf")
        for start in range(0, len(description), REMITTANCE_MAX):
            _say(remittance, "Ustrd", description[start : start + REMITTANCE_MAX])
    _say(details, "AddtlTxInf", cut(_information(entry, currency), INFORMATION_MAX))


def _parties(details: ET.Element, entry: Entry) -> None:
    """Who paid us, or whom we paid."""
    name = cut(xml_text(entry.counterparty or ""), NAME_MAX)
    if not name and entry.counterparty_account is None:
        return
    role = "Dbtr" if entry.side == "credit" else "Cdtr"
    parties = ET.SubElement(details, "RltdPties")
    _say(parties, f"{role}/Pty/Nm", name)
    if entry.counterparty_account is not None:
        _say(parties, f"{role}Acct/Id/Othr/Id", str(entry.counterparty_account))


def _information(entry: Entry, currency: str) -> str:
    """What the message has no element for."""
    said = []
    if entry.reverses is not None:
        said.append(f"Reverses transaction {entry.reverses}.")
    if entry.reversed_by is not None:
        part = ""
        if entry.is_reversed_in_part and entry.reversed_amount is not None:
            part = f" in part, {plain(entry.reversed_amount, currency)} {currency},"
        said.append(f"Reversed{part} by transaction {entry.reversed_by}.")
    if entry.category:
        said.append(f"Category: {entry.category}.")
    if entry.tags:
        said.append(f"Tags: {', '.join(entry.tags)}.")
    return xml_text(" ".join(said))


def _amount(parent: ET.Element, minor_units: int, currency: str) -> None:
    amount = ET.SubElement(parent, "Amt", Ccy=currency)
    amount.text = plain(abs(minor_units), currency)


def _say(parent: ET.Element, path: str, text: str) -> None:
    """The text in new elements, one within the other; nothing where there is no text."""
    if not text:
        return
    for tag in path.split("/"):
        parent = ET.SubElement(parent, tag)
    parent.text = text


def _identifier(text: str) -> str:
    """At most 35 characters that stand for the text and for no other."""
    said = xml_text(text)
    if said == text and len(text) <= ID_MAX:
        return text
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _instant(statement: Statement) -> str:
    return statement.known_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
