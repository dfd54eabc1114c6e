"""Evidence over HTTP: what is answered proves itself, with nothing of ours but the documented form."""

import asyncio
import base64
import json
from hashlib import sha256
from typing import Any

import pytest

from application.keyring import open_keyring
from application.users import NewUser, register_user, seal_user
from daybook import daybook_verify
from daybook.evidence.checkpoint_keys import CheckpointKeys
from daybook.evidence.signed_note import checked_checkpoint
from ledger.log_tree import check_consistency, check_inclusion
from tests.bank import Bank, ask
from tests.evidence.sealing import ORIGIN, as_superuser
from tests.running_api import Person, RunningApi


def raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def leaf_of(event: dict[str, Any]) -> bytes:
    """The hash of an event, by the documented form."""
    texts = [event[name].encode() for name in ("stream", "tag", "state")]
    numbers = event["position"].to_bytes(8, "big") + event["version"].to_bytes(8, "big")
    lengths = b"".join(len(text).to_bytes(4, "big") for text in texts)
    return sha256(b"\x00\x01" + numbers + lengths + b"".join(texts)).digest()


def signed(api: RunningApi, checkpoint: dict[str, Any]) -> None:
    keys = CheckpointKeys(api.keys.parent / "keys", origin=ORIGIN, now=0)
    said = checked_checkpoint(checkpoint["note"].encode(), keys.verifier_keys())
    assert (said.size, said.root) == (checkpoint["size"], raw(checkpoint["root"]))


@pytest.fixture(scope="module")
def auditor(api: RunningApi) -> Person:
    return api.person("auditor")


@pytest.fixture(scope="module")
def holder(api: RunningApi) -> Person:
    return api.person()


def test_the_answer_to_a_write_can_be_turned_into_its_proof(
    api: RunningApi, holder: Person
) -> None:
    account_id = api.account(holder)
    put = holder.post(f"/accounts/{account_id}/deposit", {"amount": 12.5}).json()

    proof = holder.get("/audit/proofs/inclusion", position=put["position"]).json()

    signed(api, proof["checkpoint"])
    assert json.loads(proof["event"]["state"])["fact"]["amount"] == 1250
    assert leaf_of(proof["event"]) == raw(proof["leaf_hash"])
    check_inclusion(
        raw(proof["leaf_hash"]),
        put["position"] - 1,
        proof["checkpoint"]["size"],
        raw(proof["checkpoint"]["root"]),
        [raw(each) for each in proof["path"]],
    )


def test_a_proof_under_an_older_checkpoint_is_given_too(
    api: RunningApi, auditor: Person, holder: Person
) -> None:
    account_id = api.account(holder, 1)
    old = auditor.get("/audit/checkpoints/latest").json()
    put = holder.post(f"/accounts/{account_id}/deposit", {"amount": 1}).json()
    new = auditor.get("/audit/proofs/inclusion", position=put["position"]).json()["checkpoint"]

    proof = auditor.get("/audit/proofs/inclusion", position=1, size=old["size"]).json()
    chain = auditor.get("/audit/proofs/consistency", **{"from": old["size"], "to": new["size"]})

    check_inclusion(
        raw(proof["leaf_hash"]), 0, old["size"], raw(old["root"]), [*map(raw, proof["path"])]
    )
    assert chain.json()["from"] == old
    assert chain.json()["to"] == new
    path = [raw(each) for each in chain.json()["path"]]
    check_consistency(old["size"], raw(old["root"]), new["size"], raw(new["root"]), path)
    listed = auditor.get("/audit/checkpoints", limit=200).json()
    assert old in listed
    assert new in listed


def test_the_log_is_read_in_pages_and_each_event_is_what_is_hashed(auditor: Person) -> None:
    first = auditor.get("/audit/log", limit=3)
    rest = auditor.get("/audit/log", after=2, limit=2).json()

    events = first.json()
    assert [event["position"] for event in events] == [1, 2, 3]
    assert rest[0] == events[2]
    assert all(leaf_of(event) == raw(event["leaf_hash"]) for event in events)
    assert int(first.headers["daybook-position"]) >= 3
    assert auditor.get("/audit/log", after=10**9).json() == []


def test_a_customer_proves_own_events_and_is_shown_no_others(
    api: RunningApi, holder: Person
) -> None:
    other, teller = api.person(), api.person("teller")
    mine, theirs = api.account(holder, 10), api.account(other)
    sent = {"source_account_id": mine, "destination_account_id": theirs, "amount": 1}
    done = holder.post("/transactions/create", sent).json()
    by_teller = teller.post(f"/accounts/{mine}/deposit", {"amount": 1}).json()
    first = done["transaction_id"]

    own = holder.get("/audit/proofs/inclusion", position=first).json()
    not_own = holder.get("/audit/proofs/inclusion", position=first + 1)
    received = other.get("/audit/proofs/inclusion", position=first + 1).json()
    booked = holder.get("/audit/proofs/inclusion", position=by_teller["position"]).json()

    assert own["event"]["stream"] == f"account-{mine}"
    assert (not_own.status_code, not_own.json()["code"]) == (404, "event-not-found")
    # Who sent it is another customer: shown to the staff, as the name of the teller is.
    assert received["event"] is None
    assert booked["event"] is None
    assert booked["path"]


