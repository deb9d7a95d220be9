from rest_framework import serializers

from integrations.actions import endpoints
from integrations.api.shapes.base import CURSOR, Out, Utc, Version
from integrations.api.shapes.choices import EVENT_TYPES, MESSAGE_TYPES
from integrations.models import WebhookEndpoint

SWITCH = [
    ("ENABLED", "Events are sent, once the address has answered its challenge"),
    ("DISABLED", "Nothing is sent; events wait"),
]
_STATUS_MEANINGS = {
    "PENDING": "The address has not answered its challenge; events wait",
    "ENABLED": "Events are sent",
    "DISABLED": "Nothing is sent; events wait until you enable it",
}
ENDPOINT_STATUSES = [
    (status.value, _STATUS_MEANINGS[status.value])
    for status in WebhookEndpoint.Status
    if status.value in _STATUS_MEANINGS
]
DELIVERY_STATUSES = [
    ("PENDING", "Waits for its next try"),
    ("DELIVERED", "You answered 2xx"),
    ("PARKED", "The last try failed, or you answered 410; it is sent again if you ask"),
    ("WITHHELD", "The doctor does not share this with you any more; it is never sent"),
    ("DROPPED", "Its endpoint was deleted before it arrived"),
]
MESSAGES = [*EVENT_TYPES, *MESSAGE_TYPES]


class WebhookEndpointOut(Out):
    """Where you want events."""

    id = serializers.UUIDField()
    url = serializers.URLField()
    event_types = serializers.ListField(
        child=serializers.ChoiceField(EVENT_TYPES),
        help_text="What it is sent; empty is all.",
    )
    status = serializers.ChoiceField(ENDPOINT_STATUSES)
    verified_at = Utc(allow_null=True, help_text="When the address answered its challenge.")
    disabled_at = Utc(allow_null=True)
    disabled_reason = serializers.CharField(allow_null=True, help_text="Why, for people.")
    failing_since = Utc(
        allow_null=True, help_text="Since when every try has failed, whichever event it was for."
    )
    public_key = serializers.RegexField(
        "^whpk_", help_text="Checks the `v1a` signatures: Ed25519, in base64 after `whpk_`."
    )
    previous_secret_until = Utc(
        allow_null=True, help_text="Until when the secret before the last rotation signs as well."
    )
    version = Version(help_text="Grows with each change; the ETag in quotes.")
    created_at = Utc()
    updated_at = Utc()


class NewWebhookEndpointOut(WebhookEndpointOut):
    """An endpoint with its secret, which no other call shows."""

    secret = serializers.RegexField(
        "^whsec_", help_text="Checks the `v1` signatures. Keep it: it is not shown again."
    )


class WebhookEndpointsOut(Out):
    items = WebhookEndpointOut(
        many=True, help_text=f"In the order in which they came; at most {endpoints.MOST_ENDPOINTS}."
    )


class DeliveryOut(Out):
    """One message on its way to one endpoint."""

    id = serializers.UUIDField()
    endpoint_id = serializers.UUIDField(help_text="Also of an endpoint that you have deleted.")
    webhook_id = serializers.RegexField(
        "^(evt|msg)_", help_text="What `webhook-id` says, the same on every try."
    )
    type = serializers.ChoiceField(MESSAGES)
    feed_seq = serializers.IntegerField(
        allow_null=True, min_value=1, help_text="Its number in your feed, if it is there."
    )
    subject = serializers.CharField(help_text="What it is about, such as doctor/<id>.")
    status = serializers.ChoiceField(DELIVERY_STATUSES)
    attempt_count = serializers.IntegerField(
        min_value=0, help_text="Tries since it was first sent, or last sent again."
    )
    next_attempt_at = Utc(allow_null=True, help_text="Not before; null when none will come.")
    delivered_at = Utc(allow_null=True)
    last_error = serializers.CharField(
        allow_null=True,
        help_text="`http_` and a status, `dns_error`, `target_forbidden`, `connection_refused`, "
        "`timeout`, `tls_error`, `challenge_not_answered` or `internal_error`.",
    )
    created_at = Utc(help_text="When DocPort began to deliver it.")


class AttemptOut(Out):
    """One try."""

    number = serializers.IntegerField(min_value=1)
    started_at = Utc()
    duration_ms = serializers.IntegerField(min_value=0)
    status_code = serializers.IntegerField(
        allow_null=True, min_value=100, max_value=999, help_text="Null when nobody answered."
    )
    error = serializers.CharField(allow_null=True, help_text="As `last_error`; null when it came.")


class DeliveryWithAttemptsOut(DeliveryOut):
    attempts = AttemptOut(many=True, help_text="In the order of time; the last 100.")


class DeliveriesOut(Out):
    items = DeliveryOut(many=True, help_text="The newest first.")
    next = serializers.CharField(allow_null=True, help_text=CURSOR)


class ResentOut(Out):
    resent = serializers.IntegerField(min_value=0, help_text="How many are sent again.")
    next_after = serializers.IntegerField(
        allow_null=True,
        min_value=1,
        help_text="There are more: send the same call with this as `after`. Null when these were "
        "all.",
    )
