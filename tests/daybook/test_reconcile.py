"""`daybook reconcile`: a file from the disk or from the gateway, with what came of it."""

import argparse
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from daybook import reconcile
from daybook.reconcile import ReconcileRefused
from migrations.runner import migrate
from tests.application.test_sending import nothing_is_left, sending
from tests.bank import Bank
from tests.bills_due import GATEWAY, pay, payments, with_bills
from tests.durable_postgres import DurablePostgres
from tests.gateway_process import SECRET, GatewayProcess


@pytest.fixture
def paid(
    durable_postgres: DurablePostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GatewayProcess]:
    """A bank with four captured payments, and the gateway that has made them."""
    conninfo = durable_postgres.conninfo
    migrate(conninfo)
    with Bank(conninfo) as bank:
        with_bills(bank, 4)
        bank.submit_all([pay(number) for number in (1, 2, 3, 4)])
    with GatewayProcess(tmp_path / "gateway", capture_seconds=0) as gateway:
        sending(conninfo, gateway.url, nothing_is_left)
        monkeypatch.setenv("DAYBOOK_DATABASE_URL", conninfo)
        monkeypatch.setenv("DAYBOOK_DATA", str(tmp_path / "bank"))
        monkeypatch.setenv(f"DAYBOOK_GATEWAY_{GATEWAY.upper()}_URL", gateway.url)
        monkeypatch.setenv(f"DAYBOOK_GATEWAY_{GATEWAY.upper()}_SECRET", SECRET.decode())
        yield gateway


def run(date: dt.date, gateway: str = GATEWAY, file: Path | None = None) -> int:
    return reconcile.run(argparse.Namespace(gateway=gateway, date=date, file=file))


def test_a_file_that_agrees_settles_and_one_with_differences_says_so(
    paid: GatewayProcess,
    durable_postgres: DurablePostgres,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    today = dt.datetime.now(dt.UTC).date()  # noqa: TID251 - the gateway's own day
    text = paid.send("GET", f"/settlement/{today}").text
    lines = text.splitlines(keepends=True)
    short, wrong = tmp_path / "short.csv", tmp_path / "wrong.csv"
    short.write_text("".join([*lines[:3], lines[2]]))
    wrong.write_text(text.replace("EUR", "euros", 1))

    with pytest.raises(ReconcileRefused, match="Line 2"):
        run(today, file=wrong)
    with pytest.raises(ReconcileRefused, match="cannot be read"):
        run(today, file=tmp_path / "none.csv")
    with pytest.raises(ReconcileRefused, match="no gateway 'nobody'; there is city"):
        run(today, "nobody")
    assert {payment.state for payment in payments(durable_postgres.conninfo).values()} == {
        "captured"
    }
    statuses = [run(today, file=short), run(today), run(today)]

    assert statuses == [1, 0, 0]
    assert capsys.readouterr().out.splitlines() == [
        "daybook: 3 lines, 2 matched, 2 settled; 3 work items opened, 0 resolved",
        "daybook: 1 duplicate",
        "daybook: 2 missing there",
        "daybook: 4 lines, 4 matched, 2 settled; 0 work items opened, 2 resolved",
        "daybook: 4 lines, 4 matched, 0 settled; 0 work items opened, 0 resolved",
    ]
    assert {payment.state for payment in payments(durable_postgres.conninfo).values()} == {
        "settled"
    }
