from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from integrations.models import IdempotencyRecord
from integrations.tests.doctors import open_on_tuesdays, wanted
from integrations.tests.insurers import UNKNOWN_ID, essence, make_caller
from registry.models import AuditLog, OutboxEvent
from registry.tests.factories import make_doctor, make_location, make_provider
from scheduling.models import Appointment
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_window

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]


def test_a_free_time_is_booked() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)

    response = caller.book(wanted(doctor, visit_type="follow_up"))

    assert response.status_code == 201
    booked = Appointment.objects.get()
    shown = response.json()
    assert shown["id"] == str(booked.pk)
    assert (shown["start"], shown["end"]) == ("2026-11-24T03:30:00Z", "2026-11-24T03:45:00Z")
    assert (shown["status"], shown["mode"]) == ("BOOKED", "IN_PERSON")
    assert (shown["patient_reference"], shown["token_number"]) == ("member-7731", 1)
    assert (shown["visit_type"], shown["cancel_reason"]) == ("follow_up", None)
    assert response["Location"] == f"/api/v1/appointments/{booked.pk}"
    assert "Idempotency-Replayed" not in response
    assert booked.appointment_time == TUESDAY_AT_9
    assert AuditLog.objects.get(action="appointment.booked").performed_by_provider == (
        caller.provider
    )
    event = OutboxEvent.objects.get(type="appointment.booked")
    assert "member-7731" not in str(event.payload)
    assert caller.get(f"/appointments/{booked.pk}").json() == shown


def test_optional_fields_may_be_null() -> None:
    caller = make_caller()
    body = wanted(open_on_tuesdays(caller), location_id=None, mode=None, visit_type=None)

    assert caller.book(body).status_code == 201


def test_a_taken_time_is_refused_with_the_next_free_ones_and_stays_refused() -> None:
    caller, other = make_caller(), make_caller()
    doctor = open_on_tuesdays(caller)
    taken = make_appointment(doctor, other.provider)

    first = caller.book(wanted(doctor))

    assert first.status_code == 409
    problem = first.json()
    assert problem["code"] == "slot_taken"
    assert problem["reasons"] == ["taken"]
    assert problem["next_free"][0]["start"] == "2026-11-24T03:45:00Z"
    assert not OutboxEvent.objects.exists()
    taken.delete()
    again = caller.book(wanted(doctor))
    assert again.status_code == 409
    assert again["Idempotency-Replayed"] == "true"
    assert again.json()["next_free"] == problem["next_free"]
    assert caller.book(wanted(doctor), key="key-2").status_code == 201


@pytest.mark.parametrize(
    ("start", "reasons"),
    [
        ("2026-11-24T20:00:00+05:30", ["outside_hours"]),
        ("2026-11-24T09:05:00+05:30", ["between_slots"]),
        ("2026-11-17T09:00:00+05:30", ["too_soon"]),
        ("2027-11-23T09:00:00+05:30", ["beyond_horizon"]),
    ],
)
def test_a_time_that_is_not_offered_is_refused_with_reasons(start: str, reasons: list[str]) -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)

    response = caller.book(wanted(doctor, start=start))

    assert response.status_code == 422
    assert response.json()["code"] == "slot_not_available"
    assert response.json()["reasons"] == reasons
    assert response.json()["next_free"]
    assert not Appointment.objects.exists()


def test_free_times_are_not_told_to_who_may_not_see_them() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller, data_classes=["profile", "appointments"])

    response = caller.book(wanted(doctor, start="2026-11-24T20:00:00+05:30"))

    assert response.status_code == 422
    assert not {"reasons", "next_free"} & set(response.json())


def test_an_external_id_is_used_once() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)
    caller.book(wanted(doctor))

    response = caller.book(wanted(doctor, start="2026-11-24T09:15:00+05:30"), key="key-2")

    assert (response.status_code, response.json()["code"]) == (409, "external_id_used")


def test_an_insurer_cannot_fill_a_day() -> None:
    caller = make_caller(insurance_provider=make_provider(max_open_bookings_per_day=1))
    doctor = open_on_tuesdays(caller)
    caller.book(wanted(doctor))
    second = wanted(doctor, start="2026-11-24T09:15:00+05:30", external_appointment_id="V-2")

    response = caller.book(second, key="key-2")

    assert (response.status_code, response.json()["code"]) == (409, "too_many_bookings")


