"""Logs made by hand, with their checkpoints: nothing of the program is used to make them."""

import base64
import json
import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN: Final = "bank.example/ledger"
WITNESS: Final = "auditor.example"
SEED, OTHER_SEED, WITNESS_SEED = bytes(32), bytes([1]) * 32, bytes([2]) * 32


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Key:
    """A key of a log (1) or of a witness (4)."""

    def __init__(self, name: str, seed: bytes, algorithm: int = 1) -> None:
        self.name = name
        self.private = Ed25519PrivateKey.from_private_bytes(seed)
        self.raw = bytes([algorithm]) + self.private.public_key().public_bytes_raw()
        self.id = sha256(name.encode() + b"\n" + self.raw).digest()[:4]
        self.text = f"{name}+{self.id.hex()}+{base64.b64encode(self.raw).decode()}\n"

    def line(self, text: str, seconds: int = 1_700_000_000) -> str:
        if self.raw[0] == 1:
            return self.signature(self.private.sign(text.encode()))
        stamp = seconds.to_bytes(8, "big")
        message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
        return self.signature(stamp + self.private.sign(message))

    def signature(self, raw: bytes) -> str:
        return f"— {self.name} {base64.b64encode(self.id + raw).decode()}\n"


LOG_KEY: Final = Key(ORIGIN, SEED)
WITNESS_KEY: Final = Key(WITNESS, WITNESS_SEED, 4)


def leaf(position: int, stream: str, version: int, tag: str, state: bytes) -> bytes:
    texts = (stream.encode(), tag.encode(), state)
    numbers = position.to_bytes(8, "big") + version.to_bytes(8, "big")
    lengths = b"".join(len(text).to_bytes(4, "big") for text in texts)
    return sha256(b"\x00\x01" + numbers + lengths + b"".join(texts)).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = split(len(leaves))
    return sha256(b"\x01" + root(leaves[:half]) + root(leaves[half:])).digest()


def inclusion(number: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The audit path of a leaf (RFC 6962, 2.1.1), by the definition."""
    if len(leaves) == 1:
        return []
    half = split(len(leaves))
    if number < half:
        return [*inclusion(number, leaves[:half]), root(leaves[half:])]
    return [*inclusion(number - half, leaves[half:]), root(leaves[:half])]


def consistency(old: int, leaves: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """The proof that the first leaves are the beginning of all (RFC 6962, 2.1.2), by the definition."""
    if old == len(leaves):
        return [] if whole else [root(leaves)]
    half = split(len(leaves))
    if old <= half:
        return [*consistency(old, leaves[:half], whole), root(leaves[half:])]
    return [*consistency(old - half, leaves[half:], False), root(leaves[:half])]


def split(size: int) -> int:
    half = 1
    while half * 2 < size:
        half *= 2
    return half


def base64_of(hashes: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(each).decode() for each in hashes]


class MadeLog:
    """Events one after the other, each as it should be unless it is said otherwise."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(
        self,
        stream: str,
        tag: str,
        fact: Any,
        *postings: Any,
        transaction: int | None = None,
        **changed: Any,
    ) -> "MadeLog":
        position = len(self.rows) + 1
        version = sum(row["stream"] == stream for row in self.rows) + 1
        state = {
            "fact": fact,
            **({"entry": list(postings)} if postings else {}),
            "transaction_id": transaction or position,
            "booking_date": "2024-03-01",
            "value_date": "2024-03-01",
            "recorded_at": f"2024-03-01T12:30:00.{position:06}Z",
            "actor": "teller-3",
            "command_id": f"key-{position}",
            **changed,
        }
        self.rows.append(
            {"position": position, "stream": stream, "version": version, "tag": tag, "state": state}
        )
        return self

    def raw_states(self) -> list[bytes]:
        return [
            row["state"] if isinstance(row["state"], bytes) else compact(row["state"])
            for row in self.rows
        ]

    def leaves(self) -> list[bytes]:
        return [
            leaf(row["position"], row["stream"], row["version"], row["tag"], state)
            for row, state in zip(self.rows, self.raw_states(), strict=True)
        ]

    def lines(self, *, with_leaves: bool = False) -> list[bytes]:
        return [
            b'{"position":%d,"stream":"%b","version":%d,"tag":"%b",%b"state":%b}\n'
            % (
                row["position"],
                row["stream"].encode(),
                row["version"],
                row["tag"].encode(),
                b'"leaf":"%b",' % digest.hex().encode() if with_leaves else b"",
                state,
            )
            for row, state, digest in zip(self.rows, self.raw_states(), self.leaves(), strict=True)
        ]

    def checkpoint(
        self, size: int | None = None, *signers: Key, change: Callable[[str], str] = str
    ) -> bytes:
        """The note that the log's key signs over the first events; the text may be changed before."""
        size = len(self.rows) if size is None else size
        recorded = "1970-01-01T00:00:00.000000Z"
        if size:
            state = self.rows[size - 1]["state"]
            recorded = state["recorded_at"] if isinstance(state, dict) else recorded
        digest = base64.b64encode(root(self.leaves()[:size])).decode()
        text = change(f"{ORIGIN}\n{size}\n{digest}\nrecorded {recorded}\n")
        return (text + "\n" + "".join(k.line(text) for k in signers or (LOG_KEY,))).encode()

    def root(self, size: int) -> bytes:
        return root(self.leaves()[:size])

    def event_proof(self, position: int, size: int | None = None) -> dict[str, Any]:
        """As the bank gives it: the event with the text of its state, and its path."""
        row, leaves = self.rows[position - 1], self.leaves()[:size]
        return {
            "position": position,
            "leaf_hash": base64_of([leaves[position - 1]])[0],
            "event": {**row, "state": self.raw_states()[position - 1].decode()},
            "path": base64_of(inclusion(position - 1, leaves)),
        }


