"""Open days that a search may have to look at, in the order of when each could begin.

Two walks over one index, each in its order: open days that begin later than asked from, by their
first free start; and those that have begun by then, by the next start after it, which their bits
tell. Who may see the doctor is asked of a row only when its turn comes.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from math import cos, radians
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from consent.models import SHOWS, DataClass
from registry.models import InsuranceProvider
from registry.reference import Specialization
from scheduling import slots
from scheduling.openings.wanted import Near, Wanted

# A local date lasts 25 hours at most.
_LONGEST_DAY = timedelta(hours=26)
_DAY = timedelta(days=1)
_KM_PER_DEGREE = 111.19
_HALF_A_TURN = 180.0
# Up to so many doctors, their days are read doctor by doctor: in the order of time, too many
# others would be passed on the way.
_FEW = 500
# So many open days are passed in the order of time before anybody asks whether there are few.
_FIRST_WALK = 2_000


class Candidate(NamedTuple):
    """An open day: before `could_begin_at` no slot of it that is wanted can be booked.

    Candidates come in the order of `turn`, which knows no lead time and is never later.
    """

    turn: datetime
    doctor_id: UUID
    location_id: UUID
    mode: str
    local_date: date
    last_free_at: datetime
    could_begin_at: datetime
    distance_km: float | None

    @property
    def day(self) -> tuple[UUID, UUID, str, date]:
        """Give which open day it is."""
        return self.doctor_id, self.location_id, self.mode, self.local_date


# In these, `o` are the open days, and names in braces are put in below.
_NEXT_START = """
    o.first_free_at + o.step_minutes * interval '1 minute' * ({skipped} - 1
        + nullif(position(B'1' IN substring(o.starts FROM {skipped} + 1)), 0))
"""
_SKIPPED = """
    greatest(0, ceil((date_part('epoch', {since}::timestamptz)
        - date_part('epoch', o.first_free_at)) / (60 * o.step_minutes)))::int
"""
_BEGUN = """
    SELECT o.*, {next_start} AS turn FROM open_days AS o
    WHERE {which} AND o.first_free_at >= %(day_before)s AND o.first_free_at < %(since)s
        AND o.last_free_at >= %(since)s AND {next_start} < %(until)s
    ORDER BY turn, doctor_id
"""
_AHEAD = """
    SELECT o.*, o.first_free_at AS turn FROM open_days AS o
    WHERE {which} AND o.first_free_at >= %(since)s AND o.first_free_at < %(until)s
    ORDER BY o.first_free_at, o.doctor_id
"""
_BY_TIME = """
    SELECT candidate.* FROM unnest(%(specializations)s::text[]) AS s (code), LATERAL (
        {seen} FROM (({begun}) UNION ALL ({ahead}) ORDER BY turn, doctor_id LIMIT %(walk)s) AS o
        {seen_by} LIMIT %(size)s
    ) AS candidate
    ORDER BY turn, doctor_id, location_id, mode LIMIT %(size)s
"""
_BY_DOCTOR = """
    {seen} FROM (
        SELECT * FROM (
            SELECT o.*, CASE WHEN o.first_free_at < %(since)s THEN {next_start}
                ELSE o.first_free_at END AS turn
            FROM unnest(%(doctors)s::uuid[]) AS f (id) JOIN open_days AS o ON o.doctor_id = f.id
            WHERE {which} AND o.local_date BETWEEN %(first)s AND %(last)s
                AND o.last_free_at >= %(since)s AND o.first_free_at < %(until)s
        ) AS o
        WHERE turn < %(until)s ORDER BY turn, doctor_id
    ) AS o
    {seen_by} LIMIT %(size)s
"""
_SEEN = """
    SELECT o.turn, o.doctor_id, o.location_id, o.mode, o.local_date, o.last_free_at,
        could.begin_at, seen.distance_km
"""
# OFFSET keeps these subqueries what they are: one look each, for the row whose turn it is.
_SEEN_BY = (
    """
    CROSS JOIN LATERAL (
        SELECT
            greatest(%(since)s, %(at)s + coalesce(r.lead_time_minutes, 0) * interval '1 minute')
                AS since,
            least(%(until)s, %(at)s + coalesce(r.horizon_days, %(horizon)s) * interval '1 day')
                AS until,
            {distance} AS distance_km
        FROM doctor_locations AS l
        JOIN doctors AS d ON d.id = l.doctor_id
        JOIN doctor_insurance_consent AS c ON c.doctor_id = l.doctor_id
        JOIN insurance_providers AS p ON p.id = c.insurance_provider_id
        LEFT JOIN booking_rules AS r ON r.doctor_id = l.doctor_id
        WHERE l.id = o.location_id AND l.is_active AND c.insurance_provider_id = %(provider)s
            AND c.data_classes @> %(shared)s::varchar[] AND """
    + SHOWS
    + """
        OFFSET 0
    ) AS seen
    CROSS JOIN LATERAL (
        SELECT CASE WHEN o.turn >= seen.since THEN o.turn ELSE {next_start} END AS begin_at
        OFFSET 0
    ) AS could
    WHERE could.begin_at < seen.until {near_enough}
