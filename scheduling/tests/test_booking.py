from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection

from registry.models import AuditLog, Doctor, DoctorLocation, InsuranceProvider, OutboxEvent
from registry.tests.factories import NOW, make_location
from scheduling import actions, openings
from scheduling.models import Appointment, Availability, Mode, OpenDay
from scheduling.slots import Reason
from scheduling.tests.clinic import Book
from scheduling.tests.factories import (
    TUESDAY_AT_9,
    make_appointment,
    make_window,
)

pytestmark = pytest.mark.django_db

QUARTER = timedelta(minutes=15)


def test_booking_takes_the_slot_and_tells_the_insurer(
    book: Book, doctor: Doctor, provider: InsuranceProvider, place: DoctorLocation
) -> None:
    booked = book(visit_type="follow_up", start=TUESDAY_AT_9 + QUARTER)

    kept = Appointment.objects.get()
    assert kept == booked
    assert (kept.status, kept.version, kept.location) == (Appointment.Status.BOOKED, 1, place)
    assert (kept.appointment_time, kept.ends_at) == (
        TUESDAY_AT_9 + QUARTER,
        TUESDAY_AT_9 + 2 * QUARTER,
    )
    assert (kept.lane, kept.token_number, kept.mode) == (0, 2, Mode.IN_PERSON)
    assert (kept.external_appointment_id, kept.patient_reference) == ("A-1", "member-9")
    log = AuditLog.objects.get()
    assert (log.action, log.entity_id) == ("appointment.booked", booked.pk)
    assert (log.performed_by_provider, log.timestamp) == (provider, NOW)
    event = OutboxEvent.objects.get()
    assert (event.type, event.subject) == ("appointment.booked", f"appointment/{booked.pk}")
    assert (event.subject_version, event.insurance_provider) == (1, provider)
    assert event.payload == {"doctor_id": str(doctor.pk), "appointment_id": str(booked.pk)}
    assert "member-9" not in str(log.metadata)


def test_the_patient_reference_is_sealed_in_the_database(book: Book) -> None:
    book()

    with connection.cursor() as cursor:
        cursor.execute("SELECT patient_reference FROM appointments")
        assert b"member-9" not in bytes(cursor.fetchone()[0])


def test_patients_share_a_slot_up_to_its_capacity(book: Book, window: Availability) -> None:
    Availability.objects.update(capacity=2)

    first = book(external_appointment_id="A-1", start=TUESDAY_AT_9 + QUARTER)
    second = book(external_appointment_id="A-2", start=TUESDAY_AT_9 + QUARTER)

    assert [(one.lane, one.token_number) for one in (first, second)] == [(0, 3), (1, 4)]
    with pytest.raises(actions.SlotTaken) as refusal:
        book(external_appointment_id="A-3", start=TUESDAY_AT_9 + QUARTER)
    assert refusal.value.reasons == (Reason.TAKEN,)


def test_a_cancelled_appointment_frees_its_lane(book: Book) -> None:
    first = book()
    actions.cancel(appointment=first, reason="other", by=first.insurance_provider, at=NOW)

    assert book(external_appointment_id="A-2").lane == 0


def test_a_lowered_capacity_counts_who_is_in_a_higher_lane(
    book: Book, window: Availability
) -> None:
    Availability.objects.update(capacity=2)
    first = book()
    book(external_appointment_id="A-2")
    actions.cancel(appointment=first, reason="other", by=first.insurance_provider, at=NOW)
    Availability.objects.update(capacity=1)

    with pytest.raises(actions.SlotTaken):
        book(external_appointment_id="A-3")

    assert Appointment.objects.occupying_at(NOW).get().lane == 1


