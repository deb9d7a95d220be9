"""What the database holds, with forms and actions bypassed."""

from datetime import date, time, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from registry.models import Doctor
from registry.tests.factories import NOW, make_doctor, make_location, make_provider
from scheduling.models import Appointment, Availability, AvailabilityException
from scheduling.tests.factories import (
    TUESDAY_AT_9,
    make_appointment,
    make_exception,
    make_window,
)

pytestmark = pytest.mark.django_db
QUARTER = timedelta(minutes=15)
SUNDAY, MONDAY, TUESDAY = 6, 0, 1


def test_windows_may_touch_but_not_overlap(doctor: Doctor) -> None:
    place = make_location(doctor)
    make_window(doctor, place)
    make_window(doctor, place, start_time=time(13), end_time=time(14))

    with pytest.raises(IntegrityError, match="availability_windows_apart"), transaction.atomic():
        make_window(doctor, make_location(doctor), start_time=time(12, 59), end_time=time(14))
    make_window(make_doctor())
    make_window(doctor, place, start_time=time(12), end_time=time(14), is_active=False)

    assert Availability.objects.count() == 4


def test_a_night_from_sunday_meets_monday(doctor: Doctor) -> None:
    make_window(doctor, day_of_week=SUNDAY, start_time=time(22), end_time=time(2))

    with pytest.raises(IntegrityError, match="availability_windows_apart"), transaction.atomic():
        make_window(doctor, day_of_week=MONDAY, start_time=time(1), end_time=time(3))
    make_window(doctor, day_of_week=MONDAY, start_time=time(2), end_time=time(3))

    assert Availability.objects.count() == 2


def test_a_night_into_sunday_meets_its_morning(doctor: Doctor) -> None:
    make_window(doctor, day_of_week=MONDAY, start_time=time(0), end_time=time(1))

    with pytest.raises(IntegrityError, match="availability_windows_apart"), transaction.atomic():
        make_window(doctor, day_of_week=SUNDAY, start_time=time(23), end_time=time(0, 30))


def test_windows_follow_each_other_in_time(doctor: Doctor) -> None:
    change = date(2026, 12, 1)
    make_window(doctor, valid_to=change)
    make_window(doctor, valid_from=change)

    with pytest.raises(IntegrityError, match="availability_windows_apart"), transaction.atomic():
        make_window(doctor, valid_from=change - timedelta(days=1), valid_to=change)

    assert Availability.objects.count() == 2


