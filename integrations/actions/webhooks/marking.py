"""Note what came of attempts: delivered, to be tried again, or parked."""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F

from integrations.actions import accesses, failing
from integrations.actions.accesses import Reader
from integrations.actions.webhooks import breaker
from integrations.actions.webhooks.leasing import Job
from integrations.actions.webhooks.sending import Outcome
from integrations.models import Access, WebhookDelivery, WebhookEndpoint
from registry import ledger
from registry.ids import UUID7
from registry.statements import ask

# How long after each failed attempt the next one comes, never earlier and up to a fifth later.
WAITS = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2),
    timedelta(hours=5), timedelta(hours=10), timedelta(hours=14), timedelta(hours=20),
    timedelta(hours=24),
)  # fmt: skip
_JITTER = 0.2
_GONE = "The endpoint answered 410 Gone."
_NOTE = f"""
    INSERT INTO webhook_attempts (
        id, delivery_id, number, started_at, duration_ms, status_code, error
    )
    SELECT {UUID7}, * FROM unnest(
        %s::uuid[], %s::smallint[], %s::timestamptz[], %s::integer[], %s::smallint[], %s::text[]
    )
"""  # noqa: S608  An expression of ours.
_DELIVER = """
    UPDATE webhook_deliveries AS delivery
    SET status = 'DELIVERED', attempts = attempts + 1, delivered_at = arrived.at, last_error = '',
        updated_at = arrived.at
    FROM unnest(%s::uuid[], %s::timestamptz[]) AS arrived (id, at)
    WHERE delivery.id = arrived.id
"""
# In the order in which a range is locked to be sent again, so that nobody waits in a circle.
_STANDING = """
    SELECT delivery.id, delivery.status, endpoint.insurance_provider_id,
        endpoint.failing_since IS NOT NULL
    FROM webhook_deliveries AS delivery
    JOIN webhook_endpoints AS endpoint ON endpoint.id = delivery.endpoint_id
    WHERE delivery.id = ANY(%(ids)s)
    ORDER BY delivery.feed_entry_id, delivery.id
    FOR UPDATE OF delivery
"""
# Nobody touches the lease of a delivery whose row is locked. What has arrived needs none, whoever
# holds it by now.
_RELEASE = """
    DELETE FROM webhook_leases AS lease
    USING unnest(%s::uuid[], %s::timestamptz[], %s::boolean[])
        AS ended (delivery, until, has_arrived)
    WHERE lease.delivery_id = ended.delivery AND (lease.until = ended.until OR ended.has_arrived)
    RETURNING lease.delivery_id, lease.until
"""
_MILLISECOND = timedelta(milliseconds=1)
_Status = WebhookDelivery.Status


class _Standing(NamedTuple):
    """How a delivery stands before its attempt is noted."""

    id: UUID
    status: str
    provider: UUID
    is_failing: bool


@transaction.atomic(durable=True)
def mark(*, outcomes: Sequence[Outcome]) -> None:
    """Note attempts: delivered, to be tried again, or parked; 410 disables the endpoint.

    An answered challenge opens the endpoint for what waits for it.

    A failure that comes after its lease has ended is only noted: somebody else has the delivery.
    """
    if not any(outcome.error or outcome.job.challenge for outcome in outcomes):
        # What is forgotten as the database dies is sent once more, so nobody waits for the disk.
        ask("SELECT set_config('synchronous_commit', 'off', true)", {})
    standing = _locked(outcomes)
    # Some may have been forgotten, since they were so old.
    noted = [outcome for outcome in outcomes if outcome.job.delivery in standing]
    _note(noted)
    of = {outcome.job.endpoint: standing[outcome.job.delivery] for outcome in noted}
    breaker.note(noted, failing={endpoint for endpoint, one in of.items() if one.is_failing})
    _note_accesses(noted, standing)
    held = _release(noted)
    pending = [one for one in noted if standing[one.job.delivery].status == _Status.PENDING]
    arrived = {outcome.job.delivery: outcome for outcome in pending if not outcome.error}
    if arrived:
        _deliver(arrived.values())
    for outcome in arrived.values():
        if outcome.job.challenge:
            _verify(outcome.job, outcome.ended_at)
    for outcome in pending:
        job = outcome.job
        is_held = (job.delivery, job.lease_until) in held
        if is_held and job.delivery not in arrived:
            _fail(outcome)


