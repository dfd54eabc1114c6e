"""What the API writes is replayed from its first event: every kind of stream, to its newest version."""

import psycopg

from application.replay import replay
from domain.labels import Labels
from domain.periods import Periods
from domain.statement import Statements
from tests.bank import read_log
from tests.running_api import RunningApi


def test_every_kind_of_stream_is_folded_to_where_the_writer_left_it(api: RunningApi) -> None:
    holder, one, other = api.person(), api.person("compliance"), api.person("admin")
    account_id = api.account(holder)
    account = f"/v1/accounts/{account_id}"
    put = holder.post(f"{account}/deposit", {"amount": 10}).json()
    held = holder.post(f"{account}/holds", {"amount": 5}).json()
    holder.post(f"/v1/holds/{held['hold_id']}/settle", {"amount": 2, "keep_rest": True})
    holder.put(f"/v1/transactions/{put['transaction_id']}/category", {"category": "pay"})
    period = {"from": "2026-01-01", "to": "2026-01-31"}
    for _ in range(2):
        assert holder.post(f"{account}/statements", period).status_code == 201
    for person in (one, other):
        person.post("/v1/ledger/periods/2026-01/close")

    with psycopg.connect(api.conninfo) as connection:
        replayed = replay(connection)

    log = read_log(api.conninfo)
    assert {stream: state.version for stream, state in replayed.states.items()} == {
        recorded.originator_id: recorded.originator_version for recorded in log
    }
    assert replayed.states[f"statements-{account_id}"] == Statements(account_id, 2)
    label = replayed.states[f"transaction-{put['transaction_id']}"]
    assert isinstance(label, Labels)
    assert label.category == "pay"
    periods = replayed.states["ledger-periods"]
    assert isinstance(periods, Periods)
    assert (periods.closed, periods.sealed) == (("2026-01",), ("2026-01",))
    assert replayed.states[f"account-{account_id}"].balance == 800  # type: ignore[attr-defined]
