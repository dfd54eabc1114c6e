"""Where there is no bank nothing is read, and nothing is made by looking for one."""

from pathlib import Path

import pytest

from daybook.main import main

READ: list[list[str]] = [
    ["audit", "export", "log.jsonl"],
    ["audit", "verify"],
    ["keys", "show"],
    ["keys", "rotate"],
    ["keys", "rotate-kek"],
    ["staff", "list"],
    ["staff", "end", "somebody"],
    ["statements", "--month", "2026-03", "statements"],
    ["end-of-day"],
    ["rebuild"],
    ["restore-check"],
]


@pytest.mark.parametrize("command", READ, ids=" ".join)
def test_a_folder_without_a_bank_is_refused_and_left_without_one(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typo = tmp_path / "bnak"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAYBOOK_DATABASE_URL", raising=False)
    monkeypatch.setenv("DAYBOOK_DATA", str(typo))

    assert main(command) == 2

    assert f"there is no bank in {typo}: --data or DAYBOOK_DATA names" in capsys.readouterr().err
    assert not (typo / "postgres").exists()
    assert not (typo / "keys").exists()
    assert not (tmp_path / "log.jsonl").exists()


def test_a_database_without_a_bank_is_refused_and_left_without_one(
    empty_database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", empty_database)
    monkeypatch.setenv("DAYBOOK_DATA", str(tmp_path))
    monkeypatch.setattr("daybook.bank_database.check_server", lambda conninfo: [])

    assert [main(["audit", "verify"]) for _ in range(2)] == [2, 2]
    assert "the database holds no bank." in capsys.readouterr().err

    assert main(["migrate"]) == 0
    assert main(["audit", "verify"]) == 0