"""
)
# By the haversine formula, on a globe of the earth's mean radius.
_DISTANCE = """
    2 * 6371.0 * asin(least(1, sqrt(
        sind((l.latitude::float8 - %(latitude)s) / 2) ^ 2
        + cosd(l.latitude::float8) * cosd(%(latitude)s)
        * sind((l.longitude::float8 - %(longitude)s) / 2) ^ 2
    )))
"""
_DOCTORS_NEAR = """
    SELECT doctor_id FROM doctor_locations
    WHERE latitude BETWEEN %(south)s AND %(north)s AND longitude BETWEEN %(west)s AND %(east)s
    LIMIT %(few)s + 1
"""
_DOCTORS_CONSENTING = """
    SELECT doctor_id FROM doctor_insurance_consent
    WHERE insurance_provider_id = %(provider)s AND consent_status = 'ACTIVE' LIMIT %(few)s + 1
"""


class Candidates:
    """The open days that one search may have to look at."""

    def __init__(self, provider: InsuranceProvider, wanted: Wanted, at: datetime) -> None:
        shared = [DataClass.AVAILABILITY, *([DataClass.PROFILE] if wanted.asks_for_profile else [])]
        since = max(wanted.starts_at, at)
        codes = [wanted.specialization] if wanted.specialization else Specialization.values
        self._wanted = wanted
        self._values: dict[str, Any] = {
            "provider": provider.pk,
            "shared": [str(data_class) for data_class in shared],
            "at": at,
            "since": since,
            "until": wanted.ends_at,
            "day_before": since - _LONGEST_DAY,
            "first": since.date() - _DAY,
            "last": wanted.ends_at.date() + _DAY,
            "horizon": slots.Rules().horizon.days,
            "specializations": codes,
            "city": wanted.city.upper() if wanted.city else None,
            "mode": wanted.mode,
            "few": _FEW,
            **_box(wanted.near),
        }
        self._walk: int | None = _FIRST_WALK
        self._doctors = self._few(_DOCTORS_NEAR) if wanted.near else None

    def first(self, size: int, *, without: Sequence[UUID]) -> list[Candidate]:
        """Give the first few by their turn; fewer than `size` are all there are.

        Args:
            without: doctors whose open days need no look any more.
        """
        found = self._read(size, without)
        if len(found) < size and self._doctors is None and self._walk:
            self._walk, self._doctors = None, self._few(_DOCTORS_CONSENTING)
            found = self._read(size, without)
        return found

    def _few(self, query: str) -> list[UUID] | None:
        with connection.cursor() as cursor:
            cursor.execute(query, self._values)
            doctors = [doctor_id for (doctor_id,) in cursor]
        return list(set(doctors)) if len(doctors) <= _FEW else None

    def _read(self, size: int, without: Sequence[UUID]) -> list[Candidate]:
        now = {
            "size": size,
            "without": list(without),
            "walk": self._walk,
            "doctors": self._doctors,
        }
        with connection.cursor() as cursor:
            cursor.execute(self._statement(), self._values | now)
            return [Candidate(*row) for row in cursor]

    def _statement(self) -> str:
        near = self._wanted.near is not None
        since = _SKIPPED.format(since="%(since)s")
        parts = {
            "which": self._which(),
            "next_start": _NEXT_START.format(skipped=since),
            "seen": _SEEN,
            "seen_by": _SEEN_BY.format(
                distance=_DISTANCE if near else "NULL::float8",
                near_enough="AND seen.distance_km <= %(distance_km)s" if near else "",
                next_start=_NEXT_START.format(skipped=_SKIPPED.format(since="seen.since")),
            ),
        }
        if self._doctors is not None:
            return _BY_DOCTOR.format(**parts)
        begun, ahead = _BEGUN.format(**parts), _AHEAD.format(**parts)
        return _BY_TIME.format(**parts, begun=begun, ahead=ahead)

    def _which(self) -> str:
        wanted = self._wanted
        conditions = ["o.doctor_id <> ALL(%(without)s::uuid[])"]
        if self._doctors is None:
            conditions.append("o.specialization = s.code")
        elif wanted.specialization:
            conditions.append("o.specialization = ALL(%(specializations)s)")
        if wanted.city:
            conditions.append("o.city = %(city)s")
        if wanted.mode:
            conditions.append("o.mode = %(mode)s")
        return " AND ".join(conditions)


def _box(near: Near | None) -> dict[str, float]:
    """Give degrees around a point that hold everything near enough."""
    if near is None:
        return {}
    north_south = near.distance_km / _KM_PER_DEGREE
    # Towards the poles degrees of longitude are ever shorter; there, and where the box would
    # cross the date line, all of them are taken.
    widest = min(90.0, abs(near.latitude) + north_south)
    shortest = cos(radians(widest))
    east_west = (
        north_south / shortest if shortest > north_south / _HALF_A_TURN else 2.0 * _HALF_A_TURN
    )
    if abs(near.longitude) + east_west > _HALF_A_TURN:
        east_west = 2.0 * _HALF_A_TURN
    return {
        "latitude": near.latitude,
        "longitude": near.longitude,
        "distance_km": near.distance_km,
        "south": near.latitude - north_south,
        "north": near.latitude + north_south,
        "west": near.longitude - east_west,
        "east": near.longitude + east_west,
    }
