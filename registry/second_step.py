"""How the seeds of one-time codes and of recovery codes are kept: sealed for one person.

The library keeps them as text in a JSON column and does not say of which row, so the person's id
stands for it; a person has one row of each kind.
"""

import base64
import binascii
from uuid import UUID

from registry import encryption
from registry.models import User

# What the library calls the sealed values in its JSON: of a TOTP app, and of recovery codes.
SEALED_KEYS = ("secret", "seed")


def context_of(user_id: UUID) -> str:
    """Name the one person for whom a seed opens."""
    return f"mfa_authenticator.data:{user_id}"


def seal_seed(seed: str, *, of: User) -> str:
    """Seal a seed for the person who will show its codes."""
    return as_text(encryption.encrypt(seed.encode(), context=context_of(of.pk)))


def open_seed(sealed: str, *, of: User) -> str:
    """Open what `seal_seed` sealed for the same person.

    Raises:
        CannotDecrypt: it was altered, is another person's, or its key is not here.
    """
    return encryption.decrypt(as_bytes(sealed), context=context_of(of.pk)).decode()


def as_text(sealed: bytes) -> str:
    """Write sealed bytes as JSON can hold them."""
    return base64.urlsafe_b64encode(sealed).decode()


def as_bytes(sealed: str) -> bytes:
    """Read what `as_text` wrote.

    Raises:
        CannotDecrypt: it is no such text.
    """
    try:
        return base64.b64decode(sealed.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise encryption.CannotDecrypt from error
