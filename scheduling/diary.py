"""One doctor's diary: the rows that `slots` decides from, in three queries, and its answers."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Exists

from consent.models import Consent, DataClass, visible_doctors
from registry.models import Doctor, DoctorCredential, DoctorLocation, InsuranceProvider
from scheduling import slots
from scheduling.models import Appointment, Availability, AvailabilityException, BookingRules
from scheduling.slots import Closure, Extra, Reason, Rules, Schedule, Slot, Taken, Terms, Window

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
# The columns of `Window` and of `Terms`, in their order.
_WINDOW = ["day_of_week", "start_time", "end_time", "valid_from", "valid_to"]
_TERMS = [
    "location_id",
    "location__timezone",
    "slot_duration_minutes",
    "buffer_minutes",
    "capacity",
    "mode",
]


def free_slots(
    *,
    doctor: Doctor,
    starts_at: datetime,
    ends_at: datetime,
    at: datetime,
    location: DoctorLocation | None = None,
) -> list[Slot]:
    """List what can be booked in `[starts_at, ends_at)`, in the order of time.

    Args:
        at: aware instant of the question; what is before it or beyond the horizon is not free.
        location: one place; `None` takes all.

    Raises:
        slots.BadRange: the period is naive, empty, longer than 62 days or not of our time.
        slots.TooManySlots: it holds more than 5,000 slots.
    """
    every = slots_between(
        doctor=doctor, starts_at=starts_at, ends_at=ends_at, at=at, location=location
    )
    return [slot for slot in every if not slot.reasons]


def slots_between(
    *,
    doctor: Doctor,
    starts_at: datetime,
    ends_at: datetime,
    at: datetime,
    location: DoctorLocation | None = None,
) -> list[Slot]:
    """List all slots of `[starts_at, ends_at)`, each with everything against it.

    Raises:
        slots.BadRange, slots.TooManySlots: as `free_slots`.
    """
    slots.check_range(starts_at, ends_at, at)
    schedule = load(doctor=doctor, starts_at=starts_at, ends_at=ends_at, at=at)
    every = slots.slots_between(schedule, starts_at=starts_at, ends_at=ends_at, at=at)
    return [slot for slot in every if location is None or slot.location_id == location.pk]


def why_empty(found: list[Slot]) -> list[Reason]:
    """Name everything that keeps `slots_between` a period from having a free slot."""
    against = {reason for slot in found for reason in slot.reasons}
    return [reason for reason in Reason if reason in against] or [Reason.OUTSIDE_HOURS]


def slot_and_reasons(
    *,
    doctor: Doctor,
    starts_at: datetime,
    at: datetime,
    location: DoctorLocation | None = None,
    mode: str | None = None,
    ignoring: UUID | None = None,
) -> tuple[Slot | None, tuple[Reason, ...]]:
    """Give the slot that starts at an instant, and everything against booking it.

    Args:
        ignoring: a hold or appointment that is to be had itself or moved: it takes no place.

    Raises:
        slots.BadRange: the instant is naive or not of our time.
    """
    slots.check_instants(starts_at, at)
    ends_at = starts_at + timedelta(minutes=1)
    schedule = load(doctor=doctor, starts_at=starts_at, ends_at=ends_at, at=at, ignoring=ignoring)
    place = location.pk if location else None
    slot = slots.slot_at(schedule, starts_at=starts_at, at=at, location_id=place)
    reasons = slots.why_not_free(schedule, starts_at=starts_at, at=at, location_id=place, mode=mode)
    return slot, reasons


def why_not_free(
    *,
    doctor: Doctor,
    starts_at: datetime,
    at: datetime,
    location: DoctorLocation | None = None,
    mode: str | None = None,
    provider: InsuranceProvider | None = None,
) -> tuple[Reason, ...]:
    """Name everything against a booking that starts at an instant; nothing when it is free.

    Args:
        provider: the insurer that would book it; `None` leaves consent aside.

    Raises:
        slots.BadRange: the instant is naive or not of our time.
    """
    _, reasons = slot_and_reasons(
        doctor=doctor, starts_at=starts_at, at=at, location=location, mode=mode
    )
    if provider is not None and not _takes_bookings_of(doctor, provider, at):
        reasons += (Reason.NOT_CONSENTED,)
    return reasons


def _takes_bookings_of(doctor: Doctor, provider: InsuranceProvider, at: datetime) -> bool:
    shared = Consent.objects.active_at(at).filter(
        doctor=doctor, insurance_provider=provider, data_classes__contains=[DataClass.APPOINTMENTS]
    )
    return visible_doctors(provider, at=at).filter(Exists(shared), pk=doctor.pk).exists()


def next_free(
    *,
    doctor: Doctor,
    after: datetime,
    at: datetime,
    location: DoctorLocation | None = None,
    mode: str | None = None,
    limit: int = 5,
) -> list[Slot]:
    """List the first few slots that can be booked, from `after` (or from `at`, if that is later).

    An `after` beyond the horizon looks from `at`: a free time sooner is better than none.
    """
    ends_at = at + slots.Rules().horizon
    start = max(after, at) if after < ends_at else at
    schedule = load(doctor=doctor, starts_at=start, ends_at=ends_at, at=at)
    found: list[Slot] = []
    while start < ends_at and len(found) < limit:
        week = slots.free_slots(
            schedule, starts_at=start, ends_at=min(start + _WEEK, ends_at), at=at
        )
        found += [
            slot
            for slot in week
            if (location is None or slot.location_id == location.pk) and mode in {None, slot.mode}
        ]
        start += _WEEK
    return found[:limit]


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
    """List the lines of the local dates from `first` to `last`, both included, in five queries.

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


