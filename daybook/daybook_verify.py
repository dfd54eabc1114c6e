"""Prove the books of a bank that keeps a daybook: with this file and a plain Python, and nothing else.

    python daybook_verify.py LOG.jsonl --checkpoint FILE --key FILE

LOG.jsonl is the whole log, as the bank exports it. A checkpoint is a signed note that was had from
elsewhere (a folder of one's own, a witness); several may be given, older ones too. The key file holds the
public keys of the log, one a line. With --witness FILE a checkpoint must also be signed by one of these
witnesses; with --statement FILE a statement that the bank has issued, as JSON, is held against the log.

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
import hashlib
import json
import re
import struct
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

ENCODING_VERSION = 1
TRANSFERS_IN_TRANSIT = 2320
ED25519, COSIGNATURE = 1, 4
LINE = re.compile(
    rb'\{"position":([1-9][0-9]*),"stream":"([A-Za-z0-9._-]+)","version":([1-9][0-9]*),'
    rb'"tag":"([a-z0-9.-]+)",(?:"leaf":"([0-9a-f]{64})",)?"state":(\{.*\})\}'
)
RECORDED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", re.ASCII)
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
# A period is sealed soon after the position that its seal stands on.
RECENT_POSTINGS = 200_000
NUMBERS = struct.Struct(">BBQQIII")


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
    digest = hashlib.sha512(signature[:32] + public + message).digest()
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
        peaks, size = self.peaks, self.size
        while size & 1:
            leaf = hashlib.sha256(b"\x01" + peaks.pop() + leaf).digest()
            size >>= 1
        peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = hashlib.sha256(b"\x01" + peak + root).digest()
        return root


def leaf_of(position: int, stream: bytes, version: int, tag: bytes, state: bytes) -> bytes:
    numbers = NUMBERS.pack(
        0, ENCODING_VERSION, position, version, len(stream), len(tag), len(state)
    )
    return hashlib.sha256(numbers + stream + tag + state).digest()


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
        expected = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
        if key_id != expected.hex() or len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
            raise Wrong(f"{line[:60]!r} is not a key")
        keys[name, expected] = raw[0], raw[1:]
    if not keys:
        raise Wrong("the key file holds no key")
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


DECODE = json.JSONDecoder(parse_float=no_float, parse_constant=no_float).decode
ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def read_state(raw: bytes) -> Any:
    """The state of an event, whose bytes are the only ones that mean it."""
    try:
        text = raw.decode()
        state = DECODE(text)
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


class Books:
    """What follows from the events so far: balances, trial balance, and the lines of some accounts."""

    def __init__(self, accounts_kept: Iterable[str] = ()) -> None:
        self.versions: dict[str, int] = {}
        self.transaction = 0
        self.recorded = ""
        self.transit: dict[str, int] = {}
        self.totals: Totals = {}
        self.by_date: dict[str, Totals] = {}
        # The newest postings: position, date, account and currency, column, amount.
        self.recent: collections.deque[tuple[int, str, tuple[int, str], int, int]] = (
            collections.deque(maxlen=RECENT_POSTINGS)
        )
        self.balances: dict[str, dict[str, int]] = {}
        # Booking date, position and what is added, of the accounts whose statements are compared.
        self.lines: dict[str, list[tuple[str, int, int]]] = {a: [] for a in accounts_kept}
        self.sealed = 0
        self.issued: dict[str, tuple[str, dict[str, Any]]] = {}
        self.dates: set[str] = set()

    def add(self, position: int, stream: str, version: int, tag: str, state: Any) -> None:
        known = self.versions.get(stream, 0)
        if version != known + 1:
            raise Wrong(f"{stream} has version {version} where {known + 1} is due")
        self.versions[stream] = version
        for name in ("fact", "transaction_id", "booking_date", "value_date", "recorded_at"):
            if name not in state:
                raise Wrong(f"the event has no {name}")
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

    def post(self, position: int, date: str, entry: list[Any]) -> None:
        day = self.by_date.setdefault(date, {})
        for account, sub_account, side, amount, currency in entry:
            signed = amount if side == "D" else -amount
            column = 0 if side == "D" else 1
            key = account, currency
            day.setdefault(key, [0, 0])[column] += amount
            self.totals.setdefault(key, [0, 0])[column] += amount
            self.recent.append((position, date, key, column, amount))
            if account == TRANSFERS_IN_TRANSIT:
                self.transit[currency] = self.transit.get(currency, 0) + signed
            if sub_account is not None:
                held = self.balances.setdefault(sub_account, {})
                # On the side on which it grows: assets and expenses by debits.
                grown = signed if account // 1000 in (1, 5) else -signed
                held[currency] = held.get(currency, 0) + grown
                if sub_account in self.lines:
                    self.lines[sub_account].append((date, position, grown))

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

    def trial_balance_of(self, seal: dict[str, Any]) -> Totals:
        """The trial balance of the last day of a period, as known at the position of its seal."""
        year, month = int(seal["period"][:4]), int(seal["period"][5:])
        last = f"{seal['period']}-{calendar.monthrange(year, month)[1]:02}"
        found: Totals = {}
        for date, totals in self.by_date.items():
            if date <= last:
                for key, (debits, credits) in totals.items():
                    sums = found.setdefault(key, [0, 0])
                    sums[0] += debits
                    sums[1] += credits
        for position, date, key, column, amount in reversed(self.recent):
            if position <= seal["known_at"]:
                return found
            if date <= last:
                found[key][column] -= amount
        if len(self.recent) == RECENT_POSTINGS:
            raise Wrong(f"{seal['period']} was sealed too long after what it stands on")
        return found


def check_seal(seal: dict[str, Any], derived: Totals) -> None:
    """A period's trial balance as the bank has sealed it, against the one derived."""
    text = seal["trial_balance"]
    if hashlib.sha256(text.encode()).hexdigest() != seal["sha256"]:
        raise Wrong(f"the seal of {seal['period']} has not the hash of its trial balance")
    said = {
        (line["ledger_account"], line["currency"]): [line["debits"], line["credits"]]
        for line in json.loads(text)
    }
    if said != {key: sums for key, sums in derived.items() if sums != [0, 0]}:
        raise Wrong(f"the trial balance sealed for {seal['period']} is not that of the log")


