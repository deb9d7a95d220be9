from datetime import date, time, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from consent.tests.factories import make_consent
from registry.models import Doctor, DoctorCredential, DoctorLocation
from registry.tests.factories import (
    NOW,
    make_location,
    make_provider,
    make_verified_credential,
)
from scheduling.models import Appointment, BookingRules
from scheduling.slots import Reason
from scheduling.tests.causes import TUESDAY, titles
from scheduling.tests.factories import (
    TUESDAY_AT_9,
    make_appointment,
    make_exception,
    make_window,
)
from scheduling.views.reasons import _CAUSES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

QUARTER = timedelta(minutes=15)


def test_every_reason_has_its_words() -> None:
    # The page asks of no mode, so that none is wrong.
    assert set(_CAUSES) == set(Reason) - {Reason.WRONG_MODE}


def test_outside_hours_leads_to_the_weekday_and_to_extra_hours(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)
    make_window(doctor, place, start_time=time(17), end_time=time(20))

    answer = page.get(TUESDAY, {"time": "14:00"})

    assertContains(answer, "Why is 2pm not free?")
    assert titles(answer) == ["It is outside your hours"]
    assertContains(answer, "that Tuesday: 9am to 1pm and 5pm to 8pm.")
    assertContains(answer, f"/hours/?place={place.pk}&amp;from=2026-11-24#day-1")
    assertContains(
        answer,
        f"/leave/extra/?date=2026-11-24&amp;from=14:00&amp;to=15:00&amp;place={place.pk}",
    )


def test_a_day_without_hours_says_so(page: Client, place: DoctorLocation) -> None:
    answer = page.get(TUESDAY, {"time": "9am"})

    assertContains(answer, f"You have no weekly hours at {place.name} that Tuesday.")


def test_leave_leads_to_itself_and_keeps_its_reason(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)
    leave = make_exception(doctor, reason="Wedding of a cousin")
    elsewhere = make_location(doctor, name="Elsewhere", is_active=False)
    other = make_exception(doctor, location=elsewhere)

    answer = page.get(TUESDAY, {"time": "9:15"})

    assert titles(answer) == ["You are on leave"]
    assertContains(answer, f"/leave/{leave.pk}/")
    assertNotContains(answer, f"/leave/{other.pk}/")
    assertContains(answer, "All places: Tuesday 24 November, 9am to 10am.")
    assertNotContains(answer, "Wedding")


def test_a_taken_time_leads_to_everybody_who_has_it(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place, capacity=2)
    arogya = make_provider(name="Arogya")
    booked = make_appointment(
        doctor, arogya, place, external_appointment_id="A-77", token_number=4, capacity=2
    )
    make_appointment(doctor, make_provider(name="Secret"), place, status="HELD", lane=1, capacity=2)
    make_appointment(doctor, arogya, place, status=Appointment.Status.CANCELLED)
    make_appointment(doctor, arogya, place, appointment_time=TUESDAY_AT_9 + 4 * QUARTER)

    answer = page.get(TUESDAY, {"time": "9am"})

    assert titles(answer) == ["Arogya has booked it", "An insurer keeps it: held until 9:05am"]
    assertContains(answer, "A-77, 9am to 9:15am, token 4.")
    assertContains(answer, f"/appointments/{booked.pk}/")
    assertNotContains(answer, "patient-7731")
    assert not any(told.fixes for told in answer.context["answers"][0].causes[1:])


def test_an_appointment_at_another_place_takes_the_time_too(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)
    elsewhere = make_location(doctor, name="Old clinic", is_active=False)
    make_appointment(doctor, make_provider(), elsewhere)

    answer = page.get(TUESDAY, {"time": "9am", "place": str(place.pk)})

    assertContains(answer, "9am to 9:15am at Old clinic")


def test_a_hold_that_has_run_out_takes_nothing(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)
    make_appointment(doctor, make_provider(), place, status="HELD", hold_expires_at=NOW)

    assertContains(page.get(TUESDAY, {"time": "9am"}), "9am is free")


