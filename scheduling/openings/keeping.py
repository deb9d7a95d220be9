from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from scheduling import slots
from scheduling.openings.rows import Dates, bring_in_line

_DAY = timedelta(days=1)
# A day more to each side than a local date can differ from UTC's, and days for the task that
# covers the days to come to be late.
_AHEAD = timedelta(days=7)
_EVERYTHING = (date.min, date.max)

_HEAD = "SELECT covers_from, covers_to FROM open_day_heads WHERE doctor_id = %s FOR UPDATE"
_KEEP_OUT_CHANGES = """
    SELECT id FROM doctors WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
"""
_COVER = """
    INSERT INTO open_day_heads AS head (doctor_id, covers_from, covers_to)
    SELECT d.id, %(first)s, %(last)s::date + coalesce(r.horizon_days, %(horizon)s)
    FROM doctors AS d LEFT JOIN booking_rules AS r ON r.doctor_id = d.id
    WHERE d.id = ANY(%(doctor_ids)s) ORDER BY d.id
    ON CONFLICT (doctor_id)
        DO UPDATE SET covers_from = excluded.covers_from, covers_to = excluded.covers_to
    RETURNING doctor_id, covers_from, covers_to
"""


def refresh(*, doctor_id: UUID, first: date, last: date) -> None:
    """Bring a doctor's open days from `first` to `last` in line with what the transaction changed.

    Dates that are not kept are left alone, and so is a doctor for whom none are. Whoever else
    changes this doctor's appointments waits until the commit.

    Args:
        first, last: local dates at the place of what was changed, both included.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HEAD, [doctor_id])
        head = cursor.fetchone()
    if head is None:
        return
    # A slot of the evening before, or at a place in another zone, may share time with the change.
    dates = max(first - _DAY, head[0]), min(last + _DAY, head[1])
    if dates[0] <= dates[1]:
        bring_in_line({doctor_id: dates}, within={doctor_id: dates})


def refresh_all(*, doctor_id: UUID, at: datetime) -> None:
    """Make all of a doctor's open days anew after a change of hours or rules.

    The caller holds the doctor's row, so that nobody books meanwhile.

    Args:
        at: aware instant of the change; the days kept are those around it, up to the horizon.
    """
    _make([doctor_id], at)


@transaction.atomic
def build(*, doctor_ids: Sequence[UUID], at: datetime) -> int:
    """Make the open days of these doctors anew, of those whom nobody is changing; tell how many.

    Args:
        at: aware instant; the days kept are those around it, up to each doctor's horizon.
    """
    with connection.cursor() as cursor:
        # Bookings hold the doctor's row too: none is under way that we would not see.
        cursor.execute(_KEEP_OUT_CHANGES, [list(doctor_ids)])
        quiet = [doctor_id for (doctor_id,) in cursor.fetchall()]
    _make(quiet, at)
    return len(quiet)


def _make(doctor_ids: list[UUID], at: datetime) -> None:
    today = at.astimezone(UTC).date()
    with connection.cursor() as cursor:
        cursor.execute(
            _COVER,
            {
                "doctor_ids": doctor_ids,
                "first": today - _DAY,
                "last": today + _AHEAD,
                "horizon": slots.Rules().horizon.days,
            },
        )
        covered: dict[UUID, Dates] = {head: (first, last) for head, first, last in cursor}
    bring_in_line(covered, within=dict.fromkeys(covered, _EVERYTHING))
