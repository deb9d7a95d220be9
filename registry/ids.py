"""Time-ordered UUIDs, so that rows that arrive fast stay together in their index."""

from uuid import UUID

from uuid_utils import compat


def uuid7() -> UUID:
    """Give a UUID version 7 (RFC 9562)."""
    return compat.uuid7()


UUID7 = """encode(set_bit(set_bit(overlay(
    uuid_send(gen_random_uuid())
    PLACING substring(int8send((date_part('epoch', clock_timestamp()) * 1000)::bigint) FROM 3)
    FROM 1 FOR 6
), 52, 1), 53, 1), 'hex')::uuid"""
"""The same as an expression of SQL, also before PostgreSQL 18: milliseconds first, then chance."""
