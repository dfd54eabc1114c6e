"""Every refusal of gateways and work items: kinds of those in `domain/refusals.py`.

Where several apply, the one of the kind that stands first is the answer.

    Refused
    |- NotFound
    |  |- GatewayNotFound
    |  `- WorkItemNotFound
    `- Conflicting
       |- WorkItemResolvedAlready
       `- ResolutionDoesNotFit
"""

from domain.refusals import Conflicting, NotFound


class GatewayNotFound(NotFound):
    detail = "There is no gateway {gateway}."


class WorkItemNotFound(NotFound):
    detail = "There is no work item {work_item_id}."


class WorkItemResolvedAlready(Conflicting):
    detail = "Work item {work_item_id} was resolved already: {resolution}."


class ResolutionDoesNotFit(Conflicting):
    detail = (
        "Work item {work_item_id} cannot be resolved as {resolution}: what the gateway owes is "
        "returned or lost, and anything else explained."
    )
