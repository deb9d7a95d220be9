from datetime import time, timedelta
from typing import Any

import pytest
from django.db import transaction

from consent.models import Consent
from consent.tests.factories import make_consent
from registry.models import AuditLog, Doctor, DoctorLocation, InsuranceProvider, OutboxEvent
from registry.tests.factories import NOW, make_location, make_provider
from scheduling import actions, openings, slots
from scheduling.models import Appointment, Availability, Mode, OpenDay
from scheduling.slots import Reason
from scheduling.tests.clinic import Book, state
from scheduling.tests.factories import (
    TUESDAY_AT_9,
    make_appointment,
    make_exception,
    make_window,
)

pytestmark = pytest.mark.django_db

QUARTER = timedelta(minutes=15)


def nothing_was_written() -> bool:
    return not any(
        rows.exists() for rows in (Appointment.objects, AuditLog.objects, OutboxEvent.objects)
    )


def test_a_taken_slot_comes_with_the_next_free_times(book: Book) -> None:
    book()

    with pytest.raises(actions.SlotTaken) as refusal:
        book(external_appointment_id="A-2")

    assert [slot.starts_at for slot in refusal.value.next_free] == [
        TUESDAY_AT_9 + count * QUARTER for count in range(1, 6)
    ]
    assert Appointment.objects.count() == 1
    assert OutboxEvent.objects.count() == 1


def test_a_hold_that_runs_keeps_its_place(
    book: Book, doctor: Doctor, provider: InsuranceProvider, place: DoctorLocation
) -> None:
    make_appointment(doctor, provider, place, status=Appointment.Status.HELD)
    before = state()

    with pytest.raises(actions.SlotTaken):
        book()
    assert state() == before


@pytest.mark.parametrize(
    "change",
    [
        {"consent_status": Consent.Status.REVOKED, "revoked_at": NOW},
        {"expires_at": NOW},
    ],
)
def test_without_consent_there_is_no_such_doctor(book: Book, change: dict[str, Any]) -> None:
    Consent.objects.update(**change)

    with pytest.raises(actions.NotVisible):
        book()
    assert nothing_was_written()


def test_another_insurer_sees_no_such_doctor(book: Book) -> None:
    with pytest.raises(actions.NotVisible):
        book(provider=make_provider())
    assert nothing_was_written()


def test_a_doctor_who_shares_no_appointments_takes_none(book: Book) -> None:
    Consent.objects.update(data_classes=["profile", "availability"])

    with pytest.raises(actions.AppointmentsNotShared):
        book()
    assert nothing_was_written()


def test_an_id_is_used_once_even_after_cancelling(
    book: Book, doctor: Doctor, provider: InsuranceProvider, place: DoctorLocation
) -> None:
    make_appointment(
        doctor,
        provider,
        place,
        status=Appointment.Status.CANCELLED,
        external_appointment_id="A-1",
    )
    before = state()

    with pytest.raises(actions.ExternalIdUsed):
        book()
    assert state() == before


def test_two_insurers_may_use_the_same_id(book: Book, doctor: Doctor) -> None:
    book()
    other = make_consent(doctor=doctor).insurance_provider

    assert book(provider=other, start=TUESDAY_AT_9 + QUARTER).insurance_provider == other


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"start": TUESDAY_AT_9 - timedelta(hours=1)}, Reason.OUTSIDE_HOURS),
        ({"start": TUESDAY_AT_9 + timedelta(minutes=1)}, Reason.BETWEEN_SLOTS),
        ({"start": TUESDAY_AT_9 - timedelta(days=7)}, Reason.TOO_SOON),
        ({"start": TUESDAY_AT_9 + timedelta(days=63)}, Reason.BEYOND_HORIZON),
        ({"mode": Mode.TELE}, Reason.WRONG_MODE),
    ],
)
def test_a_time_that_is_not_free_is_refused_by_name(
    book: Book, given: dict[str, Any], reason: Reason
) -> None:
    with pytest.raises(actions.SlotRefused) as refusal:
        book(**given)

    assert not isinstance(refusal.value, actions.SlotTaken)
    assert refusal.value.reasons == (reason,)
    offered = [slot.starts_at for slot in refusal.value.next_free]
    # The doctor offers no video visits at all; any other refusal comes with times to come.
    assert bool(offered) == (reason != Reason.WRONG_MODE)
    assert all(start > NOW for start in offered)
    assert nothing_was_written()


