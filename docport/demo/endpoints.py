"""Where the mock insurers take webhooks."""

from datetime import datetime

from integrations.actions import endpoints
from integrations.models import WebhookEndpoint
from registry.models import InsuranceProvider, User


def keep(*, insurer: InsuranceProvider, url: str, by: User, at: datetime) -> WebhookEndpoint:
    """Give the insurer's endpoint, added or moved to `url`; its secret stays the same."""
    mine = WebhookEndpoint.objects.standing().filter(insurance_provider=insurer)
    endpoint = mine.order_by("created_at").first()
    target = endpoints.vetted(url)
    if endpoint is None:
        return endpoints.add(provider=insurer, target=target, event_types=[], by=by, at=at)
    return endpoints.change(endpoint=endpoint, target=target, by=by, at=at)
