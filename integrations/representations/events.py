"""Events, as the feed and the webhooks carry them."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.conf import settings

from integrations.models import FeedEntry
from integrations.representations.values import Json, instant
from registry.models import InsuranceProvider, public_event_id
from registry.statements import prepared

API_PATH = "/api/v1"

# The head and what follows in one look: what the sequencer adds in between is in neither.
_FEED = """
    SELECT head.head, entry.feed_seq, entry.consent_id, entry.created_at, event.event_id,
        event.type, event.occurred_at, event.subject, event.subject_version, event.doctor_id,
        event.payload::text
    FROM feed_heads AS head
    LEFT JOIN LATERAL (
        SELECT * FROM feed_entries
        WHERE insurance_provider_id = head.insurance_provider_id AND feed_seq > %(after)s
        ORDER BY feed_seq LIMIT %(limit)s
    ) AS entry ON true
    LEFT JOIN outbox_events AS event ON event.id = entry.event_id
    WHERE head.insurance_provider_id = %(provider)s
    ORDER BY entry.feed_seq
"""


class Entry(NamedTuple):
    """An insurer's copy of an event."""

    feed_seq: int
    consent_id: UUID | None
    created_at: datetime
    event_id: UUID
    type: str
    occurred_at: datetime
    subject: str
    subject_version: int
    doctor_id: UUID | None
    payload: Json

    @classmethod
    def of(cls, row: FeedEntry) -> "Entry":
        """Take it from a row whose event is loaded."""
        event = row.event
        return cls(
            row.feed_seq,
            row.consent_id,
            row.created_at,
            event.event_id,
            event.type,
            event.occurred_at,
            event.subject,
            event.subject_version,
            event.doctor_id,
            event.payload,
        )


def feed(provider: InsuranceProvider, *, after: int, limit: int) -> tuple[int, list[Entry]]:
    """Give the number that an insurer's feed has come to, and its entries that follow `after`."""
    given: dict[str, Any] = {"provider": provider.pk, "after": after, "limit": limit}
    with prepared() as cursor:
        cursor.execute(_FEED, given)
        rows = cursor.fetchall()
    head = rows[0][0] if rows else 0
    found = ([*entry, orjson.loads(payload)] for _, *entry, payload in rows if payload)
    return head, list(map(Entry._make, found))


def event(entry: Entry) -> Json:
    """Show an event."""
    data: Json = {"doctor_id": str(entry.doctor_id)} if entry.doctor_id else {}
    data |= entry.payload
    if (link := href(entry.type, entry.subject, entry.doctor_id)) is not None:
        data["href"] = link
    return {
        "id": public_event_id(entry.event_id),
        "type": entry.type,
        "timestamp": instant(entry.occurred_at),
        "feed_seq": entry.feed_seq,
        "subject": entry.subject,
        "subject_version": entry.subject_version,
        "consent_id": str(entry.consent_id) if entry.consent_id else None,
        "data": data,
    }


def href(event_type: str, subject: str, doctor_id: UUID | None) -> str | None:
    """Link to what an event is about; `None` for an event about nothing, such as `ping`."""
    kind, _, subject_id = subject.partition("/")
    if kind == "appointment":
        return f"{settings.BASE_URL}{API_PATH}/appointments/{subject_id}"
    if doctor_id is None:
        return None
    doctor = f"{settings.BASE_URL}{API_PATH}/doctors/{doctor_id}"
    return f"{doctor}/availability" if event_type == "availability.updated" else doctor
