"""Where insurers want their events: endpoints come, and come back after they were disabled."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from integrations import outgoing
from integrations.actions import push, webhooks
from integrations.connectors.webhooks.mapping import new_secret
from integrations.models import WebhookEndpoint
from registry import ledger
from registry.models import InsuranceProvider

EVENT_TYPES = (
    "appointment.arrived",
    "appointment.booked",
    "appointment.cancelled",
    "appointment.completed",
    "appointment.no_show",
    "appointment.rescheduled",
    "availability.updated",
    "consent.changed",
    "consent.granted",
    "consent.revoked",
    "doctor.updated",
    "doctor.withdrawn",
    "ping",
)


class TargetRefused(Exception):
    """DocPort will not, or cannot just now, send to this address."""


def add(
    *,
    provider: InsuranceProvider,
    url: str,
    event_types: Iterable[str],
    by: ledger.Actor,
    at: datetime,
) -> WebhookEndpoint:
    """Add an enabled endpoint with a secret of its own, which is shown to its owner once.

    Args:
        event_types: what it wants to hear; empty means everything.

    Raises:
        TargetRefused: the address is not on the public internet or has no name; nothing was added.
    """
    # The resolver is asked before the transaction begins.
    try:
        outgoing.check_url(url)
    except (outgoing.TargetForbidden, outgoing.TargetUnknown) as error:
        raise TargetRefused from error
    return _add(provider, url, sorted(event_types), by, at)


@transaction.atomic(durable=True)
def _add(
    provider: InsuranceProvider, url: str, event_types: list[str], by: ledger.Actor, at: datetime
) -> WebhookEndpoint:
    endpoint = WebhookEndpoint.objects.create(
        insurance_provider=provider, url=url, event_types=event_types, secret=new_secret()
    )
    push.retry_failing(provider=provider.pk, at=at)
    ledger.record("webhook_endpoint.added", subject=endpoint, by=by, at=at, url=url)
    return endpoint


@transaction.atomic(durable=True)
def enable(*, endpoint: WebhookEndpoint, by: ledger.Actor, at: datetime) -> WebhookEndpoint:
    """Send to a disabled endpoint again: what waits for it, and what its 410 parked."""
    standing = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    if standing.status == WebhookEndpoint.Status.ENABLED:
        return standing
    standing.status, standing.disabled_at = WebhookEndpoint.Status.ENABLED, None
    standing.disabled_reason, standing.failing_since = "", None
    standing.save(update_fields=["status", "disabled_at", "disabled_reason", "failing_since"])
    webhooks.make_due(endpoint=standing, at=at)
    push.retry_failing(provider=standing.insurance_provider_id, at=at)
    ledger.record("webhook_endpoint.enabled", subject=standing, by=by, at=at)
    return standing
