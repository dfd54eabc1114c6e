"""(c) and (d): transfers over HTTP, through a real server, each with the token of the payer's holder.

Every transfer has an idempotency key, and is checked against the balance of its source. Before the clock
starts each account has been touched once.
"""

import random
import sys
from pathlib import Path
from typing import Final

from daybook.bench.databases import settle
from daybook.bench.figures import Measured, Scale, Unit, percentile_ms
from daybook.bench.http_client import Load, Requests, Sent, requesting
from daybook.bench.processes import Apart, BenchError, apart
from daybook.bench.serving import HOST, Server, serving
from daybook.bench.workload import Draws, draw, holder_of, ring

CREATE: Final = b"POST /v1/transactions/create HTTP/1.1\r\n"
BATCH: Final = b"POST /v1/transactions/batch HTTP/1.1\r\n"
BATCH_SIZE: Final = 500
BATCH_CONNECTIONS: Final = (1, 4)
BUSY: Final = 64
# Made beforehand for each second of a run. Single transfers begin again with the first, under new
# keys; batches hold their keys, so that a run ends early that has used them up.
DRAWS_A_SECOND: Final = 10_000
BATCHES_A_SECOND: Final = 60


def heads(first_line: bytes, tokens: list[str]) -> list[bytes]:
    """The beginning of a request, with everything but its length, for each holder in turn."""
    return [
        first_line
        + f"Host: {HOST}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\n".encode()
        for token in tokens
    ]


def transfer_requests(
    tokens: list[str], accounts: int, name: str, seed: int, count: int
) -> Requests:
    """A transfer a request; `name` makes its idempotency key."""
    draws = draw("zipf", accounts, seed, count)
    beginnings = heads(CREATE, tokens)
    parts = []
    for index in range(count):
        body = _transfer(draws, index)
        head = beginnings[holder_of(draws.sources[index]) - 1]
        length = f"Content-Length: {len(body) + 1}\r\nIdempotency-Key: {name}-"
        parts.append((head + length.encode(), b"\r\n\r\n" + body + b"}"))

    def request(number: int) -> bytes:
        before, after = parts[number % count]
        return b"%b%d%b" % (before, number, after)

    return request


def batch_requests(
    tokens: list[str], accounts: int, name: str, seed: int, batches: int | None
) -> Requests:
    """Batches of transfers from accounts of one holder each; as many as were made beforehand.

    Where no number is given, they touch every account once.
    """
    if batches is None:
        draws = ring(accounts)
        count = len(draws.sources)
    else:
        count = batches * BATCH_SIZE
        draws = draw("zipf", accounts, seed, count)
    beginnings = heads(BATCH, tokens)
    waiting: list[list[bytes]] = [[] for _ in tokens]
    requests = []
    for index in range(count):
        holder = holder_of(draws.sources[index]) - 1
        item = _transfer(draws, index) + f',"idempotency_key":"{name}-{index}"}}'.encode()
        waiting[holder].append(item)
        if len(waiting[holder]) == BATCH_SIZE:
            requests.append(_batch(beginnings[holder], waiting[holder]))
            waiting[holder] = []
    if batches is None:
        requests += [_batch(beginnings[h], items) for h, items in enumerate(waiting) if items]
    # The holder of the hottest account fills the first batches; a run that ends early must not have
    # sent more of those than others, or the account would run dry.
    random.Random(seed).shuffle(requests)

    def request(number: int) -> bytes | None:
        return requests[number] if number < len(requests) else None

    return request


def _transfer(draws: Draws, index: int) -> bytes:
    """The JSON of a transfer, but for its last brace."""
    source, destination = draws.sources[index], draws.destinations[index]
    return (
        f'{{"source_account_id":{source},"destination_account_id":{destination},'
        f'"amount":{draws.amounts[index]}'
    ).encode()


def _batch(head: bytes, items: list[bytes]) -> bytes:
    body = b'{"transfers":[' + b",".join(items) + b"]}"
    return head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def add_round(measured: Measured, sent: Sent, of_each: int = 1) -> None:
    """A round of a figure; a wrong answer is told, so that it can be seen what went wrong."""
    if not sent.latencies:
        raise BenchError(f"no answer was right: {sent.wrong} {sent.wrong_answer.decode()}")
    latencies = sorted(sent.latencies)
    measured.values.append(sent.answered * of_each / sent.seconds)
    measured.p50_ms.append(percentile_ms(latencies, 0.5))
    measured.p99_ms.append(percentile_ms(latencies, 0.99))
    measured.refused += sent.refused
    measured.failed += sent.wrong.total()
    if sent.wrong:
        told = f"wrong answers: {dict(sent.wrong)}, the last: {sent.wrong_answer[:300]!r}"
        print(told, file=sys.stderr, flush=True)


