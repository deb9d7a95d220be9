from datetime import time, timedelta

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains

from registry.models import Doctor, DoctorLocation, User
from registry.tests.factories import make_doctor, make_location, make_provider, make_user
from scheduling.models import BookingRules
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


def test_another_doctors_day_stays_his(page: Client, place: DoctorLocation) -> None:
    other = make_doctor()
    make_window(other)
    make_appointment(other, make_provider(name="Arogya"))

    assertNotContains(page.get(TUESDAY), "Arogya")
    assertContains(page.get(TUESDAY), "No hours and no appointments on this day")


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
