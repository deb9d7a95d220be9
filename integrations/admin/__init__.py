from integrations.admin.access import ApiClientAdmin, ApiKeyAdmin, IdempotencyRecordAdmin
from integrations.admin.delivery import (
    FeedEntryAdmin,
    FeedHeadAdmin,
    WebhookAttemptAdmin,
    WebhookDeliveryAdmin,
    WebhookEndpointAdmin,
)
from integrations.admin.insurers import ConformanceRunAdmin, InsurerAdmin
from integrations.admin.push import ProviderDoctorSyncAdmin, ProviderPushAdmin

__all__ = [
    "ApiClientAdmin",
    "ApiKeyAdmin",
    "ConformanceRunAdmin",
    "FeedEntryAdmin",
    "FeedHeadAdmin",
    "IdempotencyRecordAdmin",
    "InsurerAdmin",
    "ProviderDoctorSyncAdmin",
    "ProviderPushAdmin",
    "WebhookAttemptAdmin",
    "WebhookDeliveryAdmin",
    "WebhookEndpointAdmin",
]
