from integrations.admin.access import ApiClientAdmin, ApiKeyAdmin, IdempotencyRecordAdmin
from integrations.admin.delivery import (
    FeedEntryAdmin,
    FeedHeadAdmin,
    ProviderDoctorSyncAdmin,
    WebhookAttemptAdmin,
    WebhookDeliveryAdmin,
    WebhookEndpointAdmin,
)

__all__ = [
    "ApiClientAdmin",
    "ApiKeyAdmin",
    "FeedEntryAdmin",
    "FeedHeadAdmin",
    "IdempotencyRecordAdmin",
    "ProviderDoctorSyncAdmin",
    "WebhookAttemptAdmin",
    "WebhookDeliveryAdmin",
    "WebhookEndpointAdmin",
]