def touch_all(client: Apart, server: Server, scale: Scale, name: str) -> None:
    """A transfer on every account, so that the server has them all in its cache."""
    load = Load(
        make=batch_requests,
        arguments=(server.tokens, scale.accounts, name, 0, None),
        connections=BATCH_CONNECTIONS[-1],
        seconds=60.0,
        status=200,
        success=b'"refused":0',
    )
    client.send(load)
    sent: Sent = client.receive()
    if sent.wrong:
        raise BenchError(f"not every account could be touched: {sent.wrong_answer.decode()}")


def transfers(
    client: Apart, server: Server, scale: Scale, connections: int, measured: Measured, name: str
) -> None:
    """A round of single transfers."""
    made = int(scale.seconds * DRAWS_A_SECOND)
    load = Load(
        make=transfer_requests,
        arguments=(server.tokens, scale.accounts, name, len(measured.values), made),
        connections=connections,
        seconds=scale.seconds,
        status=201,
    )
    client.send(load)
    add_round(measured, client.receive())


def batches(
    client: Apart, server: Server, scale: Scale, connections: int, measured: Measured, name: str
) -> None:
    """A round of batches, every transfer of which must be applied."""
    made = int(scale.seconds * BATCHES_A_SECOND)
    load = Load(
        make=batch_requests,
        arguments=(server.tokens, scale.accounts, name, len(measured.values), made),
        connections=connections,
        seconds=scale.seconds,
        status=200,
        success=b'"applied":%d,' % BATCH_SIZE,
    )
    client.send(load)
    add_round(measured, client.receive(), BATCH_SIZE)


def measure(server: Server, conninfo: str, scale: Scale) -> list[Measured]:
    """Single transfers and batches on a server that runs; then the memory it has come to."""
    singles = {
        n: _figure("c", f"http.{n}", f"{n} connection{'s' if n > 1 else ''}")
        for n in scale.connections
    }
    together = {
        n: _figure("d", f"batch.{n}", f"batches of {BATCH_SIZE}, {n} connection{'s' * (n > 1)}")
        for n in BATCH_CONNECTIONS
    }
    with apart(requesting, HOST, server.port) as client:
        touch_all(client, server, scale, "http-first")
        settle(conninfo)
        for number in range(scale.rounds):
            for connections, measured in singles.items():
                name = f"http-{connections}-{number}"
                transfers(client, server, scale, connections, measured, name)
            for connections, measured in together.items():
                name = f"batch-{connections}-{number}"
                batches(client, server, scale, connections, measured, name)
    best = max(together.values(), key=lambda measured: measured.median)
    best.key, best.note = "batch.best", "the better of the two"
    return [*singles.values(), *together.values(), _memory(server, scale)]


def measure_two_workers(conninfo: str, data: Path, scale: Scale) -> list[Measured]:
    """The busiest point again, with two API processes."""
    measured = _figure("c", "http.two", f"{BUSY} connections, two API processes")
    with (
        serving(conninfo, data, workers=2) as server,
        apart(requesting, HOST, server.port) as client,
    ):
        touch_all(client, server, scale, "two-first")
        settle(conninfo)
        for number in range(scale.rounds):
            transfers(client, server, scale, BUSY, measured, f"http-two-{number}")
    return [measured]


def _memory(server: Server, scale: Scale) -> Measured:
    """What the processes have of their own at their peaks, and once what they share: program text."""
    resident = server.resident()
    own = [each.peak - each.shared for each in resident]
    shared = max((each.shared for each in resident), default=0)
    each = ", ".join(f"{size / 1024**2:.0f}" for size in own)
    return Measured(
        item="memory",
        key="memory",
        label=f"peak resident size of the server, {scale.accounts:,} accounts touched",
        unit="MB",
        values=[(sum(own) + shared) / 1024**2],
        note=f"its processes' own: {each}; shared, counted once: {shared / 1024**2:.0f}",
    )


def _figure(item: str, key: str, label: str, unit: Unit = "transfers/s") -> Measured:
    return Measured(item=item, key=key, label=label, unit=unit)
