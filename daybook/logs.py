"""The log of the program: one JSON object a line on standard error, without secrets."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import msgspec
import structlog

# Fields that are never written, whatever they hold.
_SECRET_NAMES: Final = re.compile(
    r"password|secret|token|authorization|cookie|conninfo|database_url|redis_url", re.IGNORECASE
)
# What gives itself away within a text: a token of three parts, a bearer header, a password in an address.
_SECRET_TEXTS: Final = re.compile(
    r"eyJ[\w-]+\.[\w-]+\.[\w-]+|(?i:bearer\s+)\S+|(?<=://)[^/\s@]+@|(?i:password=)\S+"
)
_HIDDEN: Final = "[hidden]"


def without_secrets(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A processor of structlog: hide by the name of the field, and by the look of the text."""
    for name, value in event.items():
        if name != "event" and _SECRET_NAMES.search(name):
            event[name] = _HIDDEN
        elif isinstance(value, str):
            event[name] = _SECRET_TEXTS.sub(_HIDDEN, value)
    return event


def _as_json(value: Any, **_: Any) -> str:
    return msgspec.json.encode(value, enc_hook=repr).decode()


def start_logging(level: int = logging.INFO) -> None:
    """Send everything, also what libraries log, through one formatter to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    # A commit that finds the head of the log moved ends its pipeline early, and is made again; the
    # driver would warn of each.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            without_secrets,
            structlog.processors.JSONRenderer(serializer=_as_json),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # The server's own lines about starting and stopping say nothing that ours do not, nor do those of
    # the client about each call to a gateway, which is counted.
    for name in ("uvicorn", "uvicorn.error", "psycopg.pool", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)
