"""Take deliveries that are due, so that nobody else sends them meanwhile."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from integrations import representations
from integrations.actions import recipients
from integrations.actions.drain import SLOW_AFTER
from integrations.actions.webhooks import due
from integrations.models import CHALLENGE, WebhookDelivery, WebhookEndpoint

# A send ends within 15 s. What a killed worker held takes its endpoint's places until this is over,
# so it must not be much longer.
LEASE = timedelta(seconds=25)
# How much one lease withholds at most, since the others wait for it meanwhile.
LOOK_AHEAD, MOST_LOOKS = 1000, 5
_MAY_GO = Q(endpoint__status=WebhookEndpoint.Status.ENABLED) | Q(
    endpoint__status=WebhookEndpoint.Status.PENDING, event_type=CHALLENGE
)


@dataclass(frozen=True)
class Job:
    """A leased delivery with all that sending it takes."""

    delivery: UUID
    endpoint: UUID
    attempt: int
    lease_until: datetime
    url: str
    message_id: str
    body: bytes
    secrets: Sequence[str] = field(repr=False)
    # Whom the event is about.
    doctor: UUID | None = None
    # What the endpoint must repeat; empty for everything but a challenge.
    challenge: str = ""


@transaction.atomic(durable=True)
def lease(*, room: int, at: datetime) -> list[Job]:
    """Take at most `room` deliveries that are due, so that nobody else sends them meanwhile.

    Who may hear of an event is asked once more here; what may not be sent any more is withheld.

    Args:
        at: aware instant; the lease runs for 25 seconds from it.
    """
    due.lock()
    for _ in range(MOST_LOOKS):
        found = _due(room, at)
        jobs = _take(found, at)
        if jobs or not found:
            return jobs
    return []


def _due(room: int, at: datetime) -> list[WebhookDelivery]:
    ids = due.find(room=room, at=at, slow=at + LEASE - SLOW_AFTER)
    # The endpoint may have moved or gone since: what is sent goes where it is now, or stays.
    rows = WebhookDelivery.objects.filter(_MAY_GO, pk__in=ids).order_by("feed_entry_id")
    return list(rows.select_related("endpoint", "feed_entry__event"))


def _take(found: list[WebhookDelivery], at: datetime) -> list[Job]:
    withheld = _withheld({delivery.pk: delivery.feed_entry_id for delivery in found}, at)
    for endpoint in {delivery.endpoint_id for delivery in found if delivery.pk in withheld}:
        withheld |= _withheld(_next_of(endpoint, at), at)
    WebhookDelivery.objects.filter(pk__in=withheld).update(
        status=WebhookDelivery.Status.WITHHELD, lease_until=None, updated_at=at
    )
    leased = [delivery for delivery in found if delivery.pk not in withheld]
    WebhookDelivery.objects.filter(pk__in=[delivery.pk for delivery in leased]).update(
        attempts=F("attempts") + 1, lease_until=at + LEASE, updated_at=at
    )
    return [_job(delivery, at) for delivery in leased]


def _withheld(entries: Mapping[UUID, int | None], at: datetime) -> set[UUID]:
    """Give those deliveries that must not be sent; `entries` names the entry that each carries."""
    refused = recipients.withheld([entry for entry in entries.values() if entry], at=at)
    return {delivery for delivery, entry in entries.items() if entry in refused}


def _next_of(endpoint: UUID, at: datetime) -> dict[UUID, int | None]:
    """Look ahead at what else is due to an endpoint that must not hear of something.

    It must mostly not hear of many: a doctor has opted out, or the insurer is suspended. A few at a
    time would keep everybody else waiting.
    """
    rows = WebhookDelivery.objects.select_for_update(skip_locked=True).due_at(at)
    in_order = rows.filter(endpoint=endpoint).order_by("next_attempt_at", "feed_entry_id")
    return dict(in_order.values_list("pk", "feed_entry_id")[:LOOK_AHEAD])


def _job(delivery: WebhookDelivery, at: datetime) -> Job:
    endpoint = delivery.endpoint
    envelope = representations.message(delivery)
    return Job(
        delivery=delivery.pk,
        endpoint=endpoint.pk,
        attempt=delivery.attempts + 1,
        lease_until=at + LEASE,
        url=endpoint.url,
        message_id=envelope["id"],
        body=json.dumps(envelope, separators=(",", ":")).encode(),
        secrets=secrets_in_force(endpoint, at=at),
        doctor=delivery.feed_entry.event.doctor_id if delivery.feed_entry else None,
        challenge=endpoint.challenge if delivery.event_type == CHALLENGE else "",
    )


def secrets_in_force(endpoint: WebhookEndpoint, *, at: datetime) -> list[str]:
    """Give what signs for an endpoint: its secret, its private key, and for a day an old secret."""
    until = endpoint.previous_secret_until
    previous = endpoint.previous_secret if until is not None and at < until else None
    return [endpoint.secret, *([previous] if previous else []), endpoint.private_key]