def test_a_doctor_who_may_not_be_seen_cannot_be_booked() -> None:
    caller, other = make_caller(), make_caller()
    expected = essence(caller.get(f"/doctors/{UNKNOWN_ID}"))
    unseen = {
        "never consented": make_doctor(),
        "another insurer's": open_on_tuesdays(other),
        "takes no bookings": open_on_tuesdays(caller, data_classes=["profile", "availability"]),
    }

    for why, doctor in unseen.items():
        assert essence(caller.book(wanted(doctor))) == expected, why
    nobody = wanted(make_doctor(), doctor_id=UNKNOWN_ID)
    assert essence(caller.book(nobody)) == expected
    assert not Appointment.objects.exists()
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "pointer", "code"),
    [
        ({"doctor_id": 5}, "/doctor_id", "invalid"),
        ({"doctor_id": None}, "/doctor_id", "null"),
        ({"doctor_id": "0b0f4e5c7f0e4a359a543c1d5e6f7a8b"}, "/doctor_id", "invalid"),
        ({"start": "2026-11-24T09:00:00"}, "/start", "invalid"),
        ({"start": "2026-11-24 09:00:00+05:30"}, "/start", "invalid"),
        ({"start": "2026-11-24"}, "/start", "invalid"),
        ({"start": "2026-11-31T09:00:00Z"}, "/start", "invalid"),
        ({"start": "9999-12-31T23:59:59-18:00"}, "/start", "invalid"),
        ({"start": 1764041400}, "/start", "invalid"),
        ({"start": "1999-01-01T00:00:00Z"}, "/start", "bad_range"),
        ({"mode": "in_person"}, "/mode", "invalid_choice"),
        ({"mode": 1}, "/mode", "invalid_choice"),
        ({"external_appointment_id": ""}, "/external_appointment_id", "blank"),
        ({"external_appointment_id": 77}, "/external_appointment_id", "invalid"),
        ({"patient_reference": "x" * 201}, "/patient_reference", "max_length"),
        ({"location_id": UNKNOWN_ID}, "/location_id", "unknown"),
        ({"patient_name": "Somebody"}, "/patient_name", "unknown"),
        ({"a/b~c": 1}, "/a~1b~0c", "unknown"),
    ],
)
def test_a_wrong_field_is_pointed_at(wrong: dict[str, Any], pointer: str, code: str) -> None:
    caller = make_caller()

    response = caller.book(wanted(open_on_tuesdays(caller), **wrong))

    assert response.status_code == 400
    assert response.json()["code"] == "invalid_request"
    assert [(one["pointer"], one["code"]) for one in response.json()["errors"]] == [(pointer, code)]
    assert not Appointment.objects.exists()
    assert not IdempotencyRecord.objects.exists()


def test_a_time_is_booked_at_the_place_that_was_chosen() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)
    second = make_location(doctor)
    make_window(doctor, second, day_of_week=2)
    first = wanted(doctor, location_id=str(second.pk))

    assert caller.book(first).json()["reasons"] == ["outside_hours"]
    response = caller.book(first | {"start": "2026-11-25T09:00:00+05:30"}, key="key-2")

    assert response.json()["location_id"] == str(second.pk)


def test_another_doctors_place_is_unknown() -> None:
    caller = make_caller()
    doctor, other = open_on_tuesdays(caller), open_on_tuesdays(caller)

    response = caller.book(wanted(doctor, location_id=str(make_location(other).pk)))

    assert response.status_code == 400


def test_a_booking_takes_as_many_queries_on_a_full_day_as_on_an_empty_one(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    caller = make_caller(insurance_provider=make_provider(max_open_bookings_per_day=100))
    doctor = open_on_tuesdays(caller)
    place = make_location(doctor)
    caller.book(wanted(doctor))
    # The key, and what a booking in one transaction needs.
    queries = 14

    with django_assert_num_queries(queries):
        second = wanted(doctor, start="2026-11-24T09:15:00+05:30", external_appointment_id="V-2")
        caller.book(second, key="key-2")
    for number in range(2, 12):
        start = TUESDAY_AT_9 + timedelta(minutes=15 * number)
        make_appointment(doctor, caller.provider, place, appointment_time=start)
    with django_assert_num_queries(queries):
        third = wanted(doctor, start="2026-11-24T12:30:00+05:30", external_appointment_id="V-3")
        caller.book(third, key="key-3")
