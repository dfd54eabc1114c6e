"""The problems of gateways: rows of the table in `api.problems`, with status and title."""

from typing import Final

from api.signed_messages import CallbackRefused
from application.gateways import SettlementUnavailable
from application.settlement_files import SettlementFileRefused
from domain import reconciliation_refusals as refusals


class ReconciliationFailed(Exception):
    """A step was refused; what was done before it stays, and the run can be made again."""


GATEWAY_PROBLEMS: Final[dict[type[Exception], tuple[int, str]]] = {
    refusals.GatewayNotFound: (404, "No such gateway"),
    refusals.WorkItemNotFound: (404, "No such work item"),
    refusals.WorkItemResolvedAlready: (409, "It was resolved already"),
    refusals.ResolutionDoesNotFit: (409, "It cannot be resolved so"),
    CallbackRefused: (401, "The message is not signed as it should be"),
    SettlementFileRefused: (422, "The settlement file cannot be read"),
    ReconciliationFailed: (409, "The reconciliation was not finished"),
    SettlementUnavailable: (503, "The settlement file could not be fetched; try again"),
}

# Their own texts say more than their titles, and give nothing away.
GATEWAY_SPEAKING: Final = (SettlementFileRefused, ReconciliationFailed, SettlementUnavailable)
