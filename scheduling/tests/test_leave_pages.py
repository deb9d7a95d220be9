import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains

from registry.models import Doctor, DoctorLocation, User
from registry.tests.factories import NOW, make_doctor, make_location, make_user
from scheduling.models import AvailabilityException
from scheduling.tests.factories import TUESDAY_AT_9, make_exception, make_window
from scheduling.tests.leave import (
    ADD,
    DAY,
    EXTRA,
    HOUR,
    LEAVE,
    ONE_DAY,
    TUESDAY,
    make_extra,
    standing,
    words_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]


@pytest.mark.parametrize("path", [LEAVE, ADD, EXTRA])
def test_a_stranger_signs_in_first(client: Client, path: str) -> None:
    assert client.get(path)["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("name", ["exception_edit", "exception_remove"])
def test_another_doctors_leave_is_not_found(page: Client, name: str) -> None:
    address = reverse(f"scheduling:{name}", args=[make_exception(make_doctor()).pk])

    assert page.get(address).status_code == 404
    assert page.post(address).status_code == 404
    assert AvailabilityException.objects.count() == 1


def test_a_stranger_does_not_reach_a_row(client: Client, doctor: Doctor) -> None:
    row = make_exception(doctor)

    for name in ("exception_edit", "exception_remove"):
        assert client.get(reverse(f"scheduling:{name}", args=[row.pk])).status_code == 302
    assert client.post("/leave/today/").status_code == 302


def test_a_receptionist_needs_the_right_to_it(client: Client, place: DoctorLocation) -> None:
    receptionist = make_user(doctor=place.doctor, role=User.Role.DELEGATE)
    client.force_login(receptionist)
    assert {client.get(path).status_code for path in (LEAVE, ADD, EXTRA)} == {404}
    assert client.post(ADD, ONE_DAY).status_code == 404
    assert client.post("/leave/today/").status_code == 404

    assign_perm("manage_schedule", receptionist, place.doctor)
    assert {client.get(path).status_code for path in (LEAVE, ADD, EXTRA)} == {200}


def test_without_leave_the_next_step_is_named(page: Client, place: DoctorLocation) -> None:
    response = page.get(LEAVE)

    assertContains(response, "your weekly hours hold every day")
    assertContains(response, EXTRA)
    assertNotContains(response, "Past leave")


def test_the_list_says_when_where_and_how(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_exception(doctor, starts_at=TUESDAY, ends_at=TUESDAY + DAY, reason="Wedding")
    make_extra(
        doctor,
        place,
        starts_at=TUESDAY_AT_9 + 2 * DAY,
        ends_at=TUESDAY_AT_9 + 2 * DAY + HOUR,
        capacity=3,
        buffer_minutes=5,
    )
    make_exception(doctor, starts_at=NOW - 9 * DAY, ends_at=NOW - 8 * DAY, location=place)
    make_exception(make_doctor(), reason="Somebody else's")

    text = words_of(page.get(LEAVE).content)

    assert "Tuesday 24 November, all day All places Private note: Wedding" in text
    assert (
        "Thursday 26 November, 9am to 10am Jayanagar Clinic, visits of 15 minutes, "
        "3 patients at a time, 5 minutes of break between, in person"
    ) in text
    assert text.index("Thursday 26 November, 9am") < text.index("Past leave and extra hours")
    assert "Saturday 14 November" in text[text.index("Past leave") :]
    assert "Somebody else" not in text


def test_the_list_takes_few_queries(
    page: Client,
    doctor: Doctor,
    place: DoctorLocation,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for week in range(-4, 8):
        starts_at = TUESDAY + week * 7 * DAY
        make_exception(doctor, starts_at=starts_at, ends_at=starts_at + DAY, location=place)

    with django_assert_max_num_queries(8):
        page.get(LEAVE)


@pytest.mark.parametrize(
    ("at", "label", "first", "last"),
    [
        (NOW, "Today", "2026-11-23", "2026-11-23"),
        (NOW, "Tomorrow", "2026-11-24", "2026-11-24"),
        (NOW, "This week", "2026-11-23", "2026-11-29"),
        (NOW + 6 * DAY, "Next week", "2026-11-30", "2026-12-06"),
    ],
)
def test_one_tap_takes_leave(
    page: Client, monkeypatch: pytest.MonkeyPatch, at: datetime, label: str, first: str, last: str
) -> None:
    monkeypatch.setattr("scheduling.views.leave.now", lambda: at)
    shown = page.get(LEAVE).content.decode()
    forms = re.findall(
        r'name="first" value="(.*?)">.*?value="(.*?)">.*?submit">(.*?) <', shown, re.DOTALL
    )
    assert (first, last, label) in forms

    response = page.post(ADD, {"first": first, "last": last}, follow=True)

    assertContains(response, "Leave saved: ")
    ((starts_at, ends_at),) = standing()
    assert (
        starts_at.astimezone(UTC)
        .isoformat()
        .startswith((datetime.fromisoformat(first) - DAY).date().isoformat() + "T18:30")
    )
    assert ends_at - starts_at == datetime.fromisoformat(last) - datetime.fromisoformat(first) + DAY


def test_a_link_brings_its_time_along(page: Client, doctor: Doctor, place: DoctorLocation) -> None:
    other = make_location(doctor, name="Apollo")
    make_window(doctor, place, slot_duration_minutes=20, capacity=4)
    query = {"date": "2026-11-25", "from": "14:00", "to": "17:00", "place": str(other.pk)}

    for path, name in ((ADD, "first"), (EXTRA, "date")):
        response = page.get(path, query)
        assertContains(response, f'name="{name}" value="2026-11-25"')
        assertContains(response, 'name="starts" value="14:00"')
        assertContains(response, f'<option value="{other.pk}" selected>Apollo</option>', html=True)
    assertContains(response, 'name="capacity" value="4"')
    assertContains(response, 'name="slot_duration_minutes" value="20"')


@pytest.mark.parametrize("path", [ADD, EXTRA])
def test_forms_take_few_queries(
    page: Client,
    place: DoctorLocation,
    path: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(6):
        page.get(path)


def test_what_is_over_stays(page: Client, doctor: Doctor) -> None:
    row = make_exception(doctor, starts_at=NOW - 2 * HOUR, ends_at=NOW - HOUR)

    response = page.get(reverse("scheduling:exception_edit", args=[row.pk]), follow=True)
    assertContains(response, "This is over, so it stays as it was.")
    response = page.post(reverse("scheduling:exception_remove", args=[row.pk]), follow=True)
    assertContains(response, "This time is over already.")
    assert AvailabilityException.objects.count() == 1


def test_leave_is_removed_after_a_question(page: Client, doctor: Doctor) -> None:
    row = make_exception(doctor)
    address = reverse("scheduling:exception_remove", args=[row.pk])
    assertContains(page.get(address), "Remove this leave?")

    response = page.post(address, {"next": "https://elsewhere.example/"}, follow=True)

    assertContains(response, "Leave removed: Tuesday 24 November, 9am to 10am.")
    assert response.redirect_chain == [(LEAVE, 302)]
    assert standing() == []
    assert page.post(address).status_code == 404


def test_leave_that_has_begun_ends_now(page: Client, doctor: Doctor) -> None:
    row = make_exception(doctor, starts_at=NOW - HOUR, ends_at=NOW + HOUR)
    address = reverse("scheduling:exception_remove", args=[row.pk])
    assertContains(page.get(address), "End this leave now?")

    assertContains(page.post(address, follow=True), "Leave ended now")
    assert standing() == [(NOW - HOUR, NOW)]
