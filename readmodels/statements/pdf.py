"""The statement on paper: an A4 PDF, set by typst.

The file is PDF/A-3a and PDF/UA-1: tagged, with its typefaces inside, and with the canonical form it was
made from attached. It is set in the typefaces that typst carries, never in those of the machine, and
its dates are the statement's, so that it is the same bytes each time, from the same typst.
"""

import datetime as dt
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import typst

from readmodels.statements.amounts import for_people
from readmodels.statements.canonical import Entry, NotExpressible, Statement, digest, encode
from readmodels.statements.characters import MISSING, cut, paper_text

TEMPLATE: Final = Path(__file__).with_name("statement.typ")
KINDS: Final = {
    "deposit": "Cash deposit",
    "withdrawal": "Cash withdrawal",
    "transfer": "Transfer",
    "payment_sent": "Payment sent",
    "payment_received": "Payment received",
    "interest_credited": "Interest",
    "interest_charged": "Interest charged",
    "tax_withheld": "Tax withheld on interest",
    "fee": "Fee",
    "fee_refund": "Fee returned",
    "bill_payment": "Bill paid",
    "bill_refund": "Bill refunded",
    "bill_refund_taken_back": "Refund taken back",
    "reversal": "Reversal",
}
# typst remembers what it set for this many compilations, so that the next like it is fast. Of long
# statements that is gigabytes, so after one of those it is made to forget.
REMEMBERED: Final = 10
LONG: Final = 300
# A page takes a megabyte while it is set, and a statement of more entries is not read on paper.
ENTRIES_MAX: Final = 5_000
# More than this of a text is in the attached canonical form.
TEXT_MAX: Final = 300
MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"

# A compiler keeps its typefaces and template, and may be used by one thread at a time.
_of_thread = threading.local()
_FONTS: Final = typst.Fonts(include_system_fonts=False)


def render_pdf(statement: Statement) -> bytes:
    """The PDF. It takes a tenth of a second and more: to be called off the event loop.

    Raises `NotExpressible` for more entries than are set on paper.
    """
    if len(statement.entries) > ENTRIES_MAX:
        raise NotExpressible(
            f"a PDF holds {ENTRIES_MAX:,} entries, and not the {len(statement.entries):,} of this "
            "statement: ask for a shorter period or for another form"
        )
    canonical = encode(statement)
    made = _compiler().compile(
        format="pdf",
        sys_inputs={
            "statement": msgspec.json.encode(_on_paper(statement, digest(canonical))).decode(),
            "canonical": canonical.decode(),
        },
        pdf_standards=["a-3a", "ua-1"],
        timestamp=statement.known_at.replace(microsecond=0),
    )
    assert isinstance(made, bytes), "typst answers one file"
    if len(statement.entries) > LONG:
        for _ in range(REMEMBERED):
            typst.Compiler(font_paths=_FONTS).compile(format="pdf")
    return made


def _compiler() -> typst.Compiler:
    compiler: typst.Compiler | None = getattr(_of_thread, "compiler", None)
    if compiler is None:
        compiler = typst.Compiler(TEMPLATE, root=TEMPLATE.parent, font_paths=_FONTS)
        _of_thread.compiler = compiler
    return compiler


