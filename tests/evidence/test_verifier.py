"""The verifier: right where all is right, and the first bad index where not; and so are no mutants of it."""

import ast
import functools
import inspect
import json
import subprocess
import sys
import types
from hashlib import sha512
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from daybook import daybook_verify
from tests.evidence.made_logs import LOG_KEY, small_bank, statement_of_account_1, two_decimals
from tests.evidence.proof_cases import proof_cases
from tests.evidence.statement_cases import statement_cases
from tests.evidence.verifier_cases import all_cases, failures

SOURCE = Path(daybook_verify.__file__)
CASES = [*all_cases(), *statement_cases(), *proof_cases()]

# Published test vectors of RFC 8032, section 7.1: secret key, message.
VECTORS = [
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", ""),
    ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72"),
    ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "af82"),
]
SIGNATURES = [
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
]

# Faults sown into the verifier: what stands there, and what is put in its place.
FAULTS = [
    ("pack(\n        0, ENCODING_VERSION, position,", "pack(\n        0, ENCODING_VERSION, 1,"),
    ("position, version, len(stream)", "position, 1, len(stream)"),
    ("numbers + stream + tag + state", "numbers + stream + state + tag"),
    ('b"\\x01" + self.peaks.pop() + leaf', 'b"\\x00" + self.peaks.pop() + leaf'),
    ('b"\\x01" + peak + root', 'b"\\x01" + root + peak'),
    ('if tree.root() != checkpoint["root"]:', "if False:"),
    ('one["root"] != other["root"]', "False"),
    ('one["origin"] != other["origin"]', "False"),
    ("    if waiting:\n", "    if False:\n"),
    ("    if not signed:\n", "    if False:\n"),
    ("if (lines[0], ED25519) not in signers:", "if not signers:"),
    ("if not is_signed(public, signature, message):", "if False:"),
    ("if witnesses and not any(", "if False and not any("),
    ('b"cosignature/v1\\ntime %d\\n" % seconds + message', "message"),
    ("scalar >= ORDER", "False"),
    ("if len(public) != 32 or len(signature) != 64:", "if False:"),
    ("if base64.b64encode(raw).decode() != text:", "if False:"),
    ("key_id != expected.hex()", "False"),
    ("if raw[0] in (ED25519, COSIGNATURE):", "if True:"),
    ("            if len(raw) != 33:\n", "            if False:\n"),
    ("instant_of(checkpoint[\"recorded\"]) != books.recorded", "False"),
    ("if place != position:", "if False:"),
    ("if leaf is not None and digest.hex().encode() != leaf:", "if False:"),
    ("if version != known + 1:", "if version <= known:"),
    ("if version != known + 1:", "if version > known + 1:"),
    ("if recorded <= self.recorded:", "if recorded < self.recorded:"),
    ("if recorded <= self.recorded:", "if False:"),
    ('text[:-1] if "." in text else text[:-1] + ".000000"', "text"),
    ("datetime.date.fromisoformat(text)", "pass"),
    ("datetime.datetime.fromisoformat(text[:-1])", "pass"),
    ("elif transaction != self.transaction:", "elif False:"),
    ("            self.end_transaction()\n        elif", "            pass\n        elif"),
    ("    books.end_transaction()\n", "    pass\n"),
    ("    if not same:\n", "    if False:\n"),
    ("parse_float=no_float, ", ""),
    ("parse_constant=no_float", "parse_int=int"),
    ("or len(entry) == 1", ""),
    ("or amount <= 0", "or amount < 0"),
    ("or amount <= 0", "or amount == 0"),
    ("type(amount) is not int", "not isinstance(amount, int)"),
    ('or side not in ("D", "C")', ""),
    ("or not 1000 <= account <= 9999", ""),
    ("or not CURRENCY.fullmatch(currency)", ""),
    ("        if difference:\n", "        if difference > 0:\n"),
    ("        if difference:\n", "        if difference < 0:\n"),
    ("net[currency] = net.get(currency, 0)", 'net["X"] = net.get("X", 0)'),
    ('if fact["balance"] != derived:', "if False:"),
    ("if account // 1000 in (1, 5)", "if False"),
    ("(account // 1000 in (1, 5)) else", "True else"),
    ('!= seal["sha256"]:', "!= seal[\"sha256\"] and False:"),
    ("or said != {k: sums", "or False and said != {k: sums"),
    ("if len(said) != len(lines) or", "if"),
    ('if position <= seal["known_at"]:', "if True:"),
    ('                    found[account, currency][side == "C"] -= amount\n', "                    pass\n"),
    ("    if known is None:\n        raise Wrong(\"the bank", "    if False:\n        raise Wrong(\"the bank"),
    ("if account_stated(stream) != story.account:", "if False:"),
    ("    if made != raw:\n", "    if False:\n"),
    ("if text_of(one) != text_of(other):", "if one != other:"),
    ("itertools.zip_longest(said, made)", "zip(said, made)"),
    ("for name in {**made, **said}", "for name in made"),
    ("if position > self.until:", "if False:"),
    ("if position == self.until:", "if position <= 3:"),
    ("line[2] for line in story.lines if line[0] < first", "line[2] for line in story.lines if line[0] <= first"),
    ("line[2] for line in story.lines if line[0] <= last", "line[2] for line in story.lines"),
    ("for line in self.lines if first <= line[0] <= last", "for line in self.lines if first <= line[0]"),
    ("for line in self.lines if first <= line[0] <= last", "for line in self.lines if line[0] <= last"),
    ("limit for _, booked, limit in story.limits if booked <= last", "limit for _, booked, limit in story.limits"),
    ("self.labels.get(\n", "{}.get(\n"),
    ('said["fact"], said["state"] = fact, state', 'said["fact"], said["state"] = {}, state'),
    ('if "kind" not in said:', "if True:"),
    ('self.open = {"recorded_at"', 'self.open = {"others"'),
    ("if each != own]", "]"),
    ("None if MADE_HERE.fullmatch(key) else key", "key"),
    ('fact.get("amount", state["entry"][0][3])', "0"),
    ('"side": "credit" if amount > 0 else "debit"', '"side": "credit"'),
    ("abs(amount)", "amount"),
    ("            balance += amount\n            said = self", "            said = self"),
    ('if tag in PAYING and self.settled[1] == position - 1:', "if False:"),
    ("if booked <= last)\n", ")\n"),
    ('hold["booked"] <= last < hold["ended"]', 'hold["booked"] <= last'),
    ('hold["booked"] <= last < hold["ended"]', 'last < hold["ended"]'),
    (" and not over:", ":"),
    ("fromisoformat(expires) <= end", "fromisoformat(expires[:19] + 'Z') <= end"),
    ('(tag == "account.hold-settled.1" and not left)', 'tag == "account.hold-settled.1"'),
    ('elif tag == "account.hold-released.1" or', "elif"),
    ('"description": description or payee', '"description": description'),
    ('"description": description or payee', '"description": payee'),
    ('taken["credits"] - taken["debits"]', 'taken["debits"]'),
    ("name is None, name or", "name is not None, name or"),
    ("- held + limit,", "+ limit,"),
    ("- held + limit,", "- held,"),
    ('return amount if entry["side"] == "credit" else -amount', "return amount"),
    ('if amount <= 0 or entry["side"] not in ("credit", "debit"):', "if amount <= 0:"),
    ("if amount <= 0 or entry", "if entry"),
    ("if type(amount) in (int, Decimal):", "if True:"),
    ("if str(amount) == str(amount_of(minor, decimals)):", "if True:"),
    ("if any(p[4] != currency for p in moved):", "if False:"),
    ("        same = text_of(said).encode() == statement", "        same = True"),
    ('if type(said["account"]["account_id"]) is int:', "if True:"),
    ("    struct.error,\n", ""),
    ("if type(state.get(name)) is not str or not state[name]:", "if name not in state:"),
    ('b"\\x01" + left + right', 'b"\\x01" + right + left'),
    ("        if number & 1 or number == last:\n            digest", "        if number & 1:\n            digest"),
    ("        if number & 1 or number == last:\n            before", "        if number & 1:\n            before"),
    ("            while not number & 1 and number:\n                number, last = number >> 1, last >> 1\n        else:\n            digest", "        else:\n            digest"),
    ("            while not number & 1 and number:\n                number, last = number >> 1, last >> 1\n        else:\n            after", "        else:\n            after"),
    ("if not last and digest == root:", "if not last:"),
    ("if not 0 <= number < size:", "if False:"),
    ("if not 0 < old <= size:", "if False:"),
    ("list(path) if old & (old - 1) else", "list(path) if False else"),
    ("if not hashes or any(len(digest) != 32 for digest in hashes):", "if not hashes:"),
    ("before == old_root and after == root", "before == old_root"),
    ("before == old_root and after == root", "after == root"),
    ("    while number & 1:\n        number, last = number >> 1, last >> 1\n", ""),
    ("check_order(sorted([checkpoint, *others], key=lambda c: c[\"size\"]))", "pass"),
    ("if others and checkpoint[\"size\"] not in [other[\"size\"] for other in others]:", "if False:"),
    ("fact[\"sha256\"], fact[\"known_at\"]", "sha256(statement).hexdigest(), fact[\"known_at\"]"),
    ("fact[\"number\"], fact[\"sha256\"]", "said[\"number\"], fact[\"sha256\"]"),
    ("fact[\"known_at\"]\n", "position\n"),
    ("event[\"stream\"], event[\"tag\"]", "account.replace(\"account-\", \"statements-\"), event[\"tag\"]"),
    ("minor_units(entry[\"balance\"], decimals) != balance\n", "False\n"),
    ("or place <= before\n", "\n"),
    ("or place[1] > said[\"position\"]\n", "\n"),
    ("or not said[\"booked_from\"] <= place[0] <= said[\"booked_to\"]", ""),
    ("    if minor_units(said[\"closing_balance\"], decimals) != balance:\n        raise Wrong(\"the", "    if False:\n        raise Wrong(\"the"),
    ("event[\"stream\"] != account or places", "places"),
    ("or places[end] > position:", ":"),
    ("booked < day if end == \"opening\" else booked <= day", "booked <= day"),
    ("booked < day if end == \"opening\" else booked <= day", "end != \"opening\" or booked < day"),
    ("if moved[end] is None and event[\"version\"] != 1:", "if False:"),
    ("if moved[\"opening\"] is None and balances[\"opening\"]:", "if False:"),
    ("ends_well = places[\"closing\"] == places[\"opening\"]", "ends_well = True"),
    ("== (last[\"position\"], amount)", "== (places[\"closing\"], amount)"),
    ("== (last[\"position\"], amount)", "== (last[\"position\"], moved[\"closing\"])"),
    ("ends_well and state[\"booking_date\"] == last[\"booking_date\"]", "ends_well"),
    ("== (account // 1000 in (1, 5))", "!= (account // 1000 in (1, 5))"),
    ("if event is None:", "if False:"),
    ("        elif position <= events:", "        elif False:"),
    ("    if vouched:\n", "    if False:\n"),
    ("vouched.pop(command_hash(said), None)", "vouched.get(command_hash(said))"),
    ("        elif position is None:\n            refused", "        elif True:\n            refused"),
    ("str(status), str(position),", "str(position),"),
    ("str(status), str(position),", "str(status),"),
    ('(said["principal"], said["key"], ', '(said["key"], '),
    ('(said["principal"], said["key"], ', '(said["principal"], '),
    (', *texts, said["answer"])', ", *texts)"),
    ('str(position), said["request"])', "str(position))"),
    ("if type(status) is not int or type(position) is not int:", "if False:"),
    ("            said = read_state(line.rstrip(b\"\\n\"))", "            said = json.loads(line)"),
]  # fmt: skip


