"""Work items: differences between the bank's books and a gateway's settlement file, until resolved.

What the bank owes for a payment that differs stays in bill payments clearing. What the gateway took
for nothing the bank knows of is owed back by it, and stays in the gateway receivable until it is
returned or lost. So every difference ages in an account until somebody says what became of it.
"""

import datetime as dt
from typing import Literal, TypeAlias

import msgspec

from domain.facts import Fact, stored_as
from domain.reconciliation_refusals import (
    ResolutionDoesNotFit,
    WorkItemNotFound,
    WorkItemResolvedAlready,
)

DifferenceKind: TypeAlias = Literal["missing_here", "missing_there", "different", "duplicate"]
Resolution: TypeAlias = Literal["explained", "returned", "lost"]


class Difference(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One payment on which the two sides differ: `ours` and `theirs` are minor units of `currency`.

    `settlement_date` is the day of the file. `key` is the gateway's name for the payment, which may be
    none of ours; then there is no `payment_id`. `occurrence` counts lines beyond the first.
    """

    kind: DifferenceKind
    gateway: str
    settlement_date: dt.date
    key: str
    currency: str
    payment_id: int | None = None
    ours: int | None = None
    theirs: int | None = None
    detail: str = ""
    occurrence: int = 1

    @property
    def name(self) -> str:
        """What makes two differences the same one, on whatever day they are found again."""
        return f"{self.gateway}/{self.kind}/{self.key}/{self.occurrence}"

    @property
    def receivable(self) -> int:
        """What the gateway took and owes back, in minor units."""
        if self.kind in ("missing_here", "duplicate"):
            return self.theirs or 0
        return 0


# --- Events: their tags are on disk for ever.


class WorkItemFact(Fact, frozen=True, kw_only=True, omit_defaults=True):
    difference: Difference


@stored_as("work-item.opened.1")
class WorkItemOpened(WorkItemFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("work-item.resolved.1")
class WorkItemResolved(WorkItemFact, frozen=True, kw_only=True, omit_defaults=True):
    """The reason stands with the event."""

    resolution: Resolution


# --- State


class WorkItem(msgspec.Struct, frozen=True):
    work_item_id: int
    difference: Difference
    resolution: Resolution | None
    version: int


def stream_of(work_item_id: int) -> str:
    return f"work-item-{work_item_id}"


def restore(work_item_id: int, newest: WorkItemFact, version: int) -> WorkItem:
    resolution = newest.resolution if isinstance(newest, WorkItemResolved) else None
    return WorkItem(work_item_id, newest.difference, resolution, version)


def found(item: WorkItem | None, work_item_id: int) -> WorkItem:
    if item is None:
        raise WorkItemNotFound(work_item_id=work_item_id)
    return item


# --- Decisions


def open_item(difference: Difference) -> list[WorkItemFact]:
    return [WorkItemOpened(difference=difference)]


def resolve(item: WorkItem, resolution: Resolution) -> list[WorkItemFact]:
    """Say what became of it. The same again is nothing new.

    Money that the gateway owes is returned or lost; where it owes none, the item is explained.
    """
    if item.resolution == resolution:
        return []
    if item.resolution is not None:
        raise WorkItemResolvedAlready(work_item_id=item.work_item_id, resolution=item.resolution)
    if (item.difference.receivable > 0) != (resolution in ("returned", "lost")):
        raise ResolutionDoesNotFit(work_item_id=item.work_item_id, resolution=resolution)
    return [WorkItemResolved(difference=item.difference, resolution=resolution)]
