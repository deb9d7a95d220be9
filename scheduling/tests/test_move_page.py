from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from consent.tests.factories import make_consent
from registry.models import Doctor, DoctorLocation, InsuranceProvider, OutboxEvent, User
from registry.tests.factories import NOW, make_doctor, make_location, make_provider, make_user
from scheduling import actions
from scheduling.models import Appointment, BookingRules, Mode
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_window

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]
QUARTER = timedelta(minutes=15)
AT_10 = "2026-11-24T04:30Z"


@pytest.fixture
def arogya() -> InsuranceProvider:
    return make_provider(name="Arogya")


@pytest.fixture
def booked(doctor: Doctor, place: DoctorLocation, arogya: InsuranceProvider) -> Appointment:
    make_window(doctor, place)
    return make_appointment(doctor, arogya, place, external_appointment_id="A-77")


def address(appointment: Appointment) -> str:
    return f"/appointments/{appointment.pk}/move/"


def chosen(appointment: Appointment, **given: str) -> dict[str, str]:
    """Give what the page sends once a time has been chosen: 10am on its Tuesday."""
    return {
        "start": AT_10,
        "place": str(appointment.location_id),
        "version": str(appointment.version),
        "seen": f"{appointment.appointment_time:%Y-%m-%dT%H:%MZ}",
        **given,
    }


def test_a_stranger_signs_in_first(client: Client, booked: Appointment) -> None:
    assert client.get(address(booked))["Location"].startswith("/accounts/login/")


def test_someone_elses_appointment_is_not_found(page: Client) -> None:
    other = make_appointment(make_doctor(), make_provider())

    assert page.get(address(other)).status_code == 404
    assert page.post(address(other), chosen(other)).status_code == 404
    assert page.get(f"/appointments/{uuid4()}/move/").status_code == 404


def test_the_appointment_leads_to_its_free_times_and_they_to_a_question(
    page: Client, booked: Appointment
) -> None:
    detail = f"/appointments/{booked.pk}/"
    assertContains(page.get(detail), f'href="{address(booked)}"')

    times = page.get(address(booked))

    assertContains(times, "Now: Tuesday 24 November 2026, 9am to 9:15am")
    link = "?" + urlencode(chosen(booked))
    assertContains(times, f'href="{link.replace("&", "&amp;")}"')

    question = page.get(address(booked) + link)

    assertContains(question, "Move it to Tuesday 24 November 2026 at 10am?")
    assertContains(question, 'name="version" value="1"')
    assert Appointment.objects.get().appointment_time == TUESDAY_AT_9


def test_confirming_moves_it_and_says_so(page: Client, booked: Appointment) -> None:
    answer = page.post(address(booked), chosen(booked), follow=True)

    assertRedirects(answer, f"/appointments/{booked.pk}/")
    assertContains(answer, "Moved. Arogya is told within seconds.")
    assertContains(answer, "Moved from Tuesday 24 November, 9am to 10am by you")
    booked.refresh_from_db()
    assert booked.appointment_time == TUESDAY_AT_9 + 4 * QUARTER
    assert OutboxEvent.objects.get().type == "appointment.rescheduled"


def test_only_free_times_of_two_weeks_are_offered_but_its_own(
    page: Client, doctor: Doctor, booked: Appointment
) -> None:
    make_appointment(
        doctor, make_provider(), booked.location, appointment_time=TUESDAY_AT_9 + QUARTER
    )

    days = page.get(address(booked)).context["days"]

    assert [(day.title, day.count, day.is_open) for day in days] == [
        ("Tuesday 24 November", 14, True),
        ("Tuesday 1 December", 16, False),
    ]
    clocks = [choice.text for choice in days[0].places[booked.location.name]]
    assert clocks[:2] == ["9:30am", "9:45am"]


def test_a_full_day_still_lets_its_own_patient_move_within_it(
    page: Client, doctor: Doctor, booked: Appointment
) -> None:
    BookingRules.objects.create(doctor=doctor, most_per_day=1)

    assert page.get(address(booked)).context["days"][0].title == "Tuesday 24 November"


def test_places_and_other_ways_to_meet_are_named(
    page: Client, doctor: Doctor, booked: Appointment
) -> None:
    evening = make_location(doctor, name="Evening clinic")
    make_window(doctor, evening, day_of_week=2, mode=Mode.TELE)

    answer = page.get(address(booked))

    assertContains(answer, "9am, by video or phone")
    assertContains(answer, '<p class="hint">Evening clinic</p>', 2)
    start = "2026-11-25T03:30Z"
    page.post(address(booked), chosen(booked, start=start, place=str(evening.pk)))
    booked.refresh_from_db()
    assert (booked.location, booked.mode) == (evening, Mode.TELE)


def test_later_times_end_with_the_horizon(page: Client, booked: Appointment) -> None:
    first = page.get(address(booked))
    assert (first.context["earlier"], first.context["later"].isoformat()) == (None, "2026-12-07")

    later = page.get(address(booked), {"from": "2026-12-07"})
    assert later.context["earlier"].isoformat() == "2026-11-23"
    assert [day.title for day in later.context["days"]] == [
        "Tuesday 8 December",
        "Tuesday 15 December",
    ]

    last = page.get(address(booked), {"from": "2027-01-18"})
    assert last.context["later"] is None
    assertContains(page.get(address(booked), {"from": "2199-12-31"}), "No time is free")


