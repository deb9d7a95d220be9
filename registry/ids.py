"""Time-ordered UUIDs, so that rows that arrive fast stay together in their index."""

from uuid import UUID

from uuid_utils import compat


def uuid7() -> UUID:
    """Give a UUID version 7 (RFC 9562)."""
    return compat.uuid7()
