import re
from collections import Counter
from datetime import date, time, timedelta

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains

from registry.models import Doctor, DoctorLocation, User
from registry.tests.factories import NOW, make_doctor, make_location, make_provider, make_user
from scheduling.models import Appointment, BookingRules
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


@pytest.mark.parametrize("address", [WEEK, TUESDAY])
def test_a_stranger_signs_in_first(client: Client, address: str) -> None:
    assert client.get(address)["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("address", [WEEK, TUESDAY])
def test_a_receptionist_needs_the_right_to_it(client: Client, doctor: Doctor, address: str) -> None:
    receptionist = make_user(doctor=doctor, role=User.Role.DELEGATE)
    client.force_login(receptionist)
    assert client.get(address).status_code == 404

    assign_perm("manage_appointments", receptionist, doctor)
    assert client.get(address).status_code == 200


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


@pytest.mark.parametrize(
    "address", ["/calendar/2026-02-30/", "/calendar/9999-12-31/", "/calendar/0001-01-01/"]
)
def test_a_day_that_is_none_is_not_found(page: Client, address: str) -> None:
    assert page.get(address).status_code == 404


def test_the_pages_take_few_queries(
    page: Client,
    doctor: Doctor,
    place: DoctorLocation,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    other = make_location(doctor)
    for weekday in range(7):
        make_window(doctor, place, day_of_week=weekday)
        make_window(doctor, other, day_of_week=weekday, start_time=time(17), end_time=time(20))
    for count in range(10):
        make_appointment(
            doctor, make_provider(), place, appointment_time=TUESDAY_AT_9 + count * QUARTER
        )

    with django_assert_max_num_queries(8):
        page.get(WEEK)
    with django_assert_max_num_queries(10):
        page.get(TUESDAY)


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


def test_another_doctors_day_stays_his(page: Client, place: DoctorLocation) -> None:
    other = make_doctor()
    make_window(other)
    make_appointment(other, make_provider(name="Arogya"))

    assertNotContains(page.get(TUESDAY), "Arogya")
    assertContains(page.get(TUESDAY), "No hours and no appointments on this day")


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


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"lead_time_minutes": 48 * 60}, "too soon to book"),
        ({"most_per_day": 1}, "day full"),
    ],
)
def test_booking_rules_are_told(
    page: Client, doctor: Doctor, place: DoctorLocation, rules: dict[str, int], said: str
) -> None:
    make_window(doctor, place)
    make_appointment(doctor, make_provider(), place)
    BookingRules.objects.create(doctor=doctor, **rules)

    assertContains(page.get(WEEK), f"Tuesday 24 November, 9:15am: {said}", 1)
    assertContains(page.get(TUESDAY), said.capitalize())


def test_who_keeps_no_hours_gets_no_way_to_them(
    client: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)
    leave = make_exception(doctor)
    receptionist = make_user(doctor=doctor, role=User.Role.DELEGATE)
    assign_perm("manage_appointments", receptionist, doctor)
    client.force_login(receptionist)

    for address in (WEEK, TUESDAY, "/calendar/2026-11-25/", "/calendar/?week=2026-01-05"):
        answer = client.get(address)
        for way in ("/leave/add/", "/leave/extra/", f"/leave/{leave.pk}/"):
            assertNotContains(answer, way)
        assertNotContains(answer, 'class="btn" href="/hours/')
    assertContains(client.get(WEEK), 'href="/calendar/2026-11-24/#at-1000"')


def test_the_table_waits_below_the_days_and_can_be_skipped(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)

    html = page.get(WEEK).text

    assert html.index('id="days-title"') < html.index('id="all-week"') < html.index("<table")
    assert 'href="#all-week"' in html
    assert 'href="#after-grid"' in html
    assert 'aria-current="date"' in html
