from datetime import date, time, timedelta

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from registry.models import Doctor, DoctorLocation
from registry.tests.factories import make_location, make_provider
from scheduling.models import Appointment
from scheduling.tests.factories import (
    TUESDAY_AT_9,
    make_appointment,
    make_exception,
    make_window,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

WEEK = "/calendar/"
TUESDAY = "/calendar/2026-11-24/"
QUARTER = timedelta(minutes=15)


@pytest.mark.parametrize(
    "address", ["/calendar/2026-02-30/", "/calendar/9999-12-31/", "/calendar/0001-01-01/"]
)
def test_a_day_that_is_none_is_not_found(page: Client, address: str) -> None:
    assert page.get(address).status_code == 404


def test_the_day_lists_times_and_who_comes(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place, end_time=time(9, 30), capacity=2)
    provider = make_provider(name="Arogya")
    booked = make_appointment(
        doctor, provider, place, external_appointment_id="A-77", capacity=2, token_number=1
    )
    outside = make_appointment(
        doctor,
        provider,
        place,
        external_appointment_id="A-78",
        appointment_time=TUESDAY_AT_9 + timedelta(hours=8),
    )
    cancelled = make_appointment(doctor, provider, place, status=Appointment.Status.CANCELLED)

    response = page.get(TUESDAY)

    assertContains(response, "<h1>Tuesday 24 November 2026</h1>")
    assertContains(response, 'id="at-0900"')
    assertContains(response, "9am to 9:15am")
    assertContains(response, "1 of 2 places free")
    assertContains(response, "Arogya, A-77")
    assertContains(response, "Outside your hours now")
    for one in (booked, outside, cancelled):
        assertContains(response, f"/appointments/{one.pk}/")
    assertContains(response, "The patient asked")
    assertNotContains(response, "patient-7731")


def test_times_are_those_of_each_place(page: Client, doctor: Doctor, place: DoctorLocation) -> None:
    dubai = make_location(doctor, name="Dubai", timezone="Asia/Dubai")
    make_window(doctor, place, end_time=time(9, 15))
    make_window(doctor, dubai, start_time=time(23, 45), end_time=time(0))
    booked = make_appointment(doctor, make_provider(), dubai, appointment_time=TUESDAY_AT_9)

    response = page.get(TUESDAY)

    assertContains(response, "Asia/Dubai time and India Standard Time")
    assertContains(response, "11:45pm to midnight")
    assertContains(response, "7:30am to 7:45am")
    assert booked.local_time.date() == date(2026, 11, 24)
    assertContains(response, '<span class="hint">Dubai</span>', 2)


def test_times_in_a_row_are_one_line_of_the_day(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place, end_time=time(11))
    make_window(doctor, place, start_time=time(11, 30), end_time=time(12))
    make_appointment(doctor, make_provider(), place, appointment_time=TUESDAY_AT_9 + 2 * QUARTER)
    make_exception(doctor, starts_at=TUESDAY_AT_9 + 4 * QUARTER, ends_at=TUESDAY_AT_9 + 6 * QUARTER)

    lines = page.get(TUESDAY).context["lines"]

    assert [(line.hours, line.state, line.remarks) for line in lines if not line.appointments] == [
        ("9am to 9:30am", "free", ("2 times of 15 minutes",)),
        ("9:45am to 10am", "free", ()),
        ("10am to 10:30am", "on leave", ("2 times of 15 minutes",)),
        ("10:30am to 11am", "free", ("2 times of 15 minutes",)),
        ("11:30am to noon", "free", ("2 times of 15 minutes",)),
    ]
    assert [bool(line.leave) for line in lines] == [True, False, True, False, True, True]
    assert [bool(line.why) for line in lines] == [False, False, False, True, False, False]
    assert lines[0].leave == "/leave/add/?date=2026-11-24&from=09:00&to=09:30"


def test_several_patients_of_a_time_show_how_many_more_can_come(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place, end_time=time(9, 45), capacity=3)
    make_appointment(
        doctor, make_provider(), place, capacity=3, lane=1, status=Appointment.Status.HELD
    )

    first, rest = page.get(TUESDAY).context["lines"]

    assert (first.state, first.remarks) == (
        "free",
        ("2 of 3 places free", "1 place held until 9:05am"),
    )
    assert rest.remarks == ("2 times of 15 minutes", "6 of 6 places free")


def test_extra_hours_are_marked_and_lead_to_themselves(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    elsewhere = make_location(doctor, name="Elsewhere")
    make_window(doctor, elsewhere, end_time=time(9, 15))
    extra = make_exception(
        doctor,
        kind="EXTRA",
        location=place,
        starts_at=TUESDAY_AT_9 + 4 * QUARTER,
        ends_at=TUESDAY_AT_9 + 6 * QUARTER,
    )
    make_appointment(doctor, make_provider(), place, appointment_time=TUESDAY_AT_9 + 5 * QUARTER)

    day, week = page.get(TUESDAY), page.get(WEEK)

    assert [(line.state.split(",")[0], line.remarks) for line in day.context["lines"]] == [
        ("free", ()),
        ("free", ()),
        ("booked", ("Extra hours",)),
    ]
    assertContains(day, "Free, extra hours", 1)
    assertContains(week, "Tuesday 24 November, 10am: free, extra hours", 1)
    assertContains(week, 'class="open extra"', 1)
    for page_shown in (day, week):
        assertContains(page_shown, f"/leave/{extra.pk}/")
        assertContains(page_shown, "Extra hours: Tuesday 24 November, 10am to 10:30am")


def test_leave_is_listed_with_the_days_it_lasts_over(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    leave = make_exception(
        doctor,
        location=place,
        starts_at=TUESDAY_AT_9 + timedelta(days=-2),
        ends_at=TUESDAY_AT_9 + timedelta(days=1),
        reason="Wedding of a cousin",
    )
    over = make_exception(
        doctor,
        starts_at=TUESDAY_AT_9 - timedelta(hours=12),
        ends_at=TUESDAY_AT_9 - timedelta(hours=9),
    )

    answer = page.get(TUESDAY)

    assertContains(answer, f"/leave/{leave.pk}/")
    assertNotContains(answer, f"/leave/{over.pk}/")
    assertNotContains(answer, "Wedding")
    assertContains(answer, "/leave/add/?date=2026-11-24")
    assertContains(answer, "/leave/extra/?date=2026-11-24")


def test_who_comes_in_spite_of_leave_or_a_closed_place_is_marked(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place, end_time=time(9, 15))
    make_appointment(doctor, make_provider(), place)
    leave = make_exception(doctor)

    assertContains(page.get(TUESDAY), "You are on leave then")
    leave.delete()
    DoctorLocation.objects.update(is_active=False)
    answer = page.get(TUESDAY)
    assertContains(answer, "Place not in use now")
    assertContains(answer, "Why?")
