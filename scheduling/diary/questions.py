"""What one doctor's rows answer about free times."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from django.db.models import Exists

from consent.models import Consent, DataClass, visible_doctors
from registry.models import Doctor, DoctorLocation, InsuranceProvider
from scheduling import slots
from scheduling.diary.loading import load
from scheduling.slots import Reason, Slot

_WEEK = timedelta(days=7)
_MINUTE = timedelta(minutes=1)


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
    free, _ = free_slots_or_reasons(
        doctor=doctor, starts_at=starts_at, ends_at=ends_at, at=at, location=location
    )
    return free


def free_slots_or_reasons(
    *,
    doctor: Doctor,
    starts_at: datetime,
    ends_at: datetime,
    at: datetime,
    location: DoctorLocation | None = None,
) -> tuple[list[Slot], list[Reason]]:
    """List what can be booked, or else name everything that stands against the period.

    Raises:
        slots.BadRange, slots.TooManySlots: as `free_slots`.
    """
    slots.check_range(starts_at, ends_at, at)
    schedule = load(doctor=doctor, starts_at=starts_at, ends_at=ends_at, at=at)
    free = slots.free_slots(schedule, starts_at=starts_at, ends_at=ends_at, at=at)
    free = _of_place(free, location)
    if free:
        return free, []
    every = slots.slots_between(schedule, starts_at=starts_at, ends_at=ends_at, at=at)
    against = {reason for slot in _of_place(every, location) for reason in slot.reasons}
    return [], [reason for reason in Reason if reason in against] or [Reason.OUTSIDE_HOURS]


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
    return _of_place(every, location)


def _of_place(found: list[Slot], location: DoctorLocation | None) -> list[Slot]:
    if location is None:
        return found
    return [slot for slot in found if slot.location_id == location.pk]


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
    ends_at = starts_at + _MINUTE
    schedule = load(doctor=doctor, starts_at=starts_at, ends_at=ends_at, at=at, ignoring=ignoring)
    place = location.pk if location else None
    return slots.slot_and_reasons(
        schedule, starts_at=starts_at, at=at, location_id=place, mode=mode
    )


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
    if provider is not None and not takes_bookings_of(doctor=doctor, provider=provider, at=at):
        reasons += (Reason.NOT_CONSENTED,)
    return reasons


def takes_bookings_of(*, doctor: Doctor, provider: InsuranceProvider, at: datetime) -> bool:
    """Tell whether the insurer sees the doctor and may book, at the aware instant `at`."""
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

    When there is none within the doctor's horizon and 62 days, it looks from `at`: a free time
    sooner is better than none.

    Raises:
        slots.BadRange: an instant is naive or not of our time.
    """
    slots.check_instants(after, at)
    wanted = (
        slot
        for slot in _free_ahead(doctor, max(after, at), at)
        if (location is None or slot.location_id == location.pk) and mode in {None, slot.mode}
    )
    found = list(islice(wanted, limit))
    if found or after <= at:
        return found
    return next_free(doctor=doctor, after=at, at=at, location=location, mode=mode, limit=limit)


def _free_ahead(doctor: Doctor, start: datetime, at: datetime) -> Iterator[Slot]:
    """Give free slots in the order of time, as few computed and loaded as are asked for.

    Most doctors have a time within a week, and two months of rows take longer to load.
    """
    for ends_at in (start + _WEEK, start + slots.MAX_RANGE):
        schedule = load(doctor=doctor, starts_at=start, ends_at=ends_at, at=at)
        last = min(ends_at, at + schedule.rules.horizon)
        while start < last:
            week = min(start + _WEEK, last)
            yield from slots.free_slots(schedule, starts_at=start, ends_at=week, at=at)
            start = week
        if last < ends_at:
            return
