"""Signed messages as Standard Webhooks has them: HMAC-SHA256 over id, timestamp and body.

Both directions are signed with the same shared secret. The bank has an implementation of its own.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Final

TOLERANCE_SECONDS: Final = 300


def signed(secret: bytes, message_id: str, body: bytes) -> dict[str, str]:
    """The headers of a message sent now."""
    timestamp = str(int(time.time()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{_signature(secret, message_id, timestamp, body)}",
    }


def is_genuine(secret: bytes, headers: Mapping[str, str], body: bytes) -> bool:
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    expected = _signature(secret, message_id, timestamp, body)
    given = headers.get("webhook-signature", "").removeprefix("v1,")
    return hmac.compare_digest(expected.encode(), given.encode())


def _signature(secret: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    content = b".".join((message_id.encode(), timestamp.encode(), body))
    return base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()
