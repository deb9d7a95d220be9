"""Code that the documentation shows; tests run it."""

import base64
import hashlib
import hmac


def is_from_docport(body: bytes, headers: dict[str, str], secret: str, now: float) -> bool:
    """Tell whether a webhook is DocPort's and fresh; `body` is the bytes as they came."""
    sent_at = headers["webhook-timestamp"]
    if abs(now - int(sent_at)) > 5 * 60:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{sent_at}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(digest).decode()
    offered = headers["webhook-signature"].split(" ")
    return any(hmac.compare_digest(expected, signature) for signature in offered)
