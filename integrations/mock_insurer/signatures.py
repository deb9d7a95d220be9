"""Prove that a message comes from DocPort: Standard Webhooks 1.0.0, symmetric signatures."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

TOLERANCE_SECONDS = 5 * 60
_PREFIX = "whsec_"


class NotGenuine(Exception):
    """The message is not DocPort's, was altered, or is too old or too new."""


@dataclass(frozen=True)
class Signed:
    """What the headers of a genuine message say: its id, and when it was signed."""

    message_id: str
    signed_at: int


def verify(headers: Mapping[str, str], body: bytes, *, secret: str, at: float) -> Signed:
    """Check a message as it arrived, byte for byte, before anybody parses it.

    Args:
        headers: `webhook-id`, `webhook-timestamp` and `webhook-signature`, names in lower case.
        secret: `whsec_` and base64, as DocPort showed it once.
        at: now, in Unix seconds.

    Raises:
        NotGenuine: answer 401 and keep nothing.
    """
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not message_id or not (timestamp.isascii() and timestamp.isdecimal()):
        raise NotGenuine("The webhook headers are missing or malformed.")
    if abs(at - int(timestamp)) > TOLERANCE_SECONDS:
        raise NotGenuine("The message was signed more than five minutes from now.")
    expected = sign(message_id, int(timestamp), body, secret=secret).encode()
    # While a secret is rotated, a message bears two signatures: one that matches is enough.
    offered = headers.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(expected, entry.encode()) for entry in offered):
        raise NotGenuine("No signature matches.")
    return Signed(message_id, int(timestamp))


def sign(message_id: str, timestamp: int, body: bytes, *, secret: str) -> str:
    """Give the signature that DocPort must have made."""
    content = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise NotGenuine("The secret is not whsec_ and base64.") from error
