"""A place keeps its zone while the hours and appointments there would move with it."""

from collections.abc import Callable
from datetime import date, time, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from registry import actions
from registry.models import AuditLog, Doctor, DoctorLocation, OutboxEvent
from registry.tests.factories import NOW, make_doctor, make_location, make_provider, make_user
from scheduling.models import Appointment
from scheduling.tests.factories import (
    TUESDAY_AT_9,
    make_appointment,
    make_exception,
    make_window,
)

pytestmark = pytest.mark.django_db(transaction=True)
DUBAI = "Asia/Dubai"
# The database compares with its own clock.
YEARS = timedelta(days=50 * 365)
LATER = {"starts_at": TUESDAY_AT_9 + YEARS, "ends_at": TUESDAY_AT_9 + YEARS + timedelta(hours=1)}
LATER_VISIT = {
    "appointment_time": TUESDAY_AT_9 + YEARS,
    "ends_at": TUESDAY_AT_9 + YEARS + timedelta(minutes=15),
}
LONG_AGO = {"appointment_time": TUESDAY_AT_9 - YEARS, "ends_at": NOW - YEARS + timedelta(days=2)}
Fill = Callable[[Doctor, DoctorLocation], object]

STANDS: list[Fill] = [
    make_window,
    lambda doctor, place: make_window(doctor, place, valid_from=NOW.date() + YEARS),
    lambda doctor, place: make_window(
        doctor, place, start_time=time(20), end_time=time(2), valid_to=NOW.date() + YEARS
    ),
    lambda doctor, place: make_exception(doctor, kind="EXTRA", location=place, **LATER),
    lambda doctor, place: make_appointment(doctor, make_provider(), place, **LATER_VISIT),
    lambda doctor, place: make_appointment(
        doctor, make_provider(), place, status="HELD", **LATER_VISIT
    ),
]
IS_OVER_OR_ELSEWHERE: list[Fill] = [
    lambda doctor, place: make_window(doctor, make_location(doctor)),
    lambda doctor, place: make_window(
        doctor, place, valid_from=date(2019, 1, 1), valid_to=date(2020, 1, 1)
    ),
    lambda doctor, place: make_window(doctor, place, is_active=False),
    lambda doctor, place: make_exception(doctor, location=place, **LATER),
    lambda doctor, place: make_appointment(doctor, make_provider(), place, **LONG_AGO),
    lambda doctor, place: make_appointment(
        doctor, make_provider(), place, status="CANCELLED", **LATER_VISIT
    ),
]


@pytest.mark.parametrize("fill", STANDS)
def test_a_place_with_hours_or_appointments_keeps_its_zone(fill: Fill) -> None:
    doctor = make_doctor()
    place = make_location(doctor)
    fill(doctor, place)

    with pytest.raises(actions.ZoneKept, match="Add a new place instead"):
        actions.update_place(
            location=place,
            changes={"timezone": DUBAI, "city": "Dubai"},
            by=make_user(doctor=doctor),
            at=NOW,
        )

    assert DoctorLocation.objects.filter(timezone=place.timezone, city=place.city, pk=place.pk)
    assert not AuditLog.objects.exists()
    assert not OutboxEvent.objects.exists()
    assert Doctor.objects.get(pk=doctor.pk).version == doctor.version


@pytest.mark.parametrize("fill", IS_OVER_OR_ELSEWHERE)
def test_any_other_place_may_have_another_zone(fill: Fill) -> None:
    doctor = make_doctor()
    place = make_location(doctor)
    fill(doctor, place)

    saved = actions.update_place(
        location=place, changes={"timezone": DUBAI}, by=make_user(doctor=doctor), at=NOW
    )

    saved.refresh_from_db()
    assert saved.timezone == DUBAI


def test_all_else_of_a_place_with_hours_can_change() -> None:
    doctor = make_doctor()
    place = make_location(doctor)
    make_window(doctor, place)

    changes = {"timezone": place.timezone, "city": "Pune"}
    actions.update_place(location=place, changes=changes, by=make_user(doctor=doctor), at=NOW)

    assert DoctorLocation.objects.get(pk=place.pk).city == "Pune"


def test_the_database_refuses_whoever_passes_by_the_action() -> None:
    doctor = make_doctor()
    make_appointment(doctor, make_provider(), make_location(doctor), **LATER_VISIT)
    before = Appointment.objects.get().local_date

    with pytest.raises(IntegrityError, match="keeps its zone"), transaction.atomic():
        DoctorLocation.objects.update(timezone=DUBAI)

    assert Appointment.objects.get().local_date == before


def test_another_broken_rule_of_a_place_is_no_kept_zone() -> None:
    doctor = make_doctor()
    place = make_location(doctor)

    with pytest.raises(IntegrityError, match="location_pin_is_6_digits"):
        actions.update_place(
            location=place, changes={"pin": "1"}, by=make_user(doctor=doctor), at=NOW
        )


def test_the_page_says_so_and_keeps_what_was_typed(client: Client) -> None:
    doctor = make_doctor()
    place = make_location(doctor)
    make_window(doctor, place)
    client.force_login(make_user(doctor=doctor))
    typed = {
        "name": "Marina Clinic",
        "address": place.address,
        "city": place.city,
        "state": place.state,
        "pin": place.pin,
        "phone": "",
        "timezone": DUBAI,
        "is_active": "on",
    }

    response = client.post(reverse("registry:place_edit", args=[place.pk]), typed)

    page = response.content.decode()
    assert response.status_code == 422
    assert "Add a new place instead" in page
    assert "Marina Clinic" in page
    assert DoctorLocation.objects.get(pk=place.pk).name == place.name