def test_an_issued_statement_has_a_proof_that_its_bytes_were_issued(
    api: RunningApi, holder: Person
) -> None:
    account = f"/accounts/{api.account(holder, 10)}"
    period = {"from": "2026-01-01", "to": "2026-01-31"}
    issued = holder.post(f"{account}/statements", period).json()
    document = holder.get(f"/statements/{issued['statement_id']}").content

    proof = holder.get("/audit/proofs/inclusion", position=issued["position"]).json()
    stranger = api.person().get("/audit/proofs/inclusion", position=issued["position"])

    said = json.loads(proof["event"]["state"])["fact"]
    assert said["sha256"] == sha256(document).hexdigest() == issued["sha256"]
    assert leaf_of(proof["event"]) == raw(proof["leaf_hash"])
    signed(api, proof["checkpoint"])
    check_inclusion(
        raw(proof["leaf_hash"]),
        issued["position"] - 1,
        proof["checkpoint"]["size"],
        raw(proof["checkpoint"]["root"]),
        [raw(each) for each in proof["path"]],
    )
    assert stranger.status_code == 404


def verified(
    api: RunningApi, statement: bytes, proof: dict[str, Any], *held: dict[str, Any]
) -> Any:
    """What the auditor's own program says of the statement and its proof, offline."""
    keys = CheckpointKeys(api.keys.parent / "keys", origin=ORIGIN, now=0).verifier_keys()
    return daybook_verify.check_proof(
        json.dumps(proof).encode(),
        statement,
        daybook_verify.read_keys("\n".join(map(str, keys))),
        None,
        [each["note"].encode() for each in held],
    )


def test_a_statement_is_proved_without_the_log(
    api: RunningApi, auditor: Person, holder: Person
) -> None:
    teller = api.person("teller")
    account_id = api.account(holder, 10)
    late = {"amount": 5, "booking_date": "2026-01-20", "reason": "found"}
    teller.post(f"/accounts/{account_id}/deposit", late)
    account = f"/accounts/{account_id}"
    january = {"from": "2026-01-01", "to": "2026-01-31"}
    february = {"from": "2026-02-01", "to": "2026-02-28"}
    before = {"from": "2025-12-01", "to": "2025-12-31"}
    for period, carried in ((january, False), (february, False), (before, True)):
        issued = holder.post(f"{account}/statements", period).json()
        document = auditor.get(f"/statements/{issued['statement_id']}").content
        # The log grows: the way from the statement to the checkpoint gets longer.
        holder.post(f"{account}/deposit", {"amount": 1})
        auditor.get("/audit/proofs/inclusion", position=issued["position"] + 1)

        proof = auditor.get(f"/statements/{issued['statement_id']}/proof").json()
        told = verified(api, document, proof, proof["checkpoint"])

        assert told["statement"] == f"{issued['number']} of account-{account_id}"
        assert told["sha256"] == issued["sha256"] == proof["sha256"]
        assert told["position"] == issued["known_at"] < told["signed_events"]
        assert told["opening_balance_carried"] == (period != february)
        assert told["closing_balance_carried"] == carried
        with pytest.raises(daybook_verify.Wrong, match="event of issue is not that"):
            verified(api, document.replace(b'"EUR"', b'"USD"', 1), proof)


def test_a_statement_is_proved_under_the_checkpoint_that_is_held(
    api: RunningApi, auditor: Person, holder: Person
) -> None:
    account_id = api.account(holder, 10)
    period = {"from": "2026-01-01", "to": "2026-01-31"}
    issued = holder.post(f"/accounts/{account_id}/statements", period).json()
    path = f"/statements/{issued['statement_id']}"
    document = holder.get(path).content
    held = auditor.get(f"{path}/proof").json()["checkpoint"]
    deposit = holder.post(f"/accounts/{account_id}/deposit", {"amount": 1}).json()
    newest = auditor.get("/audit/proofs/inclusion", position=deposit["position"]).json()

    proof = holder.get(f"{path}/proof", size=held["size"]).json()
    newer = holder.get(f"{path}/proof").json()
    too_old = holder.get(f"{path}/proof", size=issued["position"] - 1)
    stranger = api.person().get(f"{path}/proof")

    assert verified(api, document, proof, held)["signed_events"] == held["size"]
    assert newer["checkpoint"]["size"] >= newest["checkpoint"]["size"] > held["size"]
    with pytest.raises(daybook_verify.Wrong, match="is held"):
        verified(api, document, newer, held)
    assert (too_old.status_code, too_old.json()["code"]) == (400, "parameter-refused")
    assert stranger.status_code == 404


