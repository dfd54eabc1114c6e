"""The rows that evidence has in the table of problems."""

from typing import Final

from readmodels import log_proofs
from readmodels.audited import LogDamaged

# Status and title.
AUDIT_PROBLEMS: Final[dict[type[Exception], tuple[int, str]]] = {
    log_proofs.EventNotFound: (404, "No such event"),
    log_proofs.NoSuchCheckpoint: (404, "No such checkpoint"),
    LogDamaged: (500, "The log is damaged there, and nothing is stated over it"),
    log_proofs.TreeDamaged: (500, "The stored tree does not fit the log"),
    log_proofs.NotYetSealed: (503, "Not under a checkpoint yet; try again"),
}
AUDIT_SPEAKING: Final = (log_proofs.NothingProved, LogDamaged)
