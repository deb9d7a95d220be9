"""Rows for tests; each function fills what the caller leaves out."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any

from registry.models import Doctor, DoctorLocation, InsuranceProvider
from registry.tests.factories import NOW, make_location
from scheduling.models import Appointment, Availability, AvailabilityException, Mode

# Tuesday 24 November 2026, the day after `NOW`, at 9:00 in India.
TUESDAY_AT_9 = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)

_numbers = count(1)


def make_window(
    doctor: Doctor, location: DoctorLocation | None = None, **given: Any
) -> Availability:
    """Add weekly hours: Tuesdays 9:00 to 13:00 in slots of 15 minutes, for a month already."""
    values: dict[str, Any] = {
        "location": location or make_location(doctor),
        "day_of_week": 1,
        "start_time": time(9),
        "end_time": time(13),
        "valid_from": date(2026, 10, 24),
    }
    return Availability.objects.create(doctor=doctor, **(values | given))


def make_exception(doctor: Doctor, **given: Any) -> AvailabilityException:
    """Add leave on Tuesday 24 November from 9:00 to 10:00; `kind="EXTRA"` adds extra hours."""
    values: dict[str, Any] = {
        "kind": AvailabilityException.Kind.CLOSED,
        "starts_at": TUESDAY_AT_9,
        "ends_at": TUESDAY_AT_9 + timedelta(hours=1),
    }
    if given.get("kind") == AvailabilityException.Kind.EXTRA:
        values |= {
            "slot_duration_minutes": 15,
            "capacity": 1,
            "buffer_minutes": 0,
            "mode": Mode.IN_PERSON,
        }
        if "location" not in given:
            values["location"] = make_location(doctor)
    return AvailabilityException.objects.create(doctor=doctor, **(values | given))


def make_appointment(
    doctor: Doctor,
    insurance_provider: InsuranceProvider,
    location: DoctorLocation | None = None,
    **given: Any,
) -> Appointment:
    """Add a booked quarter of an hour on Tuesday at 9:00; other states fill their own fields."""
    starts_at = given.get("appointment_time", TUESDAY_AT_9)
    status = given.get("status", Appointment.Status.BOOKED)
    values: dict[str, Any] = {
        "location": location or make_location(doctor),
        "appointment_time": starts_at,
        "ends_at": starts_at + timedelta(minutes=15),
        "status": status,
        "status_at": NOW,
        # Far from the numbers of the day's slots.
        "token_number": 1_000 + next(_numbers) % 30_000,
    }
    if status == Appointment.Status.HELD:
        values |= {"hold_expires_at": NOW + timedelta(minutes=5)}
    else:
        values |= {
            "external_appointment_id": f"EXT-{next(_numbers)}",
            "patient_reference": "patient-7731",
        }
    if status == Appointment.Status.CANCELLED:
        values |= {
            "cancelled_at": NOW,
            "cancel_reason": Appointment.CancelReason.PATIENT_REQUEST,
        }
    return Appointment.objects.create(
        doctor=doctor, insurance_provider=insurance_provider, **(values | given)
    )