def test_the_last_night_meets_the_morning_after(doctor: Doctor) -> None:
    wednesday = date(2026, 12, 2)
    make_window(doctor, start_time=time(22), end_time=time(2), valid_to=wednesday)

    with pytest.raises(IntegrityError, match="availability_windows_apart"), transaction.atomic():
        make_window(
            doctor, day_of_week=2, start_time=time(1), end_time=time(3), valid_from=wednesday
        )


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"slot_duration_minutes": 4}, "availability_slot_5_to_240_minutes"),
        ({"slot_duration_minutes": 241}, "availability_slot_5_to_240_minutes"),
        ({"capacity": 0}, "availability_capacity_1_to_50"),
        ({"capacity": 51}, "availability_capacity_1_to_50"),
        ({"buffer_minutes": 121}, "availability_buffer_0_to_120_minutes"),
        ({"mode": "FAX"}, "availability_mode_known"),
        ({"day_of_week": 7}, "availability_day_0_to_6"),
        ({"valid_to": date(2026, 10, 24)}, "availability_ends_after_start"),
    ],
)
def test_windows_are_plausible(doctor: Doctor, given: dict[str, Any], name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        make_window(doctor, **given)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"ends_at": TUESDAY_AT_9}, "exception_starts_before_ends"),
        ({"kind": "OTHER"}, "exception_extra_has_mode"),
        ({"capacity": 2}, "exception_extra_has_capacity"),
        ({"mode": "TELE"}, "exception_extra_has_mode"),
        ({"kind": "EXTRA", "location": None}, "exception_extra_has_place"),
        ({"kind": "EXTRA", "buffer_minutes": None}, "exception_extra_has_buffer"),
        ({"kind": "EXTRA", "slot_duration_minutes": 3}, "exception_slot_5_to_240_minutes"),
    ],
)
def test_exceptions_are_plausible(doctor: Doctor, given: dict[str, Any], name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        make_exception(doctor, **given)


def test_a_lane_holds_one_patient_at_a_time(doctor: Doctor) -> None:
    provider, place = make_provider(), make_location(doctor)
    make_appointment(doctor, provider, place, capacity=2)
    make_appointment(doctor, provider, place, capacity=2, lane=1)
    make_appointment(doctor, provider, place, appointment_time=TUESDAY_AT_9 + QUARTER)
    make_appointment(doctor, provider, status=Appointment.Status.CANCELLED)
    make_appointment(make_doctor(), provider)

    for status in Appointment.OCCUPYING:
        with pytest.raises(IntegrityError, match="appointment_lane_once"), transaction.atomic():
            make_appointment(
                doctor,
                make_provider(),
                place,
                status=status,
                appointment_time=TUESDAY_AT_9 + QUARTER / 3,
            )
    assert Appointment.objects.count() == 5


def test_a_doctor_is_at_one_place_at_a_time(doctor: Doctor) -> None:
    provider = make_provider()
    make_appointment(doctor, provider)
    make_appointment(doctor, provider, appointment_time=TUESDAY_AT_9 + QUARTER)
    make_appointment(doctor, provider, status=Appointment.Status.CANCELLED)
    make_appointment(make_doctor(), provider)

    for status in Appointment.OCCUPYING:
        with pytest.raises(IntegrityError, match="appointment_at_one_place"), transaction.atomic():
            make_appointment(doctor, provider, status=status, lane=1, capacity=2)
    assert Appointment.objects.count() == 4


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"lane": 1}, "appointment_lane_below_capacity"),
        ({"ends_at": TUESDAY_AT_9}, "appointment_ends_after_start"),
        ({"status": "LATE"}, "appointment_status_known"),
        ({"mode": "FAX"}, "appointment_mode_known"),
        ({"hold_expires_at": NOW}, "appointment_hold_expires"),
        ({"cancelled_at": NOW}, "appointment_cancelled_at"),
        ({"cancel_reason": "other"}, "appointment_cancelled_has_reason"),
        ({"status": "CANCELLED", "cancel_reason": ""}, "appointment_cancelled_has_reason"),
        ({"external_appointment_id": None}, "appointment_booked_has_references"),
        ({"patient_reference": None}, "appointment_booked_has_references"),
        ({"version": 0}, "appointment_version_counts_from_1"),
    ],
)
def test_appointments_are_plausible(doctor: Doctor, given: dict[str, Any], name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        make_appointment(doctor, make_provider(), **given)


def test_a_place_belongs_to_the_same_doctor(doctor: Doctor) -> None:
    place, elsewhere = make_location(doctor), make_location(make_doctor())
    window, leave = make_window(doctor, place), make_exception(doctor)
    booked = make_appointment(doctor, make_provider(), place)

    with (
        pytest.raises(IntegrityError, match="availability_place_is_the_doctors"),
        transaction.atomic(),
    ):
        make_window(doctor, elsewhere, day_of_week=MONDAY)
    with (
        pytest.raises(IntegrityError, match="exception_place_is_the_doctors"),
        transaction.atomic(),
    ):
        make_exception(doctor, location=elsewhere)
    with (
        pytest.raises(IntegrityError, match="appointment_place_is_the_doctors"),
        transaction.atomic(),
    ):
        make_appointment(
            doctor, make_provider(), elsewhere, appointment_time=TUESDAY_AT_9 + QUARTER
        )
    for row in (window, leave, booked):
        with pytest.raises(IntegrityError, match="place_is_the_doctors"), transaction.atomic():
            type(row).objects.update(location=elsewhere)


def test_an_insurers_id_names_one_appointment(doctor: Doctor) -> None:
    provider = make_provider()
    make_appointment(doctor, provider, external_appointment_id="A-1")
    make_appointment(make_doctor(), make_provider(), external_appointment_id="A-1")

    with pytest.raises(IntegrityError, match="appointment_external_id_once"), transaction.atomic():
        make_appointment(make_doctor(), provider, external_appointment_id="A-1")

    assert Appointment.objects.count() == 2


@pytest.mark.parametrize("status", Appointment.Status.values)
@pytest.mark.parametrize("late", [-QUARTER, timedelta(0), QUARTER])
def test_the_queryset_and_its_twin_say_the_same(
    doctor: Doctor, status: str, late: timedelta
) -> None:
    row = make_appointment(doctor, make_provider(), status=status)
    at = NOW + timedelta(minutes=5) + late

    assert Appointment.objects.occupying_at(at).exists() == row.occupies_at(at)


def test_rows_say_what_they_are(doctor: Doctor) -> None:
    assert str(make_window(doctor)) == "Tuesday 09:00 to 13:00"
    assert str(make_exception(doctor)) == "CLOSED 2026-11-24 03:30 to 2026-11-24 04:30"
    assert str(make_appointment(doctor, make_provider())) == "2026-11-24 03:30 BOOKED"
    touching = AvailabilityException.objects.touching(TUESDAY_AT_9 - QUARTER, TUESDAY_AT_9)
    assert not touching.exists()