def _on_paper(statement: Statement, sha256: str) -> dict[str, Any]:
    """What the template prints: every figure, date and text as it is to stand on the page."""
    currency, totals = statement.account.currency, statement.totals
    said = {
        "number": None if statement.number is None else str(statement.number),
        "from": _date(statement.booked_from),
        "to": _date(statement.booked_to),
        "known_at": f"{_date(statement.known_at)}, {statement.known_at:%H:%M:%S} UTC",
        "position": f"{statement.position:,}",
        "sha256": sha256,
        "root": statement.root,
        "bank": {
            "name": paper_text(statement.bank.name),
            "bic": statement.bank.bic,
            "address": [paper_text(line) for line in statement.bank.address],
            "contact": _text(statement.bank.contact),
        },
        "account": {
            "id": str(statement.account.account_id),
            "type": paper_text(statement.account.account_type).capitalize(),
            "currency": currency,
            "reference": _text(statement.account.reference),
            "holders": [paper_text(name) for name in statement.account.holders],
        },
        "opening_balance": for_people(statement.opening_balance, currency),
        "closing_balance": for_people(statement.closing_balance, currency),
        "available": for_people(statement.available, currency),
        "overdraft_limit": _amount(statement.overdraft_limit, currency),
        "held": _amount(statement.held, currency),
        "credits": for_people(totals.credits, currency),
        "credits_count": _count(totals.credits_count),
        "debits": for_people(-totals.debits, currency),
        "debits_count": _count(totals.debits_count),
        "entries": [_entry(entry, currency) for entry in statement.entries],
        "categories": [
            {
                "name": _text(total.category),
                "count": f"{total.count:,}",
                "debits": _amount(-total.debits, currency) or "",
                "credits": _amount(total.credits, currency) or "",
            }
            for total in statement.totals.categories
        ],
        "charges": [
            {
                "name": KINDS[charge.kind],
                "count": f"{charge.count:,}",
                "amount": for_people(charge.amount, currency),
            }
            for charge in totals.charges
        ],
        "holds": [
            {
                "placed": _date(hold.placed_at),
                "expires": "" if hold.expires_at is None else _date(hold.expires_at),
                "description": _text(hold.description) or "Hold",
                "amount": for_people(hold.amount, currency),
            }
            for hold in statement.holds
        ],
    }
    return said | {"has_missing": _has_missing(said)}


def _entry(entry: Entry, currency: str) -> dict[str, Any]:
    kind = KINDS.get(entry.kind) or paper_text(entry.kind.replace("_", " ").capitalize())
    other = entry.counterparty
    if other is None and entry.counterparty_account is not None:
        other = f"account {entry.counterparty_account}"
    if other is not None:
        kind = f"{kind} {'from' if entry.side == 'credit' else 'to'} {paper_text(other)}"
    details = [
        f"Reverses transaction {entry.reverses}" if entry.reverses is not None else None,
        _reversal(entry, currency),
        _text(entry.category),
        ", ".join(_text(tag) or "" for tag in entry.tags),
        f"No.\N{NO-BREAK SPACE}{entry.transaction_id}",
        f"Ref.\N{NO-BREAK SPACE}{_text(entry.reference)}" if entry.reference else None,
    ]
    return {
        "booked": _date(entry.booking_date),
        "value": _date(entry.value_date),
        "late": entry.value_date != entry.booking_date,
        "title": kind,
        "description": _text(entry.description) or "",
        "details": "\N{NO-BREAK SPACE}· ".join(detail for detail in details if detail),
        "amount": for_people(entry.signed, currency),
        "credit": entry.side == "credit",
        "balance": for_people(entry.balance, currency),
    }


def _reversal(entry: Entry, currency: str) -> str | None:
    if entry.reversed_by is None:
        return None
    part = ""
    if entry.is_reversed_in_part and entry.reversed_amount is not None:
        part = f" in part, {for_people(entry.reversed_amount, currency)},"
    return f"Reversed{part} by transaction {entry.reversed_by}"


def _text(text: str | None) -> str | None:
    return paper_text(cut(text, TEXT_MAX)) if text else None


def _amount(minor_units: int, currency: str) -> str | None:
    """None for nothing, of which the page says nothing."""
    return for_people(minor_units, currency) if minor_units else None


def _count(count: int) -> str:
    return "1 entry" if count == 1 else f"{count:,} entries"


def _date(date: dt.date) -> str:
    return f"{date.day:02} {MONTHS[date.month * 3 - 3 : date.month * 3]} {date.year}"


def _has_missing(said: Any) -> bool:
    if isinstance(said, Mapping):
        return any(map(_has_missing, said.values()))
    if isinstance(said, list):
        return any(map(_has_missing, said))
    return isinstance(said, str) and MISSING in said
