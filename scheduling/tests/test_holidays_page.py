import re
from datetime import timedelta

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains

from registry.models import Doctor, DoctorLocation, User
from registry.tests.factories import make_doctor, make_location, make_provider, make_user
from scheduling.models import AvailabilityException
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_exception, make_window

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]
HOLIDAYS = "/leave/holidays/"
DAY = timedelta(days=1)
# Christmas is a Friday, Republic Day a Tuesday.
CHRISTMAS, REPUBLIC_DAY = "2026-12-25_", "2027-01-26_"


@pytest.fixture
def place() -> DoctorLocation:
    place = make_location(make_doctor())
    for weekday in (1, 4):
        make_window(place.doctor, place, day_of_week=weekday)
    return place


@pytest.fixture
def page(client: Client, place: DoctorLocation) -> Client:
    client.force_login(make_user(doctor=place.doctor))
    return client


def taken() -> list[tuple[str, str]]:
    rows = AvailabilityException.objects.order_by("starts_at")
    return [(f"{row.ends_at:%Y-%m-%d}", row.reason) for row in rows]


def test_a_stranger_signs_in_first(client: Client) -> None:
    assert client.get(HOLIDAYS)["Location"].startswith("/accounts/login/")


def test_a_receptionist_needs_the_right_to_it(client: Client, place: DoctorLocation) -> None:
    receptionist = make_user(doctor=place.doctor, role=User.Role.DELEGATE)
    client.force_login(receptionist)
    assert client.get(HOLIDAYS).status_code == 404
    assert client.post(HOLIDAYS, {"days": [CHRISTMAS]}).status_code == 404

    assign_perm("manage_schedule", receptionist, place.doctor)
    assert client.get(HOLIDAYS).status_code == 200


def test_a_year_of_holidays_is_suggested_and_none_is_ticked(
    page: Client, place: DoctorLocation, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(9):
        response = page.get(HOLIDAYS)

    assertContains(response, "Public holidays of Karnataka in the next 12 months")
    assertContains(response, "Friday 25 December 2026: Christmas")
    assertContains(response, "Tuesday 26 January 2027: Republic Day")
    assertNotContains(response, " checked")


def test_each_place_has_its_own_holidays(page: Client, place: DoctorLocation) -> None:
    abroad = make_location(place.doctor, name="Doha", timezone="Asia/Dubai", state="KL")
    make_window(place.doctor, abroad, day_of_week=2)

    response = page.get(HOLIDAYS)

    assertContains(response, "Public holidays of Karnataka and Kerala")
    assertContains(response, "Republic Day, at Jayanagar Clinic")


def test_without_hours_or_places_the_page_says_so(client: Client) -> None:
    doctor = make_doctor()
    client.force_login(make_user(doctor=doctor))
    assertContains(client.get(HOLIDAYS), "Add a place first.")

    make_location(doctor)
    assertContains(client.get(HOLIDAYS), "You have no hours on the public holidays of Karnataka")


def test_chosen_holidays_become_leave(page: Client) -> None:
    response = page.post(HOLIDAYS, {"days": [CHRISTMAS, REPUBLIC_DAY]}, follow=True)

    assertContains(
        response,
        "Holidays saved as leave: Christmas (Friday 25 December), "
        "Republic Day (Tuesday 26 January).",
    )
    assert taken() == [("2026-12-25", "Christmas"), ("2027-01-26", "Republic Day")]
    assertNotContains(page.get(HOLIDAYS), "Republic Day")


def test_no_choice_and_an_unknown_one_are_named(page: Client) -> None:
    assertContains(page.post(HOLIDAYS), "Tick the holidays on which you are away", status_code=422)
    unknown = page.post(HOLIDAYS, {"days": ["2026-12-24_"]})
    assertContains(unknown, "Select a valid choice", status_code=422)
    assert taken() == []


def test_holidays_with_appointments_are_decided_on_and_the_others_saved(
    page: Client, place: DoctorLocation
) -> None:
    one = make_appointment(
        place.doctor,
        make_provider(name="Acme"),
        place,
        appointment_time=TUESDAY_AT_9 + 63 * DAY,
    )

    asked = page.post(HOLIDAYS, {"days": [CHRISTMAS, REPUBLIC_DAY]})

    assertContains(asked, "Holidays saved as leave: Christmas (Friday 25 December).")
    assertContains(asked, "Leave on Republic Day (Tuesday 26 January)")
    sent = dict(re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', asked.content.decode()))
    assert (sent["days"], sent["decision-for"]) == (REPUBLIC_DAY, str(one.pk))
    assert taken() == [("2026-12-25", "Christmas")]
    back = page.post(HOLIDAYS, sent | {"decision-back": "1"})
    assertContains(back, " checked", 1)

    page.post(HOLIDAYS, sent | {f"decision-{one.pk}-what": "cancel"})
    one.refresh_from_db()
    assert one.cancel_reason == "doctor_leave"
    assert len(taken()) == 2


def test_a_refused_holiday_is_said(page: Client, place: DoctorLocation) -> None:
    doctor: Doctor = place.doctor
    make_exception(doctor, starts_at=TUESDAY_AT_9 - 320 * DAY, ends_at=TUESDAY_AT_9 + 63 * DAY)

    response = page.post(HOLIDAYS, {"days": [REPUBLIC_DAY]}, follow=True)

    assertContains(response, "Republic Day: Leave lasts a year at most.")
