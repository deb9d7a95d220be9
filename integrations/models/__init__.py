from integrations.models.access import NEWEST_VERSION, ApiKey, IdempotencyRecord, Scope
from integrations.models.clients import ApiClient, SpentAssertion
from integrations.models.delivery import (
    CHALLENGE,
    PING,
    FeedEntry,
    FeedHead,
    ProviderDoctorSync,
    WebhookAttempt,
    WebhookDelivery,
    WebhookDeliveryQuerySet,
    WebhookEndpoint,
    WebhookEndpointQuerySet,
)

__all__ = [
    "CHALLENGE",
    "NEWEST_VERSION",
    "PING",
    "ApiClient",
    "ApiKey",
    "FeedEntry",
    "FeedHead",
    "IdempotencyRecord",
    "ProviderDoctorSync",
    "Scope",
    "SpentAssertion",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookDeliveryQuerySet",
    "WebhookEndpoint",
    "WebhookEndpointQuerySet",
]
