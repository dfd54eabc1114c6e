"""What the verifier must say of statements that are held against the log they were issued on: a table.

They are those of account 1 of a bank in which all happened that a statement tells of. What its log says and
what the statement must say of it were both written by hand.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from tests.evidence.made_logs import MadeLog, cash, received, sent, two_decimals
from tests.evidence.verifier_cases import Case, signed

TERMS: Final = {"account_type": "checking", "currency": "EUR", "holders": [[1, "owner"]]}
WITH_LIMIT: Final = {**TERMS, "overdraft_limit": 5000}
BANK: Final = ["Daybook Bank", "DAYBCZPP", ["1 Ledger Street", "110 00 Praha 1"]]
KEY_MADE_HERE: Final = "0123456789abcdef0123456789abcdef"


def eventful_bank() -> MadeLog:
    """A month of account 1, and what belongs to the months around it: 23 events."""
    log = MadeLog()
    log.add(
        "account-1", "account.opened.1", {"terms": {**TERMS, "reference": "CZ-1"}, "balance": 0}
    )
    log.add("account-2", "account.opened.1", {"terms": TERMS, "balance": 0})

    def moved(tag: str, amount: int, balance: int, side: str, day: str, **more: Any) -> None:
        fact = {"amount": amount, "balance": balance, "terms": 1, **more.pop("fact", {})}
        days = {"booking_date": day, "value_date": day}
        log.add(
            "account-1", f"account.{tag}.1", fact, *cash("account-1", side, amount), **(days | more)
        )

    def held(
        what: str, hold_id: int, holds: list[Any], balance: int, day: str, **more: Any
    ) -> None:
        fact = {"terms": WITH_LIMIT, "balance": balance, "holds": holds, "hold_id": hold_id}
        log.add("account-1", f"account.hold-{what}.1", fact, booking_date=day, **more)

    moved(
        "deposited",
        10000,
        10000,
        "C",
        "2024-03-01",
        category="salary",
        tags=["a", "b"],
        command_id=KEY_MADE_HERE,
    )
    moved("fee-charged", 500, 9500, "D", "2024-03-02")
    log.add(
        "account-1",
        "account.transfer-sent.1",
        {"amount": 2000, "balance": 7500},
        *sent("account-1", 2000),
        booking_date="2024-03-03",
        value_date="2024-03-04",
        description="Lunch",
        category="food",
    )
    log.add(
        "account-2",
        "account.transfer-received.1",
        {"amount": 2000, "balance": 2000},
        *received("account-2", 2000),
        transaction=5,
    )
    limit = {"terms": {**WITH_LIMIT, "reference": "CZ-1"}, "balance": 7500}
    log.add("account-1", "account.overdraft-limit-changed.1", limit, booking_date="2024-03-05")
    first, second, third = (
        [1, 3000, None, "Hotel"],
        [2, 400, "2024-03-31T23:59:59.5+01:00"],
        [3, 100, "2024-04-01T00:00:00.000001Z", "Shop", "deposit"],
    )
    held("placed", 1, [first], 7500, "2024-03-06")
    held("placed", 2, [first, second], 7500, "2024-03-06")
    held("placed", 3, [first, second, third], 7500, "2024-03-06")
    held("settled", 1, [[1, 2200, None, "Hotel"], second, third], 7500, "2024-03-07")
    fact = {"amount": 800, "balance": 6700, "terms": 11, "counterparty": "Hotel"}
    log.add(
        "account-1",
        "account.payment-sent.1",
        fact,
        [2110, "account-1", "D", 800, "EUR"],
        [2310, None, "C", 800, "EUR"],
        transaction=11,
        booking_date="2024-03-07",
    )
    moved(
        "debit-reversed",
        200,
        6900,
        "C",
        "2024-03-08",
        fact={"reverses": 4},
        description="half a fee",
    )
    # Booked before the month, and known only now; and after it, which is another statement's.
    moved("deposited", 700, 7600, "C", "2024-02-28", reason="found")
    moved("withdrawn", 100, 7500, "D", "2024-04-01")
    log.add("transaction-5", "transaction.labelled.1", {"category": "lunch", "tags": ["x"]})
    held("placed", 4, [[4, 50]], 7500, "2024-04-01")
    log.add(
        "account-1",
        "account.overdraft-limit-changed.1",
        {"terms": TERMS, "balance": 7500},
        booking_date="2024-04-01",
    )
    held("placed", 5, [[5, 60]], 7500, "2024-03-09")
    held("released", 5, [], 7500, "2024-03-31")
    held("placed", 6, [[6, 70]], 7500, "2024-03-10")
    held("settled", 6, [], 7500, "2024-04-01")
    fact = {"amount": 70, "balance": 7430, "terms": 22}
    log.add(
        "account-1",
        "account.payment-sent.1",
        fact,
        [2110, "account-1", "D", 70, "EUR"],
        [2310, None, "C", 70, "EUR"],
        transaction=22,
        booking_date="2024-04-01",
    )
    return log  # fmt: skip


def entry_of(number: int, position: int, day: str, kind: str, side: str, amount: float, balance: float, **more: Any) -> dict[str, Any]:  # fmt: skip
    said = {
        "number": number,
        "position": position,
        "transaction_id": position,
        "booking_date": day,
        "value_date": day,
        "recorded_at": f"2024-03-01T12:30:00.{position:06}Z",
        "kind": kind,
        "side": side,
        "amount": amount,
        "balance": balance,
        "counterparty": None,
        "counterparty_account": None,
        "description": None,
        "category": None,
        "tags": [],
        "reference": f"key-{position}",
        "reverses": None,
        "reversed_by": None,
        "reversed_amount": None,
    }
    assert more.keys() <= said.keys()
    return {**said, **more}


def hold_of(hold_id: int, position: int, amount: float, expires: str | None, what: str | None) -> dict[str, Any]:  # fmt: skip
    placed = f"2024-03-01T12:30:00.{position:06}Z"
    return {"hold_id": hold_id, "amount": amount, "placed_at": placed, "expires_at": expires, "description": what}  # fmt: skip


def category(name: str | None, count: int, credits: float, debits: float) -> dict[str, Any]:
    return {"category": name, "count": count, "credits": credits, "debits": debits}


def statement_of_march() -> dict[str, Any]:
    """What the eventful bank says of account 1 from the 1st to the 31st, at position 23."""
    made = {"category": "salary", "tags": ["a", "b"], "reference": None}
    reversed_in_part = {"reversed_by": 13, "reversed_amount": 2.0}
    labelled = {
        "value_date": "2024-03-04",
        "counterparty_account": 2,
        "description": "Lunch",
        "category": "lunch",
        "tags": ["x"],
    }
    paid = {
        "transaction_id": 11,
        "value_date": "2024-03-01",
        "recorded_at": "2024-03-01T12:30:00.000011Z",
        "counterparty": "Hotel",
        "reference": "key-12",
    }
    back = {"description": "half a fee", "reverses": 4}
    bank = dict(zip(("name", "bic", "address", "contact"), (*BANK, None), strict=True))
    return {
        "form": "daybook.statement.1",
        "bank": bank,
        "account": {"account_id": 1, "reference": None, "account_type": "checking", "currency": "EUR", "holders": []},
        "number": 1,
        "booked_from": "2024-03-01",
        "booked_to": "2024-03-31",
        "as_of": "2024-04-02",
        "position": 23,
        "root": eventful_bank().root(23).hex(),
        "known_at": "2024-03-01T12:30:00.000023Z",
        "opening_balance": 7.0,
        "entries": [
            entry_of(1, 3, "2024-03-01", "deposit", "credit", 100.0, 107.0, **made),
            entry_of(2, 4, "2024-03-02", "fee", "debit", 5.0, 102.0, **reversed_in_part),
            entry_of(3, 5, "2024-03-03", "transfer", "debit", 20.0, 82.0, **labelled),
            entry_of(4, 12, "2024-03-07", "payment_sent", "debit", 8.0, 74.0, **paid),
            entry_of(5, 13, "2024-03-08", "reversal", "credit", 2.0, 76.0, **back),
        ],
        "totals": {
            "credits_count": 2,
            "credits": 102.0,
            "debits_count": 3,
            "debits": 33.0,
            "categories": [
                category("lunch", 1, 0.0, 20.0),
                category("salary", 1, 100.0, 0.0),
                category(None, 3, 2.0, 13.0),
            ],
            "charges": [{"kind": "fee", "count": 1, "amount": -5.0}],
        },
        "closing_balance": 76.0,
        "holds": [
            hold_of(1, 8, 22.0, None, "Hotel"),
            hold_of(3, 10, 1.0, "2024-04-01T00:00:00.000001Z", "deposit"),
            hold_of(6, 21, 0.7, None, None),
        ],
        "held": 23.7,
        "overdraft_limit": 50.0,
        "available": 102.3,
    }  # fmt: skip


def issued(raw: bytes, log: MadeLog | None = None, stream: str = "statements-1", **more: Any) -> MadeLog:  # fmt: skip
    """The eventful bank, with a statement of these bytes issued as its next event."""
    days = {"booked_from": "2024-03-01", "booked_to": "2024-03-31", "as_of": "2024-04-02"}
    fact = {"statement_id": 7, "number": 1, **days, "known_at": 23, "bank": BANK}
    said = {"form": "daybook.statement.1", "code_version": "1", "sha256": sha256(raw).hexdigest()}
    return (log or eventful_bank()).add(stream, "statement.issued.1", {**fact, **said, **more})


def statement_cases() -> list[Case]:
    raw = two_decimals(statement_of_march())
    early = {
        **statement_of_march(),
        "position": 12,
        "root": eventful_bank().root(12).hex(),
        "known_at": "2024-03-01T12:30:00.000012Z",
    }
    early_raw = as_it_was_known(early)
    nowhere = two_decimals({**statement_of_march(), "root": "x"})
    elsewhere = two_decimals({**statement_of_march(), "root": "ab" * 32})
    beyond = two_decimals({**statement_of_march(), "position": 99})
    return [
        signed("a statement", issued(raw), statements=[raw], report={"issued_statements": 1, "compared_statements": 1}),
        signed("a statement nobody holds", issued(raw), report={"compared_statements": 0}),
        signed("a statement as it was known", issued(early_raw, known_at=12), statements=[early_raw]),
        signed("two statements", issued(early_raw, issued(raw), known_at=12), statements=[early_raw, raw]),
        signed("a statement that was not issued", eventful_bank(), (None, "has not issued"), statements=[raw]),
        signed("a statement of another account", issued(raw, stream="statements-2"), (None, "issued as one of account-2"), statements=[raw]),
        signed("a statement that stands on less", issued(raw, known_at=12), (None, "says 23 for position, and the log 12"), statements=[raw]),
        signed("a statement on another log", issued(elsewhere), (None, "for root, and the log"), statements=[elsewhere]),
        signed("a statement on no log", issued(nowhere), (None, "on which log it stands"), statements=[nowhere]),
        signed("a statement on what is to come", issued(beyond, known_at=99), (None, "for root, and the log"), statements=[beyond]),
        signed("an account without terms", issued(raw, MadeLog()), (None, "a statement is not of its form"), statements=[raw]),
        signed("what is no statement", eventful_bank(), (None, "not the JSON"), statements=[b"[]"]),
        *_false_statements(raw),
    ]  # fmt: skip


def as_it_was_known(said: dict[str, Any]) -> bytes:
    """The statement of March at position 12, before anything was reversed, labelled or found."""
    first, fee, lunch, hotel, _ = said["entries"]
    balances = zip((first, fee, lunch, hotel), (100.0, 95.0, 75.0, 67.0), strict=True)
    entries = [{**entry, "balance": balance} for entry, balance in balances]
    entries[1] |= {"reversed_by": None, "reversed_amount": None}
    entries[2] |= {"category": "food", "tags": []}
    categories = [
        category("food", 1, 0.0, 20.0),
        category("salary", 1, 100.0, 0.0),
        category(None, 2, 0.0, 13.0),
    ]
    totals = {**said["totals"], "credits_count": 1, "credits": 100.0, "categories": categories}
    changed = {
        "opening_balance": 0.0,
        "entries": entries,
        "totals": totals,
        "closing_balance": 67.0,
    }
    account = {**said["account"], "reference": "CZ-1"}
    ends = {"holds": said["holds"][:2], "held": 23.0, "available": 94.0}
    return two_decimals({**said, "account": account, **changed, **ends})  # fmt: skip


def _false_statements(right: bytes) -> list[Case]:
    def told(name: str, why: str, change: Callable[[dict[str, Any]], Any]) -> Case:
        statement = statement_of_march()
        change(statement)
        raw = two_decimals(statement)
        return signed(name, issued(raw), (None, why), statements=[raw])

    def entry(field: str, value: Any, was: str) -> Case:
        why = f"for entries 3 {field}, and the log {was}"
        return told(f"another {field}", why, lambda s: s["entries"][2].update({field: value}))

    def of_the_text(name: str, old: bytes, new: bytes, why: str) -> Case:
        raw = right.replace(old, new, 1)
        assert raw != right
        return signed(name, issued(raw), (None, why), statements=[raw])

    return [
        of_the_text("an amount with more decimals", b":107.00", b":107.000", "says 107.000 for entries 1 balance, and the log 107.00"),
        of_the_text("a closing balance said twice", b"{", b'{"closing_balance":9.00,', "not in the one form"),
        of_the_text("fields in another order", b'"closing_balance":76.00,"holds"', b'"holds"', "for closing_balance, and the log 76.00"),
        of_the_text("a field more", b'"number":1,', b'"number":1,"x":1,', "says 1 for x, and the log null"),
        of_the_text("two fields exchanged", b'"credits_count":2,"credits":102.00', b'"credits":102.00,"credits_count":2', "for totals, and the log {\"credits_count"),
        of_the_text("blanks", b":76.00", b": 76.00", "not in the one form"),
        told("an account in words", "not the JSON of one", lambda s: s["account"].update(account_id="1")),
        told("another opening balance", "statement 1 of account-1 says 10.00 for opening_balance, and the log 7.00", lambda s: s.update(opening_balance=10.0)),
        told("another closing balance", "says 85.00 for closing_balance", lambda s: s.update(closing_balance=85.0)),
        told("an entry left out", "says null for entries 5, and the log {", lambda s: s["entries"].pop()),
        told("another number", "says 2 for number, and the log 1", lambda s: s.update(number=2)),
        told("another period", 'says "2024-03-02" for booked_from', lambda s: s.update(booked_from="2024-03-02")),
        told("another currency", 'says "USD" for account currency, and the log "EUR"', lambda s: s["account"].update(currency="USD")),
        told("another bank", "for bank name", lambda s: s["bank"].update(name="Day Bank")),
        told("more that could be spent", "says 152.30 for available", lambda s: s.update(available=152.3)),
        told("a hold left out", "for holds 3", lambda s: s["holds"].pop()),
        entry("amount", 10.0, "20.00"),
        entry("side", "credit", '"debit"'),
        entry("balance", 65.0, "82.00"),
        entry("booking_date", "2024-03-02", '"2024-03-03"'),
        entry("position", 6, "5"),
        entry("description", "Dinner", '"Lunch"'),
        entry("counterparty_account", None, "2"),
    ]  # fmt: skip
