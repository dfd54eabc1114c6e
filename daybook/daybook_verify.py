"""Prove the books of a bank that keeps a daybook: with this file and a plain Python, and nothing else.

    python daybook_verify.py LOG.jsonl --checkpoint FILE --key FILE
    python daybook_verify.py --statement FILE --proof FILE --key FILE [--checkpoint FILE]

LOG.jsonl is the whole log, as the bank exports it. A checkpoint is a signed note that was had from
elsewhere (a folder of one's own, a witness); several may be given, older ones too. The key file holds the
public keys of the log, one a line. With --witness FILE a checkpoint must also be signed by one of these
witnesses; with --statement FILE a statement that the bank has issued, as JSON, is made again from the log.

With --commands FILE the requests and answers, as the bank exports them too, are held against the log.

With --proof FILE, the proof that the bank gives for one issued statement, that one is checked without the
log: that it was issued as it is, on the beginning of the log that was signed, and that it adds up.

It is written from the page evidence-format.md alone. It says which event is the first that is wrong, and
why; the status is 0 when all is right, 1 when something is wrong, 2 when it could not be found out.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import calendar
import collections
import datetime
import gc
import itertools
import json
import os
import re
import struct
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

ENCODING_VERSION = 1
TRANSFERS_IN_TRANSIT = 2320
ED25519, COSIGNATURE = 1, 4
LINE = re.compile(
    rb'\{"position":([1-9][0-9]*),"stream":"([A-Za-z0-9._-]+)","version":([1-9][0-9]*),'
    rb'"tag":"([a-z0-9.-]+)",(?:"leaf":"([0-9a-f]{64})",)?"state":(\{.*\})\}'
)
FIELDS = {"fact", "transaction_id", "booking_date", "value_date", "recorded_at"}
RECORDED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", re.ASCII)
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
# A period is sealed soon after the position that its seal stands on.
RECENT_EVENTS = 100_000
NUMBERS = struct.Struct(">BBQQIII")
# What the JSON of somebody else can make of a program that reads it.
BROKEN = (
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError),
    struct.error,
)


# A key that the bank made for a command that came without one: it says nothing to anyone.
MADE_HERE = re.compile("[0-9a-f]{32}")
HOLDING = frozenset(f"account.hold-{end}.1" for end in ("placed", "settled", "released", "expired"))
PAYING = frozenset({"account.payment-sent.1", "account.bill-paid.1"})
# The decimals of a currency (ISO 4217), where they are not two.
DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
# What a statement calls the facts that are not called by their tag.
KINDS = {
    f"{tag}.1": kind
    for kind, tags in {
        "deposit": "account.deposited",
        "withdrawal": "account.withdrawn",
        "transfer": "account.transfer-sent account.transfer-received",
        "payment_sent": "account.payment-sent",
        "payment_received": "account.payment-received",
        "interest_credited": "account.interest-credited account.interest-capitalised",
        "interest_charged": "account.interest-charged account.overdraft-interest-capitalised",
        "interest_accrued": "interest.accrued",
        "interest_capitalised": "interest.capitalised",
        "interest_unclaimed": "interest.unclaimed",
        "tax_withheld": "account.tax-withheld",
        "fee": "account.fee-charged",
        "fee_refund": "account.fee-refunded",
        "adjustment_credited": "account.adjustment-credited",
        "adjustment_debited": "account.adjustment-debited",
        "reversal": "account.credit-reversed account.debit-reversed",
        "bill_payment": "account.bill-paid",
        "bill_refund": "account.bill-refunded account.bill-refund-advanced"
        " account.bill-refund-passed-on",
        "bill_refund_taken_back": "account.bill-refund-taken-back bill.unclaimed-taken-back",
        "refund_unclaimed": "bill.refund-unclaimed",
        "refund_claimed": "bill.refund-claimed",
        "biller_settlement": "biller.settled",
        "gateway_fee": "biller.gateway-fee-charged",
        "refund_repaid": "biller.refund-repaid",
        "refund_lost": "biller.refund-lost",
        "year_end": "period.year-ended",
        "capital_paid_in": "capital.paid-in",
        "interbank_settlement": "interbank.settled",
        "loan_disbursement": "account.loan-received loan.disbursed",
        "loan_repayment": "account.loan-repaid loan.repaid",
        "loan_refund": "account.loan-refunded loan.overpayment-refunded",
        "loan_recovery": "loan.recovered",
        "loan_overpayment_applied": "loan.overpayment-applied",
        "loan_interest": "loan.interest-accrued loan.non-accrual-started loan.non-accrual-ended",
        "loan_fee": "loan.fee-charged loan.instalment-fee-charged",
        "loan_impairment": "loan.allowance-changed",
        "loan_cost": "loan.cost-paid",
        "loan_charge_back": "loan.charged-back",
        "loan_penalty": "loan.penalty-charged",
        "loan_waiver": "loan.waived",
        "loan_reschedule": "loan.rescheduled",
        "loan_charge_off": "loan.charged-off",
        "loan_write_off": "loan.written-off",
        "loan_correction": "loan.movement-undone loan.agreement-undone",
        "loan_commitment": "loan.approved loan.withdrawn loan.approval-undone loan.approval-expired"
        " loan.closed",
    }.items()
    for tag in tags.split()
}


Point = tuple[int, int, int, int]
# By name and id: the algorithm and the public key.
Keys = dict[tuple[str, bytes], tuple[int, bytes]]
Checkpoint = dict[str, Any]
# By ledger account and currency: debits and credits, in minor units.
Totals = dict[tuple[int, str], list[int]]


class Wrong(Exception):
    """Something is not as it must be; `index` is the position of the event, where it is one."""

    def __init__(self, why: str, index: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.index = index


class NotChecked(Wrong):
    """Nothing was found wrong, and nothing was shown to be right: what to check it against is missing."""


# --- Ed25519 (RFC 8032, section 5.1), for verifying only.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def add_points(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number: int, point: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            found = add_points(found, point)
        point = add_points(point, point)
        number >>= 1
    return found


def point_of(raw: bytes) -> Point | None:
    """The point of 32 bytes, or None where they stand for none."""
    y = int.from_bytes(raw, "little")
    odd, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and odd):
        return None
    if x & 1 != odd:
        x = P - x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature of the message is the key's."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, commitment = point_of(public), point_of(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= ORDER:
        return False
    digest = sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(digest, "little") % ORDER
    assert BASE is not None
    left, right = times(scalar, BASE), add_points(commitment, times(challenge, key))
    return (
        left[0] * right[2] % P == right[0] * left[2] % P
        and left[1] * right[2] % P == right[1] * left[2] % P
    )


# --- The tree (RFC 6962, section 2.1), grown by a leaf at a time.


class Tree:
    """Of the leaves so far it keeps the roots of the perfect trees they make, the largest first."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        size = self.size
        self.size += 1
        while size & 1:
            leaf = sha256(b"\x01" + self.peaks.pop() + leaf).digest()
            size >>= 1
        self.peaks.append(leaf)

    def root(self) -> bytes:
        if not self.peaks:
            return sha256(b"").digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = sha256(b"\x01" + peak + root).digest()
        return root


