"""What insurers' feeds hold."""

from integrations.models import FeedEntry
from registry.models import InsuranceProvider


def heard(provider: InsuranceProvider) -> list[str]:
    """Give the types of the events in an insurer's feed, in its order."""
    entries = FeedEntry.objects.filter(insurance_provider=provider).order_by("feed_seq")
    return [entry.event.type for entry in entries.select_related("event")]
