"""What an endpoint is owed: DocPort's own words to it, and what is to be sent once more.

A delivery is sent again under the same `webhook-id`, and consent is asked again right before.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet

from integrations.models import (
    HEARTBEAT,
    FeedEntry,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookLease,
)
from registry import ledger
from registry.actions.refusals import Refused

RESENT_AT_ONCE = FORGOTTEN_AT_ONCE = 500
_GONE_ERROR = "http_410"
_Status = WebhookDelivery.Status


class NotSentAgain(Refused):
    """It was withheld, is a heartbeat, or its endpoint was deleted; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("This delivery is not sent again.")


@dataclass(frozen=True)
class Range:
    """Which of an endpoint's events to send again; `None` sets no bound.

    `after` and `until` are numbers of the feed, `until` included; `starts_at` and `ends_at` are
    aware instants, the end not included, and speak of when DocPort began to deliver.
    """

    after: int | None = None
    until: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    only_failed: bool = False


@dataclass(frozen=True)
class Resent:
    """How many deliveries are sent again; `next_after` is where to go on, if there are more."""

    count: int
    next_after: int | None


def say(*, endpoint: WebhookEndpoint, event_type: str, at: datetime) -> WebhookDelivery:
    """Have a ping or a challenge sent now; one that is still unfinished is sent once more.

    Part of a transaction of the caller, who holds the endpoint's row.
    """
    transaction.on_commit(ledger.wake_sequencer)
    _try_now(endpoint)
    standing = _unfinished(endpoint, event_type).first()
    if standing is not None:
        standing.attempts, standing.next_attempt_at = 0, at
        standing.save(update_fields=["attempts", "next_attempt_at"])
        return standing
    return WebhookDelivery.objects.create(
        endpoint=endpoint, event_type=event_type, subject=endpoint.subject, next_attempt_at=at
    )


def _try_now(endpoint: WebhookEndpoint) -> None:
    # Whoever asks for something to be sent does not wait for a pause to end.
    held = WebhookEndpoint.objects.filter(pk=endpoint.pk, held_until__isnull=False)
    held.update(held_until=None)


def give_up(*, endpoint: WebhookEndpoint, event_type: str) -> None:
    """Send DocPort's own words of this type no more.

    Part of a transaction of the caller, who holds the endpoint's row.
    """
    for delivery in _unfinished(endpoint, event_type):
        delivery.status = _Status.PARKED
        delivery.save(update_fields=["status"])


def _unfinished(endpoint: WebhookEndpoint, event_type: str) -> QuerySet[WebhookDelivery]:
    # Whoever marks one of them may want the endpoint's row, so nobody waits for these here.
    return WebhookDelivery.objects.select_for_update(skip_locked=True).filter(
        endpoint=endpoint,
        subject=endpoint.subject,
        event_type=event_type,
        status=_Status.PENDING,
    )


@transaction.atomic(durable=True)
def resend(*, delivery: WebhookDelivery, by: ledger.Actor, at: datetime) -> WebhookDelivery:
    """Send a delivery again now, whether it arrived or not, from the start of its schedule.

    Raises:
        NotSentAgain: it was withheld, is a heartbeat, of which the next one comes anyway, or its
            endpoint was deleted; nothing was changed.
    """
    rows = WebhookDelivery.objects.select_for_update(of=("self",)).select_related("endpoint")
    standing = rows.get(pk=delivery.pk)
    is_deleted = standing.endpoint.status == WebhookEndpoint.Status.DELETED
    is_over = standing.status == _Status.WITHHELD or standing.event_type == HEARTBEAT
    if is_deleted or is_over:
        raise NotSentAgain
    for name, value in _afresh(at).items():
        setattr(standing, name, value)
    standing.save(update_fields=list(_afresh(at)))
    _try_now(standing.endpoint)
    ledger.record("webhook_delivery.resent", subject=standing, by=by, at=at)
    transaction.on_commit(ledger.wake_sequencer)
    return standing


