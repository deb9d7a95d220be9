"""Open days that a search may have to look at, in the order of when each could begin.

Two walks over one index, each in its order: open days that begin later than asked from, by their
first free start; and those that have begun by then, by the next start after it, which their bits
tell. Who may see the doctor is asked of a row only when its turn comes.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import cos, radians
from typing import Any, NamedTuple
from uuid import UUID

from consent.models import SHOWS, DataClass
from registry.models import InsuranceProvider
from registry.reference import Specialization
from registry.statements import prepared
from scheduling import slots
from scheduling.openings.wanted import Near, Wanted

# A local date lasts 25 hours at most.
_LONGEST_DAY = timedelta(hours=26)
_DAY = timedelta(days=1)
_KM_PER_DEGREE = 111.19
_HALF_A_TURN = 180.0
_LEAST_ID = UUID(int=0)
# Up to so many doctors, their days are read doctor by doctor: in the order of time, too many
# others would be passed on the way.
_FEW = 500
# Of all doctors, those near a point may be a hundredth: many, but too few to be met by chance.
_FEW_NEAR = 5_000
# So many open days are passed in the order of time before anybody asks whether there are few.
_FIRST_WALK = 2_000


class Candidate(NamedTuple):
    """An open day: slots of it that can be booked begin at `could_begin_at` at the earliest.

    Candidates come in the order of `turn`, which knows no lead time and is never later. When
    nothing of the day can be booked, `could_begin_at` is null.
    """

    turn: datetime
    doctor_id: UUID
    location_id: UUID
    mode: str
    local_date: date
    could_begin_at: datetime | None
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
    greatest(0, ceil((date_part('epoch', ({since})::timestamptz)
        - date_part('epoch', o.first_free_at)) / (60 * o.step_minutes)))::int
"""
_COLUMNS = """
    o.doctor_id, o.location_id, o.mode, o.local_date, o.first_free_at, o.step_minutes, o.starts
"""
# At noon these may be many: OFFSET has each expression computed once.
_BEGUN = """
    SELECT {columns}, turn FROM (
        SELECT o.*, {next_after} AS turn FROM (
            SELECT {columns}, {skipped} AS skipped FROM open_days AS o
            WHERE {which} AND o.first_free_at >= %(day_before)s AND o.first_free_at < %(since)s
                AND o.last_free_at >= %(since)s
            OFFSET 0
        ) AS o
        OFFSET 0
    ) AS o
    WHERE turn < %(until)s ORDER BY turn, doctor_id
"""
# Between two unknown instants a planner expects so few rows that it would sort them all; of a pair
# it expects more, and walks. No doctor's id is lower than the least.
_AHEAD = """
    SELECT {columns}, o.first_free_at AS turn FROM open_days AS o
    WHERE {which} AND o.first_free_at >= %(since)s
        AND (o.first_free_at, o.doctor_id) < (%(until)s, %(least_id)s)
    ORDER BY o.first_free_at, o.doctor_id
"""
_IN_TIME = """
    {seen} FROM (({begun}) UNION ALL ({ahead}) ORDER BY turn, doctor_id LIMIT %(walk)s) AS o
    {seen_by} LIMIT %(size)s
"""
# The index begins with the specialization: without one, each has its walk.
_ALL_IN_TIME = """
    SELECT candidate.* FROM unnest(%(specializations)s::text[]) AS s (code),
        LATERAL ({in_time}) AS candidate
    ORDER BY turn, doctor_id, location_id, mode LIMIT %(size)s
"""
_PASSED = """
    SELECT count(*) FROM (({begun}) UNION ALL ({ahead}) LIMIT %(walk)s) AS passed
"""
_MOST_PASSED = """
    SELECT max(passed.count) FROM unnest(%(specializations)s::text[]) AS s (code),
        LATERAL ({passed}) AS passed
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
    SELECT o.turn, o.doctor_id, o.location_id, o.mode, o.local_date,
        CASE WHEN begins.at < least(%(until)s, {latest}) THEN begins.at END, place.distance_km
"""
_SOONEST = "%(at)s + coalesce(rules.lead_time_minutes, 0) * interval '1 minute'"
_LATEST = "%(at)s + coalesce(rules.horizon_days, %(horizon)s) * interval '1 day'"
# OFFSET keeps these subqueries what they are, one look each for a row whose turn it is; and there
# are fewer ways to join them all to think through than to walk.
_SEEN_BY = """
    CROSS JOIN LATERAL (
        SELECT FROM doctor_insurance_consent AS c
        JOIN doctors AS d ON d.id = c.doctor_id
        JOIN insurance_providers AS p ON p.id = c.insurance_provider_id
        WHERE c.doctor_id = o.doctor_id AND c.insurance_provider_id = %(provider)s
            AND c.data_classes @> %(shared)s::varchar[] AND {shows}
        OFFSET 0
    ) AS seen
    CROSS JOIN LATERAL (
        SELECT {distance} AS distance_km
        FROM doctor_locations AS l WHERE l.id = o.location_id AND l.is_active
        OFFSET 0
    ) AS place
    LEFT JOIN LATERAL (
        SELECT lead_time_minutes, horizon_days
        FROM booking_rules AS r WHERE r.doctor_id = o.doctor_id
        OFFSET 0
    ) AS rules ON true
    CROSS JOIN LATERAL (
        SELECT CASE WHEN o.turn < {soonest} THEN {next_start} ELSE o.turn END AS at
    ) AS begins
    {near_enough}
"""
# By the haversine formula, on a globe of the earth's mean radius.
_DISTANCE = """
    2 * 6371.0 * asin(least(1, sqrt(
        sind((l.latitude::float8 - %(latitude)s) / 2) ^ 2
        + cosd(l.latitude::float8) * cosd(%(latitude)s)
        * sind((l.longitude::float8 - %(longitude)s) / 2) ^ 2
    )))
"""
# Null when they are not few.
_FEW_DOCTORS = """
    SELECT CASE WHEN count(*) <= %(few)s THEN coalesce(array_agg(DISTINCT doctor_id), '{{}}') END
    FROM ({doctors} LIMIT %(few)s + 1) AS few
"""
_NEAR = """
    SELECT l.doctor_id FROM doctor_locations AS l
    WHERE l.latitude BETWEEN %(south)s AND %(north)s AND l.longitude BETWEEN %(west)s AND %(east)s
        AND (SELECT d.specialization FROM doctors AS d WHERE d.id = l.doctor_id)
            = ANY(%(specializations)s)
"""
_CONSENTING = """
    SELECT doctor_id FROM doctor_insurance_consent
    WHERE insurance_provider_id = %(provider)s AND consent_status = 'ACTIVE'
"""


