"""Endpoints to which nothing arrives: their insurers are warned, and after five days it ends.

To warn is three steps: a short transaction takes what is to be told, the task tells it with no
transaction open, and another one notes that it was told.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from integrations.models import WebhookEndpoint
from registry import ledger

FAILS_FOR = timedelta(days=5)
TOLD_AGAIN_AFTER = timedelta(minutes=10)
GIVEN_UP = 100
_WARNED_AT = (90, 70, 50)
_REASON = "Nothing but failures for five days."
_Status = WebhookEndpoint.Status


@dataclass(frozen=True)
class Warned:
    """What an insurer is told of one endpoint: how much of five days has passed, in percent."""

    endpoint: WebhookEndpoint
    percent: int

    @property
    def ends_at(self) -> datetime | None:
        """Give when the endpoint is disabled if nothing arrives; `None` when it is."""
        since = self.endpoint.failing_since
        return None if self.percent == GIVEN_UP or since is None else since + FAILS_FOR


def disable(*, endpoint: WebhookEndpoint, reason: str, at: datetime) -> None:
    """Send nothing there any more; its insurer is to be told.

    Part of a transaction of the caller, who holds the endpoint's row.
    """
    endpoint.status, endpoint.disabled_at, endpoint.disabled_reason = _Status.DISABLED, at, reason
    endpoint.warn_at, endpoint.version = at, endpoint.version + 1
    endpoint.save(update_fields=["status", "disabled_at", "disabled_reason", "warn_at", "version"])
    ledger.record("webhook_endpoint.disabled", subject=endpoint, by=None, at=at, reason=reason)


@transaction.atomic(durable=True)
def give_up(*, at: datetime) -> int:
    """Disable the endpoints to which nothing has arrived for five days; give how many."""
    endpoints = WebhookEndpoint.objects.select_for_update(no_key=True, skip_locked=True)
    dead = list(endpoints.filter(status=_Status.ENABLED, failing_since__lte=at - FAILS_FOR))
    for endpoint in dead:
        disable(endpoint=endpoint, reason=_REASON, at=at)
    return len(dead)


@transaction.atomic(durable=True)
def take_warning(*, at: datetime) -> Warned | None:
    """Take an endpoint of which its insurer is to be told more; `None` when there is none.

    Nobody else takes it for ten minutes; what a killed worker took is told then.
    """
    endpoints = WebhookEndpoint.objects.select_for_update(
        no_key=True, skip_locked=True, of=("self",)
    )
    due = Q(warn_at=None) | Q(warn_at__lte=at)
    endpoint = (
        endpoints.select_related("insurance_provider")
        .filter(due, _is_to_be_warned(at))
        .order_by("failing_since", "pk")
        .first()
    )
    if endpoint is None:
        return None
    endpoint.warn_at = at + TOLD_AGAIN_AFTER
    endpoint.save(update_fields=["warn_at"])
    return Warned(endpoint, _percent(endpoint, at))


@transaction.atomic(durable=True)
def note_warned(*, warned: Warned, is_mailed: bool, at: datetime) -> None:
    """Note what an insurer was told, unless something has arrived since."""
    standing = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=warned.endpoint.pk)
    if standing.warn_at != warned.endpoint.warn_at:
        return
    standing.warned_percent, standing.warn_at = warned.percent, None
    standing.save(update_fields=["warned_percent", "warn_at"])
    ledger.record(
        "webhook_endpoint.owner_warned", subject=standing, by=None, at=at,
        percent=warned.percent, mailed=is_mailed,
    )  # fmt: skip


def _is_to_be_warned(at: datetime) -> Q:
    # Who has disabled an endpoint knows of it: then there is no `warn_at`.
    wanted = Q(status=_Status.DISABLED, warn_at__isnull=False, warned_percent__lt=GIVEN_UP)
    for percent in _WARNED_AT:
        since = at - FAILS_FOR * percent / 100
        wanted |= Q(status=_Status.ENABLED, failing_since__lte=since, warned_percent__lt=percent)
    return wanted


def _percent(endpoint: WebhookEndpoint, at: datetime) -> int:
    if endpoint.failing_since is None or endpoint.status == _Status.DISABLED:
        return GIVEN_UP
    passed = (at - endpoint.failing_since) / FAILS_FOR * 100
    return next(percent for percent in _WARNED_AT if passed >= percent)
