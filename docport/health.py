"""Is the process up, and is the site able to keep its promises? Open to all; tells no secret."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.contrib.auth.decorators import login_not_required
from django.core.cache import caches
from django.db import connection
from django.db.models import Count, Exists, F, Min, OuterRef, Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.timezone import now  # noqa: TID251  This is an edge.
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from docport.tasks import HEARTBEAT_KEY
from integrations.actions.drain import MOST_AT_ONCE
from integrations.models import WebhookDelivery, WebhookEndpoint, WebhookLease
from registry.models import OutboxEvent

# The beat asks for a heartbeat every 10 s and the sweep looks every 5 s: a minute is six missed.
HEARTBEAT_AT_MOST = timedelta(seconds=60)
WAITING_AT_MOST = timedelta(seconds=60)

Part = dict[str, object]


@login_not_required
@require_safe
@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


@login_not_required
@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    at = now()
    parts = {name: _asked(check, at) for name, check in CHECKS.items()}
    ready = all(part["ok"] for part in parts.values())
    return JsonResponse({"ready": ready, "parts": parts}, status=200 if ready else 503)


def _asked(check: Callable[[datetime], Part], at: datetime) -> Part:
    # Whatever goes wrong in a part is its answer; only the error's kind is told.
    try:
        return check(at)
    except Exception as error:
        return {"ok": False, "error": type(error).__name__}


def _database(_at: datetime) -> Part:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return {"ok": True}


def _redis(_at: datetime) -> Part:
    caches["shared"].get(HEARTBEAT_KEY)
    return {"ok": True}


def _worker(at: datetime) -> Part:
    heard = caches["shared"].get(HEARTBEAT_KEY)
    if heard is None:
        return {"ok": False, "error": "no_heartbeat"}
    return _age(datetime.fromisoformat(heard), at, HEARTBEAT_AT_MOST)


def _outbox(at: datetime) -> Part:
    oldest = OutboxEvent.objects.unsequenced().values_list("created_at", flat=True).first()
    return _age(oldest, at, WAITING_AT_MOST)


def _webhooks(at: datetime) -> Part:
    # What waits behind an earlier event, or for an endpoint that is disabled, that fails or that
    # has all its sends under way, waits for the insurer: it is told, but no fault of ours.
    earlier = WebhookDelivery.objects.filter(
        endpoint=OuterRef("endpoint"),
        subject=OuterRef("subject"),
        feed_entry__lt=OuterRef("feed_entry"),
        status=WebhookDelivery.Status.PENDING,
    )
    held = WebhookLease.objects.held_at(at).values(endpoint=F("delivery__endpoint"))
    busy = held.annotate(sends=Count("pk")).filter(sends__gte=MOST_AT_ONCE)
    slow = Q(failing_since__isnull=False) | Q(pk__in=busy.values("endpoint"))
    enabled = WebhookEndpoint.objects.filter(status=WebhookEndpoint.Status.ENABLED)
    due = WebhookDelivery.objects.due_at(at)
    ours = due.filter(~Exists(earlier), endpoint__in=enabled.exclude(slow))
    theirs = due.filter(endpoint__in=enabled.filter(slow)).aggregate(
        count=Count("pk"), oldest=Min("next_attempt_at")
    )
    oldest = ours.order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first()
    waiting = {"count": theirs["count"], "age_seconds": _seconds(theirs["oldest"], at)}
    return {**_age(oldest, at, WAITING_AT_MOST), "waiting_for_insurers": waiting}


def _age(since: datetime | None, at: datetime, at_most: timedelta) -> Part:
    return {"ok": since is None or at - since <= at_most, "age_seconds": _seconds(since, at)}


def _seconds(since: datetime | None, at: datetime) -> int:
    return 0 if since is None else max(0, round((at - since).total_seconds()))


CHECKS: dict[str, Callable[[datetime], Part]] = {
    "database": _database,
    "redis": _redis,
    "worker": _worker,
    "outbox": _outbox,
    "webhooks": _webhooks,
}
