"""Let time pass between attempts: only when nothing is under way, whose lease would end with it."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.timezone import now

from faults import clock
from faults.checker import PASSED_AFTER
from faults.running import eventually
from faults.world import Insurer
from integrations.models import WebhookDelivery
from registry import ledger
from registry.models import OutboxEvent

_QUIET_WITHIN_SECONDS = 120


def pass_time(by: timedelta) -> None:
    """Wait until all that is due was attempted, then move the clock and have DocPort look."""
    until_all_is_attempted()
    clock.move(max(by, timedelta(0)))
    ledger.wake_sequencer()


def until_the_next(insurer: Insurer) -> timedelta | None:
    """Give how long it is to the last of the next attempts for an insurer, if there are any."""
    until_all_is_attempted()
    attempted = _waiting().filter(endpoint=insurer.endpoint, attempts__gt=0)
    last = attempted.order_by("-next_attempt_at").values_list("next_attempt_at", flat=True).first()
    return None if last is None else last - now() + timedelta(seconds=1)


def until_all_is_attempted() -> None:
    """Wait until whatever may be sent by now was tried."""
    ledger.wake_sequencer()
    eventually(_is_quiet, within=_QUIET_WITHIN_SECONDS, what="all that is due is attempted")


def _is_quiet() -> bool:
    """Tell whether nothing is under way, and all that is due waits behind an earlier event."""
    waiting = _waiting()
    earlier = waiting.filter(
        endpoint=OuterRef("endpoint"),
        subject=OuterRef("subject"),
        feed_entry__lt=OuterRef("feed_entry"),
        attempts__lt=PASSED_AFTER,
    )
    due = waiting.filter(~Exists(earlier), next_attempt_at__lte=now())
    held = waiting.filter(lease_until__gt=now())
    return not any(rows.exists() for rows in (due, held, OutboxEvent.objects.unsequenced()))


def _waiting() -> "QuerySet[WebhookDelivery]":
    return WebhookDelivery.objects.filter(status=WebhookDelivery.Status.PENDING)