@pytest.mark.parametrize("asked", ["soon", "", "2026-02-30", "0001-01-01", "2026-11-01"])
def test_a_date_that_is_none_or_over_is_today(
    page: Client, booked: Appointment, asked: str
) -> None:
    assertContains(page.get(address(booked), {"from": asked}), "Free times, Monday 23 November to")


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": "soon"},
        {"start": "0001-01-01T00:00Z"},
        {"start": "9999-12-31T23:59Z"},
        {"start": ""},
        {"place": "nowhere"},
        {"place": str(uuid4())},
        {"version": ""},
        {"version": "one"},
        {"seen": "9999-12-31T23:59-12:00"},
    ],
)
def test_what_the_page_never_offers_is_refused(
    page: Client, booked: Appointment, wrong: dict[str, str]
) -> None:
    for send in (page.get, page.post):
        answer = send(address(booked), chosen(booked, **wrong))
        assertContains(answer, "Choose one of the free times.", status_code=422)
        assertContains(answer, "9:30am", status_code=422)
    assert Appointment.objects.get().appointment_time == TUESDAY_AT_9
    assert not OutboxEvent.objects.exists()


def test_a_place_of_another_doctor_is_refused(page: Client, booked: Appointment) -> None:
    elsewhere = make_location(make_doctor())

    answer = page.post(address(booked), chosen(booked, place=str(elsewhere.pk)))

    assert answer.status_code == 422


def test_a_time_that_somebody_was_quicker_to_take_brings_fresh_ones(
    page: Client, doctor: Doctor, booked: Appointment
) -> None:
    make_appointment(
        doctor, make_provider(), booked.location, appointment_time=TUESDAY_AT_9 + 4 * QUARTER
    )

    answer = page.post(address(booked), chosen(booked))

    assertContains(
        answer,
        "Tuesday 24 November 2026 at 10am is not free any more. Nothing was changed.",
        status_code=409,
    )
    assertContains(answer, "<title>Error: ", status_code=409)
    clocks = [one.text for one in answer.context["days"][0].places[booked.location.name]]
    assert "10am" not in clocks
    booked.refresh_from_db()
    assert booked.appointment_time == TUESDAY_AT_9
    assert not OutboxEvent.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_what_the_insurer_moved_meanwhile_is_shown_side_by_side(
    page: Client, booked: Appointment, arogya: InsuranceProvider, method: str
) -> None:
    seen = chosen(booked)
    make_consent(doctor=booked.doctor, insurance_provider=arogya)
    moved_to = TUESDAY_AT_9 + timedelta(days=7)
    actions.move(appointment=booked, start=moved_to, by=arogya, at=NOW)

    answer = getattr(page, method)(address(booked), seen)

    assertContains(answer, "The insurer changed it meanwhile", status_code=409)
    assertContains(answer, "<p>Tuesday 24 November 2026 at 9am</p>", status_code=409, html=True)
    assertContains(
        answer, "<p>Tuesday 1 December 2026, 9am to 9:15am</p>", status_code=409, html=True
    )
    assertContains(answer, "by Arogya, Monday 23 November 2026 at 9am.", status_code=409)
    booked.refresh_from_db()
    assert booked.appointment_time == moved_to


def test_a_version_that_never_was_changes_nothing(page: Client, booked: Appointment) -> None:
    answer = page.post(address(booked), chosen(booked, version="7"))

    assertContains(answer, "It was changed meanwhile", status_code=409)
    assert Appointment.objects.get().appointment_time == TUESDAY_AT_9


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"appointment_time": NOW}, "It has begun, so it cannot be moved any more."),
        ({"status": "ARRIVED"}, "This appointment cannot be moved: arrived."),
        ({"status": "CANCELLED"}, "This appointment cannot be moved: cancelled."),
    ],
)
def test_what_cannot_be_moved_offers_no_times(
    page: Client, doctor: Doctor, given: dict[str, Any], said: str
) -> None:
    row = make_appointment(doctor, make_provider(), **given)

    assertNotContains(page.get(f"/appointments/{row.pk}/"), address(row))
    for answer in (
        page.get(address(row), follow=True),
        page.post(address(row), chosen(row), follow=True),
    ):
        assertContains(answer, said)
    assert not OutboxEvent.objects.exists()


def test_a_receptionist_may_move(client: Client, booked: Appointment) -> None:
    receptionist = make_user(doctor=booked.doctor, role=User.Role.DELEGATE)
    client.force_login(receptionist)
    assert client.get(address(booked)).status_code == 404

    assign_perm("manage_appointments", receptionist, booked.doctor)
    client.post(address(booked), chosen(booked))

    booked.refresh_from_db()
    assert booked.appointment_time == TUESDAY_AT_9 + 4 * QUARTER


def test_the_page_takes_few_queries(
    page: Client,
    doctor: Doctor,
    booked: Appointment,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for day in range(2, 6):
        make_window(doctor, booked.location, day_of_week=day)

    with django_assert_max_num_queries(6):
        page.get(address(booked))
