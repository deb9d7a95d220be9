"""Open days that a search may have to look at, in the order of when each could begin."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from math import cos, radians
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from consent.models import DataClass
from registry.models import InsuranceProvider
from registry.reference import Specialization
from registry.statements import prepared
from scheduling import slots
from scheduling.openings import statements
from scheduling.openings.rows import array
from scheduling.openings.wanted import Found, Near, Wanted

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
# Of each doctor so many open days are passed to meet the first one of the others: those of a week.
_DAYS_OF_EACH = 6
# So many open days are passed in the order of time before anybody asks whether there are few.
_FIRST_WALK = 2_000


class Candidate(NamedTuple):
    """An open day: slots of it that can be booked begin at `could_begin_at` at the earliest.

    Candidates come in the order of `turn`, which knows no lead time and is never later. When
    nothing of the day can be booked, `could_begin_at` is null. `first` is the free slot that
    begins then, or null when rows do not tell all about it.
    """

    turn: datetime
    doctor_id: UUID
    location_id: UUID
    mode: str
    local_date: date
    could_begin_at: datetime | None
    distance_km: float | None
    first: Found | None

    @property
    def day(self) -> tuple[UUID, UUID, str, date]:
        """Give which open day it is."""
        return self.doctor_id, self.location_id, self.mode, self.local_date


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
            "longest_slot": slots.LONGEST_SLOT,
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
        self._doctors: Collection[UUID] | None = None
        if wanted.near:
            self._doctors = self._few(statements.NEAR, _FEW_NEAR)
        elif not wanted.specialization:
            self._doctors = self._few(statements.CONSENTING, _FEW)

    def first_of_each(self, size: int) -> tuple[list[Candidate], bool]:
        """Give the first open day of each of the first few doctors, and whether they are all.

        Nothing, where a short walk in the order of time would not find them: near a point, a
        doctor's first day may be at a place too far away.
        """
        if self._doctors is not None or "specialization" not in self._asks or "near" in self._asks:
            return [], False
        walk = _DAYS_OF_EACH * size
        statement = statements.first_of_each(self._asks)
        rows = self._rows(statement, size=size, without="{}", walk=walk)
        are_all = 0 < len(rows) < size and rows[0][1] < walk
        return [_candidate(*orjson.loads(row)) for row, _ in rows], are_all

    def of(self, doctors: Collection[UUID]) -> list[Candidate]:
        """Give all open days of some doctors."""
        return self._read(None, doctors=doctors)

    def first(self, size: int, *, without: Collection[UUID]) -> list[Candidate]:
        """Give the first few by their turn; fewer than `size` are all there are.

        Args:
            without: doctors whose open days need no look any more.
        """
        found = self._read(size, without=without, doctors=self._doctors)
        if len(found) < size and self._doctors is None and self._is_walk_cut(without):
            self._doctors = self._few(statements.CONSENTING, _FEW)
            self._walk = None
            found = self._read(size, without=without, doctors=self._doctors)
        # Whoever found so many on a first walk will find the others on a longer one.
        self._walk = None
        return found

    def _is_walk_cut(self, without: Collection[UUID]) -> bool:
        """Tell whether there are more open days than were passed."""
        if self._walk is None:
            return False
        statement = statements.passed(self._asks)
        ((passed,),) = self._rows(statement, without=array(without), walk=self._walk)
        return bool(passed >= self._walk)

    def _few(self, doctors: str, most: int) -> list[UUID] | None:
        """Give the doctors if they are few."""
        found: list[UUID] | None
        ((found,),) = self._rows(statements.few(doctors), few=most)
        return found

    def _read(
        self, size: int | None, *, without: Collection[UUID] = (), doctors: Collection[UUID] | None
    ) -> list[Candidate]:
        """Read the first few by their turn (`None`: all), of these doctors or in time (`None`)."""
        rows = self._rows(
            statements.candidates(by_doctor=doctors is not None, asks=self._asks),
            size=size,
            without=array(without),
            doctors=array(doctors or ()),
            walk=self._walk,
        )
        return [_candidate(*orjson.loads(row)) for (row,) in rows]

    def _rows(self, statement: str, **now: object) -> list[Any]:
        with prepared() as cursor:
            cursor.execute(statement, self._values | now)
            rows: list[Any] = cursor.fetchall()
        return rows


def _candidate(
    turn: str,
    doctor: str,
    place: str,
    mode: str,
    day: str,
    begins: str | None,
    distance_km: float | None,
    ends: str | None,
    capacity: int,
    free: int,
) -> Candidate:
    doctor_id, location_id = UUID(doctor), UUID(place)
    begins_at = datetime.fromisoformat(begins) if begins else None
    first = None
    if begins_at and ends:
        ends_at = datetime.fromisoformat(ends)
        first = Found(doctor_id, location_id, mode, begins_at, ends_at, capacity, free, distance_km)
    return Candidate(
        datetime.fromisoformat(turn),
        doctor_id,
        location_id,
        mode,
        date.fromisoformat(day),
        begins_at,
        distance_km,
        first,
    )


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
