import re
from datetime import timedelta

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains

from registry.models import Doctor, User
from registry.tests.factories import NOW, make_doctor, make_location, make_provider, make_user
from scheduling.models import Appointment, AvailabilityException
from scheduling.tests.factories import make_appointment, make_exception

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
BUTTON = "Mark the rest of today as leave"
MIDNIGHT = NOW + 15 * HOUR


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docport.views.now", lambda: NOW)
    monkeypatch.setattr("scheduling.views.leave.now", lambda: NOW)


@pytest.fixture
def doctor() -> Doctor:
    return make_doctor()


@pytest.fixture
def page(client: Client, doctor: Doctor) -> Client:
    client.force_login(make_user(doctor=doctor))
    return client


def undo(page: Client, shown: bytes) -> None:
    form = re.search(
        r'action="(/leave/[^"]*/remove/)".*?name="next" value="(.*?)"', shown.decode(), re.DOTALL
    )
    assert form
    page.post(form[1], {"next": form[2]})


def test_the_rest_of_today_is_leave_with_one_tap_and_undone_with_another(page: Client) -> None:
    assertContains(page.get("/"), BUTTON)

    shown = page.post("/leave/today/", follow=True)

    row = AvailabilityException.objects.get()
    assert (row.starts_at, row.ends_at, row.location) == (NOW, MIDNIGHT, None)
    assertContains(shown, "Leave saved: Monday 23 November, 9am to midnight.")
    assertContains(shown, "On leave: Monday 23 November, 9am to midnight.")
    assertNotContains(shown, BUTTON)
    undo(page, shown.content)
    assert not AvailabilityException.objects.exists()
    assertContains(page.get("/"), BUTTON)


def test_who_is_booked_today_is_decided_on_first(page: Client, doctor: Doctor) -> None:
    one = make_appointment(doctor, make_provider(name="Acme"), appointment_time=NOW + HOUR)
    asked = page.post("/leave/today/")
    assertContains(asked, "The rest of today as leave")
    assert not AvailabilityException.objects.exists()
    assert page.post("/leave/today/", {"decision-back": "1"}).headers["Location"] == "/"

    decided = {"decision-for": str(one.pk), f"decision-{one.pk}-what": "cancel"}
    shown = page.post("/leave/today/", decided, follow=True)

    assertContains(shown, "1 appointment cancelled; Acme is told within seconds.")
    assertNotContains(shown, "Undo")
    assert Appointment.objects.get().cancel_reason == "doctor_leave"


def test_leave_that_was_joined_with_other_leave_has_no_undo(page: Client, doctor: Doctor) -> None:
    make_exception(doctor, starts_at=NOW + HOUR, ends_at=MIDNIGHT + 24 * HOUR)

    shown = page.post("/leave/today/", follow=True)

    assertContains(shown, "It was joined with your leave on")
    assertNotContains(shown, "Undo")


def test_leave_at_one_place_leaves_the_rest_of_today(page: Client, doctor: Doctor) -> None:
    place = make_location(doctor)
    make_exception(doctor, starts_at=NOW, ends_at=MIDNIGHT, location=place)

    shown = page.get("/")

    assertContains(shown, "9am to midnight, at Jayanagar Clinic.")
    assertContains(shown, BUTTON)


def test_a_refusal_is_said(page: Client, monkeypatch: pytest.MonkeyPatch, doctor: Doctor) -> None:
    make_exception(
        doctor, starts_at=NOW - timedelta(days=365, hours=20), ends_at=NOW + timedelta(minutes=1)
    )

    assertContains(page.post("/leave/today/", follow=True), "Leave lasts a year at most.")


@pytest.mark.parametrize(
    ("permission", "shown"), [("manage_schedule", True), ("manage_appointments", False)]
)
def test_a_receptionist_needs_the_right_to_it(
    client: Client, doctor: Doctor, permission: str, *, shown: bool
) -> None:
    receptionist = make_user(doctor=doctor, role=User.Role.DELEGATE)
    assign_perm(permission, receptionist, doctor)
    client.force_login(receptionist)

    assert (BUTTON in client.get("/").content.decode()) == shown


def test_the_page_still_takes_few_queries(
    page: Client, doctor: Doctor, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_exception(doctor, starts_at=NOW, ends_at=MIDNIGHT, location=make_location(doctor))

    with django_assert_max_num_queries(12):
        page.get("/")
