"""`daybook audit export`: the log, as a file that can be taken away."""

import json
from pathlib import Path

import psycopg
import pytest

from daybook.main import main
from tests.bank import Bank, deposit, transfer

STORED = """
    SELECT notification_id, originator_id, originator_version, topic, convert_from(state, 'UTF8')
      FROM daybook_events ORDER BY notification_id
"""


@pytest.fixture
def exporting(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "tuple[str, Path]":
    """A bank of nine events, and where its log is to be written."""
    with Bank(database) as bank:
        bank.with_accounts({1: 100, 2: 0})
        for _ in range(2):
            bank.submit(transfer(1, 2, 1))
        bank.submit(deposit(1, 5))
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", database)
    monkeypatch.setattr("daybook.bank_database.check_server", lambda conninfo: [])
    return database, tmp_path / "log.jsonl"


def test_every_event_is_a_line_with_its_state_byte_for_byte(exporting: "tuple[str, Path]") -> None:
    database, file = exporting

    assert main(["audit", "export", "--format", "jsonl", str(file)]) == 0

    with psycopg.connect(database) as connection:
        stored = connection.execute(STORED).fetchall()
    lines = file.read_text().splitlines()
    assert len(lines) == len(stored) == 9
    for line, (position, stream, version, tag, state) in zip(lines, stored, strict=True):
        read = json.loads(line)
        assert [*read] == ["position", "stream", "version", "tag", "state"]
        assert [*read.values()][:4] == [position, stream, version, tag]
        assert line.endswith(f',"state":{state}}}')


@pytest.mark.parametrize(("known_at", "events"), [("0", 0), ("3", 3), ("2100-01-01T00:00:00Z", 9)])
def test_the_log_is_written_as_it_was_known(
    exporting: "tuple[str, Path]", known_at: str, events: int
) -> None:
    _, file = exporting

    assert main(["audit", "export", "--known-at", known_at, str(file)]) == 0

    assert len(file.read_text().splitlines()) == events


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--known-at", "10"], "the log has not come to position 10; it ends at 9"),
        (["--known-at", "yesterday"], "--known-at: Expected a position, or an instant"),
    ],
)
def test_a_moment_that_is_none_is_refused_and_nothing_is_written(
    exporting: "tuple[str, Path]",
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    _, file = exporting

    assert main(["audit", "export", *arguments, str(file)]) == 2

    assert said in capsys.readouterr().err
    assert list(file.parent.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(
    exporting: "tuple[str, Path]", capsys: pytest.CaptureFixture[str]
) -> None:
    _, file = exporting
    elsewhere = file.parent / "nowhere" / "log.jsonl"

    assert main(["audit", "export", str(elsewhere)]) == 2

    assert f"cannot write {elsewhere}: No such file" in capsys.readouterr().err