def test_booking_rules_are_said_with_their_moment(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)
    make_appointment(doctor, make_provider(), place, appointment_time=TUESDAY_AT_9 + QUARTER)
    BookingRules.objects.create(doctor=doctor, lead_time_minutes=25 * 60, most_per_day=1)

    answer = page.get(TUESDAY, {"time": "9am"})

    assert titles(answer) == ["The day is full", "It is too soon"]
    assertContains(answer, "Your booking rules take at most 1 a day, and so many have booked.")
    assertContains(
        answer,
        "ask for 25 hours of notice, so it could be booked until Monday 23 November 2026 at 8am.",
    )
    assertContains(answer, 'href="/hours/rules/"', 2)


def test_what_is_beyond_the_horizon_says_when_it_opens(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)

    answer = page.get("/calendar/2027-02-02/why/", {"time": "9am"})

    assert titles(answer) == ["It is not open for booking yet"]
    assertContains(answer, "60 days ahead, so this one opens on Friday 4 December 2026 at 9am.")


def test_what_is_over_asks_nobody_to_do_anything(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)
    BookingRules.objects.create(doctor=doctor, most_per_day=1)
    make_appointment(
        doctor, make_provider(), place, appointment_time=TUESDAY_AT_9 - timedelta(days=7)
    )

    full = page.get("/calendar/2026-11-17/why/", {"time": "9:15am"})
    outside = page.get("/calendar/2026-11-17/why/", {"time": "8pm"})

    assert titles(full) == ["The day is full", "This time is over"]
    assert titles(outside) == [
        "It is outside your hours",
        "The day is full",
        "This time is over",
    ]
    for answer in (full, outside):
        assert not any(told.fixes or told.who for told in answer.context["answers"][0].causes)


def test_a_closed_place_leads_to_the_profile(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)
    DoctorLocation.objects.update(is_active=False)

    answer = page.get(TUESDAY, {"time": "9am"})

    assert titles(answer) == ["The place is not in use"]
    assertContains(answer, f'href="{reverse("registry:place_edit", args=[place.pk])}"')


def test_a_registration_that_ends_before_leads_to_credentials(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)
    make_verified_credential(
        doctor,
        kind=DoctorCredential.Kind.REGISTRATION,
        valid_until=date(2026, 11, 23),
    )

    answer = page.get(TUESDAY, {"time": "9am"})

    assert titles(answer) == ["Your registration ends before it"]
    assertContains(answer, "valid until Monday 23 November 2026.")
    assertContains(answer, f'href="{reverse("registry:credential_list")}"')


def test_an_insurer_without_consent_is_named_only_when_asked_for(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)
    seeing, other = make_provider(name="Arogya"), make_provider(name="Bharat")
    make_consent(doctor=doctor, insurance_provider=seeing)

    refused = page.get(TUESDAY, {"time": "9am", "insurer": other.slug})

    assert titles(refused) == ["Bharat may not book with you"]
    assertContains(refused, f'href="/insurers/{other.slug}/"')
    for chosen in (seeing.slug, ""):
        assertContains(page.get(TUESDAY, {"time": "9am", "insurer": chosen}), "9am is free")


def test_a_time_between_visits_leads_to_the_next_ones(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place, end_time=time(9, 40))

    first, last = (page.get(TUESDAY, {"time": at}) for at in ("9:07", "9:35"))

    assert titles(first) == ["No visit starts at this time"]
    assertContains(first, "The nearest visits start at 9am and 9:15am.")
    assertContains(first, f"{TUESDAY}?time=09:15&amp;place={place.pk}")
    assertContains(last, "The nearest visits start at 9:15am.")


def test_a_window_without_any_visit_says_so(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place, end_time=time(9, 10))

    assertContains(page.get(TUESDAY, {"time": "9:05"}), "No visit starts near it.")


def test_all_reasons_are_shown_at_once(page: Client, doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place)
    make_exception(doctor)
    make_appointment(doctor, make_provider(name="Arogya"), place)
    BookingRules.objects.create(doctor=doctor, lead_time_minutes=48 * 60, most_per_day=1)
    DoctorLocation.objects.update(is_active=False)

    answer = page.get(TUESDAY, {"time": "9am"})

    assert titles(answer) == [
        "You are on leave",
        "The place is not in use",
        "Arogya has booked it",
        "The day is full",
        "It is too soon",
    ]
    assertContains(answer, "5 things keep it from being free.")
