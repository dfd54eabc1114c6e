"""What the verifier must say of a statement that is given with its proof and without the log: a table."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from tests.evidence.made_logs import (
    LOG_KEY,
    WITNESS_KEY,
    MadeLog,
    base64_of,
    cash,
    consistency,
    false_forms,
    inclusion,
    proof_of,
    small_bank,
    statement_of_account_1,
    two_decimals,
    with_statement,
)
from tests.evidence.verifier_cases import Case


def grown(log: MadeLog, more: int) -> MadeLog:
    """The log with as many events more, so that paths are of many lengths."""
    for _ in range(more):
        log.add("ledger-x", "x.1", {})
    return log


def case(
    name: str, log: MadeLog, raw: bytes, proof: Any, wrong: str | None = None, **more: Any
) -> Case:
    told = None if wrong is None else (None, wrong)
    held = more.pop("held", [])
    as_json = proof if isinstance(proof, bytes) else json.dumps(proof).encode()
    return Case(name, [], held, told, statements=[raw], proof=as_json, **more)


def proof_cases() -> list[Case]:
    raw = two_decimals(statement_of_account_1())
    return [
        *right_cases(raw),
        *tree_cases(raw),
        *event_cases(raw),
        *statement_cases(),
        *form_cases(raw),
    ]


def right_cases(raw: bytes) -> list[Case]:
    report = {
        "statement": "1 of account-1",
        "position": 5,
        "opening_balance_carried": True,
        "closing_balance_carried": True,
    }
    log = with_statement(raw)
    quiet = {**statement_of_account_1(), "booked_from": "2024-03-02", "entries": []}
    later = two_decimals({**quiet, "opening_balance": 75.0})
    alike, twice_alike = two_alike()
    late = with_statement(raw)
    late.rows[3]["state"]["fact"]["balance"] = 7501
    late_raw = two_decimals({**statement_of_account_1(), "root": root_of(late, 5)})
    late.rows[5]["state"]["fact"]["sha256"] = digest(late_raw)
    sizes = [grown(with_statement(raw), more) for more in range(12)]
    earlier = [two_decimals(statement_of_account_1(position)) for position in (4, 5)]
    return [
        *(case(f"a proof under {len(one.rows)}", one, raw, proof_of(one, raw), report=report) for one in sizes),
        *(case("a statement as it was known", one, said, proof_of(one, said)) for said in earlier for one in [with_statement(said, known_at=json.loads(said)["position"])]),
        case("nothing was booked in the period", log, later, proof_of(with_statement(later), later, opening=4)),
        case("a balance that its event does not carry", late, late_raw, proof_of(late, late_raw), report={"closing_balance_carried": False}),
        case("two entries alike", alike, twice_alike, proof_of(alike, twice_alike, closing=3, issued=4)),
        case("a checkpoint that is held", log, raw, proof_of(log, raw), held=[log.checkpoint(), log.checkpoint(3)]),
        case("a witness", log, raw, proof_of(log, raw, checkpoint={"note": log.checkpoint(6, LOG_KEY, WITNESS_KEY).decode()}), witnesses=WITNESS_KEY.text),
    ]  # fmt: skip


def root_of(log: MadeLog, size: int) -> str:
    return log.root(size).hex()


def digest(raw: bytes) -> str:
    return sha256(raw).hexdigest()


def tree_cases(raw: bytes) -> list[Case]:
    log = grown(with_statement(raw), 5)
    leaves = log.leaves()
    forked = grown(with_statement(raw), 5)
    forked.rows[1]["state"]["description"] = "another history"
    right = proof_of(log, raw)

    def path(end: str, hashes: list[bytes], why: str) -> Case:
        changed = {**right, end: {**right[end], "path": base64_of(hashes)}}
        return case(f"a path of {end} that is none", log, raw, changed, why)

    def from_statement(name: str, hashes: list[bytes]) -> Case:
        changed = {**right, "consistency": base64_of(hashes)}
        return case(name, log, raw, changed, "not the beginning of the one signed")

    issued = inclusion(5, leaves)
    goes_on = consistency(5, leaves)
    leads = "does not lead to the root"
    return [
        path("issued", issued[:-1], leads),
        path("issued", [*issued, leaves[0]], leads),
        path("issued", issued[::-1], leads),
        path("issued", [], leads),
        path("opening", inclusion(1, leaves), leads),
        path("closing", [b"", *inclusion(3, leaves)[1:]], leads),
        from_statement("a way to the checkpoint that is too short", goes_on[:-1]),
        from_statement("a way to the checkpoint that is too long", [*goes_on, leaves[0]]),
        from_statement("another way to the checkpoint", [*goes_on[:-1], leaves[0]]),
        case("no way to the checkpoint", log, raw, {**right, "consistency": []}, "is not one"),
        case("a way of short hashes", log, raw, {**right, "consistency": base64_of([b"x"])}, "is not one"),
        case(
            "a statement on another history",
            forked,
            raw,
            proof_of(forked, raw),
            "not the beginning of the one signed",
        ),
        case(
            "a checkpoint of another history is held",
            log,
            raw,
            right,
            "a forked history",
            held=[forked.checkpoint()],
        ),
        case("no such checkpoint is held", log, raw, right, "with ?size=3", held=[log.checkpoint(3)]),
        case(
            "a checkpoint from before it was issued",
            log,
            raw,
            {**right, "checkpoint": {"note": log.checkpoint(4).decode()}},
            "says nothing of 5",
        ),
        case(
            "an event beyond the checkpoint",
            log,
            raw,
            {
                **proof_of(with_statement(raw), raw),
                "checkpoint": {"note": small_bank().checkpoint().decode()},
                "consistency": [],
            },
            "is not under a checkpoint of 5 events",
        ),
        case("no signature", log, raw, {**right, "checkpoint": {"note": "x\n"}}, "not a signed note"),
        case("no witness", log, raw, right, "not signed by a witness", witnesses=WITNESS_KEY.text),
    ]  # fmt: skip


def event_cases(raw: bytes) -> list[Case]:
    log = with_statement(raw)
    right = proof_of(log, raw)

    def told(name: str, why: str, log: MadeLog = log, **events: int) -> Case:
        return case(name, log, raw, proof_of(log, raw, **events), why)

    def changed(end: str, field: str, value: Any, why: str) -> Case:
        event = {**right[end]["event"], field: value}
        proof = {**right, end: {**right[end], "event": event}}
        return case(f"another {field} of {end}", log, raw, proof, why)

    late = with_statement(raw)
    late.add("account-1", "account.deposited.1", {"balance": 8500}, *cash("account-1", "C", 1000))
    april = small_bank()
    april.add(
        "account-1",
        "account.deposited.1",
        {"balance": 8500},
        *cash("account-1", "C", 1000),
        booking_date="2024-04-01",
    )
    said = two_decimals({**statement_of_account_1(), "position": 6, "root": root_of(april, 6)})
    alike, twice_alike = two_alike()
    fact = {"number": 1, "known_at": 6, "sha256": digest(said)}
    april.add("statements-1", "statement.issued.1", fact)
    frozen = small_bank().add("account-1", "account.frozen.1", {"balance": 7500})
    on_frozen = two_decimals(
        {**statement_of_account_1(), "position": 6, "root": root_of(frozen, 6)}
    )
    frozen.add("statements-1", "statement.issued.1", {**fact, "sha256": digest(on_frozen)})
    twice = with_statement(raw)
    twice.add("statements-1", "statement.issued.1", {**twice.rows[5]["state"]["fact"], "number": 2})
    lead = "does not lead to the root"
    return [
        changed("issued", "state", right["opening"]["event"]["state"], lead),
        changed("issued", "position", 5, lead),
        changed("issued", "version", 2, lead),
        changed("issued", "version", "1", "not of its form"),
        changed("issued", "version", 1 << 64, "not of its form"),
        changed("closing", "stream", "account-2", lead),
        changed("closing", "tag", "account.deposited.1", lead),
        told("another event for the issue", "is not of its form", issued=4),
        told("the issue of another number", "not that of this statement", twice, issued=7),
        case("a statement of another stream", log, raw, proof_of(with_statement(raw, stream="statements-2"), raw), "not that of this statement"),
        case("a statement issued on another position", log, raw, proof_of(with_statement(raw, known_at=4), raw), "not that of this statement"),
        case("a statement whose bytes are not those", log, raw.replace(b"EUR", b"USD"), right, "not that of this statement"),
        told("an opening of another account", "is none of account-1", opening=2),
        told("a closing of another account", "is none of account-1", closing=5),
        told("an opening that was booked in the period", "opening event was booked", opening=3),
        told("a closing after the position", "up to position 5", late, closing=7),
        case("a closing booked after the period", april, said, proof_of(april, said, closing=6, issued=7), "closing event was booked"),
        case("a closing that moved nothing", frozen, on_frozen, proof_of(frozen, on_frozen, closing=6, issued=7), "moves nothing"),
        told("a closing that is not the last entry", "not that of the last entry", closing=3),
        case("a closing like the last entry", alike, twice_alike, proof_of(alike, twice_alike, closing=2, issued=4), "not that of the last entry"),
        told("a closing that is the first event", "not that of the last entry", closing=1),
        case("an event that is hidden", log, raw, {**right, "closing": {**right["closing"], "event": None}}, "hides an event"),
    ]  # fmt: skip


def two_alike() -> tuple[MadeLog, bytes]:
    """An account with two deposits of the same amount on one day, and its statement."""
    log = MadeLog().add("account-1", "account.opened.1", {"balance": 0})
    for balance in (2500, 5000):
        log.add(
            "account-1", "account.deposited.1", {"balance": balance}, *cash("account-1", "C", 2500)
        )
    first, second = statement_of_account_1()["entries"]
    entries = [
        {**first, "position": 2, "amount": 25.0, "balance": 25.0},
        {**second, "position": 3, "side": "credit", "balance": 50.0},
    ]
    said = {**statement_of_account_1(), "position": 3, "root": root_of(log, 3)}
    raw = two_decimals({**said, "entries": entries, "closing_balance": 50.0})
    log.add(
        "statements-1", "statement.issued.1", {"number": 1, "known_at": 3, "sha256": digest(raw)}
    )
    return log, raw


def statement_cases() -> list[Case]:
    def told(name: str, why: str, change: Callable[[dict[str, Any]], Any], **events: int) -> Case:
        statement = statement_of_account_1()
        change(statement)
        raw = two_decimals(statement)
        log = with_statement(raw)
        return case(name, log, raw, proof_of(log, raw, **events), why)

    def entry(name: str, **changed: Any) -> Case:
        return told(name, "does not follow", lambda s: s["entries"][1].update(changed))

    def swapped(statement: dict[str, Any]) -> None:
        statement["entries"] = [
            {**statement["entries"][1], "balance": -25.0},
            {**statement["entries"][0], "balance": 75.0},
        ]

    said_otherwise = false_forms(two_decimals(statement_of_account_1()))
    return [
        *(case(name, one, raw, proof_of(one, raw), why) for name, (raw, why) in said_otherwise.items() for one in [with_statement(raw)]),
        entry("another amount", amount=10.0),
        entry("another side", side="credit"),
        entry("another balance", balance=65.0),
        entry("a day after the period", booking_date="2024-04-01"),
        entry("a day before the period", booking_date="2024-02-29"),
        entry("a position after the statement", position=6),
        entry("a position twice", position=3),
        told("entries in another order", "does not follow", swapped),
        told("another closing balance", "does not add up", lambda s: s.update(closing_balance=85.0)),
        told("another opening balance", "does not follow", lambda s: s.update(opening_balance=10.0)),
        told(
            "an opening balance of nothing",
            "nothing was booked before it",
            lambda s: s.update(opening_balance=75.0, entries=[]),
            closing=1,
        ),
        told(
            "an entry left out of a statement",
            "not that of the last entry",
            lambda s: s.update(entries=s["entries"][:1], closing_balance=100.0),
        ),
        told(
            "an entry that the log has otherwise",
            "not that of the last entry",
            lambda s: (
                s["entries"][1].update(amount=10.0, balance=90.0),
                s.update(closing_balance=90.0),
            ),
        ),
        told(
            "an entry that the log has on another day",
            "not that of the last entry",
            lambda s: s["entries"][1].update(booking_date="2024-03-02"),
        ),
        told(
            "no entries, and an end that moved",
            "not that of the last entry",
            lambda s: s.update(entries=[], closing_balance=0.0),
        ),
    ]  # fmt: skip


def form_cases(raw: bytes) -> list[Case]:
    log = with_statement(raw)
    right = proof_of(log, raw)
    form = "not of its form"
    return [
        case("no JSON", log, raw, b"{", form),
        case("a proof that is a list", log, raw, b"[]", form),
        case("a proof that is deep", log, raw, b"[" * 100_000, form),
        case("no checkpoint", log, raw, {**right, "checkpoint": {}}, form),
        case("a note that is a number", log, raw, {**right, "checkpoint": {"note": 1}}, form),
        case("a path that is loose", log, raw, {**right, "consistency": ["AA"]}, "Base64"),
        case("no statement", log, b"[]", right, "on which log it stands"),
        case("a statement on no log", log, b"{}", right, "on which log it stands"),
        case("a position in words", log, raw.replace(b'"position":5', b'"position":"5"', 1), right, "on which log"),
    ]  # fmt: skip