@transaction.atomic(durable=True)
def resend_range(
    *, endpoint: WebhookEndpoint, wanted: Range, by: ledger.Actor, at: datetime
) -> Resent:
    """Send events of an endpoint again, in the order of the feed; at most 500 in one call.

    What was withheld stays so, and what is older than 30 days is not found.
    """
    rows = _in_range(endpoint, wanted, at).select_for_update(of=("self",)).order_by("feed_entry_id")
    found = list(rows.values_list("pk", "feed_entry__feed_seq")[: RESENT_AT_ONCE + 1])
    chosen = found[:RESENT_AT_ONCE]
    again = WebhookDelivery.objects.filter(pk__in=[pk for pk, _ in chosen])
    again.update(**_afresh(at), updated_at=at)
    next_after = chosen[-1][1] if len(found) > RESENT_AT_ONCE else None
    if chosen:
        _try_now(endpoint)
        first, last = chosen[0][1], chosen[-1][1]
        ledger.record(
            "webhook_endpoint.resent", subject=endpoint, by=by, at=at,
            count=len(chosen), first=first, last=last,
        )  # fmt: skip
        transaction.on_commit(ledger.wake_sequencer)
    return Resent(len(chosen), next_after)


def resend_failed(*, endpoint: WebhookEndpoint, by: ledger.Actor, at: datetime) -> int:
    """Send again all that an endpoint has parked, 500 in one transaction; give how many."""
    count, after = 0, None
    while True:
        wanted = Range(after=after, only_failed=True)
        resent = resend_range(endpoint=endpoint, wanted=wanted, by=by, at=at)
        count, after = count + resent.count, resent.next_after
        if after is None:
            return count


def _in_range(endpoint: WebhookEndpoint, wanted: Range, at: datetime) -> QuerySet[WebhookDelivery]:
    matching = Q(endpoint=endpoint, feed_entry__isnull=False) & ~Q(status=_Status.WITHHELD)
    # A later number has a later row, so the range is one of the index by endpoint and row.
    feed = FeedEntry.objects.filter(insurance_provider=endpoint.insurance_provider_id)
    if wanted.after is not None:
        first = feed.filter(feed_seq__gt=wanted.after).order_by("feed_seq")
        matching &= Q(feed_entry__gte=first.values("pk")[:1])
    if wanted.until is not None:
        last = feed.filter(feed_seq__lte=wanted.until).order_by("-feed_seq")
        matching &= Q(feed_entry__lte=last.values("pk")[:1])
    if wanted.starts_at is not None:
        matching &= Q(created_at__gte=wanted.starts_at)
    if wanted.ends_at is not None:
        matching &= Q(created_at__lt=wanted.ends_at)
    if wanted.only_failed:
        matching &= Q(status=_Status.PARKED)
    return WebhookDelivery.objects.kept_at(at).filter(matching)


def _afresh(at: datetime) -> dict[str, Any]:
    # A lease stays: whoever sends it just now may deliver it.
    return {
        "status": _Status.PENDING,
        "attempts": 0,
        "next_attempt_at": at,
        "delivered_at": None,
    }


def make_due(*, endpoint: WebhookEndpoint, at: datetime) -> None:
    """Send now what waits for an endpoint that was disabled, and what its 410 parked.

    Part of a transaction of the caller, who holds the endpoint's row.
    """
    waiting = Q(status=_Status.PENDING, next_attempt_at__gt=at)
    parked = Q(status=_Status.PARKED, last_error=_GONE_ERROR) & ~Q(event_type=HEARTBEAT)
    # Whoever marks one of them may want the endpoint's row, so nobody waits for these here.
    rows = WebhookDelivery.objects.select_for_update(skip_locked=True)
    ids = list(rows.filter(waiting | parked, endpoint=endpoint).values_list("pk", flat=True))
    WebhookDelivery.objects.filter(pk__in=ids).update(**_afresh(at), updated_at=at)
    transaction.on_commit(ledger.wake_sequencer)


@transaction.atomic(durable=True)
def forget(*, at: datetime) -> int:
    """Delete deliveries that have been kept long enough, with their attempts; give how many.

    At most 500 of each endpoint, so that no transaction is long; zero means that none is left.
    """
    unheld = WebhookDelivery.objects.unheld_at(at)
    old = unheld.filter(
        endpoint=OuterRef("pk"), created_at__lte=at - WebhookDelivery.KEPT_FOR
    ).order_by("created_at", "pk")
    of_endpoints = WebhookEndpoint.objects.order_by().values_list(
        ArraySubquery(old.values("pk")[:FORGOTTEN_AT_ONCE]), flat=True
    )
    found = list(chain.from_iterable(of_endpoints))
    rows = unheld.select_for_update(skip_locked=True).filter(pk__in=found)
    ids = list(rows.values_list("pk", flat=True))
    WebhookLease.objects.filter(delivery__in=ids).delete()
    WebhookAttempt.objects.filter(delivery__in=ids).delete()
    WebhookDelivery.objects.filter(pk__in=ids).delete()
    return len(ids)