def minor_units(amount: Decimal) -> int:
    """An amount as a statement says it has all the decimals of its currency."""
    return int(str(amount).replace(".", ""))


def account_of(statement: bytes) -> str:
    """The account that a statement, given as JSON, is about."""
    try:
        return f"account-{json.loads(statement)['account']['account_id']}"
    except (LookupError, TypeError, ValueError):
        raise Wrong("the statement is not the JSON of one") from None


def check_statement(raw: bytes, books: Books) -> None:
    """A statement that was issued, line by line against the log; it must be one whose hash is there."""
    known = books.issued.get(hashlib.sha256(raw).hexdigest())
    if known is None:
        raise Wrong("the bank has not issued this statement: its hash is not in the log")
    stream, fact = known
    said = json.loads(raw, parse_float=Decimal, parse_int=Decimal)
    account = f"account-{said['account']['account_id']}"
    name = f"statement {fact['number']} of {account}"
    if stream != f"statements-{said['account']['account_id']}" or said["number"] != fact["number"]:
        raise Wrong(f"{name} is not the one that was issued under its hash")
    first, last, known_at = said["booked_from"], said["booked_to"], fact["known_at"]
    lines = sorted(line for line in books.lines[account] if line[1] <= known_at and line[0] <= last)
    balance = sum(amount for date, _, amount in lines if date < first)
    if minor_units(said["opening_balance"]) != balance:
        raise Wrong(f"{name} opens with {said['opening_balance']}, and the log with {balance}")
    stated = []
    for date, position, amount in lines:
        if date >= first:
            balance += amount
            stated.append([date, position, amount, balance])
    entries = [
        [
            entry["booking_date"],
            entry["position"],
            minor_units(entry["amount"]) * (1 if entry["side"] == "credit" else -1),
            minor_units(entry["balance"]),
        ]
        for entry in said["entries"]
    ]
    if entries != stated:
        raise Wrong(f"{name} has not the entries that the log has")
    if minor_units(said["closing_balance"]) != balance:
        raise Wrong(f"{name} closes with {said['closing_balance']}, and the log with {balance}")


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
) -> dict[str, Any]:
    """A report of the log whose lines these are. Raises `Wrong` at the first thing that is."""
    signed = sorted(
        (read_checkpoint(raw, keys, witnesses) for raw in checkpoints), key=lambda c: c["size"]
    )
    if not signed:
        raise Wrong("a log is verified against a checkpoint, and none was given")
    check_order(signed)
    kept = [account_of(raw) for raw in statements]
    tree, books = Tree(), Books(kept)
    waiting = list(signed)
    position = 0
    for line in lines:
        while waiting and waiting[0]["size"] == position:
            check_reached(waiting.pop(0), tree, books)
        position += 1
        try:
            read_line(line, position, tree, books)
        except Wrong as wrong:
            raise Wrong(wrong.why, position) from None
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
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
    for raw in statements:
        try:
            check_statement(raw, books)
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise Wrong(f"a statement is not of its form: {error!r}") from None
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
        "trial_balance": [
            {"ledger_account": account, "currency": currency, "debits": d, "credits": c}
            for (account, currency), (d, c) in sorted(books.totals.items())
        ],
        "balances": books.balances,
    }