def test_a_holder_is_not_shown_who_booked_it_in_a_proof(
    api: RunningApi, auditor: Person, holder: Person
) -> None:
    account_id = api.account(holder)
    booked = {"amount": 5, "booking_date": "2026-01-20", "reason": "found"}
    api.person("teller").post(f"/accounts/{account_id}/deposit", booked)
    period = {"from": "2026-01-01", "to": "2026-01-31"}
    issued = holder.post(f"/accounts/{account_id}/statements", period).json()
    path = f"/statements/{issued['statement_id']}/proof"

    theirs, hers = holder.get(path).json(), auditor.get(path).json()

    assert theirs["closing"]["event"] is None
    assert theirs["issued"]["event"]["tag"] == "statement.issued.1"
    assert hers["closing"]["event"]["tag"] == "account.deposited.1"
    assert hers["closing"]["leaf_hash"] == theirs["closing"]["leaf_hash"]
    with pytest.raises(daybook_verify.Wrong, match="hides an event"):
        verified(api, holder.get(f"/statements/{issued['statement_id']}").content, theirs)


def test_a_transaction_is_explained_from_the_request_to_the_proof(
    api: RunningApi, auditor: Person, holder: Person
) -> None:
    mine, savings = api.account(holder, 10), api.account(holder)
    sent = {"source_account_id": mine, "destination_account_id": savings, "amount": 2.5}
    done = holder.post("/v1/transactions/create", sent, key="rent-of-may").json()

    told = auditor.get(f"/audit/explain/{done['transaction_id']}").json()

    assert told["actor"] == f"user-{holder.user_id}"
    assert told["idempotency_key"] == "rent-of-may"
    assert told["request"]["amount"] == "2.5"
    assert told["answer_status"] == 201
    assert told["answer"]["transaction_id"] == done["transaction_id"]
    assert [event["stream"] for event in told["events"]] == [
        f"account-{mine}",
        f"account-{savings}",
    ]
    assert [posting["side"] for posting in told["events"][0]["entry"]] == ["debit", "credit"]
    assert [posting["amount"] for posting in told["events"][0]["entry"]] == [2.5, 2.5]
    signed(api, told["checkpoint"])
    for event in told["events"]:
        check_inclusion(
            leaf_of(event),
            event["position"] - 1,
            told["checkpoint"]["size"],
            raw(told["checkpoint"]["root"]),
            [raw(each) for each in event["path"]],
        )


@pytest.mark.parametrize(
    "change",
    [
        "request = convert_to(replace(convert_from(request, 'UTF8'), '2.5', '1.5'), 'UTF8')",
        "answer = convert_to(replace(convert_from(answer, 'UTF8'), '2.50', '1.50'), 'UTF8')",
        "status = 200",
        "position = position - 1",
    ],
)
def test_what_was_asked_is_shown_with_whether_the_log_vouches_for_it(
    api: RunningApi, auditor: Person, holder: Person, change: str
) -> None:
    mine, savings = api.account(holder, 10), api.account(holder)
    sent = {"source_account_id": mine, "destination_account_id": savings, "amount": 2.5}
    key = f"rent-but-{change.partition(' ')[0]}"
    done = holder.post("/v1/transactions/create", sent, key=key).json()
    path = f"/audit/explain/{done['transaction_id']}"

    before = auditor.get(path).json()
    as_superuser(api.conninfo, f"UPDATE commands SET {change} WHERE key = '{key}'")
    after = auditor.get(path)

    assert before["command_agrees"] is True
    assert after.status_code == 200
    assert after.json()["command_agrees"] is False
    # The books do not rest on it: all else is as it was, and proved.
    said = {"request", "answer", "answer_status", "command_agrees", "checkpoint"}
    for name in before.keys() - said - {"events"}:
        assert after.json()[name] == before[name]
    assert [e["leaf_hash"] for e in after.json()["events"]] == [
        e["leaf_hash"] for e in before["events"]
    ]


def test_a_record_that_was_taken_away_is_missing_in_the_explanation(
    api: RunningApi, auditor: Person, holder: Person
) -> None:
    account_id = api.account(holder)
    put = holder.post(f"/accounts/{account_id}/deposit", {"amount": 1}, key="taken-away").json()
    as_superuser(api.conninfo, "DELETE FROM commands WHERE key = 'taken-away'")

    told = auditor.get(f"/audit/explain/{put['transaction_id']}").json()

    assert (told["command_agrees"], told["request"], told["answer"]) == (None, None, None)
    assert told["events"]


