"""Databases that were filled before a rule was made come to obey it, and lose nothing."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from registry.models import Doctor, DoctorLocation
from registry.tests.factories import NOW, make_doctor, make_location
from scheduling import openings
from scheduling.models import AvailabilityException, OpenDay
from scheduling.tests.factories import TUESDAY_AT_9, make_window

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
BEFORE = "0002_places_are_the_doctors"


def migrate(name: str) -> None:
    MigrationExecutor(connection).migrate([("scheduling", name)])


@pytest.fixture
def latest() -> Iterator[str]:
    names = [
        name for app, name in MigrationExecutor(connection).loader.graph.leaf_nodes("scheduling")
    ]
    yield names[0]
    AvailabilityException.objects.all().delete()
    migrate(names[0])


def add(
    doctor: Doctor, place: DoctorLocation, kind: str, begins: datetime, hours: int, reason: str = ""
) -> None:
    terms = (15, 1, 0, "IN_PERSON") if kind == "EXTRA" else (None, None, None, "")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO availability_exceptions (
                id, created_at, updated_at, doctor_id, location_id, kind, starts_at, ends_at,
                reason, slot_duration_minutes, capacity, buffer_minutes, mode
            )
            VALUES (gen_random_uuid(), now(), now(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [doctor.pk, place.pk, kind, begins, begins + hours * HOUR, reason, *terms],
        )


def test_leave_that_overlapped_is_one_with_both_reasons(latest: str) -> None:
    doctor = make_doctor()
    place = make_location(doctor)
    migrate(BEFORE)
    add(doctor, place, "CLOSED", TUESDAY_AT_9, 2, "Dentist")
    add(doctor, place, "CLOSED", TUESDAY_AT_9 + HOUR, 2, "School")
    add(doctor, place, "CLOSED", TUESDAY_AT_9 + 3 * HOUR, 1, "Touches them")

    migrate(latest)

    left = AvailabilityException.objects.order_by("starts_at")
    assert [(one.starts_at, one.ends_at, one.reason) for one in left] == [
        (TUESDAY_AT_9, TUESDAY_AT_9 + 3 * HOUR, "Dentist; School"),
        (TUESDAY_AT_9 + 3 * HOUR, TUESDAY_AT_9 + 4 * HOUR, "Touches them"),
    ]


def test_extra_hours_that_began_first_stand(latest: str) -> None:
    doctor = make_doctor()
    place = make_location(doctor)
    migrate(BEFORE)
    add(doctor, place, "EXTRA", TUESDAY_AT_9, 3)
    add(doctor, place, "EXTRA", TUESDAY_AT_9 + HOUR, 1)
    add(doctor, place, "EXTRA", TUESDAY_AT_9 + HOUR, 4)

    migrate(latest)

    left = AvailabilityException.objects.order_by("starts_at")
    assert [(one.starts_at, one.ends_at) for one in left] == [
        (TUESDAY_AT_9, TUESDAY_AT_9 + 3 * HOUR),
        (TUESDAY_AT_9 + 3 * HOUR, TUESDAY_AT_9 + 5 * HOUR),
    ]


def test_extra_hours_come_to_begin_on_the_minute(latest: str) -> None:
    doctor = make_doctor()
    migrate(BEFORE)
    add(doctor, make_location(doctor), "EXTRA", TUESDAY_AT_9 + timedelta(seconds=30), 2)

    migrate(latest)

    assert AvailabilityException.objects.get().starts_at == TUESDAY_AT_9


def test_open_days_that_do_not_say_what_slots_are_like_come_to_say_it(latest: str) -> None:
    doctor = make_doctor()
    make_window(doctor, capacity=2)
    openings.build(doctor_ids=[doctor.pk], at=NOW)
    migrate("0010_taken_places_in_the_index")

    migrate(latest)

    kinds = OpenDay.objects.values_list("slot_minutes", "capacity")
    assert set(kinds) == {(None, None)}
    assert len(openings.differences(doctor_ids=[doctor.pk])) == len(kinds)
    openings.build(doctor_ids=[doctor.pk], at=NOW)
    assert set(kinds.all()) == {(15, 2)}
    assert openings.differences(doctor_ids=[doctor.pk]) == []
