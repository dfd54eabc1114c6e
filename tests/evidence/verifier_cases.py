"""What the verifier must say of logs that are right and of logs that are wrong: one table.

A case is a log as it is taken to the auditor (lines, checkpoints, keys) and the verdict: None where all
is right, else the first bad index and words of the reason. The table is run on the verifier, and on
every mutant of it, which must fail at least once.
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

from tests.evidence.made_logs import (
    LOG_KEY,
    ORIGIN,
    OTHER_SEED,
    SEED,
    TRIAL_BALANCE,
    WITNESS_KEY,
    Key,
    MadeLog,
    cash,
    compact,
    received,
    record,
    sent,
    small_bank,
    with_records,
    with_seal,
)

ORDER = 2**252 + 27742317777372353535851937790883648493


# Its signatures are never looked at, however false.
OF_ANOTHER_ALGORITHM = Key(ORIGIN, SEED, 6)


class Case(NamedTuple):
    name: str
    lines: list[bytes]
    checkpoints: list[bytes]
    wrong: tuple[int | None, str] | None = None
    keys: str = LOG_KEY.text
    witnesses: str | None = None
    statements: Sequence[bytes] = ()
    report: Mapping[str, Any] = MappingProxyType({})
    commands: Sequence[bytes] | None = None
    # The statement is checked by this alone, without the lines.
    proof: bytes | None = None


def outcome(verifier: ModuleType, case: Case) -> Any:
    """The report, or index and reason of what is wrong."""
    try:
        witnesses = verifier.read_keys(case.witnesses) if case.witnesses else None
        keys = verifier.read_keys(case.keys)
        if case.proof is not None:
            (statement,) = case.statements
            return verifier.check_proof(case.proof, statement, keys, witnesses, case.checkpoints)
        return verifier.verify(
            case.lines, case.checkpoints, keys, witnesses, case.statements, case.commands
        )
    except verifier.Wrong as wrong:
        return wrong.index, wrong.why


def failures(verifier: ModuleType, cases: list[Case]) -> Iterator[str]:
    """The cases of which the verifier says something else."""
    for case in cases:
        try:
            told = outcome(verifier, case)
        except Exception as error:  # noqa: BLE001 - a mutant may do anything
            yield f"{case.name}: {error!r}"
            continue
        if case.wrong is None:
            right = isinstance(told, dict) and case.report.items() <= told.items()
        else:
            right = (
                isinstance(told, tuple) and told[0] == case.wrong[0] and case.wrong[1] in told[1]
            )
        if not right:
            yield f"{case.name}: {told!r}"


def signed(
    name: str, log: MadeLog, wrong: tuple[int | None, str] | None = None, **more: Any
) -> Case:
    """A log as it stands, with a checkpoint over all of it."""
    return Case(name, log.lines(), [log.checkpoint()], wrong, **more)


def all_cases() -> list[Case]:
    return [
        *right_cases(),
        *tree_cases(),
        *checkpoint_cases(),
        *line_cases(),
        *event_cases(),
        *entry_cases(),
        *figure_cases(),
        *command_cases(),
    ]


def right_cases() -> list[Case]:
    log = small_bank()
    dollars = small_bank().add(
        "ledger-fx",
        "fx.bought.1",
        {},
        [1010, None, "D", 5, "USD"],
        [1110, None, "C", 5, "USD"],
        [1110, None, "D", 4, "EUR"],
        [1010, None, "C", 4, "EUR"],
    )
    whole_second = small_bank().add(
        "customer-1", "customer.registered.1", {}, recorded_at="2024-03-01T12:31:00Z"
    )
    whole_second.add(
        "customer-2", "customer.registered.1", {}, recorded_at="2024-03-01T12:31:00.000001Z"
    )
    stranger = Key("someone.else", OTHER_SEED)
    report = {
        "events": 5,
        "signed_events": 5,
        "unsigned_events": 0,
        "streams": 2,
        "balances": {"account-1": {"EUR": 7500}, "account-2": {"EUR": 2500}},
        "trial_balance": [
            {"ledger_account": account, "currency": currency, "debits": d, "credits": c}
            for account, currency, d, c in TRIAL_BALANCE
        ],
    }
    return [
        signed("the small bank", log, report=report),
        Case("with leaves", log.lines(with_leaves=True), [log.checkpoint()]),
        Case("every size", log.lines(), [log.checkpoint(size) for size in range(6)]),
        Case(
            "an end that is not signed",
            log.lines(),
            [log.checkpoint(3)],
            report={"unsigned_events": 2},
        ),
        Case("an unknown signature beside", log.lines(), [log.checkpoint(5, stranger, LOG_KEY)]),
        Case(
            "a second signature that is not known here",
            log.lines(),
            [log.checkpoint() + OF_ANOTHER_ALGORITHM.signature(bytes(2428)).encode()],
            keys=OF_ANOTHER_ALGORITHM.text + LOG_KEY.text,
        ),
        Case(
            "a witness",
            log.lines(),
            [log.checkpoint(5, LOG_KEY, WITNESS_KEY)],
            witnesses=WITNESS_KEY.text,
        ),
        Case(
            "keys with a comment",
            log.lines(),
            [log.checkpoint()],
            keys=f"# ours\n\n{stranger.text}{LOG_KEY.text}",
        ),
        signed(
            "a stream in capitals", small_bank().add("rate-plan-savings-EUR", "rate-plan.set.1", {})
        ),
        signed("two currencies", dollars),
        signed("an instant without a fraction", whole_second),
    ]


def tree_cases() -> list[Case]:
    log, forked = small_bank(), small_bank()
    forked.rows[1]["state"]["description"] = "another history"
    tail = log.lines()[:-1]
    return [
        Case(
            "a byte was changed",
            forked.lines(),
            [log.checkpoint()],
            (None, "the first 5 events are not those"),
        ),
        Case(
            "a byte was changed and its leaf is there",
            [
                *log.lines(with_leaves=True)[:1],
                forked.lines()[1].replace(
                    b',"state"', b',"leaf":"%b","state"' % log.leaves()[1].hex().encode()
                ),
                *log.lines()[2:],
            ],
            [log.checkpoint()],
            (2, "is not the one that the tree"),
        ),
        Case("the end is missing", tail[:4], [log.checkpoint()], (5, "its end is missing")),
        Case("nothing is there", [], [log.checkpoint()], (1, "its end is missing")),
        Case(
            "a fork",
            log.lines(),
            [log.checkpoint(), forked.checkpoint()],
            (None, "a forked history"),
        ),
        Case(
            "an older checkpoint of another history",
            log.lines(),
            [log.checkpoint(), forked.checkpoint(3)],
            (None, "the first 3 events are not those"),
        ),
        Case(
            "a newer checkpoint of another history",
            log.lines(),
            [log.checkpoint(1), forked.checkpoint()],
            (None, "the first 5 events"),
        ),
        Case("no checkpoint", log.lines(), [], (None, "none was given")),
        Case(
            "events in another order",
            [
                log.lines()[0].replace(b'"position":1', b'"position":2'),
                log.lines()[1].replace(b'"position":2', b'"position":1'),
            ],
            [log.checkpoint()],
            (1, "position 2 stands where 1 is due"),
        ),
    ]


def checkpoint_cases() -> list[Case]:
    log = small_bank()
    lines, good = log.lines(), log.checkpoint()
    digest = good.decode().split("\n")[2]
    other = Key(ORIGIN, OTHER_SEED)
    elsewhere = Key("other.example", SEED)
    line = good.decode().rpartition(" ")[2].strip()
    raw = base64.b64decode(line)
    scalar = int.from_bytes(raw[36:], "little") + ORDER
    flipped = raw[:20] + bytes([raw[20] ^ 1]) + raw[21:]

    def signature(changed: bytes) -> bytes:
        return good.replace(line.encode(), base64.b64encode(changed))

    def told(name: str, raw: bytes, why: str, **more: Any) -> Case:
        return Case(name, lines, [raw], (None, why), **more)

    def changed(name: str, old: str, new: str, why: str) -> Case:
        return told(name, log.checkpoint(change=lambda text: text.replace(old, new)), why)

    with_witness = log.checkpoint(5, LOG_KEY, WITNESS_KEY)
    later = WITNESS_KEY.line(good.decode().rpartition("\n\n")[0] + "\n", 1_800_000_000)
    stamp = base64.b64decode(later.split()[2])
    moved = stamp[:4] + (1_700_000_000).to_bytes(8, "big") + stamp[12:]
    return [
        told("another key", log.checkpoint(5, other), "not signed by a key of the log"),
        told(
            "a key of another name",
            log.checkpoint(5, elsewhere),
            "not signed by a key of the log",
            keys=elsewhere.text,
        ),
        told("a false signature", signature(flipped), "is false"),
        told(
            "a signature written another way",
            signature(raw[:36] + scalar.to_bytes(32, "little")),
            "is false",
        ),
        told("a long signature", signature(raw + b"\0"), "is false"),
        told(
            "a false signature beside a true one",
            good + LOG_KEY.signature(bytes(64)).encode(),
            "is false",
        ),
        told("a text that was changed", good.replace(b"\n5\n", b"\n4\n"), "is false"),
        told("no witness", good, "not signed by a witness", witnesses=WITNESS_KEY.text),
        told(
            "a witness alone",
            log.checkpoint(5, WITNESS_KEY),
            "not signed by a key of the log",
            keys=LOG_KEY.text + WITNESS_KEY.text,
        ),
        told(
            "a witness's time was moved",
            good + WITNESS_KEY.signature(moved[4:]).encode(),
            "is false",
            witnesses=WITNESS_KEY.text,
        ),
        told("a witness for another text", with_witness.replace(b"\n5\n", b"\n4\n"), "is false"),
        told("no empty line", good.replace(b"\n\n", b"\n"), "not a signed note"),
        told("no newline at the end", good[:-1], "not a signed note"),
        told("a line that is no signature", good + b"- bank x\n", "is not Base64"),
        told(
            "a hyphen for a dash",
            good + LOG_KEY.signature(bytes(64)).replace("—", "-").encode(),
            "no signature",
        ),
        told("not UTF-8", b"\xff" + good, "not UTF-8"),
        changed("a size with a zero before it", "\n5\n", "\n05\n", "no size"),
        changed(
            "a root of 31 bytes",
            base64.b64encode(base64.b64decode(good.split(b"\n")[2])).decode(),
            base64.b64encode(bytes(31)).decode(),
            "no root",
        ),
        changed(
            "a root in loose Base64", digest, digest[:-2] + chr(ord(digest[-2]) + 1) + "=", "Base64"
        ),
        changed("another instant", ".000005Z", ".000006Z", "names another instant"),
        changed("no instant", "recorded ", "written ", "no instant"),
        changed("an instant that is none", "2024-03-01T", "2024-02-30T", "is not an instant"),
        changed(
            "no fourth line", "recorded 2024-03-01T12:30:00.000005Z\n", "", "not a signed note"
        ),
        Case(
            "two logs",
            lines,
            [
                good,
                log.checkpoint(
                    3, Key("b.example", SEED), change=lambda text: text.replace(ORIGIN, "b.example")
                ),
            ],
            (None, "are two logs"),
            keys=LOG_KEY.text + Key("b.example", SEED).text,
        ),
        told("no key", good, "holds no key", keys="# none\n"),
        told("a key with a part missing", good, "is not a key", keys="bank+00000000\n"),
        told(
            "a key with another id",
            good,
            "is not a key",
            keys=LOG_KEY.text.replace(LOG_KEY.id.hex(), "00000000"),
        ),
        told(
            "a key of another algorithm", good, "no key that this", keys=Key(ORIGIN, SEED, 9).text
        ),
        told("a key that is too long", good, "is not a key", keys=_key_that_is_too_long()),
        told("a key that is no point", good, "not signed", keys=_key_that_is_no_point()),
    ]


def _key_that_is_too_long() -> str:
    raw = Key(ORIGIN, SEED).raw + b"\0"
    key_id = sha256(ORIGIN.encode() + b"\n" + raw).digest()[:4]
    return f"{ORIGIN}+{key_id.hex()}+{base64.b64encode(raw).decode()}\n"


def _key_that_is_no_point() -> str:
    key = Key(ORIGIN, SEED)
    raw = b"\x01" + b"\xff" * 32
    key_id = sha256(ORIGIN.encode() + b"\n" + raw).digest()[:4]
    return f"{key.name}+{key_id.hex()}+{base64.b64encode(raw).decode()}\n"


def line_cases() -> list[Case]:
    log = small_bank()
    lines = log.lines()

    def told(name: str, at: int, change: Callable[[bytes], bytes], why: str) -> Case:
        changed = [change(line) if number == at else line for number, line in enumerate(lines, 1)]
        return Case(name, changed, [log.checkpoint()], (at, why))

    form = "not that of an event"
    return [
        told("a blank in the line", 2, lambda line: line.replace(b',"version"', b', "version"'), form),
        told("a field more", 2, lambda line: line.replace(b',"version"', b',"x":1,"version"'), form),
        told("a line that goes on", 2, lambda line: line[:-1] + b"x\n", form),
        told("an empty line", 3, lambda line: b"\n", form),
        told("a leaf in capitals", 2, lambda line: line.replace(b',"state"', b',"leaf":"%b","state"' % (b"AB" * 32)), form),
        told("a position twice", 3, lambda line: line.replace(b'"position":3', b'"position":2'), "position 2 stands where 3"),
        told("a position left out", 3, lambda line: line.replace(b'"position":3', b'"position":4'), "position 4 stands where 3"),
        told("a version left out", 3, lambda line: line.replace(b'"version":2', b'"version":3'), "version 3 where 2 is due"),
        told("a version of many digits", 3, lambda line: line.replace(b'"version":2', b'"version":2' + b"0" * 30), "not of its form"),
        told("a version twice", 3, lambda line: line.replace(b'"version":2', b'"version":1'), "version 1 where 2 is due"),
        told("a stream that begins with its second event", 2, lambda line: line.replace(b'"version":1', b'"version":2'), "version 2 where 1 is due"),
        told("no JSON", 2, lambda line: line.replace(b'{"fact"', b'{fact'), "not JSON"),
        told("not UTF-8", 2, lambda line: line.replace(b"teller", b"\xff"), "not JSON"),
        told("a number with a fraction", 2, lambda line: line.replace(b'"balance":0', b'"balance":0.0'), "is not whole"),
        told("not a number", 2, lambda line: line.replace(b'"balance":0', b'"balance":NaN'), "is not whole"),
        told("a key twice", 2, lambda line: line.replace(b'"balance":0', b'"balance":1,"balance":0'), "the one form"),
        told("a blank in the state", 2, lambda line: line.replace(b'"balance":0', b'"balance": 0'), "the one form"),
        told("a letter written another way", 2, lambda line: line.replace(b"teller", b"\\u0074eller"), "the one form"),
    ]  # fmt: skip


def event_cases() -> list[Case]:
    def told(name: str, why: str, at: int = 6, **changed: Any) -> Case:
        log = small_bank().add("customer-1", "customer.registered.1", {}, **changed)
        return Case(name, log.lines(), [log.checkpoint(5)], (at, why))

    def without(field: str) -> Case:
        log = small_bank()
        checkpoint = log.checkpoint()
        del log.rows[2]["state"][field]
        return Case(f"without {field}", log.lines(), [checkpoint], (3, f"has no {field}"))

    return [
        *(
            without(field)
            for field in ("fact", "transaction_id", "booking_date", "value_date", "recorded_at")
        ),
        without("actor"),
        without("command_id"),
        told("nobody asked for it", "has no actor", actor=""),
        told("asked for under a number", "has no command_id", command_id=7),
        told("a day that is none", "is not a date", booking_date="2024-02-30"),
        told("a value date that is none", "is not a date", value_date="2024-02-30"),
        told("a day without zeros", "is not a date", booking_date="2024-3-1"),
        told("recorded at the same instant", "no later", recorded_at="2024-03-01T12:30:00.000005Z"),
        told("recorded earlier", "no later", recorded_at="2024-03-01T12:29:59.999999Z"),
        told("recorded earlier, without a fraction", "no later", recorded_at="2024-03-01T12:30:00Z"),
        told("an instant that is none", "not an instant", recorded_at="2024-03-01T25:30:00.000006Z"),
        told("an instant elsewhere", "not an instant", recorded_at="2024-03-01T12:30:00.000006+01:00"),
        told("a transaction that was over", "which is not open", transaction=3),
        told("a transaction to come", "which is not open", transaction=7),
        signed("a fact that is none", small_bank().add("customer-1", "x.1", [1]), (6, "the fact is not")),
    ]  # fmt: skip


def entry_cases() -> list[Case]:
    def told(name: str, why: str, *postings: Any) -> Case:
        log = small_bank().add("ledger-x", "x.1", {}, *postings)
        return signed(name, log, (6, why))

    def posting(**changed: Any) -> list[Any]:
        parts = {
            "account": 1010,
            "sub": None,
            "side": "D",
            "amount": 5,
            "currency": "EUR",
            **changed,
        }
        return [*parts.values()]

    good = [1110, None, "C", 5, "EUR"]
    no_list = small_bank().add("ledger-x", "x.1", {}, entry={"a": 1})
    return [
        told("one posting", "two postings or more", good),
        signed("an entry that is no list", no_list, (6, "two postings or more")),
        told("five and four", "does not balance", posting(amount=4), good),
        told("more debits", "does not balance", posting(amount=6), good),
        told("two currencies", "does not balance", posting(currency="USD"), good),
        told("two debits", "does not balance", posting(), posting(), good),
        told("nothing", "is not a posting", posting(amount=0), good),
        told("less than nothing", "is not a posting", posting(amount=-5, side="C"), good),
        told("an amount in words", "is not a posting", posting(amount="5"), good),
        told("an amount that is true", "is not a posting", posting(amount=True), good),
        told("a third side", "is not a posting", posting(side="X"), good),
        told("an account of three digits", "is not a posting", posting(account=999), good),
        told("an account in words", "is not a posting", posting(account="1010"), good),
        told("a currency in small letters", "is not a posting", posting(currency="eur"), good),
        told("a sub-account that is a number", "is not a posting", posting(sub=1), good),
        told("a posting of four parts", "five parts", posting()[:4], good),
    ]  # fmt: skip


def figure_cases() -> list[Case]:
    half = small_bank().add(
        "account-1",
        "account.transfer-sent.1",
        {"amount": 1, "balance": 7499},
        *sent("account-1", 1),
    )
    gone_on = small_bank().add(
        "account-1",
        "account.transfer-sent.1",
        {"amount": 1, "balance": 7499},
        *sent("account-1", 1),
    )
    gone_on.add(
        "account-2",
        "account.transfer-received.1",
        {"amount": 1, "balance": 2501},
        *received("account-2", 1),
    )
    more = small_bank().add(
        "account-1",
        "account.deposited.1",
        {"amount": 1, "balance": 7502},
        *cash("account-1", "C", 1),
    )
    unsaid = small_bank().add("ledger-x", "x.1", {}, *cash("account-2", "C", 1))
    unsaid.add("account-2", "account.frozen.1", {"balance": 2500})
    loan = small_bank().add(
        "loan-1",
        "loan.disbursed.1",
        {},
        [1210, "loan-1", "D", 9, "EUR"],
        [1010, None, "C", 9, "EUR"],
    )
    others = [[1010, "EUR", 10001, 0], *TRIAL_BALANCE[1:]]
    return [
        signed("money stays in transit", half, (None, "leaves -1 EUR in transit")),
        signed("money stays in transit between two transactions", gone_on, (7, "in transit")),
        signed("a balance that is not", more, (6, "is said to hold 7502, and holds 7501")),
        signed("a balance that was changed elsewhere", unsaid, (7, "is said to hold 2500, and holds 2501")),
        signed("a loan grows by debits", loan, report={"balances": {"account-1": {"EUR": 7500}, "account-2": {"EUR": 2500}, "loan-1": {"EUR": 9}}}),
        signed("a sealed month", with_seal(TRIAL_BALANCE), report={"sealed_periods": 1}),
        signed("a sealed month, and what came before the seal", with_seal(TRIAL_BALANCE, late=7)),
        signed("a seal with another figure", with_seal(others), (6, "is not that of the log")),
        signed("a seal with two lines of one account", with_seal([[1010, "EUR", 99, 0], *TRIAL_BALANCE]), (6, "is not that of the log")),
        signed("a seal that leaves an account out", with_seal(TRIAL_BALANCE[:2]), (6, "is not that of the log")),
        signed("a seal on an earlier position", with_seal(TRIAL_BALANCE, known_at=4), (6, "is not that of the log")),
        signed("a seal with another hash", with_seal(TRIAL_BALANCE, sha="0" * 64), (6, "has not the hash")),
        signed("a seal of no month", small_bank().add("ledger-periods", "period.sealed.1", {"period": "2024-13", "known_at": 5}), (6, "not of its form")),
    ]  # fmt: skip


def command_cases() -> list[Case]:
    log, records = with_records()
    refusal = record("key-7", None, status=422)

    def told(name: str, said: Sequence[Any], wrong: Any = None, **more: Any) -> Case:
        lines = [each if isinstance(each, bytes) else compact(each) + b"\n" for each in said]
        return signed(name, log, wrong, commands=lines, **more)

    def changed(field: str, value: Any) -> Case:
        altered = [records[0], {**records[1], field: value}, records[2]]
        return told(
            f"another {field} of a command", altered, (5, "line 2 of the commands is not what")
        )

    report = {"vouched_commands": 3, "refusals_without_event": 0}
    form = "is not that of one"
    return [
        told("requests and answers", records, report=report),
        told("requests and answers in another order", records[::-1], report=report),
        told("a refusal without an event", [*records, refusal], report={**report, "refusals_without_event": 1}),
        told("a command of later", [*records, record("key-9", 7)], report=report),
        signed("a log whose commands are not given", log, report={"events": 6}),
        changed("principal", "teller-4"),
        changed("key", "key-5"),
        changed("status", 200),
        changed("request", '{"call":"y"}'),
        changed("answer", '{"a":"z"}'),
        told("another position of a command", [records[0], {**records[1], "position": 4}, records[2]], (4, "line 2 of the commands")),
        told("a refusal that was changed", [*records[:2], {**records[2], "status": 404}], (6, "the record of the command of this event is missing")),
        told("a record that is missing", records[1:], (3, "the record of the command of this event is missing")),
        told("no record", [], (3, "is missing")),
        told("a record twice", [records[0], *records], (3, "line 2 of the commands is not what")),
        told("a record more", [*records, record("key-1", 1)], (1, "line 4 of the commands is not what")),
        told("a record of no form", [b"{}\n"], (None, form)),
        told("a record that is no JSON", [b"x"], (None, form)),
        told("a record in another form", [compact(records[0]).replace(b":3,", b": 3,")], (None, form)),
        told("a status that is none", [{**records[0], "status": "201"}], (None, form)),
        told("a position in words", [{**records[0], "position": "3"}], (None, form)),
    ]  # fmt: skip
