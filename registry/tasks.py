"""What registry does on a schedule; the times stand in `docport/celery.py`."""

from celery import shared_task
from django.utils.timezone import now

from registry import actions


@shared_task
def seal_audit() -> int:
    """Seal every audit row that is not yet in the hash chain and give their number."""
    total = 0
    while sealed := actions.seal_audit(at=now()):
        total += sealed
    return total