def outside_hours(*, doctor: Doctor, at: datetime) -> list[Appointment]:
    """List the booked appointments to come whose time is no longer in weekly or extra hours."""
    schedule = load(doctor=doctor, starts_at=at, ends_at=at + slots.MAX_RANGE, at=at)
    to_come = Appointment.objects.filter(
        doctor=doctor, status=Appointment.Status.BOOKED, appointment_time__gte=at
    ).filter(appointment_time__lt=at + slots.MAX_RANGE)
    return [
        one for one in to_come if not slots.is_open(schedule, one.appointment_time, one.location_id)
    ]


def rules_of(doctor: Doctor) -> Rules:
    """Give how a doctor wants to be booked; without a row of rules, as the defaults say."""
    row = BookingRules.objects.filter(doctor=doctor).first()
    return Rules() if row is None else _rules(row)


def _rules(row: BookingRules) -> Rules:
    return Rules(
        timedelta(minutes=row.lead_time_minutes), timedelta(days=row.horizon_days), row.most_per_day
    )


def load_many(
    *, doctor_ids: Sequence[UUID], starts_at: datetime, ends_at: datetime, at: datetime
) -> dict[UUID, Schedule]:
    """Load what decides the slots of several doctors; as `load`."""
    return {
        doctor.pk: load(doctor=doctor, starts_at=starts_at, ends_at=ends_at, at=at)
        for doctor in Doctor.objects.filter(pk__in=doctor_ids)
    }


def load(
    *,
    doctor: Doctor,
    starts_at: datetime,
    ends_at: datetime,
    at: datetime,
    ignoring: UUID | None = None,
) -> Schedule:
    """Load what decides the doctor's slots in `[starts_at, ends_at)`.

    Args:
        at: aware instant of the question; a hold that has run out by then takes no place.
        ignoring: a hold or appointment that is to be had itself or moved: it takes no place.
    """
    windows = (
        Availability.objects.filter(doctor=doctor)
        .in_force(starts_at.date() - 2 * _DAY, ends_at.date() + _DAY)
        .values_list("location__is_active", *_WINDOW, *_TERMS)
    )
    # Two days before, for the tokens of the local day in which the period starts.
    exceptions = (
        AvailabilityException.objects.filter(doctor=doctor)
        .touching(starts_at - 2 * _DAY, ends_at + _DAY)
        .values_list("location__is_active", "kind", "starts_at", "ends_at", *_TERMS)
    )
    taken = (
        Appointment.objects.filter(doctor=doctor)
        .occupying_at(at)
        .touching(starts_at - 25 * _HOUR, ends_at + 25 * _HOUR)
        .exclude(pk=ignoring)
        .values_list("appointment_time", "ends_at", "local_date", "lane")
    )
    weekly, extras, closures, closed_places = [], [], [], set()
    for is_active, *row in windows:
        weekly.append(_window(*row))
        if not is_active:
            closed_places.add(weekly[-1].terms.location_id)
    for is_active, kind, first, last, *terms in exceptions:
        if kind == AvailabilityException.Kind.CLOSED:
            closures.append(Closure(first, last, terms[0]))
        else:
            extras.append(Extra(first, last, _terms(*terms)))
        if is_active is False:
            closed_places.add(terms[0])
    return Schedule(
        windows=tuple(weekly),
        extras=tuple(extras),
        closures=tuple(closures),
        taken=tuple(Taken(*values) for values in taken),
        closed_places=frozenset(closed_places),
        rules=rules_of(doctor),
        credential_until=_credential_until(doctor),
    )


def _credential_until(doctor: Doctor) -> datetime | None:
    """Give the midnight at the doctor's after which no registration that we know of is valid."""
    ends = (
        DoctorCredential.objects.current()
        .filter(doctor=doctor, kind=DoctorCredential.Kind.REGISTRATION, verified=True)
        .values_list("valid_until", flat=True)
    )
    last_days = [day for day in ends if day is not None]
    if not last_days or len(last_days) < len(ends):
        return None
    return datetime.combine(
        max(last_days) + _DAY, time(0), tzinfo=ZoneInfo(doctor.timezone)
    ).astimezone(UTC)


def _window(
    weekday: int, start: time, end: time, first: date, last: date | None, *terms: Any
) -> Window:
    return Window(weekday, start, end, first, last, _terms(*terms))


def _terms(
    location_id: UUID, zone: str, slot_minutes: int, buffer_minutes: int, capacity: int, mode: str
) -> Terms:
    return Terms(location_id, ZoneInfo(zone), slot_minutes, buffer_minutes, capacity, mode)
