"""How far the end of a consent has reached: told, acknowledged, erased, or overdue."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min

from consent.models import Consent
from integrations.actions.push import ERASED
from integrations.models import ProviderDoctorSync, WebhookDelivery


@dataclass(frozen=True)
class Erasure:
    """Each step with its time; `None` where it is still to come."""

    was_withdrawn: bool
    ended_at: datetime
    told_at: datetime | None
    acknowledged_at: datetime | None
    erased_at: datetime | None
    erase_by: datetime
    is_overdue: bool


def erasure_of(consent: Consent | None, *, at: datetime) -> Erasure | None:
    """Say how far the erasure is at the aware instant `at`; `None` while there is none to do."""
    if consent is None:
        return None
    ended_at = consent.revoked_at or consent.expires_at
    erase_by = consent.erase_by_at(at)
    if ended_at is None or erase_by is None:
        return None
    return Erasure(
        was_withdrawn=consent.revoked_at is not None,
        ended_at=ended_at,
        told_at=_told_at(consent, ended_at),
        acknowledged_at=consent.erasure_acknowledged_at,
        erased_at=consent.erased_at,
        erase_by=erase_by,
        is_overdue=consent.is_overdue_at(at),
    )


def _told_at(consent: Consent, ended_at: datetime) -> datetime | None:
    """Give when the insurer's system first took the news, or showed that it had read it."""
    delivered = WebhookDelivery.objects.filter(
        status=WebhookDelivery.Status.DELIVERED,
        feed_entry__insurance_provider=consent.insurance_provider_id,
        feed_entry__event__type="consent.revoked",
        feed_entry__event__subject=f"consent/{consent.pk}",
        feed_entry__event__subject_version=consent.version,
    ).aggregate(at=Min("delivered_at"))
    pushed = ProviderDoctorSync.objects.filter(
        doctor=consent.doctor_id,
        insurance_provider=consent.insurance_provider_id,
        state_hash=ERASED,
        last_profile_sync__gte=ended_at,
    )
    times = [
        delivered["at"],
        pushed.values_list("last_profile_sync", flat=True).first(),
        consent.erasure_acknowledged_at,
    ]
    return min((one for one in times if one is not None), default=None)
