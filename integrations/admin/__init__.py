from integrations.admin.access import ApiClientAdmin, ApiKeyAdmin, IdempotencyRecordAdmin
from integrations.admin.delivery import (
    FeedEntryAdmin,
    FeedHeadAdmin,
    WebhookAttemptAdmin,
    WebhookDeliveryAdmin,
    WebhookEndpointAdmin,
)
from integrations.admin.push import ProviderDoctorSyncAdmin, ProviderPushAdmin

__all__ = [
    "ApiClientAdmin",
    "ApiKeyAdmin",
    "FeedEntryAdmin",
    "FeedHeadAdmin",
    "IdempotencyRecordAdmin",
    "ProviderDoctorSyncAdmin",
    "ProviderPushAdmin",
    "WebhookAttemptAdmin",
    "WebhookDeliveryAdmin",
    "WebhookEndpointAdmin",
]
