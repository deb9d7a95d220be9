from integrations.models.access import NEWEST_VERSION, ApiKey, IdempotencyRecord, Scope
from integrations.models.delivery import (
    FeedEntry,
    FeedHead,
    ProviderDoctorSync,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

__all__ = [
    "NEWEST_VERSION",
    "ApiKey",
    "FeedEntry",
    "FeedHead",
    "IdempotencyRecord",
    "ProviderDoctorSync",
    "Scope",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
]
