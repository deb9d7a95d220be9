from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from registry.statements import ask, together
from scheduling import diary, slots
from scheduling.openings import rows
from scheduling.openings.rows import AFTER_ALL_HOLDS, Dates, ask_for_kept, bring_in_line
from scheduling.slots import OpenDay, Schedule

_DAY = timedelta(days=1)
_LONGEST_DAY = timedelta(hours=25)
# Days are added when fewer than these are left after the horizon: the local date of its end may
# be a day off UTC's, and whoever adds them may be a day late.
_SPARE = timedelta(days=2)
_AHEAD = timedelta(days=7)
_EVERYTHING = (date.min, date.max)
_NEVER = (date.max, date.min)
# Its doctors are locked meanwhile: for a tenth of a second.
BATCH = 50

# Who asks together with an insert that comes to nothing waits for nobody here, nor anybody for it.
_HEAD = """
    SELECT covers_from, covers_to FROM open_day_heads
    WHERE doctor_id = %(doctor)s AND (
        %(added)s::uuid IS NULL OR EXISTS (SELECT FROM appointments WHERE id = %(added)s)
    )
    FOR UPDATE
"""
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


class Change(NamedTuple):
    """Who comes to a doctor when has changed.

    Args:
        starts_at, ends_at: aware instants between which somebody has a place, or had one.
        local_date: the date of that at its own place.
        added: an appointment without which nothing has changed.
    """

    doctor_id: UUID
    starts_at: datetime
    ends_at: datetime
    local_date: date
    added: UUID | None = None


def refresh(change: Change) -> None:
    """Bring a doctor's open days in line after the transaction changed who comes when.

    Dates that are not kept are left alone, and so is a doctor for whom none are. Whoever else
    changes this doctor's appointments waits until the commit.
    """
    with together():
        bring_in_line = ask_to_refresh(change)
    bring_in_line()


def ask_to_refresh(change: Change) -> Callable[[], None]:
    """Ask for what `refresh` needs, `together` with the change; what is given does it."""
    # What started longer ago is over by then.
    since = change.starts_at - slots.LONGEST_SLOT
    # Once the head is had, all that others have committed is seen.
    head = ask(_HEAD, {"doctor": change.doctor_id, "added": change.added})
    # Every local day, wherever it is, that a slot at this time may be on.
    schedule = diary.ask_for(
        doctor_id=change.doctor_id,
        starts_at=since - _LONGEST_DAY,
        ends_at=change.ends_at + _LONGEST_DAY + slots.LONGEST_SLOT,
        at=AFTER_ALL_HOLDS,
    )
    kept = ask_for_kept(
        [change.doctor_id], first=_utc(since) - _DAY, last=_utc(change.ends_at) + _DAY
    )

    def bring_changed_in_line() -> None:
        covered: Dates | None = head.fetchone()
        if covered is not None:
            _bring_in_line(change, covered, schedule(), [day.open for day in kept()])

    return bring_changed_in_line


def _bring_in_line(change: Change, covered: Dates, schedule: Schedule, kept: list[OpenDay]) -> None:
    since = change.starts_at - slots.LONGEST_SLOT
    touched = _touched(schedule, since, change.ends_at, change.local_date)
    if not touched:
        return

    def is_touched(day: OpenDay) -> bool:
        at_its_place = touched.get(day.location_id, _NEVER)
        return all(first <= day.local_date <= last for first, last in (covered, at_its_place))

    every = slots.open_days(
        schedule,
        first=min(first for first, _ in touched.values()),
        last=max(last for _, last in touched.values()),
    )
    rows.write_differences(
        change.doctor_id,
        right=[day for day in every if is_touched(day)],
        kept=[day for day in kept if is_touched(day)],
    )


def _touched(
    schedule: Schedule, since: datetime, until: datetime, local_date: date
) -> dict[UUID, Dates]:
    """Give the first and the last date of the slots between two instants, at each place."""
    zones = {window.terms.location_id: window.terms.zone for window in schedule.windows}
    zones |= {extra.terms.location_id: extra.terms.zone for extra in schedule.extras}
    touched = {
        place: (since.astimezone(zone).date(), until.astimezone(zone).date())
        for place, zone in zones.items()
    }
    if schedule.rules.most_per_day is None:
        return touched
    # It counts the date of an appointment at its own place, and closes that date at all of them.
    return {
        place: (min(first, local_date), max(last, local_date))
        for place, (first, last) in touched.items()
    }


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
        "last": _utc(at) + _SPARE,
        "horizon": slots.Rules().horizon.days,
        "limit": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(_OVERDUE, values)
        return [doctor_id for (doctor_id,) in cursor]


def _make(doctor_ids: list[UUID], at: datetime) -> None:
    values: dict[str, Any] = {
        "doctor_ids": doctor_ids,
        "first": _utc(at) - _DAY,
        "last": _utc(at) + _AHEAD,
        "horizon": slots.Rules().horizon.days,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COVER, values)
        covered: dict[UUID, Dates] = {head: (first, last) for head, first, last in cursor}
    bring_in_line(covered, within=dict.fromkeys(covered, _EVERYTHING))


def _utc(instant: datetime) -> date:
    return instant.astimezone(UTC).date()
