"""Take deliveries that are due, so that nobody else sends them meanwhile."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction

from integrations import representations
from integrations.actions import recipients
from integrations.actions.drain import SLOW_AFTER
from integrations.actions.webhooks import due
from integrations.actions.webhooks.due import Due
from integrations.models import CHALLENGE, WebhookDelivery, WebhookEndpoint
from integrations.representations import Entry
from registry.statements import prepared

# A send ends within 15 s. What a killed worker held takes its endpoint's places until this is over,
# so it must not be much longer.
LEASE = timedelta(seconds=25)
# How much one lease withholds at most, since the others wait for it meanwhile.
LOOK_AHEAD, MOST_LOOKS = 1000, 5
_LEASE = """
    WITH leased AS (
        UPDATE webhook_deliveries
        SET attempts = attempts + 1, lease_until = %(until)s, updated_at = %(at)s
        WHERE id = ANY(%(ids)s)
        RETURNING id, attempts, feed_entry_id
    )
    SELECT leased.id, leased.attempts, event.doctor_id, entry.feed_seq, entry.consent_id,
        entry.created_at, event.event_id, event.type, event.occurred_at, event.subject,
        event.subject_version, event.payload::text
    FROM leased
    LEFT JOIN feed_entries AS entry ON entry.id = leased.feed_entry_id
    LEFT JOIN outbox_events AS event ON event.id = entry.event_id
    ORDER BY leased.feed_entry_id
"""
_SECRETS = ("secret", "previous_secret", "private_key")
_Status = WebhookEndpoint.Status


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
        found = due.find(room=room, at=at, slow=at + LEASE - SLOW_AFTER)
        jobs = _take(found, at)
        if jobs or not found:
            return jobs
    return []


def _take(found: Sequence[Due], at: datetime) -> list[Job]:
    withheld = _withheld({one.delivery: one.entry for one in found}, at)
    for endpoint in {one.endpoint for one in found if one.delivery in withheld}:
        withheld |= _withheld(_next_of(endpoint, at), at)
    if withheld:
        WebhookDelivery.objects.filter(pk__in=withheld).update(
            status=WebhookDelivery.Status.WITHHELD, lease_until=None, updated_at=at
        )
    rest = [one for one in found if one.delivery not in withheld]
    endpoints = WebhookEndpoint.objects.defer(*_SECRETS).in_bulk({one.endpoint for one in rest})
    # One may have moved or gone since: what is sent goes where it is now, or stays.
    leased = {
        one.delivery: endpoints[one.endpoint]
        for one in rest
        if _may_go(one, endpoints[one.endpoint])
    }
    return _jobs(leased, at) if leased else []


def _may_go(one: Due, endpoint: WebhookEndpoint) -> bool:
    is_asked = endpoint.status == _Status.PENDING and one.event_type == CHALLENGE
    return endpoint.status == _Status.ENABLED or is_asked


def _withheld(entries: Mapping[UUID, int | None], at: datetime) -> set[UUID]:
    """Give those deliveries that must not be sent; `entries` names the entry that each carries."""
    asked = [entry for entry in entries.values() if entry]
    refused = recipients.withheld(asked, at=at) if asked else set()
    return {delivery for delivery, entry in entries.items() if entry in refused}


def _next_of(endpoint: UUID, at: datetime) -> dict[UUID, int | None]:
    """Look ahead at what else is due to an endpoint that must not hear of something.

    It must mostly not hear of many: a doctor has opted out, or the insurer is suspended. A few at a
    time would keep everybody else waiting.
    """
    rows = WebhookDelivery.objects.select_for_update(skip_locked=True).due_at(at)
    in_order = rows.filter(endpoint=endpoint).order_by("next_attempt_at", "feed_entry_id")
    return dict(in_order.values_list("pk", "feed_entry_id")[:LOOK_AHEAD])


def _jobs(leased: Mapping[UUID, WebhookEndpoint], at: datetime) -> list[Job]:
    until = at + LEASE
    with prepared() as cursor:
        cursor.execute(_LEASE, {"until": until, "at": at, "ids": list(leased)})
        rows = cursor.fetchall()
    own_words = _own_words([delivery for delivery, _, _, number, *_ in rows if number is None])
    keys = {
        endpoint: secrets_in_force(_signing(endpoint.pk, endpoint.version), at=at)
        for endpoint in set(leased.values())
    }
    jobs = []
    for delivery, attempt, doctor, *entry in rows:
        endpoint, own = leased[delivery], own_words.get(delivery)
        envelope = representations.message(own) if own else _event(entry, doctor)
        jobs.append(
            Job(
                delivery=delivery,
                endpoint=endpoint.pk,
                attempt=attempt,
                lease_until=until,
                url=endpoint.url,
                message_id=envelope["id"],
                body=orjson.dumps(envelope),
                secrets=keys[endpoint],
                doctor=doctor,
                challenge=endpoint.challenge if own and own.event_type == CHALLENGE else "",
            )
        )
    return jobs


def _event(columns: Sequence[Any], doctor: UUID | None) -> representations.Json:
    *entry, payload = columns
    return representations.event(Entry._make([*entry, doctor, orjson.loads(payload)]))


def _own_words(deliveries: Iterable[UUID]) -> dict[UUID, WebhookDelivery]:
    ids = list(deliveries)
    rows = WebhookDelivery.objects.select_related("endpoint")
    return {row.pk: row for row in rows.filter(pk__in=ids)} if ids else {}


@lru_cache(maxsize=1024)
def _signing(endpoint: UUID, version: int) -> WebhookEndpoint:
    """Give an endpoint at a version with its secrets, which take a while to decrypt."""
    return WebhookEndpoint.objects.get(pk=endpoint)


def secrets_in_force(endpoint: WebhookEndpoint, *, at: datetime) -> list[str]:
    """Give what signs for an endpoint: its secret, its private key, and for a day an old secret."""
    until = endpoint.previous_secret_until
    previous = endpoint.previous_secret if until is not None and at < until else None
    return [endpoint.secret, *([previous] if previous else []), endpoint.private_key]
