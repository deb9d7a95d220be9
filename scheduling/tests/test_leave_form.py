from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from registry.models import Doctor, DoctorLocation
from registry.tests.factories import NOW, make_doctor, make_location, make_user
from scheduling.models import AvailabilityException
from scheduling.tests.factories import make_exception
from scheduling.tests.leave import ADD, DAY, HOUR, LEAVE, ONE_DAY, TUESDAY, standing

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]


@pytest.mark.parametrize(
    ("given", "starts_at", "ends_at"),
    [
        ({}, TUESDAY, TUESDAY + DAY),
        ({"last": "2026-11-26"}, TUESDAY, TUESDAY + 3 * DAY),
        ({"starts": "2pm", "ends": "17.00"}, TUESDAY + 14 * HOUR, TUESDAY + 17 * HOUR),
        ({"starts": "1400"}, TUESDAY + 14 * HOUR, TUESDAY + DAY),
        ({"ends": "noon"}, TUESDAY, TUESDAY + 12 * HOUR),
        ({"starts": "22:00", "ends": "2am"}, TUESDAY + 22 * HOUR, TUESDAY + 26 * HOUR),
        (
            {"last": "2026-11-25", "starts": "14", "ends": "10"},
            TUESDAY + 14 * HOUR,
            TUESDAY + DAY + 10 * HOUR,
        ),
    ],
)
def test_leave_is_whole_days_or_parts_of_them(
    page: Client, given: dict[str, str], starts_at: datetime, ends_at: datetime
) -> None:
    response = page.post(ADD, ONE_DAY | given)

    assert response.headers["Location"] == LEAVE
    assert standing() == [(starts_at, ends_at)]


def test_leave_at_one_place_keeps_its_zone_and_note(page: Client, doctor: Doctor) -> None:
    make_location(doctor)
    dubai = make_location(doctor, name="Dubai", timezone="Asia/Dubai")

    page.post(ADD, ONE_DAY | {"place": str(dubai.pk), "reason": "Fair"})

    row = AvailabilityException.objects.get()
    assert (row.location, row.reason) == (dubai, "Fair")
    assert row.starts_at == datetime(2026, 11, 23, 20, tzinfo=UTC)
    edit = page.get(reverse("scheduling:exception_edit", args=[row.pk]))
    assertContains(edit, f'<option value="{dubai.pk}" selected>Dubai</option>', html=True)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"first": ""}, "First day: This field is required."),
        ({"first": "2026-02-30"}, "Enter a valid date"),
        ({"first": "9999-12-31"}, "It can be within two years from today."),
        ({"first": "2026-11-20"}, "It can begin today at the earliest."),
        ({"last": "2026-11-23"}, "The last day cannot be before the first day."),
        ({"last": "2026-11-24", "starts": "5pm", "ends": "2pm"}, "The end must be after the start"),
        ({"last": "2028-01-01"}, "Leave lasts a year at most."),
        ({"starts": "soon"}, "Enter a time, such as 9am or 17:30."),
        ({"place": "elsewhere"}, "Choose one of your places."),
        ({"reason": "x" * 201}, "at most 200"),
    ],
)
def test_mistakes_are_named_and_nothing_typed_is_lost(
    page: Client, doctor: Doctor, place: DoctorLocation, given: dict[str, str], text: str
) -> None:
    make_location(doctor, name="Apollo")
    values = ONE_DAY | {"reason": "Trip", "place": str(place.pk)} | given

    response = page.post(ADD, values)

    assertContains(response, text, status_code=422)
    assertContains(response, "<title>Error: ", status_code=422)
    for value in (values["reason"], values["first"]):
        assertContains(response, f'value="{value}"', status_code=422)
    assert standing() == []


def test_a_time_that_the_clocks_skip_is_refused(page: Client) -> None:
    abroad = make_doctor(timezone="America/New_York")
    page.force_login(make_user(doctor=abroad))

    response = page.post(ADD, {"first": "2027-03-14", "starts": "2:30"})

    assertContains(response, "2:30am does not exist on Sunday 14 March 2027", status_code=422)


def test_overlapping_leave_is_joined_and_said(page: Client) -> None:
    page.post(ADD, ONE_DAY | {"starts": "2pm", "ends": "5pm"})

    response = page.post(ADD, ONE_DAY, follow=True)

    assertContains(response, "Leave saved: Tuesday 24 November, all day.")
    assertContains(response, "It was joined with your leave on Tuesday 24 November, 2pm to 5pm.")
    assert standing() == [(TUESDAY, TUESDAY + DAY)]


def test_leave_is_changed(page: Client, doctor: Doctor) -> None:
    row = make_exception(doctor, starts_at=TUESDAY + 22 * HOUR, ends_at=TUESDAY + 26 * HOUR)
    address = reverse("scheduling:exception_edit", args=[row.pk])
    shown = page.get(address)
    assertContains(shown, 'name="starts" value="22:00"')
    assertContains(shown, 'name="ends" value="02:00"')
    assertContains(shown, 'name="first" value="2026-11-24"')
    assertNotContains(shown, 'name="last" value="')

    page.post(address, {"first": "2026-11-24", "last": "2026-11-27"})

    assert standing() == [(TUESDAY, TUESDAY + 4 * DAY)]
    assertContains(page.get(address), 'name="last" value="2026-11-27"')
    response = page.post(address, {"first": "2026-11-24", "last": "2026-11-20"})
    assertContains(response, "cannot be before", status_code=422)


def test_what_has_begun_changes_only_at_its_end(page: Client, doctor: Doctor) -> None:
    row = make_exception(doctor, starts_at=NOW - HOUR, ends_at=NOW + HOUR)
    address = reverse("scheduling:exception_edit", args=[row.pk])
    assertContains(page.get(address), "It has begun")

    early = {"first": "2026-11-23", "starts": "7am", "ends": "11"}
    assertContains(page.post(address, early), "only its end can change", status_code=422)
    page.post(address, early | {"starts": "8am"})

    assert standing() == [(NOW - HOUR, NOW + 2 * HOUR)]
