from collections.abc import Collection
from datetime import UTC, datetime, time

from consent.models import Consent, DataClass
from integrations.representations.values import Json, day, instant
from registry.models import Doctor, InsuranceProvider
from scheduling.models import Availability, AvailabilityException, DayOfWeek


def availability_as_seen(doctor: Doctor, *, provider: InsuranceProvider, at: datetime) -> Json:
    """Show a doctor's weekly hours and their exceptions from the day of `at` (UTC) on.

    Without a consent in force the answer is empty; with one that does not share availability it
    has neither `windows` nor `exceptions`.
    """
    standing = Consent.objects.active_at(at).filter(insurance_provider=provider, doctor=doctor)
    consent = standing.first()
    return {} if consent is None else hours_shown(doctor, consent.data_classes, at=at)


def hours_shown(doctor: Doctor, data_classes: Collection[str], *, at: datetime) -> Json:
    """Show a doctor's hours to whom these data classes are shared with."""
    shown: Json = {"doctor_id": str(doctor.pk), "version": doctor.version}
    if DataClass.AVAILABILITY not in data_classes:
        return shown
    # A whole day at a time, so that a version's representation does not change by the minute.
    today = datetime.combine(at.astimezone(UTC).date(), time.min, tzinfo=UTC)
    windows = (
        Availability.objects.filter(doctor=doctor, is_active=True, location__is_active=True)
        .exclude(valid_to__lte=today.date())
        .select_related("location")
        .order_by("valid_from", "day_of_week", "start_time", "id")
    )
    exceptions = AvailabilityException.objects.filter(doctor=doctor, ends_at__gt=today).order_by(
        "starts_at", "id"
    )
    shown["windows"] = [_window(row) for row in windows]
    shown["exceptions"] = [_exception(row) for row in exceptions]
    return shown


def _window(window: Availability) -> Json:
    return {
        "id": str(window.pk),
        "location_id": str(window.location_id),
        "timezone": window.location.timezone,
        "day_of_week": DayOfWeek(window.day_of_week).name,
        "start_time": f"{window.start_time:%H:%M}",
        "end_time": f"{window.end_time:%H:%M}",
        "slot_duration_minutes": window.slot_duration_minutes,
        "buffer_minutes": window.buffer_minutes,
        "capacity": window.capacity,
        "mode": window.mode,
        "valid_from": day(window.valid_from),
        "valid_to": day(window.valid_to),
    }


def _exception(exception: AvailabilityException) -> Json:
    """Leave out the reason, which is the doctor's own."""
    return {
        "id": str(exception.pk),
        "kind": exception.kind,
        "location_id": str(exception.location_id) if exception.location_id else None,
        "start": instant(exception.starts_at),
        "end": instant(exception.ends_at),
        "slot_duration_minutes": exception.slot_duration_minutes,
        "buffer_minutes": exception.buffer_minutes,
        "capacity": exception.capacity,
        "mode": exception.mode or None,
    }
