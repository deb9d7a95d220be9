from uuid import UUID

from django.conf import settings

from integrations.models import FeedEntry
from integrations.representations.values import Json, instant

API_PATH = "/api/v1"


def event(entry: FeedEntry) -> Json:
    """Show an event as the feed and the webhooks carry it; `entry.event` should be loaded."""
    row = entry.event
    data: Json = {"doctor_id": str(row.doctor_id)} if row.doctor_id else {}
    data |= row.payload
    if (link := href(row.type, row.subject, row.doctor_id)) is not None:
        data["href"] = link
    return {
        "id": row.public_id,
        "type": row.type,
        "timestamp": instant(row.occurred_at),
        "feed_seq": entry.feed_seq,
        "subject": row.subject,
        "subject_version": row.subject_version,
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
