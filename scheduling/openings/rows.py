from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import connection

from registry.statements import ask, write
from scheduling import diary, slots
from scheduling.slots import OpenDay

Dates = tuple[date, date]

# By then every hold has run out. A hold lasts minutes: a search asks for it, no row knows of it.
AFTER_ALL_HOLDS = datetime(2999, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
# No zone is 15 hours off UTC.
_FARTHEST_ZONE = timedelta(hours=15)

_LABELS = """
    SELECT l.id, d.specialization, upper(l.city)
    FROM doctors AS d JOIN doctor_locations AS l ON l.doctor_id = d.id WHERE d.id = ANY(%s)
"""
_KEPT = """
    SELECT
        doctor_id, location_id, mode, local_date, first_free_at, last_free_at, free, step_minutes,
        starts::text, slot_minutes, capacity, specialization, city
    FROM open_days
    WHERE doctor_id = ANY(%(doctors)s) AND local_date BETWEEN %(first)s AND %(last)s
"""
_DROP_ONE = """
    DELETE FROM open_days
    WHERE (doctor_id, local_date, location_id, mode) = (%(doctor)s, %(day)s, %(place)s, %(mode)s)
"""
_PUT_ONE = """
    INSERT INTO open_days (
        doctor_id, local_date, location_id, mode, first_free_at, last_free_at, free, step_minutes,
        starts, slot_minutes, capacity, specialization, city
    )
    SELECT
        d.id, %(day)s, l.id, %(mode)s, %(first)s, %(last)s, %(free)s, %(step)s, %(starts)s,
        %(minutes)s, %(capacity)s, d.specialization, upper(l.city)
    FROM doctor_locations AS l JOIN doctors AS d ON d.id = l.doctor_id WHERE l.id = %(place)s
    ON CONFLICT (doctor_id, local_date, location_id, mode) DO UPDATE SET
        first_free_at = excluded.first_free_at, last_free_at = excluded.last_free_at,
        free = excluded.free, step_minutes = excluded.step_minutes, starts = excluded.starts,
        slot_minutes = excluded.slot_minutes, capacity = excluded.capacity
"""
# Rows that say what they should are not written: an index need not learn of them again.
_PUT = """
    WITH places AS MATERIALIZED (
        SELECT l.id, l.doctor_id, d.specialization, upper(l.city) AS city
        FROM doctors AS d JOIN doctor_locations AS l ON l.doctor_id = d.id
        WHERE d.id = ANY(%(doctors)s)
    ), wanted AS MATERIALIZED (
        SELECT
            l.doctor_id, n.local_date, l.id AS location_id, n.mode, n.first_free_at,
            n.last_free_at, n.free, n.step_minutes, n.starts, n.slot_minutes, n.capacity,
            l.specialization, l.city
        FROM unnest(
            %(places)s::uuid[], %(modes)s::text[], %(dates)s::date[], %(firsts)s::timestamptz[],
            %(lasts)s::timestamptz[], %(free)s::int[], %(steps)s::smallint[], %(starts)s::varbit[],
            %(minutes)s::smallint[], %(capacities)s::smallint[]
        ) AS n (
            location_id, mode, local_date, first_free_at, last_free_at, free, step_minutes, starts,
            slot_minutes, capacity
        )
        JOIN places AS l ON l.id = n.location_id
    ), there AS MATERIALIZED (
        SELECT o.* FROM unnest(%(doctors)s::uuid[], %(froms)s::date[], %(tos)s::date[])
            AS within (doctor_id, first, last),
        LATERAL (
            SELECT
                doctor_id, local_date, location_id, mode, first_free_at, last_free_at, free,
                step_minutes, starts, slot_minutes, capacity, specialization, city
            FROM open_days
            WHERE doctor_id = within.doctor_id
                AND local_date BETWEEN within.first AND within.last
            OFFSET 0
        ) AS o
    ), gone AS (
        DELETE FROM open_days AS o
        USING (
            SELECT doctor_id, local_date, location_id, mode FROM there
            EXCEPT SELECT doctor_id, local_date, location_id, mode FROM wanted
        ) AS old
        WHERE (o.doctor_id, o.local_date, o.location_id, o.mode)
            = (old.doctor_id, old.local_date, old.location_id, old.mode)
    )
    INSERT INTO open_days (
        doctor_id, local_date, location_id, mode, first_free_at, last_free_at, free, step_minutes,
        starts, slot_minutes, capacity, specialization, city
    )
    SELECT * FROM wanted EXCEPT SELECT * FROM there
    ON CONFLICT (doctor_id, local_date, location_id, mode) DO UPDATE SET
        first_free_at = excluded.first_free_at, last_free_at = excluded.last_free_at,
        free = excluded.free, step_minutes = excluded.step_minutes, starts = excluded.starts,
        slot_minutes = excluded.slot_minutes, capacity = excluded.capacity,
        specialization = excluded.specialization, city = excluded.city
"""


class Day(NamedTuple):
    """An open day of a doctor, with what the index says of doctor and place."""

    doctor_id: UUID
    open: OpenDay
    specialization: str
    city: str

    @property
    def key(self) -> tuple[UUID, date, UUID, str]:
        """Give what no two rows have."""
        return self.doctor_id, self.open.local_date, self.open.location_id, self.open.mode


def computed(dates: Mapping[UUID, Dates]) -> dict[UUID, list[OpenDay]]:
    """Compute what the open days of some doctors should say, each from its first to last date."""
    if not dates:
        return {}
    schedules = diary.load_many(
        doctor_ids=list(dates),
        starts_at=_midnight(min(first for first, _ in dates.values())) - _FARTHEST_ZONE,
        ends_at=_midnight(max(last for _, last in dates.values())) + _DAY + _FARTHEST_ZONE,
        at=AFTER_ALL_HOLDS,
    )
    return {
        doctor_id: [
            day
            for first, last in _pieces(*dates[doctor_id])
            for day in slots.open_days(schedule, first=first, last=last)
        ]
        for doctor_id, schedule in schedules.items()
    }


def right(dates: Mapping[UUID, Dates]) -> list[Day]:
    """Compute the open days that should be kept of some doctors."""
    rows = ask(_LABELS, [list(dates)]).fetchall()
    labels = {place: (specialization, city) for place, specialization, city in rows}
    return [
        Day(doctor_id, day, *labels[day.location_id])
        for doctor_id, days in computed(dates).items()
        for day in days
    ]


def kept(doctor_ids: Sequence[UUID], *, first: date = date.min, last: date = date.max) -> list[Day]:
    """Read the open days of some doctors as they stand."""
    return ask_for_kept(doctor_ids, first=first, last=last)()


def ask_for_kept(doctor_ids: Sequence[UUID], *, first: date, last: date) -> Callable[[], list[Day]]:
    """Ask for what is `kept`, `together` with other questions; what is given reads the answer."""
    answer = ask(_KEPT, {"doctors": list(doctor_ids), "first": first, "last": last})
    return lambda: [
        Day(row[0], OpenDay._make([*row[1:8], int(row[8][::-1], 2), *row[9:11]]), *row[11:])
        for row in answer.fetchall()
    ]


def write_differences(doctor_id: UUID, *, right: list[OpenDay], kept: list[OpenDay]) -> None:
    """Write where a few of a doctor's open days are not kept as is right, mostly in one row."""
    right_days = {_key(day): day for day in right}
    kept_days = {_key(day): day for day in kept}
    for day, place, mode in kept_days.keys() - right_days.keys():
        write(_DROP_ONE, {"doctor": doctor_id, "day": day, "place": place, "mode": mode})
    for key, wanted in right_days.items():
        if kept_days.get(key) != wanted:
            write(_PUT_ONE, _values(wanted))


def _key(day: OpenDay) -> tuple[date, UUID, str]:
    return day.local_date, day.location_id, day.mode


def bring_in_line(dates: Mapping[UUID, Dates], *, within: Mapping[UUID, Dates]) -> None:
    """Compute the open days of these dates, write those that differ and drop others `within`.

    Call it with the heads locked: what others have committed before is then seen.
    """
    days = [day for found in computed(dates).values() for day in found]
    # Not prepared: the plan depends on how large the table is by then, and one that was made
    # while it was empty would read it from end to end.
    with connection.cursor() as cursor:
        cursor.execute(
            _PUT,
            {
                "places": array(day.location_id for day in days),
                "modes": array(day.mode for day in days),
                "dates": array(day.local_date for day in days),
                "firsts": array(day.first_free_at for day in days),
                "lasts": array(day.last_free_at for day in days),
                "free": array(day.free for day in days),
                "steps": array(day.step_minutes for day in days),
                "starts": array(f"{day.starts:b}"[::-1] for day in days),
                "minutes": array(day.slot_minutes for day in days),
                "capacities": array(day.capacity for day in days),
                "doctors": list(within),
                "froms": [first for first, _ in within.values()],
                "tos": [last for _, last in within.values()],
            },
        )


def _values(day: OpenDay) -> dict[str, Any]:
    return {
        "place": day.location_id,
        "mode": day.mode,
        "day": day.local_date,
        "first": day.first_free_at,
        "last": day.last_free_at,
        "free": day.free,
        "step": day.step_minutes,
        "starts": f"{day.starts:b}"[::-1],
        "minutes": day.slot_minutes,
        "capacity": day.capacity,
    }


def array(values: Iterable[object]) -> str:
    """Write values that need no escapes as PostgreSQL reads an array, which is nearly JSON.

    The driver takes as long for it as all else together.
    """
    return "{" + orjson.dumps(list(values)).decode()[1:-1] + "}"


def _pieces(first: date, last: date) -> Iterator[Dates]:
    """Cut dates into periods that are computed at once."""
    most = slots.MAX_DATES * _DAY
    while first <= last:
        yield first, min(last, first + most - _DAY)
        first += most


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), tzinfo=UTC)
