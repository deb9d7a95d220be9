from integrations.models.access import NEWEST_VERSION, ApiKey, IdempotencyRecord, Scope
from integrations.models.accesses import SHOWN_BY, Access, AccessQuerySet
from integrations.models.clients import ApiClient, SpentAssertion
from integrations.models.conformance import ConformanceRun, ConformanceRunQuerySet
from integrations.models.delivery import (
    CHALLENGE,
    HEARTBEAT,
    PING,
    FeedEntry,
    FeedHead,
    WebhookAttempt,
    WebhookDelivery,
    WebhookDeliveryQuerySet,
    WebhookEndpoint,
    WebhookEndpointQuerySet,
    WebhookLease,
    WebhookLeaseQuerySet,
)
from integrations.models.push import ProviderDoctorSync, ProviderPush, ProviderPushQuerySet

__all__ = [
    "CHALLENGE",
    "HEARTBEAT",
    "NEWEST_VERSION",
    "PING",
    "SHOWN_BY",
    "Access",
    "AccessQuerySet",
    "ApiClient",
    "ApiKey",
    "ConformanceRun",
    "ConformanceRunQuerySet",
    "FeedEntry",
    "FeedHead",
    "IdempotencyRecord",
    "ProviderDoctorSync",
    "ProviderPush",
    "ProviderPushQuerySet",
    "Scope",
    "SpentAssertion",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookDeliveryQuerySet",
    "WebhookEndpoint",
    "WebhookEndpointQuerySet",
    "WebhookLease",
    "WebhookLeaseQuerySet",
]
