from integrations.models.access import ApiKey, IdempotencyRecord, Scope
from integrations.models.delivery import (
    FeedEntry,
    FeedHead,
    ProviderDoctorSync,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

__all__ = [
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
