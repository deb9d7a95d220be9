from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consent.tests.factories import make_consent
from registry.models import Doctor, DoctorCredential, DoctorLocation, InsuranceProvider
from registry.tests.factories import (
    NOW,
    make_admin,
    make_doctor,
    make_location,
    make_provider,
    make_verified_credential,
)
from scheduling import openings
from scheduling.models import Appointment, Availability, BookingRules, OpenDay
from scheduling.openings import Found, Near, Wanted
from scheduling.openings.candidates import Candidates
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_window
from scheduling.tests.searching import build, found

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
# What doctors are who are made without saying.
GENERAL = Wanted(NOW, NOW + 7 * DAY, specialization="general_medicine")

pytestmark = pytest.mark.django_db


def opened(doctor: Doctor, provider: InsuranceProvider, **place: Any) -> DoctorLocation:
    """Let a doctor be seen and open on Tuesdays from 9 to 1."""
    make_consent(doctor=doctor, insurance_provider=provider)
    location = make_location(doctor, **place)
    make_window(doctor, location)
    return location


def starts(answer: list[Found]) -> list[tuple[datetime, UUID, UUID]]:
    return [(one.starts_at, one.doctor_id, one.location_id) for one in answer]


def test_the_earliest_slots_come_in_the_order_of_start_and_then_of_doctor() -> None:
    provider = make_provider()
    doctors = sorted((make_doctor() for _ in range(3)), key=lambda doctor: doctor.pk)
    places = [opened(doctor, provider).pk for doctor in doctors]
    build()

    answer = found(provider, limit=2)

    assert starts(answer) == [
        (TUESDAY_AT_9, doctors[0].pk, places[0]),
        (TUESDAY_AT_9, doctors[1].pk, places[1]),
    ]


def test_a_hold_in_force_is_looked_through_to_the_next_place() -> None:
    provider = make_provider()
    doctor = make_doctor()
    place = opened(doctor, provider)
    build()
    make_appointment(doctor, provider, place, status=Appointment.Status.HELD)

    during = found(provider)
    afterwards = found(provider, at=NOW + HOUR)

    assert starts(during) == [(TUESDAY_AT_9 + timedelta(minutes=15), doctor.pk, place.pk)]
    assert starts(afterwards) == [(TUESDAY_AT_9, doctor.pk, place.pk)]


def test_a_registration_that_ends_ends_the_search() -> None:
    provider = make_provider()
    doctor = make_doctor()
    opened(doctor, provider)
    make_verified_credential(
        doctor,
        kind=DoctorCredential.Kind.REGISTRATION,
        valid_until=date(2026, 11, 23),
        verified_by=make_admin(),
    )
    build()

    assert found(provider) == []


def test_it_says_how_far_away_a_slot_is() -> None:
    provider = make_provider()
    opened(make_doctor(), provider, latitude="12.97", longitude="77.59")
    build()
    near = Near(12.97, 77.50, 50)

    (one,) = openings.earliest(
        provider=provider, wanted=Wanted(NOW, NOW + 7 * DAY, near=near), at=NOW, limit=5
    )

    assert one.distance_km == pytest.approx(9.75, abs=0.02)


@pytest.mark.parametrize(("latitude", "longitude"), [(89.99, 10), (12, 179.99), (-12, -179.99)])
def test_places_are_found_across_the_pole_and_the_date_line(
    latitude: float, longitude: float
) -> None:
    provider = make_provider()
    across = 179.99 if longitude < 0 else -170 if latitude > 80 else -179.99
    opened(make_doctor(), provider, latitude=str(latitude), longitude=str(across))
    build()

    near = Near(latitude, longitude, 5)

    assert len(found(provider, Wanted(NOW, NOW + 7 * DAY, near=near))) == 1


@pytest.mark.parametrize(("doctors", "limit"), [(3, 20), (6, 3)])
def test_one_statement_answers_whether_there_are_doctors_enough_or_not(
    doctors: int, limit: int
) -> None:
    provider = make_provider()
    for _ in range(doctors):
        opened(make_doctor(), provider)
    build()

    with CaptureQueriesContext(connection) as queries:
        answer = found(provider, GENERAL, limit=limit)

    assert len(answer) == 3
    assert len(queries) == 1


def test_a_clinics_slot_tells_how_many_more_can_come() -> None:
    provider = make_provider()
    doctor = make_doctor()
    make_consent(doctor=doctor, insurance_provider=provider)
    place = make_location(doctor)
    make_window(doctor, place, capacity=3, slot_duration_minutes=60)
    ten, eleven = TUESDAY_AT_9 + HOUR, TUESDAY_AT_9 + 2 * HOUR
    for lane in range(3):
        make_appointment(doctor, provider, place, lane=lane, ends_at=ten, capacity=3)
    later = {"appointment_time": ten, "ends_at": eleven, "capacity": 3}
    make_appointment(doctor, provider, place, lane=0, **later)
    make_appointment(doctor, provider, place, lane=1, status="CANCELLED", **later)
    make_appointment(doctor, provider, place, lane=2, status="HELD", **later)
    latest = {"appointment_time": eleven, "ends_at": eleven + HOUR, "capacity": 3}
    make_appointment(doctor, provider, place, lane=1, **latest)
    build()

    with CaptureQueriesContext(connection) as queries:
        answer = found(provider, GENERAL, at=NOW + HOUR)

    assert answer == [Found(doctor.pk, place.pk, "IN_PERSON", ten, eleven, capacity=3, free=2)]
    assert len(queries) == 1


