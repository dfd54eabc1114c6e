"""`daybook demo` does what it says on the screen."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def _started(data: Path, *arguments: str, **environ: str) -> "subprocess.Popen[str]":
    environment = {k: v for k, v in os.environ.items() if k != "DAYBOOK_DATABASE_URL"}
    return subprocess.Popen(
        [sys.executable, "-m", "daybook", "demo", "--port", "0", "--data", str(data), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment | {"PYTHONPATH": f"{ROOT}:{ROOT / 'http'}"} | environ,
    )


def _lines_to_try(demo: "subprocess.Popen[str]") -> list[str]:
    """The five lines off the screen, once the demo has printed them all."""
    assert demo.stdout is not None
    lines: list[str] = []
    for line in demo.stdout:
        if line.startswith(("TOKEN=", "curl ")):
            lines.append(line.strip())
        if len(lines) == 5:
            break
    return lines


def _pasted(lines: list[str]) -> list[Any]:
    """What a shell answers to the lines, as JSON, one after the other."""
    script = "\necho\n".join(lines)
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines() if line]


def test_the_demo_checks_itself_and_its_five_lines_work_when_pasted(open_folder: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    data = open_folder / "data"
    data.mkdir()

    first, first_errors = (checked := _started(data, "--check")).communicate(timeout=200)
    demo = _started(data)
    try:
        lines = _lines_to_try(demo)
        told = _pasted(lines)
        told_again = _pasted(lines)
        (known_now,) = _pasted([lines[0], re.sub(r"&known_at=\d+", "", lines[3])])
    finally:
        demo.send_signal(signal.SIGTERM)
        rest, _ = demo.communicate(timeout=60)

    assert checked.returncode == 0, first_errors
    assert "every answer was right" in first
    loaded = re.search(r"loaded the demo bank: ([\d,]+) commands", first)
    assert loaded is not None
    assert int(loaded[1].replace(",", "")) > 30_000
    assert "loaded the demo bank" not in rest
    balance, transfer, before, trial = told
    assert transfer["amount"] == Decimal("12.50")
    assert told_again[1] == transfer
    assert told_again[0]["balance"] == balance["balance"] - Decimal("12.50")
    assert known_now["balance"] > before["balance"]
    assert [total["debits"] == total["credits"] > 0 for total in trial["totals"]] == [True]
    assert demo.returncode == 0


def test_the_demo_is_refused_in_production(tmp_path: Path) -> None:
    key = {"DAYBOOK_SECRET_KEY": "x" * 40}

    demo = _started(tmp_path / "data", "--check", DAYBOOK_ENV="prod", **key)
    _, errors = demo.communicate(timeout=60)

    assert demo.returncode == 2
    assert "not with DAYBOOK_ENV=prod" in errors
    assert not (tmp_path / "data" / "postgres").exists()
