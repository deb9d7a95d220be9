"""Endpoints and deliveries: what insurers send, and what the actions refuse in the API's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from django.db.models import Q
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import NotFound

from integrations import representations
from integrations.actions import deliveries, endpoints
from integrations.actions.answers import Answer
from integrations.actions.deliveries import Range
from integrations.actions.endpoints import Target, TargetRefused
from integrations.api.fields import ExactChoice, ExactString, ExactUUID, Instant, InstantOrDate
from integrations.api.periods import end_of, start_of
from integrations.api.problems import Problem
from integrations.api.serializers import Exact, Page
from integrations.api.shapes.choices import EVENT_TYPES
from integrations.api.shapes.webhooks import DELIVERY_STATUSES, MESSAGES, SWITCH
from integrations.models import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookDeliveryQuerySet,
    WebhookEndpoint,
)
from registry.models import InsuranceProvider

ADD_CODES = ("too_many_endpoints", "url_refused")
CHANGE_CODES = ("precondition_required", "version_mismatch")
_MOST_ATTEMPTS = 100
# What JSON carries without loss everywhere.
_HIGHEST = 2**53 - 1
_TARGET_DETAILS = {
    "target_forbidden": "Give an https address with a name, on the public internet.",
    "dns_error": "This name has no address just now.",
}
_REFUSALS: dict[type[Exception], str] = {
    endpoints.TooManyEndpoints: "too_many_endpoints",
    endpoints.EndpointDisabled: "endpoint_disabled",
    endpoints.Stale: "version_mismatch",
    deliveries.NotSentAgain: "not_sent_again",
}


@extend_schema_field(
    {"type": "string", "format": "uri", "maxLength": 200, "pattern": "^https?://[^/]"}
)
class Address(ExactString):
    """An address; whether DocPort may call it is another question."""

    def __init__(self, **given: Any) -> None:
        super().__init__(max_length=200, trim_whitespace=False, **given)


class _EventTypes(serializers.ListField):
    child = ExactChoice(EVENT_TYPES)


class WebhookEndpointIn(Exact):
    url = Address(help_text="Where to send: https, on the public internet, no user and no `#`.")
    event_types = _EventTypes(
        required=False, help_text="What to send. Leave it out, or empty, for everything."
    )


class WebhookEndpointChangeIn(Exact):
    url = Address(
        required=False, help_text="Where to send from now on. It is sent a challenge first."
    )
    event_types = _EventTypes(required=False, help_text="What to send from now on; empty: all.")
    status = ExactChoice(SWITCH, required=False, help_text="Whether to send.")


class DeliveryQuery(Page):
    endpoint_id = ExactUUID(required=False, help_text="Only to this endpoint of yours.")
    status = ExactChoice(DELIVERY_STATUSES, required=False, help_text="Only in this status.")
    type = ExactChoice(MESSAGES, required=False, help_text="Only of this type.")

    def get_fields(self) -> dict[str, Any]:
        # `from` is no name for an attribute.
        return super().get_fields() | {
            "from": InstantOrDate(
                required=False,
                help_text="Only those that came at or after: RFC 3339 with an offset, or a date "
                "in UTC.",
            ),
            "to": InstantOrDate(
                required=False,
                help_text="Only those that came before: RFC 3339 with an offset, or a date in "
                "UTC, which is included whole.",
            ),
        }


class ResendIn(Exact):
    endpoint_id = ExactUUID(help_text="One of your endpoints.")
    after = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=_HIGHEST,
        help_text="Only events whose `feed_seq` is greater.",
    )
    until = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=_HIGHEST,
        help_text="Only events whose `feed_seq` is not greater.",
    )
    only = ExactChoice(
        [("failed", "Those that are PARKED"), ("all", "Those that have arrived as well")],
        required=False,
        help_text="Which of them; `all` if you leave it out.",
    )

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {
            "from": Instant(
                required=False, help_text="Only those that came at or after, RFC 3339."
            ),
            "to": Instant(required=False, help_text="Only those that came before, RFC 3339."),
        }

    def validate(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if wanted.keys() == {"endpoint_id"}:
            message = serializers.ErrorDetail(
                "Say which: from, to, after, until or only.", code="incomplete"
            )
            raise serializers.ValidationError([message])
        return wanted


def target_of(url: str) -> Target | TargetRefused:
    """Look at an address before any transaction begins: the resolver is asked."""
    try:
        return endpoints.vetted(url)
    except TargetRefused as refusal:
        return refusal


def add(
    provider: InsuranceProvider,
    target: Target | TargetRefused,
    wanted: dict[str, Any],
    *,
    at: datetime,
) -> Answer:
    """Add an endpoint and show its secret, this once; runs inside `answers.answer_once`.

    Raises:
        Problem: it was refused. This is kept nowhere, since it may pass.
    """
    with _in_words():
        added = endpoints.add(
            provider=provider,
            target=_accepted(target),
            event_types=wanted.get("event_types", []),
            by=provider,
            at=at,
        )
    return Answer(HTTPStatus.CREATED, _with_secret(added))


def change(
    endpoint: WebhookEndpoint,
    provider: InsuranceProvider,
    wanted: dict[str, Any],
    *,
    version: int | None,
    at: datetime,
) -> WebhookEndpoint:
    """Change what is given.

    Args:
        version: which the insurer has read; `None` changes whatever stands.
    """
    target = _accepted(target_of(wanted["url"])) if "url" in wanted else None
    status = wanted.get("status")
    with _in_words():
        return endpoints.change(
            endpoint=endpoint,
            version=version,
            target=target,
            event_types=wanted.get("event_types"),
            is_enabled=None if status is None else status == WebhookEndpoint.Status.ENABLED,
            by=provider,
            at=at,
        )


def delete(
    endpoint: WebhookEndpoint, provider: InsuranceProvider, *, version: int | None, at: datetime
) -> None:
    """Send nothing there any more."""
    with _in_words():
        endpoints.delete(endpoint=endpoint, version=version, by=provider, at=at)


def rotate_secret(
    endpoint: WebhookEndpoint, provider: InsuranceProvider, *, at: datetime
) -> Answer:
    """Give a new secret and show it, this once; runs inside `answers.answer_once`."""
    with _in_words():
        rotated = endpoints.rotate_secret(endpoint=endpoint, by=provider, at=at)
    return Answer(HTTPStatus.OK, _with_secret(rotated))


def send_test(
    endpoint: WebhookEndpoint, provider: InsuranceProvider, *, at: datetime
) -> WebhookDelivery:
    """Send a ping or the challenge."""
    with _in_words():
        return endpoints.send_test(endpoint=endpoint, by=provider, at=at)


def resend(
    delivery: WebhookDelivery, provider: InsuranceProvider, *, at: datetime
) -> WebhookDelivery:
    """Send a delivery again."""
    with _in_words():
        return deliveries.resend(delivery=delivery, by=provider, at=at)


def resend_range(
    endpoint: WebhookEndpoint, provider: InsuranceProvider, wanted: dict[str, Any], *, at: datetime
) -> representations.Json:
    """Send a range of events again."""
    chosen = Range(
        after=wanted.get("after"),
        until=wanted.get("until"),
        starts_at=wanted.get("from"),
        ends_at=wanted.get("to"),
        only_failed=wanted.get("only") == "failed",
    )
    resent = deliveries.resend_range(endpoint=endpoint, wanted=chosen, by=provider, at=at)
    return {"resent": resent.count, "next_after": resent.next_after}


def matching(query: dict[str, Any], *, at: datetime) -> WebhookDeliveryQuerySet:
    """Keep the deliveries of anybody that the filters speak of."""
    rows = WebhookDelivery.objects.kept_at(at)
    status = query.get("status")
    if status == "PENDING":
        rows = rows.waiting()
    elif status == "DROPPED":
        rows = rows.dropped()
    elif status is not None:
        rows = rows.filter(status=status)
    wanted = Q()
    if "type" in query:
        wanted &= Q(event_type=query["type"])
    if "from" in query:
        wanted &= Q(created_at__gte=start_of(query["from"], UTC))
    if "to" in query:
        wanted &= Q(created_at__lt=end_of(query["to"], UTC))
    return rows.filter(wanted)


def with_attempts(delivery: WebhookDelivery) -> representations.Json:
    """Show a delivery with what became of each try."""
    rows = WebhookAttempt.objects.filter(delivery=delivery).order_by("-started_at", "-pk")
    latest = list(rows[:_MOST_ATTEMPTS])
    return representations.delivery(delivery) | {
        "attempts": representations.attempts(reversed(latest))
    }


def _accepted(target: Target | TargetRefused) -> Target:
    if isinstance(target, Target):
        return target
    error = {"pointer": "/url", "code": target.code, "detail": _TARGET_DETAILS[target.code]}
    raise Problem("url_refused", errors=[error])


def _with_secret(endpoint: WebhookEndpoint) -> representations.Json:
    return representations.endpoint(endpoint) | {"secret": endpoint.secret}


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except endpoints.EndpointDeleted as error:
        raise NotFound from error
    except tuple(_REFUSALS) as error:
        code = next(code for kind, code in _REFUSALS.items() if isinstance(error, kind))
        raise Problem(code) from error
