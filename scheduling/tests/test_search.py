"""The search across doctors, against the slow way: everybody's free slots in one list."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from itertools import islice
from math import asin, cos, radians, sin, sqrt
from typing import Any
from unittest.mock import patch

import pytest
from django.db import transaction
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
from scheduling import diary
from scheduling.models import BookingRules, Mode
from scheduling.openings import Found, Near, Wanted
from scheduling.tests.factories import make_appointment, make_exception, make_window
from scheduling.tests.searching import build, found

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SPECIALIZATIONS = ["cardiology", "dentistry"]
CITIES = ["Bengaluru", "Mysuru"]
ONE_IN_FOUR = st.sampled_from([False, False, False, True])

pytestmark = pytest.mark.django_db


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


def slowly(provider: InsuranceProvider, wanted: Wanted, at: datetime, limit: int) -> list[Found]:
    classes = [DataClass.AVAILABILITY, *([DataClass.PROFILE] if wanted.asks_for_profile else [])]
    lines: list[Found] = []
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
            Found(
                doctor.pk,
                slot.location_id,
                slot.mode,
                slot.starts_at,
                slot.ends_at,
                slot.capacity,
                slot.free,
            )
            for slot in free
            if slot.location_id in places and wanted.mode in {None, slot.mode}
        )
        lines += islice(mine, wanted.per_doctor)
    return sorted(lines, key=lambda one: (one.starts_at, one.doctor_id, one.location_id))[:limit]


# ---- a small world, and any question about it


@contextmanager
def undone_afterwards() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def populate(draw: st.DrawFn, provider: InsuranceProvider) -> None:
    for _ in range(draw(st.integers(4, 8))):
        doctor = make_doctor(specialization=draw(st.sampled_from(SPECIALIZATIONS)))
        consent(draw, doctor, provider)
        for number in range(draw(st.integers(1, 2))):
            hours(draw, doctor, number)
        bookings(draw, doctor, provider)
        if draw(ONE_IN_FOUR):
            BookingRules.objects.create(
                doctor=doctor,
                lead_time_minutes=draw(st.sampled_from([0, 90, 60 * 26])),
                horizon_days=draw(st.sampled_from([60, 60, 3, 1])),
                most_per_day=draw(st.sampled_from([None, 1, 2])),
            )
        if draw(ONE_IN_FOUR):
            make_exception(doctor, starts_at=NOW, ends_at=NOW + draw(st.integers(1, 60)) * HOUR)
        if draw(ONE_IN_FOUR):
            registration(draw, doctor)


def consent(draw: st.DrawFn, doctor: Doctor, provider: InsuranceProvider) -> None:
    pair = {"doctor": doctor, "insurance_provider": provider}
    others = ["hours", "profile", "ended", "withdrawn"]
    kind = draw(st.sampled_from(["all"] * 10 + others))
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


def registration(draw: st.DrawFn, doctor: Doctor) -> None:
    make_verified_credential(
        doctor,
        kind=DoctorCredential.Kind.REGISTRATION,
        valid_until=NOW.date() + draw(st.sampled_from([90, 90, 0, 1, 2, 3])) * DAY,
        verified_by=make_admin(),
    )


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
        until = time(opens + 2, 30)
        cut = {"slot_duration_minutes": minutes, **people(draw)}
        start = time(opens, draw(st.sampled_from([0, 5, 7])))
        make_window(doctor, place, day_of_week=weekday, start_time=start, end_time=until, **cut)
        if draw(ONE_IN_FOUR):
            cut = {"slot_duration_minutes": draw(st.sampled_from([20, 25])), **people(draw)}
            end = time(opens + 2, 55)
            make_window(doctor, place, day_of_week=weekday, start_time=until, end_time=end, **cut)
    if draw(ONE_IN_FOUR):
        begins = NOW + (36 * number + draw(st.integers(0, 30))) * HOUR
        cut = {"slot_duration_minutes": draw(st.sampled_from([20, 25])), **people(draw)}
        period = {"starts_at": begins, "ends_at": begins + 2 * HOUR}
        make_exception(doctor, location=place, kind="EXTRA", **period, **cut)


def people(draw: st.DrawFn) -> dict[str, Any]:
    return {"capacity": draw(st.integers(1, 2)), "mode": draw(st.sampled_from(Mode.values))}


def bookings(draw: st.DrawFn, doctor: Doctor, provider: InsuranceProvider) -> None:
    free = diary.free_slots(doctor=doctor, starts_at=NOW, ends_at=NOW + 3 * DAY, at=NOW)
    busy_until = NOW
    # Drawn before: which of two places at one time comes first is left to their ids.
    choices = [(draw(st.booleans()), status(draw)) for _ in range(draw(st.integers(0, 12)))]
    for slot, (is_wanted, how) in zip(free, choices, strict=False):
        # At two places, hours of different zones may lie over each other.
        if is_wanted and slot.starts_at >= busy_until:
            busy_until = slot.ends_at
            make_appointment(
                doctor,
                provider,
                DoctorLocation.objects.get(pk=slot.location_id),
                appointment_time=slot.starts_at,
                ends_at=slot.ends_at,
                lane=slot.free_lanes[0],
                capacity=slot.capacity,
                **how,
            )


def status(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["BOOKED", "BOOKED", "HELD", "CANCELLED"]))
    until = NOW + draw(st.sampled_from([5, 300])) * timedelta(minutes=1)
    return {"status": kind} | ({"hold_expires_at": until} if kind == "HELD" else {})


@st.composite
def questions(draw: st.DrawFn) -> tuple[Wanted, datetime, int]:
    starts_at = NOW + draw(st.integers(-60, 48 * 60)) * timedelta(minutes=1)
    near = Near(12.5, 77.5, draw(st.sampled_from([60.0, 30.0, 5.0])))
    wanted = Wanted(
        starts_at,
        starts_at + draw(st.sampled_from([72, 200, 200, 24])) * HOUR,
        specialization=draw(st.sampled_from([*SPECIALIZATIONS, None])),
        city=draw(st.sampled_from([None, None, "bengaluru", "Mysuru"])),
        near=draw(st.sampled_from([None, None, None, near])),
        mode=draw(st.sampled_from([None, None, None, *Mode.values])),
        per_doctor=draw(st.sampled_from([1, 1, 2, 3])),
    )
    at = NOW + draw(st.integers(0, 600)) * timedelta(minutes=1)
    return wanted, at, draw(st.integers(1, 8))


@settings(
    max_examples=30,
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
        few, walk, days = data.draw(st.sampled_from([(0, 1, 1), (2, 3, 2), (500, 2_000, 8)]))
        with (
            patch("scheduling.openings.candidates._FEW", few),
            patch("scheduling.openings.candidates._FEW_NEAR", few),
            patch("scheduling.openings.candidates._FIRST_WALK", walk),
            patch("scheduling.openings.candidates._DAYS_OF_EACH", days),
            patch("scheduling.openings.search._SPARE", data.draw(st.integers(0, 3))),
        ):
            for wanted, at, limit in data.draw(st.lists(questions(), min_size=6, max_size=12)):
                answer = found(provider, wanted, at=at, limit=limit)

                assert answer == slowly(provider, wanted, at, limit)
