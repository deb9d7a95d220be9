"""How far behind the insurers are, for whoever watches: metrics, `manage.py sync`, `/readyz`."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Count, Min

from integrations.models import ProviderPush
from registry.models import InsuranceProvider, OutboxEvent

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

    def failing_seconds_at(self, at: datetime) -> float:
        """Give how long every attempt has failed by the aware instant `at`; 0 when none does."""
        return 0 if self.failing_since is None else (at - self.failing_since).total_seconds()


class PushProgress(NamedTuple):
    """How far one insurer's system is in step with its doctors, counted by their state."""

    push: ProviderPush
    in_step: int
    sending: int
    failing: int
    stopped: int
    to_backfill: int
    # Since when the first change of a doctor's own should have been sent.
    oldest_due: datetime | None
    failing_since: datetime | None

    @classmethod
    def of(cls, push: Any) -> "PushProgress":
        """Read what `with_progress` has counted."""
        return cls(push, *(getattr(push, name) for name in cls._fields[1:]))

    @property
    def insurer(self) -> InsuranceProvider:
        return self.push.insurance_provider

    @property
    def doctors(self) -> int:
        """Count all whom the insurer sees, or has seen since it is pushed to."""
        return self.in_step + self.sending + self.failing + self.stopped

    def backfill_ends_at(self, at: datetime) -> datetime | None:
        """Say until when a backfill will go on if its insurer takes what comes."""
        if not self.to_backfill:
            return None
        return at + timedelta(minutes=1) * self.to_backfill / self.insurer.backfill_per_minute

    def check_in_words(self, at: datetime) -> str:
        """Say how the last check went, or how far the one under way has come, at `at`."""
        found = self.push
        if found.check_began_at is None:
            return "not yet"
        when = "under way"
        if found.check_ended_at:
            when = f"ended {span(at - found.check_ended_at)} ago"
        counts = f"{found.checked} checked, {found.differed} differed, {found.outdated} outdated"
        told = "" if found.tells_states is not False else "; its system does not tell what it holds"
        error = f"; waits because of {found.check_error}" if found.check_error else ""
        return f"{when}: {counts}{told}{error}"

    def overdue_seconds(self, at: datetime) -> float:
        """Give for how long the first change of a doctor's own should have been sent by `at`."""
        return Waiting(self.sending, self.oldest_due).seconds_at(at)


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


def push_progress() -> list[PushProgress]:
    """Give for each insurer that is pushed to how far its system is in step: one query."""
    pushes = ProviderPush.objects.with_progress().select_related("insurance_provider")
    return [PushProgress.of(push) for push in pushes.order_by("insurance_provider__slug")]


def attempts_by_outcome(*, at: datetime, within: timedelta) -> dict[str, int]:
    """Count the attempts to send webhooks in the time before the aware instant `at`."""
    with connection.cursor() as cursor:
        cursor.execute(_ATTEMPTS, [at - within])
        return dict(cursor.fetchall())


def span(length: timedelta) -> str:
    """Write a time in whole seconds, as `2 days, 3:04:05`."""
    return str(timedelta(seconds=int(length.total_seconds())))
