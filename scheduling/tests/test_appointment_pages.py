from uuid import uuid4

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains

from registry import ledger
from registry.models import Doctor, OutboxEvent, User
from registry.tests.factories import NOW, make_doctor, make_location, make_provider, make_user
from scheduling import actions
from scheduling.models import Appointment
from scheduling.tests.factories import make_appointment

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduling.views.appointments.now", lambda: NOW)


@pytest.fixture
def doctor() -> Doctor:
    return make_doctor()


@pytest.fixture
def user(doctor: Doctor) -> User:
    return make_user(doctor=doctor)


@pytest.fixture
def page(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


@pytest.fixture
def booked(doctor: Doctor) -> Appointment:
    provider = make_provider(name="Arogya")
    row = make_appointment(doctor, provider, make_location(doctor), external_appointment_id="A-77")
    ledger.record("appointment.booked", subject=row, by=provider, at=NOW)
    return row


def address(appointment: Appointment) -> str:
    return f"/appointments/{appointment.pk}/"


def test_a_stranger_signs_in_first(client: Client, booked: Appointment) -> None:
    for path in (address(booked), address(booked) + "cancel/"):
        assert client.get(path).url.startswith("/accounts/login/")  # type: ignore[attr-defined]


def test_someone_elses_appointment_is_not_found(page: Client, doctor: Doctor) -> None:
    held = make_appointment(doctor, make_provider(), status=Appointment.Status.HELD)
    for path in (address(make_appointment(make_doctor(), make_provider())), address(held)):
        assert page.get(path).status_code == 404
        assert page.get(path + "cancel/").status_code == 404
        assert page.post(path + "cancel/", {"reason": "other"}).status_code == 404
    assert page.get(f"/appointments/{uuid4()}/").status_code == 404
    assert not OutboxEvent.objects.exists()


def test_the_page_shows_who_when_and_what_happened(
    page: Client, booked: Appointment, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(6):
        response = page.get(address(booked))

    for text in (
        "Tuesday 24 November 2026, 9am to 9:15am",
        "India Standard Time",
        "Jayanagar Clinic, Bengaluru",
        "Arogya",
        "A-77",
        "patient-7731",
        "Booked by Arogya",
        "Monday 23 November 2026 at 9am",
        address(booked) + "cancel/",
    ):
        assertContains(response, text)


def test_a_receptionist_sees_no_patient(client: Client, booked: Appointment) -> None:
    receptionist = make_user(doctor=booked.doctor, role=User.Role.DELEGATE)
    client.force_login(receptionist)
    assert client.get(address(booked)).status_code == 404

    assign_perm("manage_appointments", receptionist, booked.doctor)
    assertNotContains(client.get(address(booked)), "patient-7731")


def test_cancelling_asks_why(page: Client, booked: Appointment) -> None:
    response = page.get(address(booked) + "cancel/")
    assertContains(response, "The doctor is on leave")
    assertNotContains(response, "consent_withdrawn")

    response = page.post(address(booked) + "cancel/", {"note": "Back on Friday"})

    assertContains(response, "Choose why you cancel", 2, 422)
    assertContains(response, 'href="#id_reason_0"', status_code=422)
    assertContains(response, "Back on Friday", status_code=422)
    assert Appointment.objects.get().status == Appointment.Status.BOOKED


@pytest.mark.parametrize(
    "given",
    [
        {"reason": "consent_withdrawn"},
        {"reason": "nonsense"},
        {"reason": "other", "note": "x" * 501},
    ],
)
def test_what_the_page_does_not_offer_is_refused(
    page: Client, booked: Appointment, given: dict[str, str]
) -> None:
    assert page.post(address(booked) + "cancel/", given).status_code == 422
    assert not OutboxEvent.objects.exists()


def test_cancelling_is_shown_with_its_history(page: Client, booked: Appointment) -> None:
    response = page.post(
        address(booked) + "cancel/",
        {"reason": "doctor_leave", "note": "Back on Friday"},
        follow=True,
    )

    for text in (
        "Cancelled. Arogya is told within seconds.",
        "The doctor is on leave",
        "Back on Friday",
        "Cancelled by you",
    ):
        assertContains(response, text)
    assertNotContains(response, address(booked) + "cancel/")
    assert OutboxEvent.objects.get().type == "appointment.cancelled"


def test_cancelling_twice_changes_nothing(
    page: Client, booked: Appointment, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions.cancel(appointment=booked, reason="other", by=user, at=NOW)

    for answer in (
        page.get(address(booked) + "cancel/", follow=True),
        page.post(address(booked) + "cancel/", {"reason": "other"}, follow=True),
    ):
        assertContains(answer, "This appointment cannot be cancelled: cancelled.")
    assert OutboxEvent.objects.count() == 1


def test_what_has_begun_offers_no_cancelling(page: Client, doctor: Doctor) -> None:
    begun = make_appointment(doctor, make_provider(), appointment_time=NOW)

    assertNotContains(page.get(address(begun)), address(begun) + "cancel/")
    for answer in (
        page.get(address(begun) + "cancel/", follow=True),
        page.post(address(begun) + "cancel/", {"reason": "other"}, follow=True),
    ):
        assertContains(answer, "It has begun, so it cannot be cancelled any more.")
    assert Appointment.objects.get().status == Appointment.Status.BOOKED
    assert not OutboxEvent.objects.exists()
