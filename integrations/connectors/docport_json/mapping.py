"""A doctor's state as bytes: canonical JSON (RFC 8785), so that equal states have equal hashes."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import rfc8785

from integrations.connectors import Document

PROFILE, AVAILABILITY = "profile", "availability"
PARTS: tuple[str, ...] = (PROFILE, AVAILABILITY)


def documents(profile: Mapping[str, Any], hours: Mapping[str, Any]) -> tuple[Document, ...]:
    """Give both documents that a system holds of a doctor, as the API shows them."""
    return Document(PROFILE, canonical(profile)), Document(AVAILABILITY, canonical(hours))


def erasure(doctor: UUID, *, reason: str, erase_by: str | None) -> Document:
    """Give the body of the DELETE that asks to erase a doctor."""
    body = {"doctor_id": str(doctor), "reason": reason, "erase_by": erase_by}
    return Document("erasure", canonical(body))


def canonical(state: Mapping[str, Any]) -> bytes:
    """Write a JSON-ready state in the one way there is."""
    return rfc8785.dumps(dict(state))


def state_headers(version: int, document: Document) -> dict[str, str]:
    """Give the headers that let an insurer tell newer from older, and same from changed."""
    return {"DocPort-Version": str(version), "DocPort-State": document.state}