def cash(stream: str, side: str, amount: int, currency: str = "EUR") -> list[Any]:
    """The postings of a deposit (C) or a withdrawal (D)."""
    other = "D" if side == "C" else "C"
    return [[2110, stream, side, amount, currency], [1010, None, other, amount, currency]]


def sent(stream: str, amount: int) -> list[Any]:
    return [[2110, stream, "D", amount, "EUR"], [2320, None, "C", amount, "EUR"]]


def received(stream: str, amount: int) -> list[Any]:
    return [[2320, None, "D", amount, "EUR"], [2110, stream, "C", amount, "EUR"]]


def small_bank() -> MadeLog:
    """Two accounts, a deposit of 100.00 and a transfer of 25.00: events 1 to 5."""
    log = MadeLog()
    log.add("account-1", "account.opened.1", {"balance": 0})
    log.add("account-2", "account.opened.1", {"balance": 0}, description="Nájem „únor“\t\x1f")
    log.add(
        "account-1",
        "account.deposited.1",
        {"amount": 10000, "balance": 10000},
        *cash("account-1", "C", 10000),
    )
    log.add(
        "account-1",
        "account.transfer-sent.1",
        {"amount": 2500, "balance": 7500},
        *sent("account-1", 2500),
    )
    log.add(
        "account-2",
        "account.transfer-received.1",
        {"amount": 2500, "balance": 2500},
        *received("account-2", 2500),
        transaction=4,
    )
    return log


def statement_of_account_1(position: int = 5) -> dict[str, Any]:
    """The statement of March of account 1 of the small bank, as far as a verifier looks at it."""

    def entry(position: int, side: str, amount: float, balance: float) -> dict[str, Any]:
        return {
            "booking_date": "2024-03-01",
            "position": position,
            "side": side,
            "amount": amount,
            "balance": balance,
        }

    return {
        "account": {"account_id": 1, "currency": "EUR"},
        "number": 1,
        "booked_from": "2024-03-01",
        "booked_to": "2024-03-31",
        "position": position,
        "root": root(small_bank().leaves()[:position]).hex(),
        "opening_balance": 0.0,
        "entries": [entry(3, "credit", 100.0, 100.0), entry(4, "debit", 25.0, 75.0)],
        "closing_balance": 75.0,
    }


def two_decimals(statement: dict[str, Any]) -> bytes:
    """As JSON whose amounts have two decimals each."""
    return re.sub(r":(-?\d+\.\d)(?=[,}])", r":\g<1>0", compact(statement).decode()).encode()


