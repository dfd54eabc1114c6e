"""Whom an answer shows: the numbers of all that is a customer's in it, for the look that goes with it.

They are read off the answer itself, by the names of its fields, so that a list or a report that is added
is covered without a line of its own.
"""

import datetime as dt
import re
from decimal import Decimal
from functools import lru_cache
from types import NoneType
from typing import Any, Final, get_args

import msgspec

from api.policy import Subject
from domain.access import SUBJECT_OF_STREAM

# What belongs to a customer, by the word that stands for it among the subjects of a look.
KINDS: Final = frozenset(get_args(Subject)) - {"nothing", "many"}
# Fields that are not called by what they number.
CALLED_OTHERWISE: Final = {
    "borrower": "user",
    "holders": "user",
    "loan": "loan",
    "from_account": "account",
    "to_account": "account",
    "reverses": "transaction",
    "reversed_by": "transaction",
    "undoes": "transaction",
}
# Fields whose texts are names like `account-5`. Others may hold what somebody chose to write.
NAMES: Final = frozenset({"actor", "stream", "entry", "item", "key", "subjects"})
_NAME: Final = re.compile(r"([a-z_-]{4,20})-([1-9][0-9]{0,15})", re.ASCII)
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
_NAMELESS: Final = frozenset({NoneType, bool, bytes, Decimal, dt.date, dt.datetime})
_KIND_OF_NAME: Final = SUBJECT_OF_STREAM | {kind: kind for kind in KINDS}


class _Stored(msgspec.Struct):
    """Of an event as it is stored, what names things; its transaction is no more than its position."""

    fact: Any
    actor: str
    entry: Any = ()


_STORED: Final = msgspec.json.Decoder(_Stored)


def shown_in(answer: Any) -> dict[str, tuple[int, ...]]:
    """By kind, the numbers that stand in an answer, each once and rising."""
    found: dict[str, set[int]] = {}
    _add("", answer, found)
    return {kind: tuple(sorted(found[kind])) for kind in sorted(found)}


def _add(name: str, value: Any, found: dict[str, set[int]]) -> None:
    kind = type(value)
    if kind is int:
        _add_number(name, value, found)
    elif kind is str:
        _add_text(name, value, found)
    elif isinstance(value, list | tuple):
        for each in value:
            _add(name, each, found)
    elif kind is dict:
        for key, each in value.items():
            _add(key, each, found)
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            each = getattr(value, field)
            # Most fields are one of these, and none of these names anything.
            if type(each) not in _NAMELESS:
                _add(field, each, found)


def _add_number(name: str, number: int, found: dict[str, set[int]]) -> None:
    kind = kind_of(name)
    if kind is not None:
        found.setdefault(kind, set()).add(number)


def _add_text(name: str, text: str, found: dict[str, set[int]]) -> None:
    if name in NAMES:
        match = _NAME.fullmatch(text)
        kind = _KIND_OF_NAME.get(match[1]) if match else None
        if match and kind is not None:
            found.setdefault(kind, set()).add(int(match[2]))
    elif name == "state":
        _add("", _stored(text), found)
    elif kind_of(name) is not None and _NUMBER.fullmatch(text):
        _add_number(name, int(text), found)


def _stored(text: str) -> _Stored | None:
    try:
        return _STORED.decode(text)
    except msgspec.MsgspecError:
        # It was damaged in the store, and is shown as it is; its stream still says whose it is.
        return None


@lru_cache(maxsize=1024)
def kind_of(name: str) -> str | None:
    """`account` of `account_id`, and of `destination_account_id`; None of what is no customer's."""
    if name in CALLED_OTHERWISE:
        return CALLED_OTHERWISE[name]
    words = f"_{name.removesuffix('s')}"
    return next((kind for kind in KINDS if words.endswith(f"_{kind}_id")), None)
