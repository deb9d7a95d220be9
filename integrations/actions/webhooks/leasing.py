"""Take deliveries that are due, so that nobody else sends them meanwhile."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import transaction

from integrations import representations
from integrations.actions import recipients
from integrations.actions.drain import SLOW_AFTER
from integrations.actions.webhooks import due
from integrations.actions.webhooks.due import Claimed
from integrations.models import CHALLENGE, WebhookDelivery, WebhookEndpoint, WebhookLease
from integrations.representations import Entry
from registry.statements import ask

# A send ends within 15 s. What a killed worker held takes its endpoint's places until this is over,
# so it must not be much longer.
LEASE = timedelta(seconds=25)
# How much is withheld at once, and how often a worker looks for something that is not.
LOOK_AHEAD, MOST_LOOKS = 1000, 5
_READ = f"""
    SELECT entry.id, {recipients.IS_WITHHELD}, event.doctor_id, entry.feed_seq, entry.consent_id,
        entry.created_at, event.event_id, event.type, event.occurred_at, event.subject,
        event.subject_version, event.payload::text
    FROM feed_entries AS entry JOIN outbox_events AS event ON event.id = entry.event_id
    WHERE entry.id = ANY(%(entries)s)
"""  # noqa: S608  Our own condition.
_Status, _Waiting = WebhookEndpoint.Status, WebhookDelivery.Status


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


class _Content(NamedTuple):
    """What an entry of a feed says, and whether its insurer may not hear it any more."""

    is_withheld: bool
    doctor: UUID | None
    columns: Sequence[Any]

    @property
    def envelope(self) -> representations.Json:
        *entry, payload = self.columns
        return representations.event(Entry._make([*entry, self.doctor, orjson.loads(payload)]))


def lease(*, room: int, at: datetime) -> list[Job]:
    """Take at most `room` deliveries that are due, so that nobody else sends them meanwhile.

    Who may hear of an event is asked once more here; what may not be sent any more is withheld.

    Args:
        at: aware instant; the lease runs for 25 seconds from it.
    """
    until = at + LEASE
    for _ in range(MOST_LOOKS):
        claimed = due.claim(room=room, at=at, until=until, slow=until - SLOW_AFTER)
        jobs = _jobs(claimed, until, at) if claimed else []
        if jobs or not claimed:
            return jobs
    return []


def _jobs(claimed: Sequence[Claimed], until: datetime, at: datetime) -> list[Job]:
    contents = _read([one.entry for one in claimed if one.entry], at)
    endpoints = _as_they_are({one.endpoint for one in claimed})
    withheld = [one for one in claimed if one.entry and contents[one.entry].is_withheld]
    # One may have moved or gone since: what is sent goes where it is now, or stays.
    stay = [one for one in claimed if not _may_go(one, endpoints[one.endpoint])]
    if withheld or stay:
        _give_back(withheld, stay, until, at)
    dropped = {one.delivery for one in (*withheld, *stay)}
    rest = [one for one in claimed if one.delivery not in dropped]
    own_words = _own_words([one.delivery for one in rest if one.entry is None])
    keys = {
        endpoint: secrets_in_force(_signing(endpoint, endpoints[endpoint].version), at=at)
        for endpoint in {one.endpoint for one in rest}
    }
    jobs = []
    for one in rest:
        endpoint = endpoints[one.endpoint]
        content = contents[one.entry] if one.entry else None
        envelope = content.envelope if content else representations.message(own_words[one.delivery])
        jobs.append(
            Job(
                delivery=one.delivery,
                endpoint=one.endpoint,
                attempt=one.attempt,
                lease_until=until,
                url=endpoint.url,
                message_id=envelope["id"],
                body=orjson.dumps(envelope),
                secrets=keys[one.endpoint],
                doctor=content.doctor if content else None,
                challenge=endpoint.challenge if one.event_type == CHALLENGE else "",
            )
        )
    return jobs


def _read(entries: list[int], at: datetime) -> dict[int, _Content]:
    if not entries:
        return {}
    rows = ask(_READ, {"entries": entries, "at": at}).fetchall()
    return {
        entry: _Content(is_withheld, doctor, columns)
        for entry, is_withheld, doctor, *columns in rows
    }


def _as_they_are(endpoints: Iterable[UUID]) -> dict[UUID, WebhookEndpoint]:
    return WebhookEndpoint.objects.only("status", "url", "challenge", "version").in_bulk(endpoints)


def _may_go(one: Claimed, endpoint: WebhookEndpoint) -> bool:
    is_asked = endpoint.status == _Status.PENDING and one.event_type == CHALLENGE
    return endpoint.status == _Status.ENABLED or is_asked


@transaction.atomic(durable=True)
def _give_back(
    withheld: Iterable[Claimed], stay: Iterable[Claimed], until: datetime, at: datetime
) -> None:
    """Withhold what may not be sent any more, and end the leases of all that is not sent."""
    refused = {one.delivery for one in withheld}
    let_go = refused | {one.delivery for one in stay}
    rows = WebhookDelivery.objects.select_for_update().filter(pk__in=let_go)
    list(rows.order_by("feed_entry_id", "pk").values_list("pk"))
    WebhookLease.objects.filter(delivery__in=let_go, until=until).delete()
    for endpoint in {one.endpoint for one in withheld}:
        refused |= _refused_next(endpoint, at)
    standing = WebhookDelivery.objects.filter(pk__in=refused, status=_Waiting.PENDING)
    standing.update(status=_Waiting.WITHHELD, updated_at=at)


def _refused_next(endpoint: UUID, at: datetime) -> set[UUID]:
    """Look ahead at what else is due to an endpoint that must not hear of something.

    It must mostly not hear of many: a doctor has opted out, or the insurer is suspended. A few at a
    time would keep everybody else waiting.
    """
    rows = WebhookDelivery.objects.select_for_update(skip_locked=True).due_at(at)
    in_order = rows.filter(endpoint=endpoint, feed_entry__isnull=False)
    found = in_order.order_by("next_attempt_at", "feed_entry_id")
    next_ones = dict(found.values_list("feed_entry_id", "pk")[:LOOK_AHEAD])
    return {next_ones[entry] for entry in recipients.withheld(next_ones, at=at)}


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