def false_forms(raw: bytes) -> dict[str, tuple[bytes, str]]:
    """Statements of account 1 that say its figures otherwise than a statement does, and what is wrong."""
    whole = raw.replace(b"100.00", b"10000").replace(b"75.00", b"7500").replace(b"25.00", b"2500")
    texts = raw.replace(b'"closing_balance":75.00', b'"closing_balance":"75.00"')
    return {
        "amounts in minor units": (whole, "an amount with 2 decimals"),
        "an amount with more decimals": (raw.replace(b"100.00", b"1.0000"), "with 2 decimals"),
        "an amount in words": (texts, "with 2 decimals"),
        "an amount of nothing below zero": (raw.replace(b":0.00", b":-0.00"), "with 2 decimals"),
        "a currency that the account has not": (raw.replace(b"EUR", b"USD"), "in the currency of"),
        "a side of another name": (raw.replace(b'"debit"', b'"Credit"'), "no credit and no debit"),
        "a credit below zero": (
            raw.replace(b'"debit","amount":25.00', b'"credit","amount":-25.00'),
            "no credit and no debit",
        ),
        "a closing balance said twice": (
            raw.replace(b"{", b'{"closing_balance":1000.00,', 1),
            "not in the one form",
        ),
        "blanks": (raw.replace(b":75.00", b": 75.00"), "not in the one form"),
    }


def with_statement(raw: bytes, *, known_at: int = 5, stream: str = "statements-1") -> MadeLog:
    """The small bank, with a statement of these bytes issued as event 6."""
    fact = {"number": 1, "known_at": known_at, "sha256": sha256(raw).hexdigest()}
    return small_bank().add(stream, "statement.issued.1", fact)


def proof_of(
    log: MadeLog, raw: bytes, *, opening: int = 1, closing: int = 4, issued: int = 6, **more: Any
) -> dict[str, Any]:
    """The proof of a statement of these bytes, under a checkpoint over the whole log."""
    said = json.loads(raw)
    return {
        "consistency": base64_of(consistency(said["position"], log.leaves())),
        "opening": log.event_proof(opening),
        "closing": log.event_proof(closing),
        "issued": log.event_proof(issued),
        "checkpoint": {"note": log.checkpoint().decode()},
        **more,
    }


def record(
    key: str, position: int | None, *, status: int = 201, answer: str = '{"a":"ž"}', **more: Any
) -> dict[str, Any]:
    """What teller 3 asked under a key and was answered, as it is exported."""
    said = {"principal": "teller-3", "key": key, "status": status, "position": position}
    return {**said, "request": '{"call":"x"}', "answer": answer, **more}


def record_hash(said: dict[str, Any]) -> str:
    numbers = f"{said['status']}\n{said['position'] or 0}"
    text = f"1\n{said['principal']}\n{said['key']}\n{numbers}\n{said['request']}\n{said['answer']}"
    return base64.b64encode(sha256(text.encode()).digest()).decode()


def with_records() -> tuple[MadeLog, list[dict[str, Any]]]:
    """The small bank, whose deposit and transfer were commands, as was a refusal that is event 6."""
    log = small_bank()
    said = [record("key-3", 3), record("key-4", 5), record("key-6", None, status=409)]
    log.add("audit-trail", "access.command-refused.1", {}, command_id="key-6")
    for event, each in zip((3, 4, 6), said, strict=True):
        log.rows[event - 1]["state"]["command_hash"] = record_hash(each)
    return log, said


def with_seal(
    lines: list[list[Any]], *, known_at: int = 5, sha: str | None = None, late: int = 0
) -> MadeLog:
    """The small bank, with its March sealed with this trial balance, and later entries before that."""
    log = small_bank()
    if late:
        fact = {"amount": late, "balance": 7500 + late}
        log.add("account-1", "account.deposited.1", fact, *cash("account-1", "C", late))
    names = ("ledger_account", "currency", "debits", "credits")
    text = compact([dict(zip(names, line, strict=True)) for line in lines]).decode()
    sealed: dict[str, Any] = {
        "period": "2024-03",
        "known_at": known_at,
        "trial_balance": text,
        "sha256": sha or sha256(text.encode()).hexdigest(),
    }
    return log.add("ledger-periods", "period.sealed.1", sealed)


TRIAL_BALANCE: Final[list[list[Any]]] = [
    [1010, "EUR", 10000, 0],
    [2110, "EUR", 2500, 12500],
    [2320, "EUR", 2500, 2500],
]
