"""The dispatcher of webhooks: lease what is due, send it with no transaction open, mark it.

A lease ends by itself: what a killed worker held is sent again, with the same `webhook-id`.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q
from requests import Session

from integrations import outgoing, representations
from integrations.actions import accesses, due, failing, recipients
from integrations.actions.accesses import Reader
from integrations.actions.drain import SLOW_AFTER, Line
from integrations.connectors.webhooks import client, mapping
from integrations.models import (
    CHALLENGE,
    Access,
    FeedEntry,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from registry import ledger

# How long after each failed attempt the next one comes, never earlier and up to a fifth later.
WAITS = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2),
    timedelta(hours=5), timedelta(hours=10), timedelta(hours=14), timedelta(hours=20),
    timedelta(hours=24),
)  # fmt: skip
LEASE = timedelta(seconds=60)
# How much one lease withholds at most, since the others wait for it meanwhile.
LOOK_AHEAD, MOST_LOOKS = 1000, 5
_JITTER = 0.2
_GONE = "The endpoint answered 410 Gone."
_NOT_ANSWERED = "challenge_not_answered"
_INTERNAL_ERROR = "internal_error"

_MAY_GO = Q(endpoint__status=WebhookEndpoint.Status.ENABLED) | Q(
    endpoint__status=WebhookEndpoint.Status.PENDING, event_type=CHALLENGE
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Job:
    """A leased delivery with all that sending it takes."""

    delivery: UUID
    attempt: int
    lease_until: datetime
    url: str
    message_id: str
    body: bytes
    secrets: Sequence[str] = field(repr=False)
    # What the endpoint must repeat; empty for everything but a challenge.
    challenge: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt; no `error` means that it was delivered."""

    job: Job
    started_at: datetime
    ended_at: datetime
    status: int | None
    error: str = ""
    retry_after: timedelta | None = None


def line(session: Session, clock: Callable[[], datetime]) -> Line[Job, Outcome]:
    """Give the three steps of sending a webhook."""
    return Line(
        lease=lambda room: lease(room=room, at=clock()),
        send=lambda job: attempt(job, session=session, clock=clock),
        mark=lambda outcome: mark(outcome=outcome),
    )


