from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains

from consent.tests.factories import make_consent
from registry.models import Doctor, DoctorLocation, User
from registry.tests.factories import (
    make_doctor,
    make_location,
    make_provider,
    make_user,
)
from scheduling.models import AvailabilityException
from scheduling.tests.causes import TUESDAY, titles
from scheduling.tests.factories import (
    TUESDAY_AT_9,
    make_appointment,
    make_exception,
    make_window,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

QUARTER = timedelta(minutes=15)


def test_a_stranger_signs_in_first(client: Client) -> None:
    assert client.get(TUESDAY)["Location"].startswith("/accounts/login/")


def test_a_receptionist_needs_the_right_to_it(client: Client, doctor: Doctor) -> None:
    receptionist = make_user(doctor=doctor, role=User.Role.DELEGATE)
    client.force_login(receptionist)
    assert client.get(TUESDAY).status_code == 404

    assign_perm("manage_appointments", receptionist, doctor)
    assert client.get(TUESDAY).status_code == 200


def test_a_free_time_says_until_when_and_for_how_many(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place, capacity=3)
    make_appointment(doctor, make_provider(), place, capacity=3)
    make_exception(doctor, starts_at=TUESDAY_AT_9 + 6 * QUARTER, ends_at=TUESDAY_AT_9 + 8 * QUARTER)

    answer = page.get(TUESDAY, {"time": "9am"})

    assertContains(answer, "<h1>9am is free</h1>")
    assertContains(answer, "Free without a break until 10:30am.")
    assertContains(answer, "2 of 3 places at 9am can be booked.")
    assertContains(answer, "/leave/add/?date=2026-11-24&amp;from=09:00&amp;to=09:15")


def test_each_place_answers_in_its_own_zone_and_the_free_one_comes_first(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    dubai = make_location(doctor, name="Dubai", timezone="Asia/Dubai")
    make_location(doctor, name="Given up", is_active=False)
    make_window(doctor, dubai)

    answer = page.get(TUESDAY, {"time": "9am"})

    assert [one.case.place for one in answer.context["answers"]] == [dubai, place]
    starts_at = datetime(2026, 11, 24, 9, tzinfo=ZoneInfo("Asia/Dubai"))
    assert answer.context["answers"][0].case.starts_at == starts_at
    assertContains(answer, "<h1>9am is free</h1>")


def test_one_place_can_be_asked_for(page: Client, doctor: Doctor, place: DoctorLocation) -> None:
    closed = make_location(doctor, name="Given up", is_active=False)
    make_window(doctor, place)

    answer = page.get(TUESDAY, {"time": "9am", "place": str(closed.pk)})

    assert [one.case.place for one in answer.context["answers"]] == [closed]
    assertContains(answer, f'<option value="{closed.pk}" selected>')


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"time": ""}, "Enter a time, such as 9am or 17:30."),
        ({"time": "25:61"}, "Enter a time, such as 9am or 17:30."),
        ({"time": "\x00"}, "Enter a time, such as 9am or 17:30."),
        ({"time": "9am", "place": "nonsense"}, "Choose one of your places."),
        ({"time": "9am", "insurer": "no-such-insurer"}, "Choose one of the insurers."),
    ],
)
def test_what_cannot_be_read_is_said_and_kept(
    page: Client, doctor: Doctor, place: DoctorLocation, asked: dict[str, str], said: str
) -> None:
    make_location(doctor)
    make_provider()

    answer = page.get(TUESDAY, asked)

    assertContains(answer, said, status_code=422)
    assertContains(answer, "Error: ", status_code=422)
    assert answer.context["form"].data.dict() == asked


def test_a_time_that_the_clock_skips_does_not_exist(page: Client, doctor: Doctor) -> None:
    make_window(doctor, make_location(doctor, timezone="Europe/London"))

    answer = page.get("/calendar/2027-03-28/why/", {"time": "1:30am"})

    assertContains(
        answer,
        "There is no 1:30am on Sunday 28 March 2027 in Europe/London time",
        status_code=422,
    )
    assertContains(answer, 'value="01:30"', status_code=422)