def leaf_of(position: int, stream: bytes, version: int, tag: bytes, state: bytes) -> bytes:
    numbers = NUMBERS.pack(
        0, ENCODING_VERSION, position, version, len(stream), len(tag), len(state)
    )
    return sha256(numbers + stream + tag + state).digest()


def node_of(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def check_included(leaf: bytes, number: int, size: int, root: bytes, path: list[bytes]) -> None:
    """The leaf of that number, from zero, is under the root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= number < size:
        raise Wrong(f"position {number + 1} is not under a checkpoint of {size} events")
    last, digest = size - 1, leaf
    for other in path:
        if not last:
            break
        if number & 1 or number == last:
            digest = node_of(other, digest)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            digest = node_of(digest, other)
        number, last = number >> 1, last >> 1
    else:
        if not last and digest == root:
            return
    raise Wrong("the path of an event does not lead to the root of the checkpoint")


def check_goes_on(old: int, old_root: bytes, size: int, root: bytes, path: list[bytes]) -> None:
    """The tree of the old size is the beginning of the other (RFC 9162, section 2.1.4.2)."""
    if not 0 < old <= size:
        raise Wrong(f"a checkpoint of {size} events says nothing of {old}")
    if old == size and not path and old_root == root:
        return
    hashes = list(path) if old & (old - 1) else [old_root, *path]
    if not hashes or any(len(digest) != 32 for digest in hashes):
        raise Wrong("the path from the statement to the checkpoint is not one")
    number, last = old - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    before = after = hashes[0]
    for other in hashes[1:]:
        if not last:
            break
        if number & 1 or number == last:
            before, after = node_of(other, before), node_of(other, after)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            after = node_of(after, other)
        number, last = number >> 1, last >> 1
    else:
        if not last and before == old_root and after == root:
            return
    raise Wrong("the log that the statement stands on is not the beginning of the one signed")


# --- Keys, signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature).


def decoded(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Wrong(f"{text[:40]!r} is not Base64") from None
    if base64.b64encode(raw).decode() != text:
        raise Wrong(f"{text[:40]!r} is not the one Base64 of its bytes")
    return raw


def read_keys(text: str) -> Keys:
    """The keys of a file by name and id: the algorithm and the public key of each."""
    keys: Keys = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.strip().split("+", 2)
        if len(parts) != 3:
            raise Wrong(f"{line[:60]!r} is not a key")
        name, key_id, raw = parts[0], parts[1], decoded(parts[2])
        expected = sha256(name.encode() + b"\n" + raw).digest()[:4]
        if key_id != expected.hex():
            raise Wrong(f"{line[:60]!r} is not a key")
        # A key of another algorithm is not used, nor are its signatures looked at.
        if raw[0] in (ED25519, COSIGNATURE):
            if len(raw) != 33:
                raise Wrong(f"{line[:60]!r} is not a key")
            keys[name, expected] = raw[0], raw[1:]
    if not keys:
        raise Wrong("the key file holds no key that this program can use")
    return keys


def signers_of(text: str, lines: list[str], keys: Keys) -> set[tuple[str, int]]:
    """The names and algorithms of the known keys that have signed; a false signature is wrong."""
    found = set()
    for line in lines:
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        raw = decoded(encoded)
        if dash != "—" or not name or len(raw) < 5:
            raise Wrong("the checkpoint has a line that is no signature")
        known = keys.get((name, raw[:4]))
        if known is None:
            continue
        algorithm, public = known
        message, signature = text.encode(), raw[4:]
        if algorithm == COSIGNATURE:
            seconds = int.from_bytes(signature[:8], "big")
            message = b"cosignature/v1\ntime %d\n" % seconds + message
            signature = signature[8:]
        if not is_signed(public, signature, message):
            raise Wrong(f"the signature of {name} on the checkpoint is false")
        found.add((name, algorithm))
    return found


def read_checkpoint(raw: bytes, keys: Keys, witnesses: Keys | None) -> Checkpoint:
    """Size, root, and when the last event was recorded; signed by the log, and by a witness if any is known."""
    try:
        note = raw.decode()
    except UnicodeDecodeError:
        raise Wrong("the checkpoint is not UTF-8") from None
    text, divider, signed = note.rpartition("\n\n")
    text += "\n"
    lines = text.split("\n")
    if not divider or not signed.endswith("\n") or len(lines) < 5 or not all(lines[:-1]):
        raise Wrong("the checkpoint is not a signed note")
    signatures = signed.split("\n")[:-1]
    signers = signers_of(text, signatures, keys)
    if (lines[0], ED25519) not in signers:
        raise Wrong("the checkpoint is not signed by a key of the log")
    if witnesses and not any(
        algorithm == COSIGNATURE for _, algorithm in signers_of(text, signatures, witnesses)
    ):
        raise Wrong("the checkpoint is not signed by a witness")
    if not re.fullmatch("0|[1-9][0-9]{0,17}", lines[1], re.ASCII):
        raise Wrong("the checkpoint has no size")
    root = decoded(lines[2])
    recorded = lines[3].removeprefix("recorded ")
    if len(root) != 32 or not lines[3].startswith("recorded ") or not RECORDED.fullmatch(recorded):
        raise Wrong("the checkpoint has no root, or no instant")
    instant_of(recorded)
    return {"origin": lines[0], "size": int(lines[1]), "root": root, "recorded": recorded}


# --- Events


def no_float(text: str) -> None:
    raise ValueError(f"the number {text} is not whole")


DECODER = json.JSONDecoder(parse_float=no_float, parse_constant=no_float)
# What was decoded has no circles to look for.
ENCODE = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def read_state(raw: bytes) -> Any:
    """The state of an event, whose bytes are the only ones that mean it."""
    try:
        text = raw.decode()
        # Whatever might stand behind it would not come out of it again.
        state = DECODER.raw_decode(text)[0]
        same = ENCODE(state) == text
    except (ValueError, RecursionError) as error:
        raise Wrong(f"the state is not JSON: {error}") from None
    if not same:
        raise Wrong("the state is not in the one form of its JSON")
    return state


def date_of(text: Any) -> str:
    if type(text) is not str or not DATE.fullmatch(text):
        raise Wrong(f"{text!r} is not a date")
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        raise Wrong(f"{text!r} is not a date") from None
    return text


def instant_of(text: Any) -> str:
    """The instant in a form in which a later one is greater."""
    if type(text) is not str or not RECORDED.fullmatch(text):
        raise Wrong(f"{text!r} is not an instant")
    try:
        datetime.datetime.fromisoformat(text[:-1])
    except ValueError:
        raise Wrong(f"{text!r} is not an instant") from None
    return text[:-1] if "." in text else text[:-1] + ".000000"


def check_entry(entry: Any) -> None:
    """Two or more postings whose debits are their credits, in each currency."""
    if type(entry) is not list or len(entry) == 1:
        raise Wrong("an entry has two postings or more")
    net: dict[str, int] = {}
    for posting in entry:
        if type(posting) is not list or len(posting) != 5:
            raise Wrong("a posting has five parts")
        account, sub_account, side, amount, currency = posting
        if (
            type(account) is not int
            or not 1000 <= account <= 9999
            or (sub_account is not None and type(sub_account) is not str)
            or type(amount) is not int
            or amount <= 0
            or side not in ("D", "C")
            or type(currency) is not str
            or not CURRENCY.fullmatch(currency)
        ):
            raise Wrong(f"{posting!r} is not a posting")
        net[currency] = net.get(currency, 0) + (amount if side == "D" else -amount)
    for currency, difference in net.items():
        if difference:
            raise Wrong(f"the entry does not balance: {difference} {currency} too much in debits")


def grown(account: int, side: str, amount: int) -> int:
    """What a posting adds to its account: assets and expenses grow by debits, the others by credits."""
    return amount if (side == "D") == (account // 1000 in (1, 5)) else -amount


def no_totals() -> Totals:
    return collections.defaultdict(lambda: [0, 0])


class Books:
    """What follows from the events so far: balances and trial balances."""

    def __init__(self) -> None:
        self.versions: dict[str, int] = {}
        self.transaction = 0
        self.recorded = ""
        self.transit: dict[str, int] = {}
        self.by_date: dict[str, Totals] = collections.defaultdict(no_totals)
        # The newest entries: position, date, postings.
        self.recent: collections.deque[tuple[int, str, list[Any]]] = collections.deque(
            maxlen=RECENT_EVENTS
        )
        self.balances: dict[str, dict[str, int]] = collections.defaultdict(dict)
        self.sealed = 0
        self.issued: dict[str, tuple[str, dict[str, Any]]] = {}
        self.dates: set[str] = set()
        # Hashes of commands' records, and the first event of each command.
        self.vouched: dict[str, int] | None = None

    def add(self, position: int, version: int, stream: str, tag: str, state: Any) -> None:
        known = self.versions.get(stream, 0)
        if version != known + 1:
            raise Wrong(f"{stream} has version {version} where {known + 1} is due")
        self.versions[stream] = version
        if not state.keys() >= FIELDS:
            raise Wrong(f"the event has no {min(FIELDS - state.keys())}")
        for name in ("actor", "command_id"):
            if type(state.get(name)) is not str or not state[name]:
                raise Wrong(f"the event has no {name}")
        for name in ("booking_date", "value_date"):
            if state[name] not in self.dates:
                self.dates.add(date_of(state[name]))
        recorded = instant_of(state["recorded_at"])
        if recorded <= self.recorded:
            raise Wrong("the event was recorded no later than the one before it")
        self.recorded = recorded
        transaction = state["transaction_id"]
        if transaction == position:
            self.end_transaction()
        elif transaction != self.transaction:
            raise Wrong(f"the event belongs to transaction {transaction!r}, which is not open")
        self.transaction = transaction
        fact = state["fact"]
        if type(fact) is not dict:
            raise Wrong("the fact is not an object")
        entry = state.get("entry", [])
        if entry:
            check_entry(entry)
            self.post(position, state["booking_date"], entry)
        self.check_fact(stream, tag, fact)
        if self.vouched is not None and "command_hash" in state:
            self.vouched[state["command_hash"]] = position

    def post(self, position: int, date: str, entry: list[Any]) -> None:
        day = self.by_date[date]
        self.recent.append((position, date, entry))
        for account, sub_account, side, amount, currency in entry:
            signed = amount if side == "D" else -amount
            day[account, currency][side == "C"] += amount
            if account == TRANSFERS_IN_TRANSIT:
                self.transit[currency] = self.transit.get(currency, 0) + signed
            if sub_account is not None:
                held = self.balances[sub_account]
                # As `grown` says, which would be called for every posting of the log.
                added = signed if account // 1000 in (1, 5) else -signed
                held[currency] = held.get(currency, 0) + added

    def end_transaction(self) -> None:
        """The transaction before is complete, and may have been the last of its commit."""
        for currency, amount in self.transit.items():
            if amount:
                raise Wrong(f"transaction {self.transaction} leaves {amount} {currency} in transit")

    def check_fact(self, stream: str, tag: str, fact: dict[str, Any]) -> None:
        """What the bank said the figures were, against what they are."""
        if stream.startswith("account-") and "balance" in fact:
            derived = sum(self.balances.get(stream, {}).values())
            if fact["balance"] != derived:
                raise Wrong(f"{stream} is said to hold {fact['balance']}, and holds {derived}")
        if tag == "period.sealed.1":
            check_seal(fact, self.trial_balance_of(fact))
            self.sealed += 1
        if tag == "statement.issued.1":
            self.issued[fact["sha256"]] = (stream, fact)

    def totals(self, last: str = "9999-12-31") -> Totals:
        """The debits and credits of all that was booked up to a day."""
        found = no_totals()
        for date, totals in self.by_date.items():
            if date <= last:
                for key, sums in totals.items():
                    for column in (0, 1):
                        found[key][column] += sums[column]
        return found

    def trial_balance_of(self, seal: dict[str, Any]) -> Totals:
        """The trial balance of the last day of a period, as known at the position of its seal."""
        year, month = int(seal["period"][:4]), int(seal["period"][5:])
        last = f"{seal['period']}-{calendar.monthrange(year, month)[1]:02}"
        found = self.totals(last)
        for position, date, entry in reversed(self.recent):
            if position <= seal["known_at"]:
                return found
            if date <= last:
                for account, _, side, amount, currency in entry:
                    found[account, currency][side == "C"] -= amount
        if len(self.recent) == RECENT_EVENTS:
            raise Wrong(f"{seal['period']} was sealed too long after what it stands on")
        return found


def check_seal(seal: dict[str, Any], derived: Totals) -> None:
    """A period's trial balance as the bank has sealed it, against the one derived."""
    text = seal["trial_balance"]
    if sha256(text.encode()).hexdigest() != seal["sha256"]:
        raise Wrong(f"the seal of {seal['period']} has not the hash of its trial balance")
    lines = DECODER.decode(text)
    said = {
        (line["ledger_account"], line["currency"]): [line["debits"], line["credits"]]
        for line in lines
    }
    # Of two lines of one account, a reader may take the other.
    if len(said) != len(lines) or said != {k: sums for k, sums in derived.items() if any(sums)}:
        raise Wrong(f"the trial balance sealed for {seal['period']} is not that of the log")


def decimals_of(currency: str) -> int:
    return next((n for n, codes in DECIMALS.items() if currency in codes.split()), 2)


def amount_of(minor: int, decimals: int) -> Decimal:
    return Decimal(minor).scaleb(-decimals)


def minor_units(amount: Any, decimals: int) -> int:
    """An amount as a statement says it: a number with all the decimals of its currency, no more."""
    if type(amount) in (int, Decimal):
        minor = int(Decimal(amount).scaleb(decimals))
        if str(amount) == str(amount_of(minor, decimals)):
            return minor
    raise Wrong(f"{amount} is not an amount with {decimals} decimals")


def added_to(entry: Any, decimals: int) -> int:
    """What an entry of a statement adds to the balance."""
    amount = minor_units(entry["amount"], decimals)
    if amount <= 0 or entry["side"] not in ("credit", "debit"):
        raise Wrong(f"the entry at position {entry['position']} is no credit and no debit")
    return amount if entry["side"] == "credit" else -amount


def read_statement(statement: bytes) -> Any:
    """What a statement says. Its bytes are the only ones that say it, so all readers read the same."""
    try:
        said = json.loads(statement, parse_float=Decimal)
        same = text_of(said).encode() == statement
    except BROKEN:
        raise Wrong("the statement is not the JSON of one") from None
    if not same:
        raise Wrong("the statement is not in the one form of its JSON")
    return said


def account_of(said: Any) -> str:
    """The account that a statement is about."""
    try:
        if type(said["account"]["account_id"]) is int:
            return f"account-{said['account']['account_id']}"
    except BROKEN:
        pass
    raise Wrong("the statement is not the JSON of one")


def standing_of(said: Any) -> tuple[int, bytes]:
    """The position that a statement stands on, and the root of the tree up to there."""
    try:
        if type(said["position"]) is int:
            return said["position"], bytes.fromhex(said["root"])
    except BROKEN:
        pass
    raise Wrong("the statement does not say on which log it stands")


# --- Requests and answers


def command_hash(said: Any) -> str:
    """The hash of a command's record, as its first event carries it."""
    status, position = said["status"], 0 if said["position"] is None else said["position"]
    if type(status) is not int or type(position) is not int:
        raise Wrong("a status and a position are numbers")
    texts = (said["principal"], said["key"], str(status), str(position), said["request"])
    record = "\n".join((str(ENCODING_VERSION), *texts, said["answer"]))
    return base64.b64encode(sha256(record.encode()).digest()).decode()


def check_commands(lines: Iterable[bytes], vouched: dict[str, int], events: int) -> dict[str, int]:
    """Every record that has an event is the one it was made of, and none of them is missing."""
    found = refused = 0
    for number, line in enumerate(lines, 1):
        try:
            said = read_state(line.rstrip(b"\n"))
            position = said["position"]
            known = vouched.pop(command_hash(said), None)
        except (Wrong, *BROKEN):
            raise Wrong(f"line {number} of the commands is not that of one") from None
        if known is not None:
            found += 1
        elif position is None:
            refused += 1
        elif position <= events:
            raise Wrong(
                f"line {number} of the commands is not what was asked and answered", position
            )
    if vouched:
        raise Wrong("the record of the command of this event is missing", min(vouched.values()))
    return {"vouched_commands": found, "refusals_without_event": refused}


# --- A statement, made again from the log


def text_of(value: Any) -> str:
    """JSON without blanks, in which amounts are numbers with all their decimals."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return (
            "{" + ",".join(f"{ENCODE(name)}:{text_of(each)}" for name, each in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    return ENCODE(value)


def in_utc(instant: str | None) -> str | None:
    """An instant as a statement says it."""
    if instant is None or instant.endswith("Z"):
        return instant
    moment = datetime.datetime.fromisoformat(instant).astimezone(datetime.UTC)
    return moment.isoformat().replace("+00:00", "Z")


class Story:
    """What the events up to a position say of one account, as far as its statements tell it."""

    def __init__(self, account: str, until: int) -> None:
        self.account = account
        self.until = until
        # Of the tree up to there, once it is reached.
        self.root = b""
        self.recorded = ""
        self.terms: dict[str, Any] = {}
        # Position, booking date and overdraft limit, of every change of terms.
        self.limits: list[tuple[int, str, int]] = []
        # Booking date, position, what is added, value date and transaction.
        self.lines: list[tuple[str, int, int, str, int]] = []
        self.transactions: dict[int, dict[str, Any]] = {}
        self.labels: dict[int, tuple[Any, Any]] = {}
        # By transaction: the one that reverses it, and how much that takes back.
        self.reversed_by: dict[int, tuple[int, int]] = {}
        self.holds: dict[int, dict[str, Any]] = {}
        self.settled = (0, 0)
        self.open: dict[str, Any] = {}

    def add(self, position: int, stream: str, tag: str, state: Any, tree: Tree) -> None:
        if position > self.until:
            return
        if position == self.until:
            self.root = tree.root()
        fact, transaction = state["fact"], state["transaction_id"]
        self.recorded = state["recorded_at"]
        if transaction == position:
            self.open = {"recorded_at": self.recorded}
        if tag == "transaction.labelled.1":
            number = int(stream.rpartition("-")[2])
            self.labels[number] = fact.get("category"), fact.get("tags", [])
        if state.get("entry"):
            self.post(position, transaction, tag, state)
        if tag in PAYING and self.settled[1] == position - 1:
            settled = self.holds[self.settled[0]]["settled"]
            settled.append((state["booking_date"], fact["amount"]))
        if stream == self.account and type(fact.get("terms")) is dict:
            if tag in HOLDING:
                self.hold(position, tag, state)
            else:
                self.terms = fact["terms"]
                limit = self.terms.get("overdraft_limit", 0)
                self.limits.append((position, state["booking_date"], limit))

    def post(self, position: int, transaction: int, tag: str, state: Any) -> None:
        """The first event that moves money says what the transaction is."""
        fact, said = state["fact"], self.open
        if "kind" not in said:
            said["kind"] = KINDS.get(tag) or tag.rpartition(".")[0]
            said["fact"], said["state"] = fact, state
            if "reverses" in fact:
                back = fact.get("amount", state["entry"][0][3])
                self.reversed_by[fact["reverses"]] = transaction, back
        ends = {}
        for number, sub_account, side, amount, _ in state["entry"]:
            if sub_account is not None and sub_account.startswith("account-"):
                ends[side] = int(sub_account.rpartition("-")[2])
            if sub_account == self.account:
                place = state["booking_date"], position
                added = grown(number, side, amount)
                self.lines.append((*place, added, state["value_date"], transaction))
                self.transactions[transaction] = said
        said.setdefault("ends", {}).update(ends)

    def hold(self, position: int, tag: str, state: Any) -> None:
        number, booked = state["fact"]["hold_id"], state["booking_date"]
        left = [each for each in state["fact"].get("holds", []) if each[0] == number]
        if tag == "account.hold-placed.1":
            _, amount, expires, payee, description = (*left[0], None, None, None)[:5]
            self.holds[number] = {
                "amount": amount,
                "placed_at": state["recorded_at"],
                "expires_at": in_utc(expires),
                "description": description or payee,
                "booked": booked,
                "ended": "9999-12-31",
                "settled": [],
            }
        elif tag == "account.hold-released.1" or (tag == "account.hold-settled.1" and not left):
            self.holds[number]["ended"] = booked
        if tag == "account.hold-settled.1":
            self.settled = number, position

    def active_holds(self, last: str, decimals: int) -> list[dict[str, Any]]:
        """What is held at the end of the last day, in UTC."""
        day = datetime.date.fromisoformat(last) + datetime.timedelta(1)
        end = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
        found = []
        for number, hold in self.holds.items():
            expires = hold["expires_at"]
            over = expires is not None and datetime.datetime.fromisoformat(expires) <= end
            if hold["booked"] <= last < hold["ended"] and not over:
                settled = sum(amount for booked, amount in hold["settled"] if booked <= last)
                found.append(
                    {
                        "hold_id": number,
                        "amount": amount_of(hold["amount"] - settled, decimals),
                        "placed_at": hold["placed_at"],
                        "expires_at": expires,
                        "description": hold["description"],
                    }
                )
        return found

    def entries(self, first: str, last: str, balance: int, decimals: int) -> list[dict[str, Any]]:
        lines = sorted(line for line in self.lines if first <= line[0] <= last)
        found = []
        for number, (booked, position, amount, valued, transaction) in enumerate(lines, 1):
            balance += amount
            said = self.transactions[transaction]
            fact, state = said["fact"], said["state"]
            category, tags = self.labels.get(
                transaction, (state.get("category"), state.get("tags", []))
            )
            own = int(self.account.rpartition("-")[2])
            others = [each for each in said["ends"].values() if each != own]
            key = state["command_id"]
            reversed_by, back = self.reversed_by.get(transaction, (None, None))
            found.append(
                {
                    "number": number,
                    "position": position,
                    "transaction_id": transaction,
                    "booking_date": booked,
                    "value_date": valued,
                    "recorded_at": said["recorded_at"],
                    "kind": said["kind"],
                    "side": "credit" if amount > 0 else "debit",
                    "amount": amount_of(abs(amount), decimals),
                    "balance": amount_of(balance, decimals),
                    "counterparty": fact.get("counterparty"),
                    "counterparty_account": others[0] if others else None,
                    "description": state.get("description"),
                    "category": category,
                    "tags": tags,
                    "reference": None if MADE_HERE.fullmatch(key) else key,
                    "reverses": fact.get("reverses"),
                    "reversed_by": reversed_by,
                    "reversed_amount": None if back is None else amount_of(back, decimals),
                }
            )
        return found


def totals_of(entries: list[dict[str, Any]], decimals: int) -> dict[str, Any]:
    def sums(of: list[dict[str, Any]]) -> dict[str, Decimal]:
        return {
            f"{side}s": sum(
                (each["amount"] for each in of if each["side"] == side), amount_of(0, decimals)
            )
            for side in ("credit", "debit")
        }

    names = {each["category"] for each in entries}
    whole = sums(entries)
    return {
        "credits_count": sum(each["side"] == "credit" for each in entries),
        "credits": whole["credits"],
        "debits_count": sum(each["side"] == "debit" for each in entries),
        "debits": whole["debits"],
        "categories": [
            {"category": name, "count": len(of), **sums(of)}
            for name in sorted(names, key=lambda name: (name is None, name or ""))
            for of in [[each for each in entries if each["category"] == name]]
        ],
        "charges": [
            {"kind": kind, "count": len(of), "amount": taken["credits"] - taken["debits"]}
            for kind in ("fee", "interest_charged", "interest_credited", "tax_withheld")
            for of in [[each for each in entries if each["kind"] == kind]]
            for taken in [sums(of)]
            if of
        ],
    }


def statement_of(story: Story, fact: dict[str, Any]) -> bytes:
    """The bytes of a statement, as they follow from the log; `fact` is that of its issue."""
    terms, first, last = story.terms, fact["booked_from"], fact["booked_to"]
    currency = terms["currency"]
    decimals = decimals_of(currency)
    opening = sum(line[2] for line in story.lines if line[0] < first)
    entries = story.entries(first, last, opening, decimals)
    closing = sum(line[2] for line in story.lines if line[0] <= last)
    holds = story.active_holds(last, decimals)
    held = sum((hold["amount"] for hold in holds), amount_of(0, decimals))
    limits = [limit for _, booked, limit in story.limits if booked <= last]
    limit = amount_of(limits[-1] if limits else 0, decimals)
    bank = (*fact["bank"], None)
    said = {
        "form": fact["form"],
        "bank": {"name": bank[0], "bic": bank[1], "address": bank[2], "contact": bank[3]},
        "account": {
            "account_id": int(story.account.rpartition("-")[2]),
            "reference": terms.get("reference"),
            "account_type": terms["account_type"],
            "currency": currency,
            "holders": [],
        },
        "number": fact["number"],
        "booked_from": first,
        "booked_to": last,
        "as_of": fact["as_of"],
        "position": fact["known_at"],
        "root": story.root.hex(),
        "known_at": story.recorded,
        "opening_balance": amount_of(opening, decimals),
        "entries": entries,
        "totals": totals_of(entries, decimals),
        "closing_balance": amount_of(closing, decimals),
        "holds": holds,
        "held": held,
        "overdraft_limit": limit,
        "available": amount_of(closing, decimals) - held + limit,
    }
    return text_of(said).encode()


def make_statement(lines: Iterable[bytes], stream: str, fact: dict[str, Any]) -> bytes:
    """The bytes of a statement that was issued, from a log that was verified before."""
    tree, story = Tree(), Story(account_stated(stream), fact["known_at"])
    for line in lines:
        if tree.size == story.until:
            break
        position, of, version, tag, _, raw = parts_of(line)
        tree.add(leaf_of(position, of, version, tag, raw))
        story.add(position, of.decode(), tag.decode(), read_state(raw), tree)
    return statement_of(story, fact)


def account_stated(stream: str) -> str:
    """The account whose statements are issued in the stream."""
    return f"account-{stream.rpartition('-')[2]}"


def check_statement(raw: bytes, story: Story, books: Books) -> None:
    """A statement that was issued is, byte for byte, the one that is made of the log again."""
    known = books.issued.get(sha256(raw).hexdigest())
    if known is None:
        raise Wrong("the bank has not issued this statement: its hash is not in the log")
    stream, fact = known
    name = f"statement {fact['number']} of {story.account}"
    if account_stated(stream) != story.account:
        raise Wrong(f"{name} was issued as one of {account_stated(stream)}")
    made = statement_of(story, fact)
    if made != raw:
        raise Wrong(f"{name} says {difference(read_statement(raw), read_statement(made))}")


def difference(said: Any, made: Any, where: str = "") -> str:
    """The first thing that a statement says otherwise than the one that is made of the log."""
    pairs: Iterable[tuple[Any, Any, Any]] = ()
    if isinstance(said, dict) and isinstance(made, dict):
        pairs = [(name, said.get(name), made.get(name)) for name in {**made, **said}]
    elif isinstance(said, list) and isinstance(made, list):
        pairs = [(n, *pair) for n, pair in enumerate(itertools.zip_longest(said, made), 1)]
    for name, one, other in pairs:
        if text_of(one) != text_of(other):
            return difference(one, other, f"{where} {name}")
    return f"{text_of(said)[:80]} for{where or ' it'}, and the log {text_of(made)[:80]}"


# --- One statement, by its proof and without the log


def shown(proof: Any, checkpoint: Checkpoint) -> tuple[Any, Any]:
    """An event of a proof and its state, once it is shown to be under the checkpoint."""
    event = proof["event"]
    if event is None:
        raise Wrong("the proof hides an event: only the staff of the bank are shown it")
    raw = event["state"].encode()
    leaf = leaf_of(
        event["position"], event["stream"].encode(), event["version"], event["tag"].encode(), raw
    )
    path = [decoded(each) for each in proof["path"]]
    check_included(leaf, event["position"] - 1, checkpoint["size"], checkpoint["root"], path)
    return event, read_state(raw)


def added_by(state: Any, account: str, currency: str) -> int | None:
    """What an event adds to an account, in minor units; None where it moves nothing on it."""
    moved = [p for p in state.get("entry", []) if p[1] == account]
    if not moved:
        return None
    if any(p[4] != currency for p in moved):
        raise Wrong(f"the statement is not in the currency of {account}")
    return sum(grown(number, side, amount) for number, _, side, amount, _ in moved)


def check_sums(said: Any, decimals: int) -> int:
    """The closing balance, once the entries lead to it one by one; all within period and position."""
    balance, before = minor_units(said["opening_balance"], decimals), ("", 0)
    for entry in said["entries"]:
        balance += added_to(entry, decimals)
        place = entry["booking_date"], int(entry["position"])
        if (
            minor_units(entry["balance"], decimals) != balance
            or place <= before
            or place[1] > said["position"]
            or not said["booked_from"] <= place[0] <= said["booked_to"]
        ):
            raise Wrong(f"the entry at position {place[1]} does not follow from those before it")
        before = place
    if minor_units(said["closing_balance"], decimals) != balance:
        raise Wrong("the statement does not add up to its closing balance")
    return balance


def check_proof(
    raw: bytes,
    statement: bytes,
    keys: Keys,
    witnesses: Keys | None = None,
    held: Sequence[bytes] = (),
) -> dict[str, Any]:
    """What is proved of a statement by its proof. Raises `Wrong` for anything that is not.

    Where checkpoints are held, the proof must be under one of them.
    """
    try:
        proof = json.loads(raw)
        checkpoint = read_checkpoint(proof["checkpoint"]["note"].encode(), keys, witnesses)
        others = [read_checkpoint(each, keys, witnesses) for each in held]
        check_order(sorted([checkpoint, *others], key=lambda c: c["size"]))
        if others and checkpoint["size"] not in [other["size"] for other in others]:
            largest = max(other["size"] for other in others)
            raise NotChecked(
                f"the proof is under a checkpoint of {checkpoint['size']} events, and none of that size is held:"
                f" ask for the proof under one that is, with ?size={largest}"
            )
        said = read_statement(statement)
        position, root = standing_of(said)
        path = [decoded(each) for each in proof["consistency"]]
        check_goes_on(position, root, checkpoint["size"], checkpoint["root"], path)
        return {
            "verdict": "right",
            "origin": checkpoint["origin"],
            "statement": f"{said['number']} of account-{said['account']['account_id']}",
            "sha256": sha256(statement).hexdigest(),
            "position": position,
            "signed_events": checkpoint["size"],
            **check_events(proof, checkpoint, said, statement, position),
        }
    except BROKEN as error:
        raise Wrong(f"the proof or the statement is not of its form: {error!r}") from None


def check_events(
    proof: Any, checkpoint: Checkpoint, said: Any, statement: bytes, position: int
) -> dict[str, Any]:
    """The events of issue, opening and closing, against what the statement says."""
    account, currency = account_of(said), said["account"]["currency"]
    decimals = decimals_of(currency)
    event, state = shown(proof["issued"], checkpoint)
    fact = state["fact"]
    issued = event["stream"], event["tag"], fact["number"], fact["sha256"], fact["known_at"]
    digest = sha256(statement).hexdigest()
    stream = account.replace("account-", "statements-")
    if issued != (stream, "statement.issued.1", said["number"], digest, position):
        raise Wrong("the event of issue is not that of this statement")
    closing = check_sums(said, decimals)
    balances = {
        "opening": minor_units(said["opening_balance"], decimals),
        "closing": closing,
    }
    days = {"opening": said["booked_from"], "closing": said["booked_to"]}
    report, places, moved = {}, {}, {}
    for end, day in days.items():
        event, state = shown(proof[end], checkpoint)
        places[end], moved[end] = event["position"], added_by(state, account, currency)
        booked = state["booking_date"]
        if event["stream"] != account or places[end] > position:
            raise Wrong(f"the {end} event is none of {account} up to position {position}")
        if moved[end] is not None and not (booked < day if end == "opening" else booked <= day):
            raise Wrong(f"the {end} event was booked on {booked}")
        if moved[end] is None and event["version"] != 1:
            raise Wrong(f"the {end} event moves nothing, and did not open the account")
        report[f"{end}_balance_carried"] = state["fact"].get("balance") == balances[end]
    if moved["opening"] is None and balances["opening"]:
        raise Wrong("the statement opens with an amount, and nothing was booked before it")
    last = said["entries"][-1] if said["entries"] else None
    if last is None:
        ends_well = places["closing"] == places["opening"]
    else:
        amount = added_to(last, decimals)
        ends_well = (places["closing"], moved["closing"]) == (last["position"], amount)
        ends_well = ends_well and state["booking_date"] == last["booking_date"]
    if not ends_well:
        raise Wrong("the closing event is not that of the last entry")
    return report


# --- The whole


def check_reached(checkpoint: Checkpoint, tree: Tree, books: Books) -> None:
    """The log, now as long as the checkpoint says, is the one that it was signed for."""
    if tree.root() != checkpoint["root"]:
        raise Wrong(
            f"the first {checkpoint['size']} events are not those that the checkpoint was signed for"
        )
    if checkpoint["size"] and instant_of(checkpoint["recorded"]) != books.recorded:
        raise Wrong(f"the checkpoint of {checkpoint['size']} events names another instant")


def check_order(found: list[Checkpoint]) -> None:
    """Of one size there is one root; these may be all that a fork of the history shows."""
    for number, other in enumerate(found[1:]):
        one = found[number]
        if one["size"] == other["size"] and one["root"] != other["root"]:
            raise Wrong(f"two checkpoints of {one['size']} events have two roots: a forked history")
        if one["origin"] != other["origin"]:
            raise Wrong(f"{one['origin']} and {other['origin']} are two logs")


def verify(
    lines: Iterable[bytes],
    checkpoints: Sequence[bytes],
    keys: Keys,
    witnesses: Keys | None = None,
    statements: Sequence[bytes] = (),
    commands: Iterable[bytes] | None = None,
) -> dict[str, Any]:
    """A report of the log whose lines these are. Raises `Wrong` at the first thing that is."""
    signed = sorted(
        (read_checkpoint(raw, keys, witnesses) for raw in checkpoints), key=lambda c: c["size"]
    )
    if not signed:
        raise NotChecked("a log is verified against a checkpoint, and none was given")
    check_order(signed)
    said = map(read_statement, statements)
    stories = [Story(account_of(each), standing_of(each)[0]) for each in said]
    tree, books = Tree(), Books()
    books.vouched = None if commands is None else {}
    waiting = list(signed)
    position = 0
    for line in lines:
        while waiting and waiting[0]["size"] == position:
            check_reached(waiting.pop(0), tree, books)
        position += 1
        try:
            event = read_line(line, position, tree, books)
            for story in stories:
                story.add(position, *event, tree)
        except Wrong as wrong:
            raise Wrong(wrong.why, position) from None
        except BROKEN as error:
            raise Wrong(f"the fact is not of its form: {error!r}", position) from None
    while waiting and waiting[0]["size"] == position:
        check_reached(waiting.pop(0), tree, books)
    if waiting:
        raise Wrong(
            f"the log ends at position {position}, and a checkpoint of {waiting[0]['size']} events"
            " was signed: its end is missing",
            position + 1,
        )
    books.end_transaction()
    for raw, story in zip(statements, stories, strict=True):
        try:
            check_statement(raw, story, books)
        except BROKEN as error:
            raise Wrong(f"a statement is not of its form: {error!r}") from None
    vouched = {} if commands is None else check_commands(commands, books.vouched or {}, position)
    return {
        "verdict": "right",
        "origin": signed[0]["origin"],
        "events": position,
        "signed_events": signed[-1]["size"],
        "unsigned_events": position - signed[-1]["size"],
        "root": signed[-1]["root"].hex(),
        "checkpoints": len(signed),
        "streams": len(books.versions),
        "sealed_periods": books.sealed,
        "issued_statements": len(books.issued),
        "compared_statements": len(statements),
        **vouched,
        "trial_balance": [
            {"ledger_account": account, "currency": currency, "debits": d, "credits": c}
            for (account, currency), (d, c) in sorted(books.totals().items())
        ],
        "balances": books.balances,
        "issued": list(books.issued.values()),
    }


def parts_of(line: bytes) -> tuple[int, bytes, int, bytes, bytes | None, bytes]:
    """Position, stream, version, tag, leaf and state of an event."""
    found = LINE.fullmatch(line.rstrip(b"\n"))
    if found is None:
        raise Wrong("the line is not that of an event")
    place, stream, version, tag, leaf, raw = found.groups()
    return int(place), stream, int(version), tag, leaf, raw


def read_line(line: bytes, position: int, tree: Tree, books: Books) -> tuple[str, str, Any]:
    """The stream, tag and state of an event that is the one that is due."""
    place, stream, version, tag, leaf, raw = parts_of(line)
    if place != position:
        raise Wrong(f"position {place} stands where {position} is due")
    digest = leaf_of(position, stream, version, tag, raw)
    if leaf is not None and digest.hex().encode() != leaf:
        raise Wrong("the event is not the one that the tree of the log was made of")
    tree.add(digest)
    event = stream.decode(), tag.decode(), read_state(raw)
    books.add(position, version, *event)
    return event


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Prove the books of a bank.")
    parser.add_argument("log", nargs="?", metavar="LOG.jsonl", help="the whole log, as exported")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="FILE")
    parser.add_argument("--key", required=True, metavar="FILE", help="the public keys of the log")
    parser.add_argument("--witness", metavar="FILE", help="public keys of witnesses")
    parser.add_argument("--statement", action="append", default=[], metavar="FILE")
    parser.add_argument("--commands", metavar="FILE", help="requests and answers, as exported")
    parser.add_argument("--proof", metavar="FILE", help="of the statement, instead of the log")
    parser.add_argument(
        "--make-statement",
        metavar="ACCOUNT/NUMBER",
        help="write the bytes of a statement that was issued, as they follow from the log alone",
    )
    parser.add_argument("--json", action="store_true", help="report as JSON, with every balance")
    asked = parser.parse_args(arguments)
    # Nothing here goes in circles, and to look for what does takes a tenth of the time.
    gc.disable()
    if (asked.log is None) == (asked.proof is None):
        parser.error("give either the log or the proof of a statement")
    if asked.proof and len(asked.statement) != 1:
        parser.error("a proof is that of one --statement")
    try:
        checkpoints = [Path(name).read_bytes() for name in asked.checkpoint]
        statements = [Path(name).read_bytes() for name in asked.statement]
        keys = read_keys(Path(asked.key).read_text())
        witnesses = read_keys(Path(asked.witness).read_text()) if asked.witness else None
        if asked.proof:
            raw = Path(asked.proof).read_bytes()
            report = check_proof(raw, statements[0], keys, witnesses, checkpoints)
        else:
            with open(asked.log, "rb") as lines, open(asked.commands or os.devnull, "rb") as told:
                commands = told if asked.commands else None
                report = verify(lines, checkpoints, keys, witnesses, statements, commands)
            issued = report.pop("issued")
            if asked.make_statement:
                made = remade(asked.log, asked.make_statement, issued)
    except OSError as error:
        print(f"cannot be verified: {error}", file=sys.stderr)
        return 2
    except Wrong as wrong:
        report = {"verdict": "wrong", "first_bad_index": wrong.index, "why": wrong.why}
        place = "" if wrong.index is None else f" at position {wrong.index}"
        # A statement goes to the standard output, so what is wrong with it does not.
        where = sys.stderr if asked.make_statement else sys.stdout
        word = "NOT CHECKED" if isinstance(wrong, NotChecked) else "WRONG"
        print(json.dumps(report) if asked.json else f"{word}{place}: {wrong.why}", file=where)
        return 1
    if asked.log and asked.make_statement:
        sys.stdout.buffer.write(made)
    elif asked.json:
        print(json.dumps(report))
    else:
        tell(report)
    return 0


def remade(log: str, wanted: str, issued: list[tuple[str, dict[str, Any]]]) -> bytes:
    """The bytes of the statement wanted, as in 17/3, which are those that were issued."""
    for stream, fact in issued:
        if f"{stream.rpartition('-')[2]}/{fact['number']}" == wanted:
            break
    else:
        raise Wrong(f"the bank has not issued a statement {wanted}")
    try:
        with open(log, "rb") as lines:
            made = make_statement(lines, stream, fact)
    except BROKEN as error:
        raise Wrong(f"statement {wanted} cannot be made from the log: {error!r}") from None
    if sha256(made).hexdigest() != fact["sha256"]:
        raise Wrong(f"statement {wanted}, as the log has it, is not what was issued")
    return made


def counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def tell(report: dict[str, Any]) -> None:
    """The report in words."""
    if "statement" in report:
        print(
            f"RIGHT: statement {report['statement']} was issued by {report['origin']} as it is, on the"
            f" first {report['position']} of {report['signed_events']} events that are signed"
        )
        return
    print(
        f"RIGHT: {report['events']} events of {report['origin']}, {report['signed_events']} of them"
        f" signed; {counted(len(report['balances']), 'balance')},"
        f" {counted(report['sealed_periods'], 'sealed period')} and"
        f" {counted(report['compared_statements'], 'statement')} derived and the same"
    )
    if "vouched_commands" in report:
        print(
            f"{report['vouched_commands']} requests and answers are those that the log vouches for;"
            f" {report['refusals_without_event']} refusals have no event"
        )
    for line in report["trial_balance"]:
        print("{ledger_account} {currency} {debits:>20} {credits:>20}".format(**line))


if __name__ == "__main__":
    sys.exit(main())
