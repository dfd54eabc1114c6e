"""Messages between the bank and a gateway, signed as Standard Webhooks 1.0 has it.

HMAC-SHA256 under a shared secret, over the id of the message, its time and its bytes. Old and future
messages are refused, so that one which was overheard cannot be played again much later; within the
tolerance a repeat is harmless, because every message is idempotent.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
TOLERANCE_SECONDS: Final = 300
# A sender that changes its secret signs with both for a while.
SIGNATURES_MAX: Final = 4
_SECONDS: Final = re.compile(r"[0-9]{1,12}", re.ASCII)


class CallbackRefused(Exception):
    """The message is not signed by the gateway, or not now; which of the two is not said."""


def signed_headers(secret: bytes, message_id: str, body: bytes, *, now: float) -> dict[str, str]:
    """The headers that sign a message sent at `now` (seconds since the epoch)."""
    timestamp = str(int(now))
    digest = _digest(secret, message_id, timestamp, body)
    return {
        ID: message_id,
        TIMESTAMP: timestamp,
        SIGNATURE: f"v1,{base64.b64encode(digest).decode()}",
    }


def check_signed(secret: bytes, headers: Mapping[str, str], body: bytes, *, now: float) -> None:
    """Raise `CallbackRefused` unless one signature is right and the message is of this time."""
    message_id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not message_id or not _SECONDS.fullmatch(timestamp):
        raise CallbackRefused("no id, or no time")
    expected = _digest(secret, message_id, timestamp, body)
    signatures = headers.get(SIGNATURE, "").split(" ")[:SIGNATURES_MAX]
    # Every one is compared, so that the time it takes says nothing of them.
    genuine = [_is(expected, signature) for signature in signatures]
    if not any(genuine):
        raise CallbackRefused("no signature of ours")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise CallbackRefused("too old, or from the future")


def _is(expected: bytes, signature: str) -> bool:
    version, _, text = signature.partition(",")
    try:
        given = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        given = b""
    return hmac.compare_digest(expected, given) and version == "v1"


def _digest(secret: bytes, message_id: str, timestamp: str, body: bytes) -> bytes:
    content = b".".join((message_id.encode(), timestamp.encode(), body))
    return hmac.digest(secret, content, hashlib.sha256)
