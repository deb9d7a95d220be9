from collections.abc import Iterable
from datetime import datetime

from integrations.models import (
    CHALLENGE,
    HEARTBEAT,
    FeedHead,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from integrations.representations.events import Entry, event
from integrations.representations.values import Json, instant


def message(delivery: WebhookDelivery) -> Json:
    """Show what a webhook carries: an event as the feed has it, or DocPort's own word."""
    if delivery.feed_entry is not None:
        return event(Entry.of(delivery.feed_entry))
    return {
        "id": delivery.message_id,
        "type": delivery.event_type,
        "timestamp": instant(delivery.created_at),
        "data": _own_words(delivery),
    }


def _own_words(delivery: WebhookDelivery) -> Json:
    endpoint = delivery.endpoint
    if delivery.event_type == CHALLENGE:
        return {"challenge": endpoint.challenge}
    tells: Json = {"endpoint_id": str(endpoint.pk)}
    if delivery.event_type == HEARTBEAT:
        heads = FeedHead.objects.filter(pk=endpoint.insurance_provider_id)
        tells["head"] = sum(heads.values_list("head", flat=True))
    return tells


def endpoint(endpoint: WebhookEndpoint) -> Json:
    """Show an endpoint to its owner; its secret is not among what can be read."""
    return {
        "id": str(endpoint.pk),
        "url": endpoint.url,
        "event_types": endpoint.event_types,
        "status": endpoint.status,
        "verified_at": _instant_if_any(endpoint.verified_at),
        "disabled_at": _instant_if_any(endpoint.disabled_at),
        "disabled_reason": endpoint.disabled_reason or None,
        "failing_since": _instant_if_any(endpoint.failing_since),
        "public_key": endpoint.public_key,
        "previous_secret_until": _instant_if_any(endpoint.previous_secret_until),
        "version": endpoint.version,
        "created_at": instant(endpoint.created_at),
        "updated_at": instant(endpoint.updated_at),
    }


def delivery(delivery: WebhookDelivery) -> Json:
    """Show a delivery; its endpoint and `feed_entry.event` should be loaded."""
    entry = delivery.feed_entry
    return {
        "id": str(delivery.pk),
        "endpoint_id": str(delivery.endpoint_id),
        "webhook_id": delivery.message_id,
        "type": delivery.event_type,
        "feed_seq": None if entry is None else entry.feed_seq,
        "subject": delivery.subject,
        "status": "DROPPED" if delivery.is_dropped else delivery.status,
        "attempt_count": delivery.attempts,
        "next_attempt_at": instant(delivery.next_attempt_at) if delivery.is_waiting else None,
        "delivered_at": _instant_if_any(delivery.delivered_at),
        "last_error": delivery.last_error or None,
        "created_at": instant(delivery.created_at),
    }


def attempts(rows: Iterable[WebhookAttempt]) -> list[Json]:
    """Show the attempts of a delivery, given in the order of time."""
    return [
        {
            "number": number,
            "started_at": instant(row.started_at),
            "duration_ms": row.duration_ms,
            "status_code": row.status_code,
            "error": row.error or None,
        }
        for number, row in enumerate(rows, start=1)
    ]


def _instant_if_any(value: datetime | None) -> str | None:
    return None if value is None else instant(value)
