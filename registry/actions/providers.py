from datetime import datetime

from django.db import transaction

from registry import ledger
from registry.models import InsuranceProvider, User

_EDITABLE = [
    "name",
    "slug",
    "api_base_url",
    "webhook_url",
    "integration_status",
    "contact_name",
    "contact_email",
    "information_use",
    "max_open_bookings_per_day",
    "hold_minutes",
    "calls_per_hour",
    "backfill_per_minute",
]


@transaction.atomic(durable=True)
def save_provider(*, provider: InsuranceProvider, by: User, at: datetime) -> InsuranceProvider:
    """Keep an insurer's master data as given; where nothing differs, nothing is written.

    Args:
        provider: an unsaved row, or a changed copy of a saved one.
    """
    standing = InsuranceProvider.objects.select_for_update().filter(pk=provider.pk).first()
    if standing is None:
        provider.save(force_insert=True)
        ledger.record("insurer.added", subject=provider, by=by, at=at, slug=provider.slug)
        return provider
    changed = [name for name in _EDITABLE if getattr(standing, name) != getattr(provider, name)]
    if changed:
        provider.save(update_fields=changed)
        ledger.record("insurer.updated", subject=provider, by=by, at=at, changed=changed)
    return provider
