"""Note what came of attempts: delivered, to be tried again, or parked."""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from django.db import connection, transaction

from integrations.actions import accesses, failing
from integrations.actions.accesses import Reader
from integrations.actions.webhooks import breaker
from integrations.actions.webhooks.leasing import Job
from integrations.actions.webhooks.sending import Outcome
from integrations.models import Access, WebhookDelivery, WebhookEndpoint
from registry import ledger
from registry.ids import UUID7

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
    SET status = 'DELIVERED', delivered_at = arrived.at, lease_until = NULL, last_error = '',
        updated_at = arrived.at
    FROM unnest(%s::uuid[], %s::timestamptz[]) AS arrived (id, at)
    WHERE delivery.id = arrived.id
"""
_MILLISECOND = timedelta(milliseconds=1)
_Status = WebhookDelivery.Status


@transaction.atomic(durable=True)
def mark(*, outcomes: Sequence[Outcome]) -> None:
    """Note attempts: delivered, to be tried again, or parked; 410 disables the endpoint.

    An answered challenge opens the endpoint for what waits for it.

    A failure that comes after its lease has ended is only noted: somebody else has the delivery.
    """
    standing = _locked(outcomes)
    # Some may have been forgotten, since they were so old.
    noted = [outcome for outcome in outcomes if outcome.job.delivery in standing]
    _note(noted)
    endpoints = {delivery.endpoint_id: delivery.endpoint for delivery in standing.values()}
    breaker.note(noted, endpoints=list(endpoints.values()))
    _note_accesses(noted, endpoints)
    pending = [one for one in noted if standing[one.job.delivery].status == _Status.PENDING]
    arrived = {outcome.job.delivery: outcome for outcome in pending if not outcome.error}
    _deliver(arrived.values())
    for outcome in arrived.values():
        if outcome.job.challenge:
            _verify(outcome.job, outcome.ended_at)
    for outcome in pending:
        if outcome.job.delivery not in arrived:
            _fail(standing[outcome.job.delivery], outcome)


def _locked(outcomes: Iterable[Outcome]) -> dict[UUID, WebhookDelivery]:
    rows = WebhookDelivery.objects.select_for_update(of=("self",)).select_related("endpoint")
    ids = [outcome.job.delivery for outcome in outcomes]
    # In the order in which a range is locked to be sent again, so that nobody waits in a circle.
    return {row.pk: row for row in rows.filter(pk__in=ids).order_by("feed_entry_id", "pk")}


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
    _execute(_NOTE, values)


def _note_accesses(outcomes: Iterable[Outcome], endpoints: Mapping[UUID, WebhookEndpoint]) -> None:
    for outcome in outcomes:
        # Whatever it answered, it has been told.
        if outcome.status is not None and (doctor := outcome.job.doctor) is not None:
            endpoint = endpoints[outcome.job.endpoint]
            reader = Reader(Access.Reader.WEBHOOK, endpoint.pk, endpoint.insurance_provider_id)
            accesses.note(reader, Access.Call.WEBHOOK, [(doctor, ())], at=outcome.ended_at)


def _deliver(arrived: Iterable[Outcome]) -> None:
    _execute(_DELIVER, [(outcome.job.delivery, outcome.ended_at) for outcome in arrived])


def _execute(statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Run a statement that takes a list for each column."""
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])


def _fail(delivery: WebhookDelivery, outcome: Outcome) -> None:
    if delivery.lease_until != outcome.job.lease_until:
        return
    delivery.lease_until, delivery.last_error = None, outcome.error
    is_gone = outcome.status == HTTPStatus.GONE
    if is_gone or outcome.job.attempt > len(WAITS):
        delivery.status = _Status.PARKED
    else:
        delivery.next_attempt_at = outcome.ended_at + _wait(outcome)
    delivery.save(update_fields=["status", "next_attempt_at", "lease_until", "last_error"])
    if is_gone:
        _disable(outcome.job, outcome.ended_at)


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
