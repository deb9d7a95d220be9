from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from registry.statements import prepared
from scheduling import slots
from scheduling.openings.rows import Dates, bring_days_in_line, bring_in_line

_DAY = timedelta(days=1)
# Days are added when fewer than these are left after the horizon: the local date of its end may
# be a day off UTC's, and whoever adds them may be a day late.
_SPARE = timedelta(days=2)
_AHEAD = timedelta(days=7)
_EVERYTHING = (date.min, date.max)
# Its doctors are locked meanwhile: for a tenth of a second.
BATCH = 50

_HEAD = "SELECT covers_from, covers_to FROM open_day_heads WHERE doctor_id = %s FOR UPDATE"
_KEEP_OUT_CHANGES = "SELECT id FROM doctors WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
_COVER = """
    INSERT INTO open_day_heads AS head (doctor_id, covers_from, covers_to)
    SELECT d.id, %(first)s, %(last)s::date + coalesce(r.horizon_days, %(horizon)s)
    FROM doctors AS d LEFT JOIN booking_rules AS r ON r.doctor_id = d.id
    WHERE d.id = ANY(%(doctor_ids)s) ORDER BY d.id
    ON CONFLICT (doctor_id)
        DO UPDATE SET covers_from = excluded.covers_from, covers_to = excluded.covers_to
    RETURNING doctor_id, covers_from, covers_to
"""
_OVERDUE = """
    SELECT d.id FROM doctors AS d
    LEFT JOIN open_day_heads AS head ON head.doctor_id = d.id
    LEFT JOIN booking_rules AS r ON r.doctor_id = d.id
    WHERE head.covers_to < %(last)s::date + coalesce(r.horizon_days, %(horizon)s)
        OR head.doctor_id IS NULL AND (
            EXISTS (SELECT FROM doctor_availability AS a WHERE a.doctor_id = d.id)
            OR EXISTS (
                SELECT FROM availability_exceptions AS e
                WHERE e.doctor_id = d.id AND e.kind = 'EXTRA'
            )
        )
    LIMIT %(limit)s
"""


def refresh(*, doctor_id: UUID, first: date, last: date) -> None:
    """Bring a doctor's open days from `first` to `last` in line with what the transaction changed.

    Dates that are not kept are left alone, and so is a doctor for whom none are. Whoever else
    changes this doctor's appointments waits until the commit.

    Args:
        first, last: local dates at the place of what was changed, both included.
    """
    with prepared() as cursor:
        cursor.execute(_HEAD, [doctor_id])
        head = cursor.fetchone()
    if head is None:
        return
    # A slot of the evening before may share time with the change, and at a place in another zone
    # it may have a date two days off.
    dates = max(first - 2 * _DAY, head[0]), min(last + 2 * _DAY, head[1])
    if dates[0] <= dates[1]:
        bring_days_in_line(doctor_id, *dates)


def refresh_all(*, doctor_id: UUID, at: datetime) -> None:
    """Make all of a doctor's open days anew after a change of hours or rules.

    The caller holds the doctor's row, so that nobody books meanwhile.

    Args:
        at: aware instant of the change; the days kept are those around it, up to the horizon.
    """
    _make([doctor_id], at)


@transaction.atomic
def build(*, doctor_ids: Sequence[UUID], at: datetime, wait: bool = True) -> int:
    """Make the open days of these doctors anew; tell of how many.

    Args:
        at: aware instant; the days kept are those around it, up to each doctor's horizon.
        wait: for who is changing a doctor just now; else that doctor is left as is.
    """
    with connection.cursor() as cursor:
        # Who books holds the doctor's row too: no booking is under way that we would not see.
        skip = "" if wait else " SKIP LOCKED"
        cursor.execute(f"{_KEEP_OUT_CHANGES}{skip}", [list(doctor_ids)])
        quiet = [doctor_id for (doctor_id,) in cursor]
    _make(quiet, at)
    return len(quiet)


def extend(*, at: datetime, most: int) -> int:
    """Cover the days to come of doctors whose days end too soon or are not kept; tell of how many.

    Args:
        at: aware instant that counts as now.
        most: how many doctors at most.
    """
    late = overdue(at=at, most=most)
    return sum(
        build(doctor_ids=late[begin : begin + BATCH], at=at, wait=False)
        for begin in range(0, len(late), BATCH)
    )


def overdue(*, at: datetime, most: int) -> list[UUID]:
    """List doctors with hours of whom no days are kept, or whose days end too soon.

    Args:
        at: aware instant that counts as now.
        most: how many doctors at most.
    """
    values: dict[str, Any] = {
        "last": _today(at) + _SPARE,
        "horizon": slots.Rules().horizon.days,
        "limit": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(_OVERDUE, values)
        return [doctor_id for (doctor_id,) in cursor]


def _make(doctor_ids: list[UUID], at: datetime) -> None:
    values: dict[str, Any] = {
        "doctor_ids": doctor_ids,
        "first": _today(at) - _DAY,
        "last": _today(at) + _AHEAD,
        "horizon": slots.Rules().horizon.days,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COVER, values)
        covered: dict[UUID, Dates] = {head: (first, last) for head, first, last in cursor}
    bring_in_line(covered, within=dict.fromkeys(covered, _EVERYTHING))


def _today(at: datetime) -> date:
    return at.astimezone(UTC).date()
