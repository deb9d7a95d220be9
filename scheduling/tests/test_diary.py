from datetime import UTC, date, datetime, time, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from registry.models import Doctor, DoctorLocation
from registry.tests.factories import NOW, make_doctor, make_location, make_provider
from scheduling import diary, slots
from scheduling.models import Appointment
from scheduling.slots import Reason
from scheduling.tests.factories import (
    TUESDAY_AT_9,
    make_appointment,
    make_exception,
    make_window,
)

pytestmark = pytest.mark.django_db
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)


@pytest.fixture
def doctor() -> Doctor:
    return make_doctor()


@pytest.fixture
def place(doctor: Doctor) -> DoctorLocation:
    return make_location(doctor)


def free_starts(doctor: Doctor, **given: DoctorLocation) -> list[datetime]:
    found = diary.free_slots(
        doctor=doctor, starts_at=TUESDAY_AT_9, ends_at=TUESDAY_AT_9 + DAY, at=NOW, **given
    )
    return [slot.starts_at for slot in found]


def test_rows_become_slots(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, end_time=time(10, 30))
    make_window(doctor, place, is_active=False, start_time=time(20), end_time=time(21))
    make_exception(doctor, ends_at=TUESDAY_AT_9 + QUARTER)
    make_exception(
        doctor,
        kind="EXTRA",
        location=place,
        starts_at=TUESDAY_AT_9 + 10 * QUARTER,
        ends_at=TUESDAY_AT_9 + 11 * QUARTER,
    )
    provider = make_provider()
    make_appointment(doctor, provider, place, appointment_time=TUESDAY_AT_9 + QUARTER)
    make_appointment(
        doctor,
        provider,
        place,
        status=Appointment.Status.CANCELLED,
        appointment_time=TUESDAY_AT_9 + 2 * QUARTER,
    )

    assert free_starts(doctor) == [TUESDAY_AT_9 + count * QUARTER for count in (2, 3, 4, 5, 10)]


def test_a_hold_counts_until_it_runs_out(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, end_time=time(9, 30))
    held = make_appointment(doctor, make_provider(), place, status=Appointment.Status.HELD)

    assert free_starts(doctor) == [TUESDAY_AT_9 + QUARTER]
    held.hold_expires_at = NOW
    held.save()
    assert free_starts(doctor) == [TUESDAY_AT_9, TUESDAY_AT_9 + QUARTER]


def test_one_place_can_be_asked_for(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, end_time=time(9, 15))
    other = make_location(doctor)
    make_window(doctor, other, start_time=time(17), end_time=time(17, 15))

    assert free_starts(doctor, location=other) == [TUESDAY_AT_9 + timedelta(hours=8)]
    assert diary.why_not_free(
        doctor=doctor, starts_at=TUESDAY_AT_9, at=NOW, location=other, mode="TELE"
    ) == (Reason.OUTSIDE_HOURS,)


def test_an_empty_answer_says_why(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, end_time=time(9, 30))
    make_exception(doctor, ends_at=TUESDAY_AT_9 + QUARTER)
    make_appointment(doctor, make_provider(), place, appointment_time=TUESDAY_AT_9 + QUARTER)

    found = diary.slots_between(
        doctor=doctor, starts_at=TUESDAY_AT_9, ends_at=TUESDAY_AT_9 + DAY, at=NOW
    )

    assert diary.why_empty(found) == [Reason.ON_LEAVE, Reason.TAKEN]
    assert diary.why_empty([]) == [Reason.OUTSIDE_HOURS]


def test_extra_hours_at_a_place_that_is_not_in_use_are_closed(doctor: Doctor) -> None:
    make_exception(doctor, kind="EXTRA", location=make_location(doctor, is_active=False))

    reasons = diary.why_not_free(doctor=doctor, starts_at=TUESDAY_AT_9, at=NOW)

    assert reasons == (Reason.PLACE_CLOSED,)


def test_the_next_free_slots_are_found_weeks_ahead(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, end_time=time(9, 30))
    make_exception(doctor, ends_at=TUESDAY_AT_9 + 20 * DAY)

    found = diary.next_free(doctor=doctor, after=TUESDAY_AT_9, at=NOW, limit=3)

    third_week = TUESDAY_AT_9 + 21 * DAY
    assert [slot.starts_at for slot in found] == [
        third_week,
        third_week + QUARTER,
        third_week + 7 * DAY,
    ]
    assert diary.next_free(doctor=doctor, after=NOW + 90 * DAY, at=NOW, limit=3) == found
    assert diary.next_free(doctor=doctor, after=NOW - 90 * DAY, at=NOW, limit=3) == found
    assert not diary.next_free(doctor=doctor, after=NOW, at=NOW, mode="TELE")
    assert not diary.next_free(doctor=doctor, after=NOW, at=NOW, location=make_location(doctor))


def test_answers_take_one_query(
    doctor: Doctor, place: DoctorLocation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for weekday in range(7):
        make_window(doctor, place, day_of_week=weekday)
    for count in range(5):
        make_exception(
            doctor,
            starts_at=TUESDAY_AT_9 + count * DAY,
            ends_at=TUESDAY_AT_9 + count * DAY + QUARTER,
        )
        make_appointment(
            doctor, make_provider(), place, appointment_time=TUESDAY_AT_9 + count * QUARTER
        )

    with django_assert_num_queries(1):
        diary.free_slots(doctor=doctor, starts_at=NOW, ends_at=NOW + 31 * DAY, at=NOW)
    with django_assert_num_queries(1):
        diary.why_not_free(doctor=doctor, starts_at=TUESDAY_AT_9, at=NOW)
    with django_assert_num_queries(1):
        diary.next_free(doctor=doctor, after=NOW, at=NOW)
    with django_assert_num_queries(2):
        diary.next_free(doctor=doctor, after=NOW, at=NOW, limit=900)
    with django_assert_num_queries(3):
        diary.entries(doctor=doctor, first=NOW.date(), last=NOW.date() + 6 * DAY, at=NOW)


def test_senseless_questions_reach_no_row(
    doctor: Doctor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        with pytest.raises(slots.BadRange):
            diary.free_slots(doctor=doctor, starts_at=NOW, ends_at=NOW + 3650 * DAY, at=NOW)
        with pytest.raises(slots.BadRange):
            diary.why_not_free(doctor=doctor, starts_at=datetime.max.replace(tzinfo=UTC), at=NOW)
        with pytest.raises(slots.BadRange):
            diary.entries(doctor=doctor, first=date.min, last=date.min, at=NOW)
