"""The category and tags of a transaction, as changed after it was posted. The entry is never touched."""

import msgspec

from domain.facts import Fact, stored_as

# --- Events: their tags are on disk for ever.


@stored_as("transaction.labelled.1")
class Labelled(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """Both, as they are after it."""

    category: str | None = None
    tags: tuple[str, ...] = ()


# --- State


class Labels(msgspec.Struct, frozen=True):
    """What a transaction is labelled with; at version 0 as it was posted."""

    transaction_id: int
    category: str | None = None
    tags: tuple[str, ...] = ()
    version: int = 0


def stream_of(transaction_id: int) -> str:
    return f"transaction-{transaction_id}"


def restore(transaction_id: int, newest: Labelled, version: int) -> Labels:
    return Labels(transaction_id, newest.category, newest.tags, version)


# --- Decisions: the same again is nothing new.


def categorise(labels: Labels, category: str | None) -> list[Labelled]:
    if labels.category == category:
        return []
    return [Labelled(category=category, tags=labels.tags)]


def tag(labels: Labels, tags: tuple[str, ...]) -> list[Labelled]:
    if labels.tags == tags:
        return []
    return [Labelled(category=labels.category, tags=tags)]
