"""Encrypt what the database and the disk must not show.

A sealed value is `version (1 byte) | key id (1 byte) | nonce (12 bytes) | AES-256-GCM ciphertext`.
The context (table, column and row id) is bound to it: moved to another row, it does not open.
"""

import base64
import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_VERSION = b"\x01"
_NONCE_BYTES = 12
HEADER_BYTES = 2


class CannotDecrypt(Exception):
    """The value was altered, moved to another row, or sealed with a key that is not here."""


@cache
def _keys(configured: tuple[str, ...]) -> dict[int, AESGCM]:
    pairs = (entry.split(":", 1) for entry in configured)
    return {int(key_id): AESGCM(base64.urlsafe_b64decode(key)) for key_id, key in pairs}


def _current_keys() -> dict[int, AESGCM]:
    return _keys(tuple(settings.FIELD_KEYS))


def newest_key() -> int:
    """Give the id of the key that seals from now on."""
    return max(_current_keys())


def is_outdated(sealed: bytes) -> bool:
    """Tell whether a value was sealed with another key than the newest."""
    return sealed[1:HEADER_BYTES] != bytes([newest_key()])


def reseal(sealed: bytes, *, context: str) -> bytes:
    """Seal with the newest key what an older one has sealed for the same context.

    Raises:
        CannotDecrypt: it was altered or moved, or its key is not here.
    """
    return encrypt(decrypt(sealed, context=context), context=context)


def encrypt(plain: bytes, *, context: str) -> bytes:
    """Seal `plain` for one place, with the newest key (the highest key id).

    Args:
        context: table, column and row id, such as `appointments.patient_reference:<uuid>`.
    """
    keys = _current_keys()
    key_id = newest_key()
    nonce = os.urandom(_NONCE_BYTES)
    header = _VERSION + bytes([key_id])
    return header + nonce + keys[key_id].encrypt(nonce, plain, header + context.encode())


def decrypt(sealed: bytes, *, context: str) -> bytes:
    """Open what `encrypt` sealed for the same context.

    Raises:
        CannotDecrypt: nothing is returned, least of all the ciphertext.
    """
    header, rest = sealed[:HEADER_BYTES], sealed[HEADER_BYTES:]
    nonce, ciphertext = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
    key = _current_keys().get(header[1]) if len(header) == HEADER_BYTES else None
    if key is None or header[:1] != _VERSION:
        raise CannotDecrypt
    try:
        return key.decrypt(nonce, ciphertext, header + context.encode())
    except (InvalidTag, ValueError) as error:
        raise CannotDecrypt from error
