"""The log: one JSON object a line, and nothing in it that opens a door."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from daybook.logs import start_logging

TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_our_lines_and_those_of_libraries_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging()

    structlog.get_logger("daybook.test").warning("request", status=503)
    logging.getLogger("a.library").error("it failed: %s", "disk full")

    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["status"], ours["level"]) == ("request", 503, "warning")
    assert (theirs["event"], theirs["logger"]) == ("it failed: disk full", "a.library")
    assert ours["at"].endswith("Z")


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "hunter2-hunter2"},
        {"refresh_token": "hunter2-hunter2"},
        {"Authorization": "hunter2-hunter2"},
        {"conninfo": "hunter2-hunter2"},
        {"detail": "Bearer hunter2-hunter2"},
        {"detail": "cannot reach postgresql://bank:hunter2-hunter2@db:5432/bank"},
        {"detail": "host=db password=hunter2-hunter2 dbname=bank"},
    ],
)
def test_a_secret_is_hidden_by_its_name_and_by_its_look(
    capsys: pytest.CaptureFixture[str], fields: dict[str, str]
) -> None:
    start_logging()

    structlog.get_logger("daybook.test").warning("something", **fields)

    said = capsys.readouterr().err
    assert "hunter2" not in said
    assert "[hidden]" in said


def test_a_token_is_hidden_in_a_traceback_too(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging()

    try:
        raise ValueError(f"cannot read {TOKEN}")
    except ValueError:
        logging.getLogger("a.library").exception("failed")

    said = capsys.readouterr().err
    assert "ValueError" in said
    assert "c2lnbmF0dXJl" not in said
