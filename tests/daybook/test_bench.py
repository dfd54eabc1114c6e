"""Every measurement of the bench runs, on a small bank, and its figures can be believed.

Nothing here looks at how fast anything was: that is what the bench itself is for.
"""

import asyncio
import datetime as dt
import gzip
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daybook.bench.figures import TPC_B, Measured, Results, Scale, percentile_ms
from daybook.bench.http_client import Load, Requests, Sent, send
from daybook.bench.over_http import BATCH_SIZE, batch_requests, transfer_requests
from daybook.bench.processes import BenchError
from daybook.bench.report import page, table
from daybook.bench.run import bench, berka_folder
from daybook.bench.targets import TARGETS, is_met
from daybook.bench.workload import HOLDERS, draw, holder_of, ring
from daybook.berka_files import BerkaError
from daybook.settings import read_settings

TINY = Scale(
    accounts=100,
    past_transfers=300,
    rounds=1,
    seconds=1.0,  # on a busy machine less is not enough for one answer
    in_flight=(8, 32),
    connections=(1, 64),
    readings=20,
    histories=(2_000, 4_000),
    loans=60,
    pgbench_scale=1,
    pgbench_seconds=1,
)
BERKA = {
    "client": ["client_id,birth_number,district_id", "1,706213,18"],
    "account": ["account_id,district_id,frequency,date", "576,55,POPLATEK MESICNE,930101"],
    "disp": ["disp_id,client_id,account_id,type", "1,1,576,OWNER"],
    "trans": [
        "trans_id,account_id,date,type,operation,amount,balance,k_symbol,bank,account",
        "11,576,1993-01-01,PRIJEM,VKLAD,900.00,900.00,,,",
        "12,576,1993-01-11,VYDAJ,VYBER,100.00,800.00,,,",
    ],
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """One whole run: a server of its own, pgbench, writers, projector, API, rebuild, import."""
    folder = tmp_path_factory.mktemp("bench")
    berka = folder / "berka"
    berka.mkdir()
    for name, lines in BERKA.items():
        (berka / f"{name}.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))
    settings = read_settings({"DAYBOOK_DATA": str(folder / "data"), "DAYBOOK_ENV": "test"})
    return bench(settings, TINY, berka)


def test_every_item_is_measured_and_every_figure_is_above_zero(results: Results) -> None:
    items = Counter(measured.item for measured in results.measured)

    # Of the lag a zero is the best answer, and commits are shared by more transfers than have bytes.
    nothing_allowed = ("lag.full", "lag.paced", "disk.the commits", "disk.its indexes")
    nothing = [
        measured.key
        for measured in results.measured
        if not min(measured.values) > 0 and measured.key not in nothing_allowed
    ]
    assert set(items) == {"", "a", "b", "c", "d", "e", "f", "g", "h", "i", "memory", "disk"}
    assert nothing == []
    assert all(min(measured.values) >= 0 for measured in results.measured)


def test_nothing_was_answered_wrongly_and_latencies_are_in_order(results: Results) -> None:
    for measured in results.measured:
        assert measured.failed == 0, measured.label
        for p50, p99 in zip(measured.p50_ms, measured.p99_ms, strict=True):
            assert 0 < p50 <= p99, measured.label


def test_the_yardstick_is_taken_before_and_after(results: Results) -> None:
    (tpc_b,) = (measured for measured in results.measured if measured.key == TPC_B)

    assert tpc_b.values
    for measured in results.measured:
        if measured.unit == "transfers/s":
            assert measured.tpc_b in {
                (before + after) / 2
                for before, after in zip(tpc_b.values[::2], tpc_b.values[1::2], strict=True)
            }


def test_every_target_names_a_figure_that_is_measured(results: Results) -> None:
    keys = {measured.key for measured in results.measured}

    assert {target.key for target in TARGETS} <= keys
    assert {target.times for target in TARGETS if target.times} <= keys
    assert len(keys) == len(results.measured)


def test_the_page_tells_every_figure_and_every_verdict(results: Results) -> None:
    text = page(results)

    assert all(measured.label in text for measured in results.measured)
    assert "$" not in text
    assert f"{results.began_at:%Y-%m-%d}" in text
    assert str(results.machine["Postgres"]) in text


def test_nothing_of_the_run_is_left_on_the_server_or_the_disk(
    results: Results, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folders = list(tmp_path_factory.getbasetemp().glob("bench*/data/bench/server*"))

    assert folders == []


# --- The workload


def test_zipf_gives_the_hottest_of_a_hundred_thousand_accounts_its_share() -> None:
    draws = draw("zipf", 100_000, seed=1, count=200_000)

    share = Counter(draws.sources)[1] / len(draws.sources)
    assert 0.080 < share < 0.086
    assert not [s for s, d in zip(draws.sources, draws.destinations, strict=True) if s == d]
    assert min(draws.amounts).as_tuple() == (0, (1,), -2)
    assert (max(draws.amounts), max(draws.destinations)) <= (10, 100_000)


def test_ten_accounts_are_ten_and_the_hot_account_is_in_every_transfer() -> None:
    ten, hot = draw("ten", 1000, seed=1, count=5000), draw("hot", 1000, seed=1, count=5000)

    assert {*ten.sources, *ten.destinations} == set(range(1, 11))
    assert all(1 in pair for pair in zip(hot.sources, hot.destinations, strict=True))
    assert not [s for s, d in zip(hot.sources, hot.destinations, strict=True) if s == d]


@pytest.mark.parametrize("accounts", [2, 100, 101])
def test_the_ring_touches_every_account(accounts: int) -> None:
    touched = ring(accounts)

    assert {*touched.sources, *touched.destinations} == set(range(1, accounts + 1))


# --- The client


async def _answers_in_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each request with its own last byte: 201 where that is even, else 409."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            even = int(head[-5:-4]) % 2 == 0
            status = b"201 Created" if even else b"409 Conflict"
            for piece in (
                b"HTTP/1.1 " + status + b"\r\nContent-",
                b"Length: 4\r\n\r",
                b"\nok",
                b"ok",
            ):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.001)
    except asyncio.IncompleteReadError:
        writer.close()


async def _hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


@asynccontextmanager
async def _server(answer: Callable[..., object]) -> AsyncIterator[int]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)  # type: ignore[arg-type]
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def _sent(answer: Callable[..., object], requests: Requests, **load: object) -> Sent:
    async def run() -> Sent:
        async with _server(answer) as port:
            arguments = {"connections": 2, "seconds": 30.0, "status": 201, **load}
            asked = Load(make=lambda: requests, arguments=(), **arguments)  # type: ignore[arg-type]
            return await send(asked, requests, "127.0.0.1", port)

    return asyncio.run(run())


def _numbered(number: int) -> bytes | None:
    return f"GET / HTTP/1.1\r\nNumber: {number}\r\n\r\n".encode() if number < 10 else None


def test_the_client_counts_answers_by_their_status_however_they_are_cut() -> None:
    sent = _sent(_answers_in_pieces, _numbered)

    assert (sent.answered, sent.wrong) == (5, {"409": 5})
    assert len(sent.latencies) == 5
    assert sent.wrong_answer.endswith(b"okok")


def test_an_answer_without_the_word_of_success_is_wrong() -> None:
    sent = _sent(_answers_in_pieces, _numbered, success=b"not this")

    assert (sent.answered, sent.wrong.total()) == (0, 10)


def test_a_server_that_hangs_up_stops_the_bench() -> None:
    with pytest.raises(BenchError, match="closed a connection"):
        _sent(_hangs_up, _numbered)


def test_a_transfer_is_asked_for_by_the_holder_of_its_source_under_a_key_of_its_own() -> None:
    tokens = [f"token-{holder}" for holder in range(1, HOLDERS + 1)]
    request = transfer_requests(tokens, 100, "name", seed=1, count=50)
    draws = draw("zipf", 100, seed=1, count=50)

    for number in (0, 7, 57):
        head, _, body = (request(number) or b"").partition(b"\r\n\r\n")
        source = draws.sources[number % 50]
        assert f"Bearer token-{holder_of(source)}\r\n".encode() in head
        assert f'"source_account_id":{source},'.encode() in body
        assert f"Idempotency-Key: name-{number}".encode() in head
        assert f"Content-Length: {len(body)}\r\n".encode() in head


def test_batches_are_full_and_end_when_they_are_used_up() -> None:
    request = batch_requests(["token"] * HOLDERS, 100, "name", seed=1, batches=40)

    made = [request(number) for number in range(41)]
    full = [one for one in made if one is not None]
    assert made[-1] is None
    assert 40 - HOLDERS <= len(full) <= 40
    assert all(one.count(b'"idempotency_key"') == BATCH_SIZE for one in full)


# --- The report


def _figure(key: str, *values: float, failed: int = 0, p99_ms: float = 1.0) -> Measured:
    return Measured(
        item="c",
        key=key,
        label=key,
        unit="transfers/s",
        values=list(values),
        p50_ms=[0.5] * len(values),
        p99_ms=[p99_ms] * len(values),
        failed=failed,
    )


@pytest.mark.parametrize(
    ("figure", "verdicts"),
    [
        (_figure("http.64", 900, 1000, 1100), "yes; yes"),
        (_figure("http.64", 900, 999, 5000), "**no**; yes"),
        (_figure("http.64", 1000, p99_ms=50.0), "yes; **no**"),
        (_figure("http.64", 5000, failed=1), "**no**; **no**"),
    ],
)
def test_a_target_is_met_by_the_median_and_by_nothing_that_was_answered_wrongly(
    figure: Measured, verdicts: str
) -> None:
    tpc_b = Measured(item="", key=TPC_B, label="pgbench", unit="transactions/s", values=[1000.0])

    row = table([tpc_b, figure]).splitlines()[-1]

    assert row.endswith(f"| {verdicts} |")


def test_a_figure_may_be_held_to_another_of_ours() -> None:
    (target,) = (target for target in TARGETS if target.key == "http.two")
    one = _figure("http.64", 1000)

    assert is_met(target, _figure("http.two", 1000), {"http.64": one})
    assert not is_met(target, _figure("http.two", 999), {"http.64": one})


def test_percentiles_are_of_what_was_measured() -> None:
    latencies = [number / 1000 for number in range(1, 101)]

    assert percentile_ms(latencies, 0.5) == 51
    assert percentile_ms(latencies, 0.99) == 100
    assert percentile_ms([0.25], 0.99) == 250


# --- The Berka files


def test_without_the_berka_files_the_import_is_not_measured() -> None:
    assert berka_folder(None, {}) is None


def test_berka_files_that_cannot_be_used_are_told_before_anything_is_measured(
    tmp_path: Path,
) -> None:
    with pytest.raises(BerkaError):
        berka_folder(None, {"DAYBOOK_BERKA_DIR": str(tmp_path)})


def test_the_date_of_the_page_is_that_of_the_run(results: Results) -> None:
    assert results.began_at.tzinfo is dt.UTC
