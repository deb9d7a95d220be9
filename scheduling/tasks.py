"""What scheduling does on a schedule; the times stand in `docport/celery.py`."""

from celery import shared_task
from django.utils.timezone import now

from scheduling import openings

# What a minute is enough for, with as much again left over.
MOST_AT_ONCE = 5_000


@shared_task
def extend_open_days() -> int:
    """Keep the days to come of doctors whose open days end too soon, and give their number."""
    return openings.extend(at=now(), most=MOST_AT_ONCE)
