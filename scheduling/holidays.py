"""Public holidays on which a doctor has hours: leave to suggest, and never taken by itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

from registry.models import Doctor, DoctorLocation
from scheduling.models import Availability, AvailabilityException

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Suggestion:
    """A public holiday as leave that the doctor may take: what `take_leave` asks for.

    Args:
        day: the local date.
        name: as in India; a date that depends on the moon may be marked as estimated.
        location: the place that has the holiday; `None` when all places in use have it.
    """

    day: date
    name: str
    location: DoctorLocation | None
    starts_at: datetime
    ends_at: datetime


def suggestions(*, doctor: Doctor, first: date, last: date) -> list[Suggestion]:
    """List the public holidays on which a doctor has hours and is not on leave all day.

    Args:
        first, last: local dates, both included.
    """
    places = list(DoctorLocation.objects.filter(doctor=doctor, is_active=True).order_by("name"))
    work = _Work.load(doctor, first, last)
    days = sorted({day for place in places for day in _between(place, first, last)})
    return [found for day in days for found in _of_day(day, places, work)]


@cache
def public_holidays(state: str, year: int) -> Mapping[date, str]:
    """Give the public holidays of one of `registry.reference.State` in a year, by date."""
    from holidays import country_holidays  # noqa: PLC0415  It loads every country: 11 MB, 0.4 s.

    found = country_holidays("IN", subdiv=state, years=year, language="en_IN")
    return MappingProxyType(dict(found))


@dataclass(frozen=True)
class _Work:
    """When a doctor works, and is on leave, around some dates."""

    windows: list[Availability]
    extras: list[AvailabilityException]
    leave: list[AvailabilityException]

    @classmethod
    def load(cls, doctor: Doctor, first: date, last: date) -> "_Work":
        midnight = time(0, tzinfo=UTC)
        exceptions = AvailabilityException.objects.filter(doctor=doctor).touching(
            datetime.combine(first - _DAY, midnight), datetime.combine(last + 2 * _DAY, midnight)
        )
        kinds = AvailabilityException.Kind
        return cls(
            list(Availability.objects.filter(doctor=doctor).in_force(first, last)),
            [one for one in exceptions if one.kind == kinds.EXTRA],
            [one for one in exceptions if one.kind == kinds.CLOSED],
        )

    def is_open(self, place: DoctorLocation, day: date) -> bool:
        """Tell whether the doctor has hours at a place that begin on a date, leave or not."""
        starts_at, ends_at = _bounds(day, place.timezone)
        return any(
            row.location_id == place.pk and _begins_on(row, day) for row in self.windows
        ) or any(
            extra.location_id == place.pk and starts_at <= extra.starts_at < ends_at
            for extra in self.extras
        )

    def is_on_leave(self, place: DoctorLocation, day: date) -> bool:
        """Tell whether leave closes a place for all of a date."""
        starts_at, ends_at = _bounds(day, place.timezone)
        return any(
            leave.starts_at <= starts_at and ends_at <= leave.ends_at
            for leave in self.leave
            if leave.location_id in {None, place.pk}
        )


def _begins_on(window: Availability, day: date) -> bool:
    return (
        window.day_of_week == day.weekday()
        and window.valid_from <= day
        and (window.valid_to is None or day < window.valid_to)
    )


def _of_day(day: date, places: Sequence[DoctorLocation], work: _Work) -> Iterator[Suggestion]:
    names = {place.pk: public_holidays(place.state, day.year).get(day, "") for place in places}
    working = [
        place
        for place in places
        if names[place.pk] and work.is_open(place, day) and not work.is_on_leave(place, day)
    ]
    if working and all(names.values()) and len({place.timezone for place in places}) == 1:
        yield Suggestion(day, _joined(names), None, *_bounds(day, places[0].timezone))
        return
    for place in working:
        yield Suggestion(day, names[place.pk], place, *_bounds(day, place.timezone))


def _between(place: DoctorLocation, first: date, last: date) -> Iterator[date]:
    for year in range(first.year, last.year + 1):
        yield from (day for day in public_holidays(place.state, year) if first <= day <= last)


def _joined(names: dict[UUID, str]) -> str:
    """Give the names of one day in several states, each once."""
    return "; ".join(
        dict.fromkeys(name for joined in names.values() for name in joined.split("; "))
    )


def _bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    midnight = time(0, tzinfo=ZoneInfo(zone))
    return datetime.combine(day, midnight), datetime.combine(day + _DAY, midnight)
