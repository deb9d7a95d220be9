"""One doctor's days as a calendar shows them, and which hours hold on which days."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from registry.models import Doctor, DoctorLocation
from scheduling import slots
from scheduling.diary.questions import slots_between
from scheduling.models import Appointment, Availability
from scheduling.slots import Slot, Terms, Window


@dataclass(frozen=True)
class Entry:
    """One line of a day: a slot with who is in it, or an appointment that no slot holds any more.

    Times are in the zone of the place.
    """

    starts_at: datetime
    ends_at: datetime
    location: DoctorLocation
    slot: Slot | None
    appointments: tuple[Appointment, ...]


def entries(*, doctor: Doctor, first: date, last: date, at: datetime) -> list[Entry]:
    """List the lines of the local dates from `first` to `last`, both included, in three queries.

    Raises:
        slots.BadRange: the dates are too far apart or not of our time.
    """
    starts_at, ends_at = _around(first, last)
    found = slots_between(doctor=doctor, starts_at=starts_at, ends_at=ends_at, at=at)
    places = {place.pk: place for place in DoctorLocation.objects.filter(doctor=doctor)}
    booked: dict[tuple[datetime, UUID], list[Appointment]] = defaultdict(list)
    for one in appointments_between(doctor=doctor, first=first, last=last):
        if one.status != Appointment.Status.CANCELLED:
            booked[one.appointment_time, one.location_id].append(one)
    lines = [
        _entry(places[slot.location_id], slot, booked.pop((slot.starts_at, slot.location_id), []))
        for slot in found
        if first <= slot.local_date <= last
    ]
    lines += [_entry(places[place], None, left) for (_, place), left in booked.items()]
    return sorted(lines, key=lambda line: (line.starts_at, line.location.name))


def appointments_between(*, doctor: Doctor, first: date, last: date) -> list[Appointment]:
    """List all appointments, cancelled ones too, of the local dates from `first` to `last`."""
    starts_at, ends_at = _around(first, last)
    rows = (
        Appointment.objects.filter(doctor=doctor)
        .booked()
        .filter(appointment_time__gte=starts_at, appointment_time__lt=ends_at)
        .select_related("location", "insurance_provider")
    )
    return [row for row in rows if first <= row.local_time.date() <= last]


def _around(first: date, last: date) -> tuple[datetime, datetime]:
    """Give instants that hold these dates whatever the zone; no zone is 15 hours off."""
    if not (first.year in slots.YEARS and last.year in slots.YEARS):
        raise slots.BadRange("A date is far from now.")
    return (
        datetime.combine(first, time(0), tzinfo=UTC) - timedelta(hours=15),
        datetime.combine(last, time(0), tzinfo=UTC) + timedelta(hours=39),
    )


def _entry(
    location: DoctorLocation, slot: Slot | None, appointments: Sequence[Appointment]
) -> Entry:
    zone = ZoneInfo(location.timezone)
    starts_at = slot.starts_at if slot else appointments[0].appointment_time
    ends_at = slot.ends_at if slot else max(one.ends_at for one in appointments)
    return Entry(
        starts_at.astimezone(zone), ends_at.astimezone(zone), location, slot, tuple(appointments)
    )


def weekly_hours(*, location: DoctorLocation, first: date) -> list[Availability]:
    """List the windows of one place that hold on the seven dates from `first`."""
    last = first + timedelta(days=6)
    rows = Availability.objects.filter(location=location).in_force(first, last)
    # Only its dates are asked of a window, so that any terms will do.
    terms = Terms(location.pk, ZoneInfo(location.timezone))

    def holds(row: Availability) -> bool:
        validity = row.valid_from, row.valid_to
        window = Window(row.day_of_week, row.start_time, row.end_time, *validity, terms)
        return any(window.dates(first, last))

    return [row for row in rows if holds(row)]


def changes_of_hours(*, location: DoctorLocation, after: date) -> list[date]:
    """List the dates after `after` on which hours of one place begin, without doubles."""
    later = Availability.objects.filter(location=location, is_active=True, valid_from__gt=after)
    return list(later.order_by("valid_from").values_list("valid_from", flat=True).distinct())