def test_a_time_that_only_one_clock_skips_is_asked_of_the_others(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_location(doctor, timezone="Europe/London")

    answer = page.get("/calendar/2027-03-28/why/", {"time": "1:30am"})

    assert [one.case.place for one in answer.context["answers"]] == [place]


@pytest.mark.parametrize("day", ["2026-02-30", "0001-01-01", "2000-01-01", "2200-01-01"])
def test_a_day_that_is_none_or_far_from_now_is_not_found(
    page: Client, place: DoctorLocation, day: str
) -> None:
    assert page.get(f"/calendar/{day}/why/", {"time": "9am"}).status_code == 404


def test_without_a_time_the_page_asks_for_one(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    other = make_location(doctor, name="Second")

    answer = page.get(TUESDAY, {"place": str(other.pk)})

    assertContains(answer, "<h1>Check a time</h1>")
    assertContains(answer, f'<option value="{other.pk}" selected>')
    assert not answer.context["form"].is_bound


def test_without_a_place_or_an_active_profile_the_page_says_what_is_missing(
    client: Client,
) -> None:
    client.force_login(make_user(doctor=make_doctor(status=Doctor.Status.SUSPENDED)))

    answer = client.get(TUESDAY, {"time": "9am"})

    assertContains(answer, "You have no place yet")
    assertContains(answer, "your profile is not active")


def test_a_receptionist_is_told_who_can_change_it(
    client: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)
    leave = make_exception(doctor)
    booked = make_appointment(doctor, make_provider(), place)
    DoctorLocation.objects.update(is_active=False)
    receptionist = make_user(doctor=doctor, role=User.Role.DELEGATE)
    assign_perm("manage_appointments", receptionist, doctor)
    client.force_login(receptionist)

    answer = client.get(TUESDAY, {"time": "9am"})

    assertContains(answer, "Ask who keeps the hours.")
    assertContains(answer, "Only the doctor can change this.")
    assertNotContains(answer, f"/leave/{leave.pk}/")
    assertContains(answer, f"/appointments/{booked.pk}/")


def test_another_doctors_times_stay_his(page: Client, place: DoctorLocation) -> None:
    other = make_doctor()
    make_window(other)
    make_appointment(other, make_provider(name="Arogya"))
    AvailabilityException.objects.filter(doctor=other).delete()

    answer = page.get(TUESDAY, {"time": "9am"})

    assert titles(answer) == ["It is outside your hours"]


def test_the_reasons_are_two_taps_from_the_calendar(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)
    make_exception(doctor)
    address = f"{TUESDAY}?time=09:00&place={place.pk}"
    shown = address.replace("&", "&amp;")

    assertContains(page.get("/calendar/"), f'href="{shown}"')
    assertContains(page.get("/calendar/"), 'href="/calendar/2026-11-24/"')
    assertContains(page.get("/calendar/2026-11-24/"), f'href="{shown}"')
    assertContains(page.get("/calendar/2026-11-24/"), f'action="{TUESDAY}"')
    assert titles(page.get(address)) == ["You are on leave"]


def test_the_page_takes_few_queries(
    page: Client,
    doctor: Doctor,
    place: DoctorLocation,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for name in ("Second", "Third"):
        make_window(doctor, make_location(doctor, name=name), day_of_week=len(name) % 7)
    make_window(doctor, place, capacity=3)
    provider = make_provider()
    make_consent(doctor=doctor, insurance_provider=provider)
    for lane in range(3):
        make_appointment(doctor, make_provider(), place, lane=lane, capacity=3)
    make_exception(doctor)

    with django_assert_max_num_queries(12):
        answer = page.get(TUESDAY, {"time": "9am", "insurer": provider.slug})

    assert len(answer.context["answers"]) == 3
