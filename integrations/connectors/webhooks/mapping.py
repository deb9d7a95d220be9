"""Standard Webhooks 1.0.0: how a message is signed so that its receiver can trust it.

Each message bears two kinds of signature: `v1`, which a secret makes and checks, and `v1a`, which
DocPort's private key makes and everybody can check with the public one.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_SECRET, _PRIVATE, _PUBLIC = "whsec_", "whsk_", "whpk_"
_SECRET_BYTES = 32
_SEED_BYTES = 32


def new_secret() -> str:
    """Make a secret that nobody has, as its owner is shown it once."""
    return _written(_SECRET, secrets.token_bytes(_SECRET_BYTES))


def new_key_pair() -> tuple[str, str]:
    """Make a private key that nobody has, and the public one that everybody may see."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    return _written(_PRIVATE, private.private_bytes_raw() + public), _written(_PUBLIC, public)


def is_key(text: str) -> bool:
    """Tell whether a text can sign: a secret or a private key, as it is written."""
    try:
        signature("", 0, b"", key=text)
    except ValueError:
        return False
    return text.startswith((_SECRET, _PRIVATE))


def signature(message_id: str, timestamp: int, body: bytes, *, key: str) -> str:
    """Give one entry of the signature header.

    Args:
        timestamp: Unix seconds of this attempt.
        body: the bytes exactly as they are sent.
        key: a secret (`whsec_` and base64) for `v1`, a private key (`whsk_`) for `v1a`.
    """
    content = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    if key.startswith(_PRIVATE):
        return _written("v1a,", _private_key(key).sign(content))
    return _written("v1,", hmac.new(_read(_SECRET, key), content, hashlib.sha256).digest())


def headers(message_id: str, timestamp: int, body: bytes, *, keys: Iterable[str]) -> dict[str, str]:
    """Give the headers that sign a message; with several keys, each signs.

    Args:
        message_id: the same on every retry; the receiver's idempotency key.
        keys: secrets and private keys in force, two secrets while one is being changed.
    """
    entries = (signature(message_id, timestamp, body, key=key) for key in keys)
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(entries),
    }


def repeats(body: bytes, challenge: str) -> bool:
    """Tell whether an answer is `{"challenge": …}` with what was asked."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, dict) and answer.get("challenge") == challenge


@lru_cache(maxsize=256)
def _private_key(key: str) -> Ed25519PrivateKey:
    """Read a private key; that takes as long as to sign with it."""
    return Ed25519PrivateKey.from_private_bytes(_read(_PRIVATE, key)[:_SEED_BYTES])


def _written(prefix: str, value: bytes) -> str:
    return prefix + base64.b64encode(value).decode()


def _read(prefix: str, key: str) -> bytes:
    return base64.b64decode(key.removeprefix(prefix), validate=True)