class Candidates:
    """The open days that one search may have to look at."""

    def __init__(self, provider: InsuranceProvider, wanted: Wanted, at: datetime) -> None:
        shared = [DataClass.AVAILABILITY, *([DataClass.PROFILE] if wanted.asks_for_profile else [])]
        since = max(wanted.starts_at, at)
        codes = [wanted.specialization] if wanted.specialization else Specialization.values
        asks = {name: getattr(wanted, name) for name in ("specialization", "city", "mode", "near")}
        self._asks = frozenset(name for name, asked in asks.items() if asked)
        self._values: dict[str, Any] = {
            "provider": provider.pk,
            "shared": [str(data_class) for data_class in shared],
            "at": at,
            "since": since,
            "until": wanted.ends_at,
            "least_id": _LEAST_ID,
            "day_before": since - _LONGEST_DAY,
            "first": since.date() - _DAY,
            "last": wanted.ends_at.date() + _DAY,
            "horizon": slots.Rules().horizon.days,
            "specializations": codes,
            "specialization": wanted.specialization,
            "city": wanted.city,
            "mode": wanted.mode,
            **_box(wanted.near),
        }
        # Of several specializations, walks that were cut would not tell who comes first.
        self._walk = _FIRST_WALK if wanted.specialization else None
        self._doctors: list[UUID] | None = None
        if wanted.near:
            self._doctors = self._few(_NEAR, _FEW_NEAR)
        elif not wanted.specialization:
            self._doctors = self._few(_CONSENTING, _FEW)

    def first(self, size: int, *, without: Sequence[UUID]) -> list[Candidate]:
        """Give the first few by their turn; fewer than `size` are all there are.

        Args:
            without: doctors whose open days need no look any more.
        """
        found = self._read(size, without)
        if len(found) < size and self._doctors is None and self._is_walk_cut(without):
            self._doctors = self._few(_CONSENTING, _FEW)
            self._walk = None
            found = self._read(size, without)
        # Whoever found so many on a first walk will find the others on a longer one.
        self._walk = None
        return found

    def _is_walk_cut(self, without: Sequence[UUID]) -> bool:
        """Tell whether there are more open days than were passed."""
        if self._walk is None:
            return False
        with prepared() as cursor:
            now = {"without": list(without), "walk": self._walk}
            cursor.execute(_passed(self._asks), self._values | now)
            (passed,) = cursor.fetchone()
        return bool(passed >= self._walk)

    def _few(self, doctors: str, most: int) -> list[UUID] | None:
        """Give the doctors if they are few."""
        with prepared() as cursor:
            cursor.execute(_FEW_DOCTORS.format(doctors=doctors), self._values | {"few": most})
            row: tuple[list[UUID] | None] = cursor.fetchone()
        return row[0]

    def _read(self, size: int, without: Sequence[UUID]) -> list[Candidate]:
        now = {
            "size": size,
            "without": list(without),
            "walk": self._walk,
            "doctors": self._doctors,
        }
        statement = _statement(
            by_doctor=self._doctors is not None,
            asks=self._asks,
        )
        with prepared() as cursor:
            cursor.execute(statement, self._values | now)
            return [Candidate(*row) for row in cursor.fetchall()]


