"""What consent does on a schedule; the times stand in `docport/celery.py`."""

from celery import shared_task
from django.utils.timezone import now

from consent import actions
from consent.models import Consent


@shared_task
def expire_consents() -> int:
    """Write down the ends that have come, and give their number."""
    at = now()
    over = Consent.objects.over_at(at).order_by("expires_at")
    return sum(actions.expire(consent=consent, at=at) for consent in over)
