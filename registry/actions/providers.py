from datetime import datetime

from django.db import transaction

from registry import ledger
from registry.actions.refusals import Refused
from registry.models import InsuranceProvider, User

_EDITABLE = [
    "name",
    "slug",
    "api_base_url",
    "webhook_url",
    "contact_name",
    "contact_email",
    "information_use",
    "max_open_bookings_per_day",
    "hold_minutes",
    "calls_per_hour",
    "backfill_per_minute",
]


class NotForLive(Refused):
    """An insurer is brought live by its checks, not here; nothing was changed."""


@transaction.atomic(durable=True)
def save_provider(*, provider: InsuranceProvider, by: User, at: datetime) -> InsuranceProvider:
    """Keep an insurer's master data as given; where nothing differs, nothing is written.

    A new insurer begins in the sandbox, and this never changes where one stands.

    Args:
        provider: an unsaved row, or a changed copy of a saved one.
    """
    standing = InsuranceProvider.objects.select_for_update().filter(pk=provider.pk).first()
    if standing is None:
        provider.integration_status = InsuranceProvider.Status.SANDBOX
        provider.save(force_insert=True)
        ledger.record("insurer.added", subject=provider, by=by, at=at, slug=provider.slug)
        return provider
    changed = [name for name in _EDITABLE if getattr(standing, name) != getattr(provider, name)]
    if changed:
        provider.save(update_fields=changed)
        ledger.record("insurer.updated", subject=provider, by=by, at=at, changed=changed)
    return provider


@transaction.atomic(durable=True)
def change_status(
    *, provider: InsuranceProvider, status: str, reason: str, by: User, at: datetime
) -> InsuranceProvider:
    """Suspend an insurer, or have it back in the sandbox; where it is there, nothing changes.

    Raises:
        NotForLive: the status is LIVE, which takes a pass or a reason of its own.
    """
    if status == InsuranceProvider.Status.LIVE:
        raise NotForLive("Bring the insurer live with a pass of the checks, or with a reason.")
    standing = InsuranceProvider.objects.select_for_update().get(pk=provider.pk)
    if standing.integration_status == status:
        return standing
    before, standing.integration_status = standing.integration_status, status
    standing.save(update_fields=["integration_status", "updated_at"])
    ledger.record(
        "insurer.status_changed",
        subject=standing,
        by=by,
        at=at,
        before=before,
        after=status,
        reason=reason,
    )
    return standing