def _locked(outcomes: Iterable[Outcome]) -> dict[UUID, _Standing]:
    ids = {"ids": [outcome.job.delivery for outcome in outcomes]}
    return {row[0]: _Standing(*row) for row in ask(_STANDING, ids).fetchall()}


def _note(outcomes: Iterable[Outcome]) -> None:
    values = [
        (
            outcome.job.delivery,
            outcome.job.attempt,
            outcome.started_at,
            round((outcome.ended_at - outcome.started_at) / _MILLISECOND),
            outcome.status,
            outcome.error,
        )
        for outcome in outcomes
    ]
    if values:
        _execute(_NOTE, values)


def _note_accesses(outcomes: Iterable[Outcome], standing: Mapping[UUID, _Standing]) -> None:
    for outcome in outcomes:
        job = outcome.job
        # Whatever it answered, it has been told.
        if outcome.status is not None and job.doctor is not None:
            provider = standing[job.delivery].provider
            reader = Reader(Access.Reader.WEBHOOK, job.endpoint, provider)
            accesses.note(reader, Access.Call.WEBHOOK, [(job.doctor, ())], at=outcome.ended_at)


def _deliver(arrived: Iterable[Outcome]) -> None:
    _execute(_DELIVER, [(outcome.job.delivery, outcome.ended_at) for outcome in arrived])


def _release(outcomes: Iterable[Outcome]) -> set[tuple[UUID, datetime]]:
    """End the leases of what was sent; give which were still there, and until when."""
    values = [
        (outcome.job.delivery, outcome.job.lease_until, not outcome.error) for outcome in outcomes
    ]
    return set(_execute(_RELEASE, values).fetchall()) if values else set()


def _execute(statement: str, rows: Sequence[tuple[object, ...]]) -> CursorWrapper:
    """Run a statement that takes a list for each column."""
    return ask(statement, [list(column) for column in zip(*rows, strict=True)])


def _fail(outcome: Outcome) -> None:
    job = outcome.job
    changes: dict[str, Any] = {"attempts": F("attempts") + 1, "last_error": outcome.error}
    is_gone = outcome.status == HTTPStatus.GONE
    if is_gone or job.attempt > len(WAITS):
        changes["status"] = _Status.PARKED
    else:
        changes["next_attempt_at"] = outcome.ended_at + _wait(outcome)
    WebhookDelivery.objects.filter(pk=job.delivery).update(**changes, updated_at=outcome.ended_at)
    if is_gone:
        _disable(job, outcome.ended_at)


def _wait(outcome: Outcome) -> timedelta:
    planned = WAITS[outcome.job.attempt - 1] * random.uniform(1, 1 + _JITTER)  # noqa: S311  No secret.
    return max(planned, outcome.retry_after or planned)


def _verify(job: Job, at: datetime) -> None:
    standing = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=job.endpoint)
    is_deleted = standing.status == WebhookEndpoint.Status.DELETED
    # With another address comes another challenge.
    if standing.verified_at is not None or is_deleted or standing.challenge != job.challenge:
        return
    standing.verified_at, standing.version = at, standing.version + 1
    if standing.status == WebhookEndpoint.Status.PENDING:
        standing.status = WebhookEndpoint.Status.ENABLED
    standing.save(update_fields=["status", "verified_at", "version"])
    ledger.record("webhook_endpoint.verified", subject=standing, by=None, at=at)


def _disable(job: Job, at: datetime) -> None:
    standing = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=job.endpoint)
    is_open = standing.status in {WebhookEndpoint.Status.PENDING, WebhookEndpoint.Status.ENABLED}
    # What an old address says is not said of the new one.
    if is_open and standing.url == job.url:
        failing.disable(endpoint=standing, reason=_GONE, at=at)
