"""What every business fact has in common: it is frozen, and it is stored under a tag.

The tags are on disk for ever. Rename a class and keep its tag; change a field and give the fact a new
tag with the next number, leaving the old class to be read.
"""

from typing import Any, ClassVar, TypeVar

import msgspec

FACTS: dict[str, type["Fact"]] = {}

FactClass = TypeVar("FactClass", bound="type[Fact]")


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Something that happened to an aggregate, in the past tense.

    `gc=False`, here and at other values of which there are many: what is frozen and made of values stands
    in no cycle, so the collector of garbage need not keep count of it.
    """

    TAG: ClassVar[str] = ""


def stored_as(tag: str) -> Any:
    """Name the tag a fact is stored under; two facts cannot share one."""

    def register(fact: FactClass) -> FactClass:
        if tag in FACTS:
            raise TypeError(f"the tag {tag} is taken by {FACTS[tag].__name__}")
        fact.TAG = tag
        FACTS[tag] = fact
        return fact

    return register