def test_the_log_vouches_for_what_is_asked_by_all_kinds_of_callers(
    api: RunningApi, auditor: Person, holder: Person
) -> None:
    account_id = api.account(holder)
    holder.post(f"/accounts/{account_id}/withdraw", {"amount": 100})  # refused, which is an event
    api.person("teller").get(f"/accounts/{account_id}/balance")
    # Two transactions of one command: the person, and that a member of staff was added.
    new = NewUser(900, "tess", "tess@example.org", "teller", "!")
    keyring = open_keyring(api.conninfo, None, api.keys.parent)
    added = register_user(
        seal_user(new, keyring),
        key=None,
        principal="operator",
        answer=ask().answer,
        refuse=ask().refuse,
    )
    with Bank(api.conninfo) as bank:
        last = bank.submit(added).position
    assert last is not None
    assert auditor.get("/audit/proofs/inclusion", position=last).status_code == 200

    told = [auditor.get(f"/audit/explain/{n}") for n in (*range(1, 40), last - 1, last)]

    found = [answer.json() for answer in told if answer.status_code == 200]
    assert len({event["tag"] for each in found for event in each["events"]}) >= 5
    assert [each["transaction_id"] for each in found[-2:]] == [last - 1, last]
    assert {each["command_agrees"] for each in found} == {True}


def test_who_agreed_is_in_the_explanation(api: RunningApi, auditor: Person) -> None:
    one, other = api.person("compliance"), api.person("compliance")
    one.post("/v1/ledger/periods/2025-11/close", {"reason": "all is in"})
    closed = other.post("/v1/ledger/periods/2025-11/close").json()

    told = auditor.get(f"/audit/explain/{closed['position']}").json()

    assert told["approvals"] == {
        "maker": f"compliance-{one.user_id}",
        "checker": f"compliance-{other.user_id}",
    }
    assert told["request"]["call"] == "periods/close"


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("/audit/proofs/inclusion", {}, 400, "parameter-refused"),
        ("/audit/proofs/inclusion", {"position": "0"}, 400, "parameter-refused"),
        ("/audit/proofs/inclusion", {"position": "1e3"}, 400, "parameter-refused"),
        ("/audit/proofs/inclusion", {"position": 10**9}, 404, "event-not-found"),
        ("/audit/proofs/inclusion", {"position": 5, "size": 4}, 400, "parameter-refused"),
        ("/audit/proofs/inclusion", {"position": 1, "size": 10**9}, 404, "no-such-checkpoint"),
        ("/audit/proofs/consistency", {"from": 10**9}, 404, "no-such-checkpoint"),
        ("/audit/log", {"after": "-1"}, 400, "parameter-refused"),
        ("/audit/log", {"limit": 201}, 400, "parameter-refused"),
        ("/audit/explain/999999999", {}, 404, "transaction-not-found"),
    ],
)
def test_what_is_not_there_is_said(
    api: RunningApi,
    auditor: Person,
    holder: Person,
    path: str,
    params: dict[str, Any],
    status: int,
    code: str,
) -> None:
    api.account(holder, 1)

    answer = auditor.get(path, **params)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_event_that_was_changed_is_not_proved(
    api: RunningApi, auditor: Person, holder: Person
) -> None:
    account_id = api.account(holder, 1)
    put = holder.post(f"/accounts/{account_id}/deposit", {"amount": 7}).json()
    position = put["position"]
    assert auditor.get("/audit/proofs/inclusion", position=position).status_code == 200

    change = (
        "UPDATE daybook_events SET state = convert_to(replace(convert_from(state, 'UTF8'),"
        f" '\"amount\":{{}}', '\"amount\":{{}}'), 'UTF8') WHERE notification_id = {position}"
    )
    as_superuser(api.conninfo, change.format(700, 701))
    answer = auditor.get("/audit/proofs/inclusion", position=position)
    as_superuser(api.conninfo, change.format(701, 700))

    assert (answer.status_code, answer.json()["code"]) == (500, "tree-damaged")
    assert "7" not in answer.json()["detail"]
    assert auditor.get("/audit/proofs/inclusion", position=position).status_code == 200


def test_every_answer_in_a_crowd_has_its_proof(api: RunningApi, holder: Person) -> None:
    account_id = api.account(holder, 100)
    positions = [
        holder.post(f"/accounts/{account_id}/deposit", {"amount": 1}).json()["position"]
        for _ in range(20)
    ]

    async def all_of_them() -> list[int]:
        asked = [
            asyncio.to_thread(holder.get, "/audit/proofs/inclusion", position=position)
            for position in positions
        ]
        return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert asyncio.run(all_of_them()) == [200] * 20