def test_slots_that_differ_within_a_day_are_told_apart() -> None:
    provider = make_provider()
    doctor = make_doctor()
    place = opened(doctor, provider)
    Availability.objects.update(end_time=time(9, 30))
    make_window(
        doctor, place, start_time=time(10), end_time=time(11), slot_duration_minutes=20, capacity=2
    )
    build()
    of_both = replace(GENERAL, per_doctor=3)

    answer = [(one.starts_at, one.ends_at, one.capacity) for one in found(provider, of_both)]
    (first,) = found(provider, GENERAL)
    (late,) = found(provider, replace(GENERAL, starts_at=TUESDAY_AT_9 + HOUR))

    quarter, third = timedelta(minutes=15), timedelta(minutes=20)
    assert answer == [
        (TUESDAY_AT_9, TUESDAY_AT_9 + quarter, 1),
        (TUESDAY_AT_9 + quarter, TUESDAY_AT_9 + 2 * quarter, 1),
        (TUESDAY_AT_9 + HOUR, TUESDAY_AT_9 + HOUR + third, 2),
    ]
    assert (first.starts_at, first.ends_at, first.capacity) == answer[0]
    assert (late.starts_at, late.ends_at, late.capacity) == answer[2]


def test_rows_that_do_not_say_what_slots_are_like_give_the_same_answers() -> None:
    provider = make_provider()
    for length in (15, 20, 30):
        doctor = make_doctor()
        make_consent(doctor=doctor, insurance_provider=provider)
        make_window(doctor, slot_duration_minutes=length, capacity=length // 10)
    build()
    answers = [found(provider, replace(GENERAL, per_doctor=most)) for most in (1, 5)]

    OpenDay.objects.update(slot_minutes=None, capacity=None)

    assert [found(provider, replace(GENERAL, per_doctor=most)) for most in (1, 5)] == answers
    assert [len(answer) for answer in answers] == [3, 15]


def test_who_is_open_first_at_a_place_not_in_use_is_found_at_the_other() -> None:
    provider = make_provider()
    doctor = make_doctor()
    opened(doctor, provider, is_active=False)
    other = make_location(doctor)
    make_window(doctor, other, start_time=time(14), end_time=time(15))
    build()

    answer = found(provider, GENERAL)

    assert starts(answer) == [(TUESDAY_AT_9 + 5 * HOUR, doctor.pk, other.pk)]


def test_whose_hours_begin_too_soon_may_be_free_first_at_another_place() -> None:
    provider = make_provider()
    doctor = make_doctor()
    BookingRules.objects.create(doctor=doctor, lead_time_minutes=60)
    place = opened(doctor, provider)
    Availability.objects.update(end_time=time(10))
    make_window(doctor, place, start_time=time(12), end_time=time(13))
    other = make_location(doctor)
    make_window(doctor, other, start_time=time(11), end_time=time(12))
    build()

    answer = found(provider, GENERAL, at=TUESDAY_AT_9)

    assert starts(answer) == [(TUESDAY_AT_9 + 2 * HOUR, doctor.pk, other.pk)]


def test_the_earliest_of_several_specializations_is_found_behind_many_unseen() -> None:
    provider = make_provider()
    for _ in range(9):
        make_window(make_doctor(specialization="cardiology"), end_time=time(9, 15))
    early = make_doctor(specialization="cardiology")
    others = [make_doctor(specialization="dentistry") for _ in range(8)]
    for doctor, opens in [(early, time(10)), *((other, time(11)) for other in others)]:
        make_consent(doctor=doctor, insurance_provider=provider)
        make_window(doctor, start_time=opens, end_time=opens.replace(minute=15))
    build()

    with (
        patch("scheduling.openings.candidates._FIRST_WALK", 8),
        patch("scheduling.openings.candidates._FEW", 4),
    ):
        first, *_ = found(provider, limit=1)

    assert first.doctor_id == early.pk


def test_where_nobody_is_near_no_open_day_is_read() -> None:
    provider = make_provider()
    opened(make_doctor(), provider)
    build()

    candidates = Candidates(provider, Wanted(NOW, NOW + 7 * DAY, near=Near(-40, -120, 5)), NOW)

    assert candidates.first(5, without=[]) == []
    assert candidates._doctors == []  # noqa: SLF001  Not all doctors.


def test_cities_are_found_however_their_capitals_are_made() -> None:
    provider = make_provider()
    opened(make_doctor(), provider, city="Straßburg")
    build()

    assert found(provider, Wanted(NOW, NOW + 7 * DAY, city="straßburg"))
