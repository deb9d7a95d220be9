"""A doctor's state as bytes: canonical JSON (RFC 8785), so that equal states have equal hashes."""

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785


def canonical(state: Mapping[str, Any]) -> bytes:
    """Write a JSON-ready state in the one way there is."""
    return rfc8785.dumps(dict(state))


def state_of(body: bytes) -> str:
    """Give the `DocPort-State` of a canonical body: its SHA-256, in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def state_headers(version: int, body: bytes) -> dict[str, str]:
    """Give the headers that let an insurer tell newer from older, and same from changed."""
    return {"DocPort-Version": str(version), "DocPort-State": state_of(body)}
