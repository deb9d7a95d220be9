"""The hash chain that shows whether anybody altered the audit log behind the triggers.

Each link is SHA-256 over the hash before it and the row as canonical JSON (RFC 8785). A chain
alone cannot show a tail that was cut off together with its links: compare with a head kept
elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from hashlib import sha256

import rfc8785

from registry.models import AuditLog, AuditSeal

GENESIS = "0" * 64
_CHUNK = 2000


@dataclass(frozen=True)
class Head:
    """Where the chain ends: how many links it has, and the hash of the last."""

    position: int
    hash: str

    def __str__(self) -> str:
        return f"{self.position}:{self.hash}"


@dataclass(frozen=True)
class Break:
    """The first place where the chain does not hold."""

    position: int
    what: str


NO_LINKS = Head(position=0, hash=GENESIS)


def link(before: str, log: AuditLog) -> str:
    """Give the hash of the link that seals `log` after the link with the hash `before`."""
    row = {
        "id": str(log.pk),
        "entity_type": log.entity_type,
        "entity_id": str(log.entity_id),
        "action": log.action,
        "performed_by": _id(log.performed_by_id),
        "performed_by_provider": _id(log.performed_by_provider_id),
        "timestamp": log.timestamp.astimezone(UTC).isoformat(timespec="microseconds"),
        "metadata": log.metadata,
        "request_id": log.request_id,
        "ip": log.ip,
    }
    # As many lines have none, so the links of lines from before there was one still hold.
    if log.doctor_id is not None:
        row["doctor"] = str(log.doctor_id)
    return sha256(bytes.fromhex(before) + rfc8785.dumps(row)).hexdigest()


def head() -> Head:
    """Give the end of the chain as the database holds it now."""
    last = AuditSeal.objects.order_by("-position").first()
    return NO_LINKS if last is None else Head(last.position, last.hash)


def first_break(*, kept: Head = NO_LINKS) -> Break | None:
    """Walk the whole chain and name the first row that was changed, removed or cut off.

    Args:
        kept: a head noted earlier; without it, a cut tail cannot be seen.
    """
    before, position = GENESIS, 0
    for seal in _seals():
        position += 1
        if seal.position != position:
            return Break(position, "missing: the row and its link were removed")
        if link(before, seal.audit_log) != seal.hash:
            return Break(position, f"changed: audit row {seal.audit_log_id}")
        before = seal.hash
        if position == kept.position and before != kept.hash:
            return Break(position, "rewritten: the link differs from the head you kept")
    if position < kept.position:
        return Break(position + 1, f"cut: the head you kept has {kept.position} links")
    return None


def _seals() -> Iterator[AuditSeal]:
    links = AuditSeal.objects.select_related("audit_log").order_by("position")
    return links.iterator(chunk_size=_CHUNK)


def _id(value: object) -> str | None:
    return None if value is None else str(value)
