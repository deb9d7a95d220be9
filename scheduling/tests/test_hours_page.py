from datetime import date, time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains

from registry.models import Doctor, DoctorLocation, User
from registry.tests.factories import make_doctor, make_location, make_provider, make_user
from scheduling.models import Availability
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_window

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]
HOURS = "/hours/"


def typed(place: DoctorLocation, **given: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        "place": str(place.pk),
        "effective_from": "2026-11-24",
        "slot_duration_minutes": "15",
        "capacity": "1",
        "buffer_minutes": "0",
        "mode": "IN_PERSON",
    }
    return values | given


MONDAY_MORNING = {"0-0-start_time": "9", "0-0-end_time": "1pm"}


def test_a_stranger_signs_in_first(client: Client) -> None:
    assert client.get(HOURS)["Location"].startswith("/accounts/login/")


def test_without_a_place_the_next_step_is_named(page: Client) -> None:
    assertContains(page.get(HOURS), reverse("registry:place_add"))


def test_a_receptionist_needs_the_right_to_it(client: Client, place: DoctorLocation) -> None:
    receptionist = make_user(doctor=place.doctor, role=User.Role.DELEGATE)
    client.force_login(receptionist)
    assert client.get(HOURS).status_code == 404

    assign_perm("manage_schedule", receptionist, place.doctor)
    assert client.get(HOURS).status_code == 200
    DoctorLocation.objects.update(is_active=False)
    assertContains(client.get(HOURS), "Only the doctor can add a place")


def test_the_page_shows_what_holds_and_its_totals(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)
    make_window(
        doctor,
        place,
        start_time=time(22),
        end_time=time(2),
        capacity=4,
    )
    make_window(doctor, place, day_of_week=3, start_time=time(17), end_time=time(18))
    make_window(doctor, place, day_of_week=2, valid_from=date(2026, 12, 7))

    response = page.get(HOURS)

    assertContains(response, "9am to 1pm, 4 hours")
    assertContains(response, "10pm to 2am next day, 4 hours")
    assertContains(response, "Tuesday: 8 hours")
    assertContains(response, "<strong>9 hours</strong> a week")
    assertContains(response, "Monday 7 December 2026")
    assertContains(response, "India Standard Time")
    assertContains(response, 'name="1-1-capacity" value="4"')
    assertContains(response, 'value="2026-11-23"')


