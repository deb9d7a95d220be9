"""How far behind the insurers are, for whoever watches: metrics, `manage.py sync`, `/readyz`."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Count, Min

from integrations.models import ProviderDoctorSync
from registry.models import OutboxEvent

_ENDPOINTS = """
    SELECT provider.slug, endpoint.id, endpoint.status, endpoint.failing_since, waiting.count,
        waiting.oldest
    FROM webhook_endpoints AS endpoint
    JOIN insurance_providers AS provider ON provider.id = endpoint.insurance_provider_id
    CROSS JOIN LATERAL (
        SELECT count(*), min(created_at) AS oldest FROM webhook_deliveries
        WHERE endpoint_id = endpoint.id AND status = 'PENDING'
    ) AS waiting
    WHERE endpoint.status <> 'DELETED'
    ORDER BY provider.slug, endpoint.created_at, endpoint.id
"""
_ATTEMPTS = """
    SELECT CASE WHEN error = '' THEN 'delivered' ELSE error END AS outcome, count(*)
    FROM webhook_attempts WHERE started_at > %s GROUP BY outcome ORDER BY outcome
"""


class Waiting(NamedTuple):
    """How many wait, and since when the first of them does."""

    number: int
    oldest: datetime | None

    def seconds_at(self, at: datetime) -> float:
        """Give how long the first has waited by the aware instant `at`; 0 when none waits."""
        return 0 if self.oldest is None else max(0, (at - self.oldest).total_seconds())


class EndpointLag(NamedTuple):
    """What waits for one webhook endpoint."""

    insurer: str
    endpoint_id: UUID
    status: str
    failing_since: datetime | None
    waiting: Waiting


class PushLag(NamedTuple):
    """How many doctors are in one state with one insurer, and since when the first is due."""

    insurer: str
    status: str
    waiting: Waiting


def unsequenced() -> Waiting:
    """Give the events that no insurer's feed has yet."""
    found = OutboxEvent.objects.unsequenced().order_by()
    return Waiting(**found.aggregate(number=Count("pk"), oldest=Min("created_at")))


def endpoint_lags() -> list[EndpointLag]:
    """Give each webhook endpoint with what waits for it."""
    with connection.cursor() as cursor:
        cursor.execute(_ENDPOINTS)
        return [
            EndpointLag(insurer, endpoint_id, status, failing_since, Waiting(number, oldest))
            for insurer, endpoint_id, status, failing_since, number, oldest in cursor.fetchall()
        ]


def push_lags() -> list[PushLag]:
    """Give for each insurer how many of its doctors are in which state of the push."""
    rows = (
        ProviderDoctorSync.objects.order_by("insurance_provider__slug", "sync_status")
        .values_list("insurance_provider__slug", "sync_status")
        .annotate(number=Count("pk"), oldest=Min("next_attempt_at"))
    )
    return [PushLag(slug, status, Waiting(number, oldest)) for slug, status, number, oldest in rows]


def attempts_by_outcome(*, at: datetime, within: timedelta) -> dict[str, int]:
    """Count the attempts to send webhooks in the time before the aware instant `at`."""
    with connection.cursor() as cursor:
        cursor.execute(_ATTEMPTS, [at - within])
        return dict(cursor.fetchall())