def test_leave_and_closed_places_are_refused(
    book: Book, doctor: Doctor, place: DoctorLocation
) -> None:
    make_exception(doctor)
    place.is_active = False
    place.save()

    with pytest.raises(actions.SlotRefused) as refusal:
        book(location=place)

    assert refusal.value.reasons == (Reason.ON_LEAVE, Reason.PLACE_CLOSED)
    assert refusal.value.next_free == []


def test_another_place_has_no_such_slot(book: Book, doctor: Doctor) -> None:
    with pytest.raises(actions.SlotRefused) as refusal:
        book(location=make_location(doctor))

    assert refusal.value.reasons == (Reason.OUTSIDE_HOURS,)


def test_a_naive_start_is_refused(book: Book) -> None:
    with pytest.raises(slots.BadRange):
        book(start=TUESDAY_AT_9.replace(tzinfo=None))
    assert nothing_was_written()


def test_an_insurer_keeps_to_its_share_of_a_day(
    book: Book, provider: InsuranceProvider, place: DoctorLocation
) -> None:
    provider.max_open_bookings_per_day = 2
    provider.save()
    for count in range(2):
        book(external_appointment_id=f"A-{count}", start=TUESDAY_AT_9 + count * QUARTER)

    with pytest.raises(actions.TooManyBookings):
        book(external_appointment_id="A-9", start=TUESDAY_AT_9 + 4 * QUARTER)

    next_week = TUESDAY_AT_9 + timedelta(days=7)
    assert book(external_appointment_id="A-9", start=next_week).status == "BOOKED"


def test_a_caller_that_goes_on_after_a_refusal_has_lost_nothing(book: Book) -> None:
    with transaction.atomic():
        with pytest.raises(actions.SlotRefused):
            book(mode=Mode.TELE)
        booked = book()

    assert Appointment.objects.get() == booked


def test_a_doctor_who_is_at_one_place_has_no_slot_at_another(
    book: Book, doctor: Doctor, place: DoctorLocation
) -> None:
    """Half past seven in Dubai is nine in India."""
    Availability.objects.update(capacity=2)
    dubai = make_location(doctor, timezone="Asia/Dubai")
    make_window(doctor, dubai, start_time=time(7, 30), end_time=time(8, 30), capacity=2)
    openings.refresh_all(doctor_id=doctor.pk, at=NOW)
    book(location=place)

    with pytest.raises(actions.SlotTaken) as refused:
        book(location=dubai, external_appointment_id="A-2")

    assert refused.value.next_free[0].starts_at == TUESDAY_AT_9 + QUARTER
    assert book(external_appointment_id="A-3").location_id == place.pk
    there = OpenDay.objects.get(location=dubai, local_date=TUESDAY_AT_9.date())
    assert (there.first_free_at, there.free) == (TUESDAY_AT_9 + QUARTER, 6)


def test_an_appointment_that_was_kept_when_hours_moved_away_keeps_the_doctor_there(
    book: Book, doctor: Doctor
) -> None:
    book()
    Availability.objects.update(location=make_location(doctor), capacity=2)
    before = state()

    with pytest.raises(actions.SlotTaken):
        book(external_appointment_id="A-2")

    assert state() == before
    later = book(external_appointment_id="A-3", start=TUESDAY_AT_9 + QUARTER)
    assert later.appointment_time == TUESDAY_AT_9 + QUARTER
