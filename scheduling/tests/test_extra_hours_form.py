import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains

from registry.models import Doctor, DoctorLocation
from scheduling.models import AvailabilityException
from scheduling.tests.factories import TUESDAY_AT_9
from scheduling.tests.leave import ADD, EXTRA, EXTRA_HOURS, HOUR, TUESDAY, make_extra, standing

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]


def test_extra_hours_may_last_over_midnight(page: Client, place: DoctorLocation) -> None:
    response = page.post(EXTRA, EXTRA_HOURS, follow=True)

    assertContains(response, "Extra hours saved: Wednesday 25 November, 10pm to 2am next day.")
    row = AvailabilityException.objects.get()
    assert (row.location, row.slot_duration_minutes, row.capacity) == (place, 20, 2)
    assert (row.starts_at, row.ends_at) == (TUESDAY + 46 * HOUR, TUESDAY + 50 * HOUR)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"ends": "10pm"}, "The end must differ from the start."),
        ({"ends": "22:30"}, "10 minutes would be left over"),
        ({"starts": ""}, "Enter when it starts, such as 9am."),
        ({"date": "2026-11-20"}, "It can begin today at the earliest."),
        ({"capacity": "99"}, "less than or equal to 50"),
    ],
)
def test_extra_hours_that_cannot_be_are_named(
    page: Client, place: DoctorLocation, given: dict[str, str], text: str
) -> None:
    response = page.post(EXTRA, EXTRA_HOURS | given)

    assertContains(response, text, status_code=422)
    assertContains(response, 'name="slot_duration_minutes" value="20"', status_code=422)
    assert standing() == []


def test_extra_hours_on_leave_are_refused_for_the_whole_form(
    page: Client, place: DoctorLocation
) -> None:
    page.post(ADD, {"first": "2026-11-25", "last": "2026-11-26"})

    response = page.post(EXTRA, EXTRA_HOURS)

    assertContains(response, "You are on leave then", 2, status_code=422)


def test_extra_hours_need_a_place(page: Client) -> None:
    assertContains(page.get(EXTRA), reverse("registry:place_add"))


def test_extra_hours_are_changed(page: Client, doctor: Doctor, place: DoctorLocation) -> None:
    row = make_extra(doctor, place)
    address = reverse("scheduling:exception_edit", args=[row.pk])
    assertContains(page.get(address), 'name="ends" value="10:00"')

    page.post(address, EXTRA_HOURS | {"date": "2026-11-24", "starts": "9", "ends": "11"})

    row.refresh_from_db()
    assert (row.ends_at, row.mode) == (TUESDAY_AT_9 + 2 * HOUR, "TELE")