is_signed_once = functools.cache(daybook_verify.is_signed)


def mutant(old: str, new: str) -> types.ModuleType:
    source = SOURCE.read_text()
    assert old in source, f"the verifier does not say {old!r} any more"
    module = types.ModuleType("mutant")
    exec(compile(source.replace(old, new), "mutant", "exec"), module.__dict__)  # noqa: S102 - a mutant
    if old not in inspect.getsource(daybook_verify.is_signed):
        # Signatures take most of the time, and the fault is elsewhere.
        vars(module)["is_signed"] = is_signed_once
    return module


def test_every_case_is_told_right() -> None:
    assert list(failures(daybook_verify, CASES)) == []
    assert len(CASES) > 100


@pytest.mark.parametrize(("old", "new"), FAULTS)
def test_a_verifier_with_a_fault_is_caught(old: str, new: str) -> None:
    assert next(failures(mutant(old, new), CASES), None) is not None


def test_the_verifier_imports_nothing_but_the_standard_library() -> None:
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(SOURCE.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize(("vector", "signature"), [*zip(VECTORS, SIGNATURES, strict=True)])
def test_the_published_signatures_verify(vector: tuple[str, str], signature: str) -> None:
    seed, message = bytes.fromhex(vector[0]), bytes.fromhex(vector[1])
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()

    assert daybook_verify.is_signed(public, bytes.fromhex(signature), message)
    assert not daybook_verify.is_signed(public, bytes.fromhex(signature), message + b"\0")


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40), st.integers(0, 511))
def test_signatures_are_told_apart_as_another_library_tells_them(
    seed: bytes, message: bytes, bit: int
) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(message)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8

    assert daybook_verify.is_signed(public, signature, message)
    assert not daybook_verify.is_signed(public, bytes(flipped), message)


