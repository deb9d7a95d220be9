"""Where the mock insurers take webhooks."""

from datetime import datetime

from django.db import transaction

from integrations.connectors.webhooks import mapping
from integrations.models import WebhookEndpoint
from registry import ledger
from registry.models import InsuranceProvider, User


@transaction.atomic(durable=True)
def keep(*, insurer: InsuranceProvider, url: str, by: User, at: datetime) -> WebhookEndpoint:
    """Give the insurer's endpoint, added or moved to `url`; its secret stays the same."""
    mine = WebhookEndpoint.objects.select_for_update().filter(insurance_provider=insurer)
    endpoint = mine.order_by("created_at").first()
    if endpoint is None:
        endpoint = WebhookEndpoint.objects.create(
            insurance_provider=insurer, url=url, secret=mapping.new_secret()
        )
        ledger.record("webhook_endpoint.added", subject=endpoint, by=by, at=at)
    elif endpoint.url != url:
        endpoint.url = url
        endpoint.save(update_fields=["url"])
        ledger.record("webhook_endpoint.moved", subject=endpoint, by=by, at=at)
    return endpoint