def test_a_hold_that_has_run_out_is_in_nobodys_way(
    book: Book, doctor: Doctor, provider: InsuranceProvider, place: DoctorLocation
) -> None:
    held = Appointment.Status.HELD
    make_appointment(doctor, provider, place, status=held, hold_expires_at=NOW)
    other = make_appointment(
        doctor,
        provider,
        place,
        status=held,
        hold_expires_at=NOW,
        appointment_time=TUESDAY_AT_9 + 2 * QUARTER,
    )

    booked = book()

    assert set(Appointment.objects.all()) == {booked, other}


def test_times_with_any_offset_are_the_same_instant(book: Book) -> None:
    assert book(start=datetime(2026, 11, 24, 3, 30, tzinfo=UTC)).appointment_time == TUESDAY_AT_9


@pytest.mark.parametrize(("given", "expected"), [([2], 3), ([2, 7], 8), ([7], 2)])
def test_a_number_that_is_given_already_is_not_given_twice(
    book: Book,
    doctor: Doctor,
    provider: InsuranceProvider,
    place: DoctorLocation,
    given: list[int],
    expected: int,
) -> None:
    """Hours were edited under bookings: the numbers of their slots have shifted."""
    for count, number in enumerate(given):
        make_appointment(
            doctor,
            provider,
            place,
            appointment_time=TUESDAY_AT_9 + (4 + count) * QUARTER,
            token_number=number,
        )

    assert book(start=TUESDAY_AT_9 + QUARTER).token_number == expected


def test_numbers_of_another_day_or_place_and_cancelled_ones_can_be_given(
    book: Book, doctor: Doctor, provider: InsuranceProvider, place: DoctorLocation
) -> None:
    make_appointment(
        doctor, provider, place, appointment_time=TUESDAY_AT_9 + timedelta(7), token_number=1
    )
    make_appointment(doctor, provider, appointment_time=TUESDAY_AT_9 + QUARTER, token_number=1)
    make_appointment(doctor, provider, place, status=Appointment.Status.CANCELLED, token_number=1)

    assert book().token_number == 1


def test_the_open_day_loses_the_place(book: Book, doctor: Doctor) -> None:
    def free() -> dict[object, int]:
        days = OpenDay.objects.filter(doctor=doctor)
        return dict(days.values_list("local_date", "free"))

    openings.refresh_all(doctor_id=doctor.pk, at=NOW)
    before = free()

    booked = book()

    assert free() == before | {booked.local_date: before[booked.local_date] - 1}


def test_a_day_of_another_zone_is_the_places_own(
    doctor: Doctor, provider: InsuranceProvider
) -> None:
    """Tuesday's first hour in Auckland is Monday's noon in UTC."""
    place = make_location(doctor, timezone="Pacific/Auckland")
    make_window(doctor, place, start_time=time(0), end_time=time(4))
    provider.max_open_bookings_per_day = 1
    provider.save()
    midnight = datetime(2026, 11, 23, 11, tzinfo=UTC)
    values: dict[str, Any] = {
        "provider": provider,
        "doctor": doctor,
        "location": None,
        "patient_reference": "member-9",
        "mode": None,
        "visit_type": "",
        "at": NOW,
    }

    booked = actions.book(start=midnight, external_appointment_id="A-1", **values)

    booked.refresh_from_db()
    assert (booked.local_date, booked.token_number) == (date(2026, 11, 24), 1)
    with pytest.raises(actions.TooManyBookings):
        actions.book(start=midnight + 3 * QUARTER, external_appointment_id="A-2", **values)


@pytest.mark.parametrize("mode", Mode.values)
def test_of_slots_at_two_places_the_one_of_the_wanted_mode_is_booked(
    book: Book, doctor: Doctor, place: DoctorLocation, mode: str
) -> None:
    abroad = make_location(doctor, timezone="Asia/Dubai")
    make_window(doctor, abroad, start_time=time(7, 30), end_time=time(8, 30), mode=Mode.TELE)

    booked = book(mode=mode)

    assert (booked.mode, booked.location_id) == {
        Mode.IN_PERSON: (Mode.IN_PERSON, place.pk),
        Mode.TELE: (Mode.TELE, abroad.pk),
    }[Mode(mode)]
