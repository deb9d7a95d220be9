"""What goes to insurers and how it fares: webhooks and feeds."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import (
    Case,
    Count,
    OuterRef,
    QuerySet,
    Subquery,
    URLField,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.forms import Form
from django.http import HttpRequest
from django.utils.timezone import now

from integrations.actions import deliveries, endpoints
from integrations.admin.shown_once import ShownOnceAdmin
from integrations.forms import EndpointForm
from integrations.models import (
    FeedEntry,
    FeedHead,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from registry.actions import Refused
from registry.admin import ReadOnlyAdmin
from registry.admin.base import AdminRequest

_INSURER = ("insurance_provider__name", "insurance_provider__slug")


def worst_first(status: str, *order: str) -> Case:
    """Order by status, those named first in front."""
    whens = [When(**{status: value}, then=Value(place)) for place, value in enumerate(order)]
    return Case(*whens, default=Value(len(order)))


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """Events on their way; parked ones and the failing come first."""

    list_display = (
        "event_type",
        "subject",
        "endpoint",
        "status",
        "attempts",
        "last_error",
        "next_attempt_at",
        "delivered_at",
    )
    list_filter = ("status", "endpoint__insurance_provider", "last_error")
    list_select_related = ("endpoint", "feed_entry__event")
    search_fields = ("=subject", "=feed_entry__event__event_id", "endpoint__url")
    ordering = (worst_first("status", "PARKED", "PENDING"), "-attempts", "-id")
    actions = ("send_again",)

    @admin.action(description="Send the chosen again now")
    def send_again(self, request: AdminRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        sent = sum(_resend(request, delivery) for delivery in queryset)
        messages.success(request, f"{sent} will be sent again within seconds.")
        if over := len(queryset) - sent:
            messages.info(request, f"{over} may not be sent any more.")


def _resend(request: AdminRequest, delivery: WebhookDelivery) -> bool:
    try:
        deliveries.resend(delivery=delivery, by=request.user, at=now())
    except deliveries.NotSentAgain:
        return False
    return True


@admin.register(WebhookAttempt)
class WebhookAttemptAdmin(ReadOnlyAdmin):
    """Each try of each delivery."""

    list_display = ("started_at", "delivery", "number", "status_code", "error", "duration_ms")
    list_filter = ("status_code", "error")
    list_select_related = ("delivery",)
    search_fields = ("=delivery__id", "=delivery__subject")
    ordering = ("-id",)


def _deliveries(status: str) -> Coalesce:
    of_endpoint = WebhookDelivery.objects.filter(endpoint=OuterRef("pk"), status=status)
    counted = of_endpoint.order_by().values("endpoint").annotate(count=Count("pk"))
    return Coalesce(Subquery(counted.values("count")), 0)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ShownOnceAdmin):
    """Where insurers want their events; secrets are never shown again."""

    list_display = (
        "url",
        "insurance_provider",
        "status",
        "verified_at",
        "failing_since",
        "held_until",
        "disabled_reason",
        "waiting",
        "parked",
    )
    list_filter = ("status", "insurance_provider")
    list_select_related = ("insurance_provider",)
    search_fields = ("url", *_INSURER)
    exclude = ("secret", "previous_secret", "private_key")
    ordering = ("insurance_provider__name", "created_at")
    formfield_overrides = {URLField: {"assume_scheme": "https"}}
    actions = ("enable_chosen", "disable_chosen", "test_chosen", "send_parked_again")
    form_class = EndpointForm
    button = "Add an endpoint"

    def get_queryset(self, request: HttpRequest) -> Any:
        counted = {name.lower(): _deliveries(name) for name in ("PENDING", "PARKED")}
        return super().get_queryset(request).annotate(**counted)

    @admin.display(description="Waiting")
    def waiting(self, endpoint: Any) -> int:
        return int(endpoint.pending)

    @admin.display(description="Parked")
    def parked(self, endpoint: Any) -> int:
        return int(endpoint.parked)

    def issue(self, request: AdminRequest, form: Form) -> str | None:
        chosen = form.cleaned_data
        try:
            endpoint = endpoints.add(
                provider=chosen["provider"],
                target=endpoints.vetted(chosen["url"]),
                event_types=chosen["event_types"],
                by=request.user,
                at=now(),
            )
        except endpoints.TargetRefused as refusal:
            form.add_error("url", str(refusal))
            return None
        except Refused as refusal:
            form.add_error("provider", str(refusal))
            return None
        return str(endpoint.secret)

    @admin.action(description="Enable the chosen")
    def enable_chosen(self, request: AdminRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        enabled = _each(request, queryset, partial(endpoints.change, is_enabled=True))
        messages.success(request, f"{enabled} enabled. What was waiting is sent now.")

    @admin.action(description="Disable the chosen")
    def disable_chosen(self, request: AdminRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        disabled = _each(request, queryset, partial(endpoints.change, is_enabled=False))
        messages.success(request, f"{disabled} disabled. Events wait until they are enabled.")

    @admin.action(description="Send a ping to the chosen, or their challenge again")
    def test_chosen(self, request: AdminRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        sent = _each(request, queryset, endpoints.send_test)
        messages.success(request, f"{sent} sent. The deliveries say what came of them.")

    @admin.action(description="Send all that the chosen have parked again now")
    def send_parked_again(self, request: AdminRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        standing = queryset.exclude(status=WebhookEndpoint.Status.DELETED)
        sent = sum(
            [
                deliveries.resend_failed(endpoint=endpoint, by=request.user, at=now())
                for endpoint in standing
            ]
        )
        messages.success(request, f"{sent} will be sent again within seconds.")


def _each(
    request: AdminRequest, chosen: QuerySet[WebhookEndpoint], act: Callable[..., object]
) -> int:
    """Do the same to each, say what was refused, and give how many were done."""
    done = 0
    for endpoint in chosen:
        try:
            act(endpoint=endpoint, by=request.user, at=now())
        except Refused as refusal:
            messages.warning(request, f"{endpoint}: {refusal}")
        else:
            done += 1
    return done


@admin.register(FeedEntry)
class FeedEntryAdmin(ReadOnlyAdmin):
    """Every insurer's feed, newest first."""

    list_display = ("insurance_provider", "feed_seq", "event", "created_at")
    list_filter = ("insurance_provider", "event__type")
    list_select_related = ("insurance_provider", "event")
    search_fields = ("=event__subject", "=event__event_id")
    ordering = ("-id",)


@admin.register(FeedHead)
class FeedHeadAdmin(ReadOnlyAdmin):
    """How far each feed has come."""

    list_display = ("insurance_provider", "head")
    list_select_related = ("insurance_provider",)
    ordering = ("insurance_provider__name",)
