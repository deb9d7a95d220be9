"""Open days: kept with every change, for the dates that a doctor's head covers."""

from datetime import date, timedelta

import pytest

from registry.tests.factories import NOW, make_doctor, make_location, make_provider
from scheduling import openings
from scheduling.models import OpenDay, OpenDayHead
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_window

TUESDAY = date(2026, 11, 24)

pytestmark = pytest.mark.django_db


def test_an_open_day_says_when_and_how_much_is_free() -> None:
    doctor = make_doctor()
    place = make_location(doctor)
    make_window(doctor, place)
    make_appointment(doctor, make_provider(), place)

    openings.refresh_all(doctor_id=doctor.pk, at=NOW)

    day = OpenDay.objects.get(local_date=TUESDAY)
    assert day.first_free_at == TUESDAY_AT_9 + timedelta(minutes=15)
    assert day.last_free_at == TUESDAY_AT_9 + timedelta(hours=3, minutes=45)
    assert day.free == 15
    assert (day.step_minutes, day.starts) == (15, 0b111_1111_1111_1111)
    assert (day.specialization, day.city) == ("general_medicine", "BENGALURU")


def test_a_head_covers_yesterday_to_a_week_after_the_horizon() -> None:
    doctor = make_doctor()

    openings.refresh_all(doctor_id=doctor.pk, at=NOW)

    head = OpenDayHead.objects.get(doctor=doctor)
    assert (head.covers_from, head.covers_to) == (date(2026, 11, 22), date(2027, 1, 29))


def test_a_refresh_writes_only_what_differs() -> None:
    doctor = make_doctor()
    place = make_location(doctor)
    make_window(doctor, place)
    openings.refresh_all(doctor_id=doctor.pk, at=NOW)
    make_appointment(doctor, make_provider(), place)

    openings.refresh(doctor_id=doctor.pk, first=TUESDAY, last=TUESDAY)

    assert OpenDay.objects.get(local_date=TUESDAY).free == 15
    assert OpenDay.objects.get(local_date=TUESDAY + timedelta(days=7)).free == 16
