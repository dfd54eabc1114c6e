"""The recipes of the documentation, run: every request is sent, and answered as it is written there.

In an answer `…` stands for a value that differs each time, and `"…": "…"` for fields left out.
"""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from tests.running_api import Person, RunningApi, running_api

# Those of the API; the others are of other programs.
RECIPES: Final = [
    path
    for path in sorted((Path(__file__).parents[1] / "docs" / "recipes").glob("*.md"))
    if "```http\n" in path.read_text()
]
EXCHANGE: Final = re.compile(
    r"```http\n(?P<who>\w+): (?P<method>\w+) (?P<path>\S+)(?: > (?P<file>\S+))?\n(?P<body>.*?)```\n"
    r"```json\n(?P<status>\d+)\n(?P<answer>.*?)```\n",
    re.DOTALL,
)
ANYTHING: Final = "…"
# In this order, so that the numbers of the recipes are theirs.
CAST: Final = {
    "jana": "user",
    "teller": "teller",
    "anna": "compliance",
    "petr": "compliance",
    "olga": "auditor",
}


def read(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def is_as_written(written: Any, told: Any) -> bool:
    if written == ANYTHING:
        return True
    if isinstance(written, dict) and isinstance(told, dict):
        more = ANYTHING in written
        names = written.keys() - {ANYTHING}
        return (more or names == told.keys()) and all(
            name in told and is_as_written(written[name], told[name]) for name in names
        )
    if isinstance(written, list) and isinstance(told, list):
        return len(written) == len(told) and all(map(is_as_written, written, told))
    return bool(written == told)


def send(person: Person, exchange: "re.Match[str]") -> Any:
    body = exchange["body"].strip()
    return person.client.request(
        exchange["method"],
        exchange["path"],
        content=body or None,
        headers={"Content-Type": "application/json"} if body else {},
    )


def follow(recipe: Path, api: RunningApi, files: Path) -> None:
    """Send every request of the recipe, and keep the answers that it puts into files."""
    text = recipe.read_text()
    exchanges = list(EXCHANGE.finditer(text))
    assert len(exchanges) == text.count("```http\n") > 5
    cast = {name: api.person(role) for name, role in CAST.items()}
    assert api.account(cast["jana"]) == 1
    for exchange in exchanges:
        answer = send(cast[exchange["who"]], exchange)
        told = read(answer.text)
        asked = exchange[0].partition("```json")[0]
        assert answer.status_code == int(exchange["status"]), (asked, told)
        assert is_as_written(read(exchange["answer"]), told), (asked, answer.text)
        if exchange["file"]:
            (files / exchange["file"]).write_bytes(answer.content)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)
def test_a_recipe_does_what_it_says(recipe: Path, database: str, tmp_path: Path) -> None:
    with running_api(database, tmp_path) as api:
        follow(recipe, api, tmp_path)


def test_an_answer_that_says_something_else_is_not_as_written() -> None:
    told = {"amount": 1, "events": [{"a": 1, "b": 2}]}

    assert is_as_written({"amount": 1, "…": "…"}, told)
    assert is_as_written({"amount": "…", "events": [{"a": 1, "…": "…"}]}, told)
    assert not is_as_written({"amount": 1}, told)
    assert not is_as_written({"amount": 2, "…": "…"}, told)
    assert not is_as_written({"amount": 1, "more": "…", "…": "…"}, told)
    assert not is_as_written({"amount": 1, "events": []}, told)
    assert not is_as_written({"amount": 1, "events": [{"a": 1}]}, told)
