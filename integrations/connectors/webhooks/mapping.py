"""Standard Webhooks 1.0.0, symmetric: how a message is signed so that its receiver can trust it.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """Make a secret that nobody has, as its owner is shown it once."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature(message_id: str, timestamp: int, body: bytes, *, secret: str) -> str:
    """Give one entry of the signature header.

    Args:
        timestamp: Unix seconds of this attempt.
        body: the bytes exactly as they are sent.
        secret: `whsec_` and base64.
    """
    key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    content = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    digest = hmac.new(key, content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def headers(message_id: str, timestamp: int, body: bytes, *, keys: Iterable[str]) -> dict[str, str]:
    """Give the headers that sign a message; with several secrets, each signs.

    Args:
        message_id: the same on every retry; the receiver's idempotency key.
        keys: the secrets in force, two while one is being changed.
    """
    entries = (signature(message_id, timestamp, body, secret=key) for key in keys)
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(entries),
    }
