"""The file of examples: read, written, and held against what was told anew."""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from api.examples import Exchange
from api.strict_json import encode

RECORDED: Final = Path(__file__).parents[2] / "http" / "api" / "examples.json"
# Numbers that another run may give otherwise, by the names of their fields.
_NUMBERED: Final = re.compile(
    r".*_id|position|known_at|size|leaf_index|version|.*_seconds|.*_events", re.ASCII
)
# Hashes on the way to a root: how many depends on when the log was sealed.
_PATHS: Final = ("path", "consistency")
# What is drawn by chance (hashes, tokens, ids of requests), and what follows from where and when.
_BY_CHANCE: Final = re.compile(
    r"[\w+/=-]{22,}|[0-9a-f]{16}|[0-9a-f]{8}(-[0-9a-f]+){2}|\d{4}-\d{2}-\d{2}T[\d:.]+Z|\d+",
    re.ASCII,
)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def recorded() -> dict[str, Exchange]:
    kind = dict[str, Exchange]
    return msgspec.json.Decoder(kind, float_hook=Decimal).decode(RECORDED.read_bytes())


def written(exchanges: Mapping[str, Exchange]) -> bytes:
    """By the names of the calls, so that it changes no more than what it tells of."""
    return msgspec.json.format(encode(dict(sorted(exchanges.items()))), indent=1) + b"\n"


def kept_where_alike(
    before: Mapping[str, Exchange], told: Mapping[str, Exchange]
) -> dict[str, Exchange]:
    """What was told, in the words of before where it says the same: so a new run changes no more."""
    return {
        call: _exchange_kept(before.get(call, Exchange()), exchange)
        for call, exchange in told.items()
    }


def _exchange_kept(before: Exchange, told: Exchange) -> Exchange:
    request = before.request if alike(before.request, told.request) else told.request
    answers: dict[str, dict[str, Any]] = {}
    for status, by_name in told.answers.items():
        known = before.answers.get(status, {})
        answers[status] = {
            name: known[name] if name in known and alike(known[name], answer) else answer
            for name, answer in by_name.items()
        }
    return Exchange(request, answers)


def alike(one: Any, other: Any, name: str = "") -> bool:
    """Field for field the same, but for ids, instants, positions and what is drawn by chance."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[n], other[n], n) for n in one)
    if isinstance(one, list) and isinstance(other, list):
        same_length = len(one) == len(other) and all(map(alike, one, other))
        return name in _PATHS or same_length
    if type(one) is not type(other):
        return False
    if isinstance(one, str):
        return one == other or (not _DATE.fullmatch(one) and _steady(one) == _steady(other))
    return bool(one == other) or _NUMBERED.fullmatch(name) is not None


def _steady(text: str) -> str:
    return _BY_CHANCE.sub("#", text)
