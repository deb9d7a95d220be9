from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db import connection

from scheduling import diary, slots
from scheduling.slots import OpenDay

Dates = tuple[date, date]

# By then every hold has run out. A hold lasts minutes: a search asks for it, no row knows of it.
_AFTER_ALL_HOLDS = datetime(2999, 1, 1, tzinfo=UTC)

_PUT = """
    WITH wanted AS (
        SELECT
            l.doctor_id, n.local_date, l.id AS location_id, n.mode, n.first_free_at,
            n.last_free_at, n.free, n.step_minutes, n.starts::varbit AS starts, d.specialization,
            upper(l.city) AS city
        FROM unnest(
            %(places)s::uuid[], %(modes)s::text[], %(dates)s::date[], %(firsts)s::timestamptz[],
            %(lasts)s::timestamptz[], %(free)s::int[], %(steps)s::smallint[], %(starts)s::text[]
        ) AS n (
            location_id, mode, local_date, first_free_at, last_free_at, free, step_minutes, starts
        )
        JOIN doctor_locations AS l ON l.id = n.location_id
        JOIN doctors AS d ON d.id = l.doctor_id
    ), gone AS (
        DELETE FROM open_days AS o
        USING unnest(%(doctors)s::uuid[], %(froms)s::date[], %(tos)s::date[])
            AS within (doctor_id, first, last)
        WHERE o.doctor_id = within.doctor_id
            AND o.local_date BETWEEN within.first AND within.last
            AND NOT EXISTS (
                SELECT FROM wanted AS w
                WHERE (w.doctor_id, w.local_date, w.location_id, w.mode)
                    = (o.doctor_id, o.local_date, o.location_id, o.mode)
            )
    )
    INSERT INTO open_days (
        doctor_id, local_date, location_id, mode, first_free_at, last_free_at, free, step_minutes,
        starts, specialization, city
    )
    SELECT * FROM wanted AS w
    WHERE NOT EXISTS (
        SELECT FROM open_days AS o
        WHERE (o.doctor_id, o.local_date, o.location_id, o.mode)
                = (w.doctor_id, w.local_date, w.location_id, w.mode)
            AND (o.first_free_at, o.last_free_at, o.free, o.step_minutes, o.starts)
                = (w.first_free_at, w.last_free_at, w.free, w.step_minutes, w.starts)
            AND (o.specialization, o.city) = (w.specialization, w.city)
    )
    ON CONFLICT (doctor_id, local_date, location_id, mode) DO UPDATE SET
        first_free_at = excluded.first_free_at, last_free_at = excluded.last_free_at,
        free = excluded.free, step_minutes = excluded.step_minutes, starts = excluded.starts,
        specialization = excluded.specialization, city = excluded.city
"""


def computed(dates: Mapping[UUID, Dates]) -> dict[UUID, list[OpenDay]]:
    """Compute what the open days of some doctors should say, each from its first to last date."""
    if not dates:
        return {}
    schedules = diary.load_many(
        doctor_ids=list(dates),
        starts_at=_midnight(min(first for first, _ in dates.values())) - timedelta(hours=15),
        ends_at=_midnight(max(last for _, last in dates.values())) + timedelta(hours=39),
        at=_AFTER_ALL_HOLDS,
    )
    return {
        doctor_id: [
            day
            for begin in range(0, (last - first).days + 1, slots.MAX_DATES)
            for day in slots.open_days(
                schedules[doctor_id],
                first=first + timedelta(days=begin),
                last=min(last, first + timedelta(days=begin + slots.MAX_DATES - 1)),
            )
        ]
        for doctor_id, (first, last) in dates.items()
    }


def bring_in_line(dates: Mapping[UUID, Dates], *, within: Mapping[UUID, Dates]) -> None:
    """Compute the open days of these dates, write those that differ and drop others `within`.

    Call it with the heads locked: what others have committed before is then seen.
    """
    days = [day for found in computed(dates).values() for day in found]
    with connection.cursor() as cursor:
        cursor.execute(
            _PUT,
            {
                "places": [day.location_id for day in days],
                "modes": [day.mode for day in days],
                "dates": [day.local_date for day in days],
                "firsts": [day.first_free_at for day in days],
                "lasts": [day.last_free_at for day in days],
                "free": [day.free for day in days],
                "steps": [day.step_minutes for day in days],
                "starts": [f"{day.starts:b}"[::-1] for day in days],
                "doctors": list(within),
                "froms": [first for first, _ in within.values()],
                "tos": [last for _, last in within.values()],
            },
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), tzinfo=UTC)
