"""Prove that a message comes from DocPort: Standard Webhooks 1.0.0, both kinds of signature."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TOLERANCE_SECONDS = 5 * 60
_SECRET, _PUBLIC = "whsec_", "whpk_"


class NotGenuine(Exception):
    """The message is not DocPort's, was altered, or is too old or too new."""


@dataclass(frozen=True)
class Signed:
    """What the headers of a genuine message say: its id, and when it was signed."""

    message_id: str
    signed_at: int


def verify(
    headers: Mapping[str, str], body: bytes, *, secret: str, public_key: str = "", at: float
) -> Signed:
    """Check a message as it arrived, byte for byte, before anybody parses it.

    Either kind of signature would do. Since DocPort sends both, this insurer wants both.

    Args:
        headers: `webhook-id`, `webhook-timestamp` and `webhook-signature`, names in lower case.
        secret: `whsec_` and base64, as DocPort showed it once.
        public_key: `whpk_` and base64; without one only the secret's signature is looked at.
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
    content = f"{message_id}.{timestamp}.".encode() + body
    if public_key and not any(_is_signed(content, entry, public_key) for entry in offered):
        raise NotGenuine("No signature matches the public key.")
    return Signed(message_id, int(timestamp))


def _is_signed(content: bytes, entry: str, public_key: str) -> bool:
    if not entry.startswith("v1a,"):
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(_read(_PUBLIC, public_key))
        key.verify(base64.b64decode(entry.removeprefix("v1a,"), validate=True), content)
    except (InvalidSignature, ValueError):
        return False
    return True


def sign(message_id: str, timestamp: int, body: bytes, *, secret: str) -> str:
    """Give the signature that DocPort must have made."""
    content = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(_read(_SECRET, secret), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _read(prefix: str, key: str) -> bytes:
    try:
        return base64.b64decode(key.removeprefix(prefix), validate=True)
    except binascii.Error as error:
        raise NotGenuine(f"The key is not {prefix} and base64.") from error