def read_line(line: bytes, position: int, tree: Tree, books: Books) -> None:
    found = LINE.fullmatch(line.rstrip(b"\n"))
    if found is None:
        raise Wrong("the line is not that of an event")
    place, stream, version, tag, leaf, raw = found.groups()
    if int(place) != position:
        raise Wrong(f"position {int(place)} stands where {position} is due")
    digest = leaf_of(position, stream, int(version), tag, raw)
    if leaf is not None and digest.hex().encode() != leaf:
        raise Wrong("the event is not the one that the tree of the log was made of")
    tree.add(digest)
    books.add(position, stream.decode(), int(version), tag.decode(), read_state(raw))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Prove the books of a bank.")
    parser.add_argument("log", metavar="LOG.jsonl", help="the whole log, as exported")
    parser.add_argument("--checkpoint", action="append", required=True, metavar="FILE")
    parser.add_argument("--key", required=True, metavar="FILE", help="the public keys of the log")
    parser.add_argument("--witness", metavar="FILE", help="public keys of witnesses")
    parser.add_argument("--statement", action="append", default=[], metavar="FILE")
    parser.add_argument("--json", action="store_true", help="report as JSON, with every balance")
    asked = parser.parse_args(arguments)
    try:
        checkpoints = [Path(name).read_bytes() for name in asked.checkpoint]
        statements = [Path(name).read_bytes() for name in asked.statement]
        keys = read_keys(Path(asked.key).read_text())
        witnesses = read_keys(Path(asked.witness).read_text()) if asked.witness else None
        with open(asked.log, "rb") as lines:
            report = verify(lines, checkpoints, keys, witnesses, statements)
    except OSError as error:
        print(f"cannot be verified: {error}", file=sys.stderr)
        return 2
    except Wrong as wrong:
        report = {"verdict": "wrong", "first_bad_index": wrong.index, "why": wrong.why}
        place = "" if wrong.index is None else f" at position {wrong.index}"
        print(json.dumps(report) if asked.json else f"WRONG{place}: {wrong.why}")
        return 1
    if asked.json:
        print(json.dumps(report))
        return 0
    print(
        f"RIGHT: {report['events']} events of {report['origin']}, {report['signed_events']} of them"
        f" signed; {len(report['balances'])} balances, {report['sealed_periods']} sealed periods and"
        f" {report['compared_statements']} statements derived and the same"
    )
    for line in report["trial_balance"]:
        print("{ledger_account} {currency} {debits:>20} {credits:>20}".format(**line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