@lru_cache
def _statement(*, by_doctor: bool, asks: frozenset[str]) -> str:
    """Write the statement for a search that asks for these things."""
    near = "near" in asks
    parts = {
        **_parts(by_doctor=by_doctor, asks=asks),
        "seen": _SEEN.format(latest=_LATEST),
        "seen_by": _SEEN_BY.format(
            shows=SHOWS,
            soonest=_SOONEST,
            next_start=_next_start(_SOONEST),
            distance=_DISTANCE if near else "NULL::float8",
            near_enough="WHERE place.distance_km <= %(distance_km)s" if near else "",
        ),
    }
    if by_doctor:
        return _BY_DOCTOR.format(**parts)
    in_time = _IN_TIME.format(**parts)
    return in_time if "specialization" in asks else _ALL_IN_TIME.format(in_time=in_time)


@lru_cache
def _passed(asks: frozenset[str]) -> str:
    """Write the statement that counts what such a search has passed in the order of time."""
    passed = _PASSED.format(**_parts(by_doctor=False, asks=asks))
    return passed if "specialization" in asks else _MOST_PASSED.format(passed=passed)


def _parts(*, by_doctor: bool, asks: frozenset[str]) -> dict[str, str]:
    parts = {
        "columns": _COLUMNS,
        "which": _which(by_doctor=by_doctor, asks=asks),
        "skipped": _SKIPPED.format(since="%(since)s"),
        "next_after": _NEXT_START.format(skipped="o.skipped"),
        "next_start": _next_start("%(since)s"),
    }
    return parts | {"begun": _BEGUN.format(**parts), "ahead": _AHEAD.format(**parts)}


def _which(*, by_doctor: bool, asks: frozenset[str]) -> str:
    conditions = ["o.doctor_id <> ALL(%(without)s::uuid[])"]
    if "specialization" in asks:
        conditions.append("o.specialization = %(specialization)s")
    elif not by_doctor:
        conditions.append("o.specialization = s.code")
    if "city" in asks:
        # The database's own capitals, as in the row.
        conditions.append("o.city = upper(%(city)s)")
    if "mode" in asks:
        conditions.append("o.mode = %(mode)s")
    return " AND ".join(conditions)


def _next_start(since: str) -> str:
    return _NEXT_START.format(skipped=_SKIPPED.format(since=since))


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