def test_the_page_takes_few_queries(
    page: Client,
    doctor: Doctor,
    place: DoctorLocation,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for weekday in range(7):
        make_window(doctor, place, day_of_week=weekday)

    with django_assert_max_num_queries(7):
        page.get(HOURS)


def test_hours_are_saved(page: Client, place: DoctorLocation) -> None:
    own = {"0-3-capacity": "2", "0-3-mode": "TELE", "0-3-buffer_minutes": "0"}
    response = page.post(
        HOURS,
        typed(place, **MONDAY_MORNING, **{"0-3-start_time": "1730", "0-3-end_time": "8 pm", **own}),
        follow=True,
    )

    assert response.redirect_chain == [(f"/hours/?place={place.pk}&from=2026-11-24", 302)]
    assertContains(response, "They hold from Tuesday 24 November 2026")
    morning, evening = Availability.objects.order_by("start_time")
    assert (morning.day_of_week, morning.start_time, morning.end_time) == (0, time(9), time(13))
    assert (evening.start_time, evening.end_time) == (time(17, 30), time(20))
    assert (morning.capacity, evening.capacity) == (1, 2)
    assert (morning.mode, evening.mode) == ("IN_PERSON", "TELE")
    assert morning.valid_from == date(2026, 11, 24)


def test_who_would_be_outside_is_decided_on_first(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)
    kept, gone = (
        make_appointment(doctor, make_provider(name=name), place, appointment_time=start)
        for name, start in (("Acme", TUESDAY_AT_9), ("Best", TUESDAY_AT_9 + timedelta(hours=1)))
    )
    data = typed(place, **MONDAY_MORNING)

    asked = page.post(HOURS, data)

    assertContains(asked, "2 appointments to decide on")
    assertContains(asked, "Hours at Jayanagar Clinic from Tuesday 24 November 2026")
    assertContains(asked, '<input type="hidden" name="0-0-end_time" value="1pm">')
    assert Availability.objects.get().day_of_week == 1
    back = page.post(HOURS, data | {"decision-back": "1"})
    assertContains(back, 'name="0-0-end_time" value="13:00"')

    decided = {
        "decision-for": f"{kept.pk} {gone.pk}",
        f"decision-{kept.pk}-what": "keep",
        f"decision-{gone.pk}-what": "cancel",
    }
    response = page.post(HOURS, data | decided, follow=True)
    assertContains(
        response,
        "Monday is 9am to 1pm now. Tuesday is closed now. "
        "1 appointment kept, 1 cancelled; Best is told within seconds.",
    )
    gone.refresh_from_db()
    assert gone.cancel_reason == "doctor_unavailable"


def test_what_changed_is_said(page: Client, place: DoctorLocation) -> None:
    week = {
        f"{day}-0-{name}": value
        for day in range(4)
        for name, value in (("start_time", "9"), ("end_time", "13"))
    }

    assertContains(page.post(HOURS, typed(place, **week), follow=True), "4 days have changed.")
    assertContains(page.post(HOURS, typed(place, **week), follow=True), "Nothing has changed.")
    page.post(HOURS, typed(place, **week))
    evening = {"3-1-start_time": "17", "3-1-end_time": "2am"}
    response = page.post(HOURS, typed(place, **week, **evening), follow=True)
    assertContains(response, "Thursday is 9am to 1pm and 5pm to 2am next day now.")


def test_leave_and_booking_rules_are_a_tap_away(page: Client, place: DoctorLocation) -> None:
    response = page.get(HOURS)

    assertContains(response, f'href="{reverse("scheduling:booking_rules")}"')
    assertContains(response, f'href="{reverse("scheduling:leave_list")}"')


@pytest.mark.parametrize(
    ("given", "target", "text"),
    [
        ({"0-0-start_time": "25", "0-0-end_time": "13"}, "0-0-start_time", "Enter a time, such as"),
        ({"0-0-start_time": "9", "0-0-end_time": ""}, "0-0-end_time", "Enter when it ends"),
        ({"0-0-start_time": "9", "0-0-end_time": "9"}, "0-0-start_time", "the end must differ"),
        ({"0-0-start_time": "9", "0-0-end_time": "9.20"}, "0-0-start_time", "does not fit visits"),
        (MONDAY_MORNING | {"capacity": "0"}, "capacity", "greater than or equal to 1"),
        (MONDAY_MORNING | {"effective_from": "2026-11-22"}, "effective_from", "today at the earl"),
        (MONDAY_MORNING | {"effective_from": "Feb 30"}, "effective_from", "Enter a valid date"),
        (
            MONDAY_MORNING | {"0-1-start_time": "12", "0-1-end_time": "14"},
            "0-1-start_time",
            "Monday noon to 2pm overlaps Monday 9am to 1pm",
        ),
    ],
)
def test_mistakes_are_named_and_nothing_typed_is_lost(
    page: Client, place: DoctorLocation, given: dict[str, str], target: str, text: str
) -> None:
    thursday = {"3-0-start_time": "5pm", "3-0-end_time": "18"}
    response = page.post(HOURS, typed(place, **(given | thursday)))

    assert response.status_code == 422
    assertContains(response, f'<a href="#id_{target}">', status_code=422)
    assertContains(response, text, status_code=422)
    assertContains(response, 'name="3-0-start_time" value="17:00"', status_code=422)
    assertContains(response, "<title>Error: ", status_code=422)
    assert not Availability.objects.exists()


def test_what_is_no_time_stays_as_typed(page: Client, place: DoctorLocation) -> None:
    response = page.post(HOURS, typed(place, **{"0-0-start_time": "nine", "0-0-end_time": "13"}))

    assertContains(response, '<input type="text" name="0-0-start_time" value="nine"', 1, 422)


@pytest.mark.parametrize(
    ("button", "shown", "hidden"),
    [
        ({"add": "0"}, ['name="0-1-start_time"', "9am to 1pm"], 'name="0-2-start_time"'),
        ({"add": "5"}, ['name="5-0-start_time"'], 'name="5-1-start_time"'),
        ({"drop": "0-0"}, ["no hours"], 'name="0-0-start_time"'),
        ({"drop": "0-7"}, ['name="0-0-start_time"'], 'name="0-1-start_time"'),
        (
            {"copy": "0", "copy-0": ["1", "4", "x"]},
            ['name="1-0-start_time" value="09:00"', "<strong>12 hours</strong>"],
            'name="2-0-start_time"',
        ),
        (
            {"preset": "2-both"},
            ["Wednesday: 7 hours", 'name="2-1-end_time" value="20:00"'],
            'name="2-2-start_time"',
        ),
        ({"preset": "0-closed"}, ["no hours"], 'name="0-0-start_time"'),
        ({"preset": "6-monday"}, ['name="6-0-end_time" value="13:00"'], 'name="5-0-start_time"'),
        ({"preset": "6-unknown"}, ["<strong>4 hours</strong>"], 'name="6-0-start_time"'),
        ({"add": "9"}, ["<strong>4 hours</strong>"], 'name="0-1-start_time"'),
        ({"recount": "1"}, ["<strong>4 hours</strong> a week"], "There is a problem"),
    ],
)
def test_buttons_change_the_page_and_save_nothing(
    page: Client, place: DoctorLocation, button: dict[str, Any], shown: list[str], hidden: str
) -> None:
    response = page.post(HOURS, typed(place, capacity="3", **MONDAY_MORNING) | button)

    for text in shown:
        assertContains(response, text)
    assertNotContains(response, hidden)
    assertContains(response, 'name="capacity" value="3"')
    assert not Availability.objects.exists()


def test_the_focus_stays_where_hours_change(page: Client, place: DoctorLocation) -> None:
    data = typed(place, **MONDAY_MORNING)

    added = page.post(HOURS, data | {"add": "0"})
    assertContains(added, 'name="0-1-start_time" value="" step="300" autofocus', 1)
    removed = page.post(HOURS, data | {"drop": "0-0"}, headers={"HX-Request": "true"})
    assertContains(removed, 'id="add-0" data-autofocus', 1)


def test_a_day_has_only_so_many_periods(page: Client, place: DoctorLocation) -> None:
    many = {f"0-{number}-start_time": "9" for number in range(12)}

    response = page.post(HOURS, typed(place, **many) | {"add": "0"})

    assertContains(response, 'name="0-7-start_time"')
    assertNotContains(response, 'name="0-8-start_time"')


def test_each_place_has_its_own_hours(page: Client, doctor: Doctor, place: DoctorLocation) -> None:
    hospital = make_location(doctor, name="Apollo", timezone="Asia/Dubai")
    make_window(doctor, hospital, end_time=time(10))

    assertContains(page.get(HOURS), "<strong>1 hour</strong> a week")
    assertContains(page.get(HOURS), f"?place={place.pk}")
    response = page.get(HOURS, {"place": str(place.pk)})
    assertContains(response, "<strong>no hours</strong> a week")

    page.post(HOURS, typed(place, **MONDAY_MORNING))
    assert Availability.objects.get(location=place).day_of_week == 0


@pytest.mark.parametrize("asked", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_place_is_not_found(page: Client, place: DoctorLocation, asked: str) -> None:
    assert page.get(HOURS, {"place": asked}).status_code == 404
    assert page.post(HOURS, {"place": asked}).status_code == 404


def test_someone_elses_place_is_not_found(page: Client, place: DoctorLocation) -> None:
    other = make_location(make_doctor())

    assert page.post(HOURS, typed(other, **MONDAY_MORNING)).status_code == 404
    assert not Availability.objects.exists()


@pytest.mark.parametrize("asked", ["2026-11-01", "soon", "9999-12-31"])
def test_the_page_starts_at_a_date_that_makes_sense(
    page: Client, place: DoctorLocation, asked: str
) -> None:
    assert page.get(HOURS, {"from": asked}).status_code == 200


@pytest.mark.parametrize("end", ["1pm", "2am"])
def test_hours_far_ahead_are_refused_at_their_date(
    page: Client, place: DoctorLocation, end: str
) -> None:
    periods = {"0-0-start_time": "9am", "0-0-end_time": end}

    response = page.post(HOURS, typed(place, effective_from="9999-12-31", **periods))

    assertContains(response, "Hours can start within two years from today.", 2, status_code=422)
    assertContains(response, 'value="9999-12-31"', status_code=422)
    assert not Availability.objects.exists()