def test_a_key_that_is_no_point_signs_nothing() -> None:
    # y = 2 is not on the curve; y = p + 1 is 1, written another way; x = 0 has no odd form.
    for raw in (2, 2**255 - 18, 1 | 1 << 255):
        assert daybook_verify.point_of(raw.to_bytes(32, "little")) is None
    assert daybook_verify.point_of((1).to_bytes(32, "little")) == (0, 1, 1, 0)
    assert len(sha512(b"").digest()) == 64


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """As the auditor runs it: a bare Python that sees nothing of ours, in a folder of her own."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def taken_away(tmp_path: Path) -> Path:
    """What an auditor has: the verifier, the log, a checkpoint and the key."""
    log = small_bank()
    (tmp_path / "verify.py").write_bytes(SOURCE.read_bytes())
    (tmp_path / "log.jsonl").write_bytes(b"".join(log.lines()))
    (tmp_path / "checkpoint").write_bytes(log.checkpoint())
    (tmp_path / "key").write_text(LOG_KEY.text)
    (tmp_path / "statement").write_bytes(two_decimals(statement_of_account_1()))
    return tmp_path


def test_it_runs_alone_and_says_what_it_found(taken_away: Path) -> None:
    asked = ("log.jsonl", "--checkpoint", "checkpoint", "--key", "key")

    right, as_json = run(taken_away, *asked), run(taken_away, *asked, "--json")
    log = taken_away / "log.jsonl"
    log.write_bytes(
        log.read_bytes().replace(b'"amount":2500,"balance":7500', b'"amount":2500,"balance":7501')
    )
    wrong, wrong_json = run(taken_away, *asked), run(taken_away, *asked, "--json")
    false_statement = run(taken_away, *asked, "--statement", "statement")
    missing = run(taken_away, "nowhere", *asked[1:])
    unheld = run(taken_away, "log.jsonl", "--key", "key")

    assert (right.returncode, right.stderr) == (0, "")
    assert right.stdout.startswith("RIGHT: 5 events of bank.example/ledger")
    assert json.loads(as_json.stdout)["balances"]["account-1"] == {"EUR": 7500}
    assert wrong.returncode == wrong_json.returncode == false_statement.returncode == 1
    assert wrong.stdout.startswith("WRONG at position 4: account-1 is said to hold 7501")
    assert json.loads(wrong_json.stdout)["first_bad_index"] == 4
    assert missing.returncode == 2
    assert "cannot be verified" in missing.stderr
    assert (unheld.returncode, unheld.stdout[:13]) == (1, "NOT CHECKED: ")
