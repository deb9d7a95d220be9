"""Let time pass between attempts: only when nothing is under way, whose lease would end with it."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.timezone import now

from faults import clock
from faults.running import eventually
from faults.world import Insurer
from integrations.actions.webhooks.due import OPENS_AFTER, PASSED_AFTER
from integrations.models import WebhookDelivery, WebhookEndpoint, WebhookLease
from registry import ledger
from registry.models import OutboxEvent

_QUIET_WITHIN_SECONDS = 120


def pass_time(by: timedelta) -> None:
    """Wait until all that is due was attempted, then move the clock and have DocPort look."""
    until_all_is_attempted()
    clock.move(max(by, timedelta(0)))
    ledger.wake_sequencer()


def until_the_next(insurer: Insurer) -> timedelta | None:
    """Give how long it is until something may be sent to an insurer; `None` when nothing waits."""
    until_all_is_attempted()
    first = _in_order().filter(endpoint=insurer.endpoint).order_by("next_attempt_at")
    next_at = first.values_list("next_attempt_at", flat=True).first()
    if next_at is None:
        return None
    held_until = WebhookEndpoint.objects.get(pk=insurer.endpoint.pk).held_until
    return max(next_at, held_until or next_at) - now() + timedelta(seconds=1)


def until_all_is_attempted() -> None:
    """Wait until whatever may be sent by now was tried."""
    ledger.wake_sequencer()
    eventually(_is_quiet, within=_QUIET_WITHIN_SECONDS, what="all that is due is attempted")


def _is_quiet() -> bool:
    """Tell whether nothing is under way, and nothing may be sent before some time has passed."""
    may_be_called = Q(endpoint__held_until=None) | Q(endpoint__held_until__lte=now())
    due = _in_order().filter(may_be_called, next_attempt_at__lte=now())
    held = WebhookLease.objects.held_at(now())
    return not any(rows.exists() for rows in (due, held, OutboxEvent.objects.unsequenced()))


def _in_order() -> "QuerySet[WebhookDelivery]":
    """Keep what waits behind no earlier event of its subject, or may pass it."""
    earlier = _waiting().filter(
        endpoint=OuterRef("endpoint"),
        subject=OuterRef("subject"),
        feed_entry__lt=OuterRef("feed_entry"),
    )
    is_passed = Q(
        attempts__gte=PASSED_AFTER,
        next_attempt_at__gt=now(),
        endpoint__failures__lt=OPENS_AFTER,
    )
    return _waiting().filter(~Exists(earlier.exclude(is_passed)))


def _waiting() -> "QuerySet[WebhookDelivery]":
    return WebhookDelivery.objects.filter(
        status=WebhookDelivery.Status.PENDING, feed_entry__isnull=False
    )