@transaction.atomic(durable=True)
def lease(*, room: int, at: datetime) -> list[Job]:
    """Take at most `room` deliveries that are due, so that nobody else sends them meanwhile.

    Who may hear of an event is asked once more here; what may not be sent any more is withheld.

    Args:
        at: aware instant; the lease runs for a minute from it.
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
        attempt=delivery.attempts + 1,
        lease_until=at + LEASE,
        url=endpoint.url,
        message_id=envelope["id"],
        body=json.dumps(envelope, separators=(",", ":")).encode(),
        secrets=secrets_in_force(endpoint, at=at),
        challenge=endpoint.challenge if delivery.event_type == CHALLENGE else "",
    )


def secrets_in_force(endpoint: WebhookEndpoint, *, at: datetime) -> list[str]:
    """Give what signs for an endpoint: its secret, its private key, and for a day an old secret."""
    until = endpoint.previous_secret_until
    previous = endpoint.previous_secret if until is not None and at < until else None
    return [endpoint.secret, *([previous] if previous else []), endpoint.private_key]


def attempt(job: Job, *, session: Session, clock: Callable[[], datetime]) -> Outcome:
    """Send one delivery and tell what came of it; touches no database and raises nothing."""
    started_at = clock()
    status, error, retry_after = None, "", None
    try:
        signed = mapping.headers(
            job.message_id, int(started_at.timestamp()), job.body, keys=job.secrets
        )
        answer = client.post(session, job.url, body=job.body, headers=signed)
        status = answer.status
        if job.challenge and not mapping.repeats(answer.body, job.challenge):
            error = _NOT_ANSWERED
    except outgoing.PartnerUnavailable as failure:
        status, error = failure.status, failure.reason
        retry_after = outgoing.wait_asked(failure.retry_after, at=clock())
    except outgoing.PartnerRefused as failure:
        status, error = failure.status, failure.reason
    except Exception:
        log.exception("webhook_attempt_broke", delivery=str(job.delivery))
        error = _INTERNAL_ERROR
    return Outcome(job, started_at, clock(), status, error, retry_after)


@transaction.atomic(durable=True)
def mark(*, outcome: Outcome) -> None:
    """Note one attempt: delivered, to be tried again, or parked; 410 disables the endpoint.

    An answered challenge opens the endpoint for what waits for it.

    A failure that comes after the lease has ended is only noted: somebody else has the delivery.
    """
    job = outcome.job
    delivery = (
        WebhookDelivery.objects.select_for_update(of=("self",))
        .select_related("endpoint", "feed_entry__event")
        .filter(pk=job.delivery)
        .first()
    )
    if delivery is None:
        # It was forgotten, since it is so old.
        return
    duration = outcome.ended_at - outcome.started_at
    WebhookAttempt.objects.create(
        delivery=delivery,
        number=job.attempt,
        started_at=outcome.started_at,
        duration_ms=round(duration / timedelta(milliseconds=1)),
        status_code=outcome.status,
        error=outcome.error,
    )
    _note_health(delivery.endpoint, outcome)
    if outcome.status is not None and delivery.feed_entry is not None:
        _note_access(delivery.endpoint, delivery.feed_entry, outcome.ended_at)
    if delivery.status != WebhookDelivery.Status.PENDING:
        return
    if not outcome.error:
        _deliver(delivery, outcome.ended_at)
        if job.challenge:
            _verify(delivery.endpoint, job, outcome.ended_at)
    elif delivery.lease_until == job.lease_until:
        _retry_or_park(delivery, outcome)
        if outcome.status == HTTPStatus.GONE:
            _disable(delivery.endpoint, job, outcome.ended_at)


def _note_access(endpoint: WebhookEndpoint, entry: FeedEntry, at: datetime) -> None:
    # Whatever it answered, it has been told.
    if (doctor := entry.event.doctor_id) is not None:
        reader = Reader(Access.Reader.WEBHOOK, endpoint.pk, endpoint.insurance_provider_id)
        accesses.note(reader, Access.Call.WEBHOOK, [(doctor, ())], at=at)


def _note_health(endpoint: WebhookEndpoint, outcome: Outcome) -> None:
    # Only a turn for the better or the worse is written, and nothing of an old address.
    has_turned = bool(outcome.error) != bool(endpoint.failing_since)
    if has_turned and endpoint.url == outcome.job.url:
        since = outcome.ended_at if outcome.error else None
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
            failing_since=since,
            warned_percent=0,
            warn_at=None,
            version=F("version") + 1,
            updated_at=outcome.ended_at,
        )


def _deliver(delivery: WebhookDelivery, at: datetime) -> None:
    delivery.status, delivery.delivered_at = WebhookDelivery.Status.DELIVERED, at
    delivery.lease_until, delivery.last_error = None, ""
    delivery.save(update_fields=["status", "delivered_at", "lease_until", "last_error"])


def _retry_or_park(delivery: WebhookDelivery, outcome: Outcome) -> None:
    delivery.lease_until, delivery.last_error = None, outcome.error
    is_last = outcome.job.attempt > len(WAITS) or outcome.status == HTTPStatus.GONE
    if is_last:
        delivery.status = WebhookDelivery.Status.PARKED
    else:
        delivery.next_attempt_at = outcome.ended_at + _wait(outcome)
    delivery.save(update_fields=["status", "next_attempt_at", "lease_until", "last_error"])


def _wait(outcome: Outcome) -> timedelta:
    planned = WAITS[outcome.job.attempt - 1] * random.uniform(1, 1 + _JITTER)  # noqa: S311  No secret.
    return max(planned, outcome.retry_after or planned)


def _verify(endpoint: WebhookEndpoint, job: Job, at: datetime) -> None:
    standing = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    is_deleted = standing.status == WebhookEndpoint.Status.DELETED
    # With another address comes another challenge.
    if standing.verified_at is not None or is_deleted or standing.challenge != job.challenge:
        return
    standing.verified_at, standing.version = at, standing.version + 1
    if standing.status == WebhookEndpoint.Status.PENDING:
        standing.status = WebhookEndpoint.Status.ENABLED
    standing.save(update_fields=["status", "verified_at", "version"])
    ledger.record("webhook_endpoint.verified", subject=standing, by=None, at=at)


def _disable(endpoint: WebhookEndpoint, job: Job, at: datetime) -> None:
    standing = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    is_open = standing.status in {WebhookEndpoint.Status.PENDING, WebhookEndpoint.Status.ENABLED}
    # What an old address says is not said of the new one.
    if is_open and standing.url == job.url:
        failing.disable(endpoint=standing, reason=_GONE, at=at)
