"""The search across doctors, against the slow way: everybody's free slots in one list."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from itertools import islice
from math import asin, cos, radians, sin, sqrt
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from consent.models import Consent, DataClass, visible_doctors
from consent.tests.factories import make_consent, make_withdrawn_consent
from registry.models import Doctor, DoctorCredential, DoctorLocation, InsuranceProvider
from registry.tests.factories import (
    NOW,
    make_admin,
    make_doctor,
    make_location,
    make_provider,
    make_verified_credential,
)
from scheduling import diary, openings
from scheduling.models import Appointment, BookingRules, Mode
from scheduling.openings import Near, Wanted
from scheduling.openings.candidates import Candidates
from scheduling.tests.factories import (
    TUESDAY_AT_9,
    make_appointment,
    make_exception,
    make_window,
)

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
WEEK = Wanted(NOW, NOW + 7 * DAY)
SPECIALIZATIONS = ["cardiology", "dentistry"]
CITIES = ["Bengaluru", "Mysuru"]
Line = tuple[datetime, UUID, UUID]

pytestmark = pytest.mark.django_db


def opened(doctor: Doctor, provider: InsuranceProvider, **place: Any) -> DoctorLocation:
    """Let a doctor be seen and open on Tuesdays from 9 to 1."""
    make_consent(doctor=doctor, insurance_provider=provider)
    location = make_location(doctor, **place)
    make_window(doctor, location)
    return location


def build() -> None:
    openings.build(doctor_ids=list(Doctor.objects.values_list("pk", flat=True)), at=NOW)


def found(
    provider: InsuranceProvider, wanted: Wanted = WEEK, *, at: datetime = NOW, limit: int = 20
) -> list[Line]:
    answer = openings.earliest(provider=provider, wanted=wanted, at=at, limit=limit)
    return [(one.slot.starts_at, one.doctor_id, one.slot.location_id) for one in answer]


def km(near: Near, place: DoctorLocation) -> float:
    assert place.latitude is not None
    assert place.longitude is not None
    south, north = radians(near.latitude), radians(float(place.latitude))
    west, east = radians(near.longitude), radians(float(place.longitude))
    half = sin((north - south) / 2) ** 2 + cos(south) * cos(north) * sin((east - west) / 2) ** 2
    return 2 * 6371 * asin(sqrt(half))


def suits(wanted: Wanted, place: DoctorLocation) -> bool:
    if wanted.city and place.city.upper() != wanted.city.upper():
        return False
    if wanted.near is None:
        return True
    return place.latitude is not None and km(wanted.near, place) <= wanted.near.distance_km


def slowly(provider: InsuranceProvider, wanted: Wanted, at: datetime, limit: int) -> list[Line]:
    classes = [DataClass.AVAILABILITY, *([DataClass.PROFILE] if wanted.asks_for_profile else [])]
    lines: list[Line] = []
    for doctor in visible_doctors(provider, at=at):
        shares = Consent.objects.get(doctor=doctor, insurance_provider=provider).data_classes
        suited = wanted.specialization in {None, doctor.specialization}
        if not suited or not set(classes) <= set(shares):
            continue
        places = {
            place.pk
            for place in DoctorLocation.objects.filter(doctor=doctor)
            if suits(wanted, place)
        }
        free = diary.free_slots(
            doctor=doctor, starts_at=wanted.starts_at, ends_at=wanted.ends_at, at=at
        )
        mine = (
            (slot.starts_at, doctor.pk, slot.location_id)
            for slot in free
            if slot.location_id in places and wanted.mode in {None, slot.mode}
        )
        lines += islice(mine, wanted.per_doctor)
    return sorted(lines)[:limit]


# ---- a small world, and any question about it


@contextmanager
def undone_afterwards() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def populate(draw: st.DrawFn, provider: InsuranceProvider) -> None:
    for _ in range(draw(st.integers(1, 6))):
        doctor = make_doctor(specialization=draw(st.sampled_from(SPECIALIZATIONS)))
        consent(draw, doctor, provider)
        for number in range(draw(st.integers(1, 2))):
            hours(draw, doctor, number)
        bookings(draw, doctor, provider)
        if draw(st.booleans()):
            BookingRules.objects.create(
                doctor=doctor,
                lead_time_minutes=draw(st.sampled_from([0, 90, 60 * 26])),
                horizon_days=draw(st.sampled_from([1, 3, 60])),
                most_per_day=draw(st.sampled_from([None, 1, 2])),
            )
        if draw(st.integers(0, 3)) == 0:
            make_exception(doctor, starts_at=NOW, ends_at=NOW + draw(st.integers(1, 60)) * HOUR)


def consent(draw: st.DrawFn, doctor: Doctor, provider: InsuranceProvider) -> None:
    pair = {"doctor": doctor, "insurance_provider": provider}
    kind = draw(st.sampled_from(["all", "all", "all", "hours", "profile", "ended", "withdrawn"]))
    if kind == "withdrawn":
        make_withdrawn_consent(**pair)
    elif kind == "ended":
        make_consent(**pair, expires_at=NOW)
    elif kind == "hours":
        make_consent(**pair, data_classes=[DataClass.AVAILABILITY])
    elif kind == "profile":
        make_consent(**pair, data_classes=[DataClass.PROFILE])
    else:
        make_consent(**pair)


def hours(draw: st.DrawFn, doctor: Doctor, number: int) -> None:
    on_the_map = draw(st.booleans())
    place = make_location(
        doctor,
        city=draw(st.sampled_from(CITIES)),
        timezone=draw(st.sampled_from(["Asia/Kolkata", "Asia/Kolkata", "America/New_York"])),
        is_active=draw(st.integers(0, 5)) > 0,
        latitude=draw(st.integers(120, 130)) / 10 if on_the_map else None,
        longitude=draw(st.integers(770, 780)) / 10 if on_the_map else None,
    )
    opens = draw(st.integers(0, 9)) + 12 * number
    minutes = draw(st.sampled_from([20, 30, 45]))
    for weekday in draw(st.sets(st.integers(0, 2), min_size=1)):
        make_window(
            doctor,
            place,
            day_of_week=weekday,
            start_time=time(opens, draw(st.sampled_from([0, 5, 7]))),
            end_time=time(opens + 2, 30),
            slot_duration_minutes=minutes,
            capacity=draw(st.integers(1, 2)),
            mode=draw(st.sampled_from(Mode.values)),
        )


def bookings(draw: st.DrawFn, doctor: Doctor, provider: InsuranceProvider) -> None:
    free = diary.free_slots(doctor=doctor, starts_at=NOW, ends_at=NOW + 3 * DAY, at=NOW)
    busy_until = NOW
    for slot in free[: draw(st.integers(0, 12))]:
        # At two places, hours of different zones may lie over each other.
        if slot.starts_at >= busy_until and draw(st.booleans()):
            busy_until = slot.ends_at
            make_appointment(
                doctor,
                provider,
                DoctorLocation.objects.get(pk=slot.location_id),
                appointment_time=slot.starts_at,
                ends_at=slot.ends_at,
                lane=slot.free_lanes[0],
                capacity=slot.capacity,
                status=draw(st.sampled_from(["BOOKED", "BOOKED", "HELD", "CANCELLED"])),
            )


@st.composite
def questions(draw: st.DrawFn) -> tuple[Wanted, datetime, int]:
    starts_at = NOW + draw(st.integers(-60, 72 * 60)) * timedelta(minutes=1)
    near = Near(12.5, 77.5, draw(st.sampled_from([5.0, 30.0, 60.0])))
    wanted = Wanted(
        starts_at,
        starts_at + draw(st.integers(1, 9 * 24)) * HOUR,
        specialization=draw(st.sampled_from([None, *SPECIALIZATIONS])),
        city=draw(st.sampled_from([None, "bengaluru", "Mysuru"])),
        near=draw(st.sampled_from([None, near])),
        mode=draw(st.sampled_from([None, *Mode.values])),
        per_doctor=draw(st.integers(1, 3)),
    )
    at = NOW + draw(st.integers(0, 600)) * timedelta(minutes=1)
    return wanted, at, draw(st.integers(1, 8))


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # Shrinking such worlds takes minutes.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_it_answers_as_everybodys_free_slots_in_one_list(db: None, data: st.DataObject) -> None:
    with undone_afterwards():
        provider = make_provider()
        data.draw(st.composite(lambda draw: populate(draw, provider))())
        build()
        few, walk = data.draw(st.sampled_from([(0, 1), (2, 3), (500, 2_000)]))
        with (
            patch("scheduling.openings.candidates._FEW", few),
            patch("scheduling.openings.candidates._FEW_NEAR", few),
            patch("scheduling.openings.candidates._FIRST_WALK", walk),
            patch("scheduling.openings.search._SPARE", data.draw(st.integers(0, 3))),
        ):
            for wanted, at, limit in data.draw(st.lists(questions(), min_size=3, max_size=6)):
                answer = found(provider, wanted, at=at, limit=limit)

                assert answer == slowly(provider, wanted, at, limit)


# ---- examples


def test_the_earliest_slots_come_in_the_order_of_start_and_then_of_doctor() -> None:
    provider = make_provider()
    doctors = sorted((make_doctor() for _ in range(3)), key=lambda doctor: doctor.pk)
    places = [opened(doctor, provider).pk for doctor in doctors]
    build()

    answer = found(provider, limit=2)

    assert answer == [
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

    assert during == [(TUESDAY_AT_9 + timedelta(minutes=15), doctor.pk, place.pk)]
    assert afterwards == [(TUESDAY_AT_9, doctor.pk, place.pk)]


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


def test_two_statements_answer_when_there_are_doctors_enough() -> None:
    provider = make_provider()
    for _ in range(4):
        opened(make_doctor(), provider)
    build()

    with (
        patch("scheduling.openings.search._SPARE", 1),
        CaptureQueriesContext(connection) as queries,
    ):
        found(provider, Wanted(NOW, NOW + 7 * DAY, specialization="general_medicine"), limit=3)

    assert len(queries) == 2


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

    assert first[1] == early.pk


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
