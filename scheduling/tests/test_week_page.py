import re
from collections import Counter
from datetime import date, time, timedelta

import pytest
from django.test import Client
from pytest_django.asserts import assertContains

from registry.models import Doctor, DoctorLocation
from registry.tests.factories import NOW, make_location, make_provider
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


def test_the_week_shows_how_each_time_stands(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place, end_time=time(10, 15))
    make_window(
        doctor,
        place,
        day_of_week=2,
        start_time=time(9),
        end_time=time(10),
        slot_duration_minutes=30,
        capacity=3,
    )
    booked = make_appointment(doctor, make_provider(name="Arogya"), place)
    make_exception(doctor, starts_at=TUESDAY_AT_9 + QUARTER, ends_at=TUESDAY_AT_9 + 2 * QUARTER)
    make_appointment(
        doctor,
        make_provider(name="Sanjeevani"),
        place,
        status=Appointment.Status.HELD,
        appointment_time=TUESDAY_AT_9 + 2 * QUARTER,
        hold_expires_at=NOW + QUARTER,
    )
    for lane in range(2):
        make_appointment(
            doctor,
            make_provider(name="Arogya"),
            place,
            appointment_time=TUESDAY_AT_9 + timedelta(days=1),
            ends_at=TUESDAY_AT_9 + timedelta(days=1, minutes=30),
            lane=lane,
            capacity=3,
        )

    response = page.get(WEEK)

    assertContains(response, "<h1>Week of 23 to 29 November 2026</h1>")
    assertContains(response, "India Standard Time")
    cells = [
        "Tuesday 24 November, 9am: booked, Arogya",
        "Tuesday 24 November, 9:15am: on leave",
        "Tuesday 24 November, 9:30am: held until 9:15am",
        "Tuesday 24 November, 9:45am: free",
        "Wednesday 25 November, 9am: 2 of 3 booked, Arogya, Arogya",
        "Wednesday 25 November, 9:15am: 2 of 3 booked, Arogya, Arogya since 9am",
        "Wednesday 25 November, 10am: outside your hours",
        "Monday 23 November, 9am: outside your hours",
    ]
    for cell in cells:
        assertContains(response, cell, 1)
    assertContains(response, f'href="/appointments/{booked.pk}/"')
    assertContains(response, 'href="/leave/add/?date=2026-11-24&amp;from=09:45&amp;to=10:00"')
    assertContains(response, f'href="/calendar/2026-11-24/why/?time=09:15&amp;place={place.pk}"', 1)
    assertContains(response, 'href="/calendar/2026-11-23/why/?time=09:00"', 1)
    assertContains(response, "Token", 4)
    assertContains(response, "1 booked, 2 free")
    assertContains(response, "2 booked, 4 free")
    assertContains(response, "?week=2026-11-16")
    assertContains(response, "?week=2026-11-30")


def links_of_the_week(page: Client) -> Counter[str]:
    return Counter(re.findall(r'href="(/appointments/[^"]*)"', page.get(WEEK).text))


def test_the_week_shows_who_comes_after_the_hours_have_changed(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    booked = make_appointment(
        doctor,
        make_provider(name="Arogya"),
        place,
        appointment_time=TUESDAY_AT_9 + 4 * QUARTER,
        ends_at=TUESDAY_AT_9 + 6 * QUARTER,
    )
    make_window(doctor, place, end_time=time(12), slot_duration_minutes=45)

    assertContains(page.get(WEEK), "Tuesday 24 November, 10am: booked, Arogya", 1)
    assert links_of_the_week(page) == {f"/appointments/{booked.pk}/": 1}


def test_the_week_shows_who_comes_to_a_place_that_the_hours_have_left(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    booked = make_appointment(doctor, make_provider(name="Arogya"), place)
    make_window(doctor, make_location(doctor, name="A new clinic"))

    assertContains(page.get(WEEK), "Tuesday 24 November, 9am: booked, Arogya", 1)
    assert links_of_the_week(page) == {f"/appointments/{booked.pk}/": 1}
    assertContains(page.get(TUESDAY), 'id="at-0900"', 1)


def test_every_booked_appointment_has_a_link_of_its_own(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    elsewhere = make_location(doctor, name="A new clinic")
    make_window(doctor, elsewhere, capacity=3, end_time=time(10))
    where = [place, elsewhere, elsewhere]
    start = [TUESDAY_AT_9 + 8 * QUARTER, TUESDAY_AT_9, TUESDAY_AT_9]
    booked = [
        make_appointment(
            doctor,
            make_provider(),
            where[lane],
            appointment_time=start[lane],
            lane=lane,
            capacity=3,
            external_appointment_id=f"A-{lane}",
        )
        for lane in range(3)
    ]
    late = make_appointment(
        doctor,
        make_provider(),
        place,
        appointment_time=start[0] + QUARTER / 3,
        lane=3,
        capacity=4,
    )

    assert links_of_the_week(page) == {f"/appointments/{one.pk}/": 1 for one in [*booked, late]}
    assertContains(page.get(WEEK), "9am: 2 of 3 booked", 1)
    assertContains(page.get(WEEK), f"9am: {booked[1].insurance_provider}, A-1", 1)


def test_the_week_says_what_is_past_and_what_is_too_far(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place, end_time=time(10))
    place.is_active = False
    place.save()

    assertContains(page.get(WEEK), "Tuesday 24 November, 9am: place not in use")
    place.is_active = True
    place.save()
    assertContains(page.get(WEEK, {"week": "2026-11-18"}), "Tuesday 17 November, 9am: past")
    assertContains(
        page.get(WEEK, {"week": "2027-02-02"}),
        "Tuesday 2 February, 9am: not open for booking yet",
    )


def test_an_empty_week_says_what_to_do(page: Client) -> None:
    assertContains(page.get(WEEK), "Set weekly hours")
    assertContains(page.get(WEEK, {"week": "2026-12-28"}), "Week of 28 December to 3 January 2027")


@pytest.mark.parametrize("asked", ["soon", "", "2026-02-30"])
def test_a_week_that_is_none_is_this_one(page: Client, asked: str) -> None:
    assertContains(page.get(WEEK, {"week": asked}), "Week of 23 to 29 November 2026")


@pytest.mark.parametrize("asked", ["0001-01-01", "2000-01-01", "2199-12-31", "9999-12-31"])
def test_a_week_far_from_now_is_not_found(page: Client, asked: str) -> None:
    assert page.get(WEEK, {"week": asked}).status_code == 404


def test_the_list_of_days_says_why_a_day_has_nothing_free(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place, day_of_week=1, valid_from=date(2026, 11, 1))
    make_exception(
        doctor,
        starts_at=TUESDAY_AT_9 - timedelta(hours=9),
        ends_at=TUESDAY_AT_9 + timedelta(days=1),
    )

    this_week = page.get(WEEK).context["days"]
    last_week = page.get(f"{WEEK}?week=2026-11-16").context["days"]

    assert [day.summary for day in this_week][:2] == ["nothing open", "on leave"]
    assert [day.summary for day in last_week][:2] == ["nothing open", "past"]
    assert not any(day.is_open for day in [*this_week, *last_week])


def test_the_table_waits_below_the_days_and_can_be_skipped(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)

    html = page.get(WEEK).text

    assert html.index('id="days-title"') < html.index('id="all-week"') < html.index("<table")
    assert 'href="#all-week"' in html
    assert 'href="#after-grid"' in html
    assert 'aria-current="date"' in html
