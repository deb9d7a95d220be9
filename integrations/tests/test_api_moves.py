from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from consent.models import Consent
from integrations.tests.doctors import open_on_tuesdays, share, wanted, withdraw
from integrations.tests.insurers import UNKNOWN_ID, Caller, essence, make_caller
from registry.models import AuditLog, OutboxEvent
from registry.tests.factories import NOW, make_location
from scheduling.models import Appointment
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_window

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

NOON = "2026-11-24T12:00:00+05:30"


def booked(caller: Caller) -> Appointment:
    caller.book(wanted(open_on_tuesdays(caller)))
    return Appointment.objects.latest("created_at")


def move(caller: Caller, appointment: Any, version: str = '"1"', **body: Any) -> Any:
    path = f"/appointments/{getattr(appointment, 'pk', appointment)}"
    return caller.patch(path, {"start": NOON} | body, **{"If-Match": version})


def unmoved(appointment: Appointment) -> bool:
    appointment.refresh_from_db()
    return appointment.appointment_time == TUESDAY_AT_9


def test_an_appointment_is_moved_and_its_old_time_is_free() -> None:
    caller = make_caller()
    appointment = booked(caller)
    read = caller.get(f"/appointments/{appointment.pk}")
    assert read["ETag"] == '"1"'

    response = move(caller, appointment, read["ETag"])

    assert response.status_code == 200
    shown = response.json()
    assert (shown["id"], shown["start"]) == (str(appointment.pk), "2026-11-24T06:30:00Z")
    assert (shown["status"], shown["version"], shown["token_number"]) == ("BOOKED", 2, 13)
    assert response["ETag"] == '"2"'
    assert "Location" not in response
    assert caller.get(f"/appointments/{appointment.pk}").json() == shown
    slots = caller.get(f"/doctors/{appointment.doctor_id}/slots").json()["items"]
    free = {one["start"] for one in slots}
    assert "2026-11-24T03:30:00Z" in free
    assert "2026-11-24T06:30:00Z" not in free
    recorded = AuditLog.objects.get(action="appointment.moved")
    assert recorded.performed_by_provider == caller.provider
    assert OutboxEvent.objects.get(type="appointment.rescheduled").subject_version == 2


def test_every_answer_with_an_appointment_names_its_version() -> None:
    caller = make_caller()
    body = wanted(open_on_tuesdays(caller))

    made, again = caller.book(body), caller.book(body)
    path = f"/appointments/{made.json()['id']}"
    cancelled = caller.post(f"{path}/cancel", {"reason": "patient_request"})

    assert made["ETag"] == again["ETag"] == '"1"'
    assert cancelled["ETag"] == '"2"'
    assert caller.get(path, None, **{"If-None-Match": '"1"'}).status_code == 200
    unchanged = caller.get(path, None, **{"If-None-Match": '"2"'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_a_move_must_name_the_version_that_was_read() -> None:
    caller = make_caller()
    appointment = booked(caller)

    response = caller.patch(f"/appointments/{appointment.pk}", {"start": NOON})

    assert (response.status_code, response.json()["code"]) == (428, "precondition_required")
    assert move(caller, appointment, " , ").status_code == 428
    assert unmoved(appointment)


@pytest.mark.parametrize("version", ['"2"', "1", 'W/"1"', '"x"', '"0", "2"', '"' + "9" * 400 + '"'])
def test_a_version_that_is_not_the_present_one_is_refused(version: str) -> None:
    caller = make_caller()
    appointment = booked(caller)

    response = move(caller, appointment, version)

    assert (response.status_code, response.json()["code"]) == (412, "version_mismatch")
    assert unmoved(appointment)


@pytest.mark.parametrize("version", ["*", '"7", "1"'])
def test_a_version_may_be_one_of_several_or_any(version: str) -> None:
    caller = make_caller()

    assert move(caller, booked(caller), version).status_code == 200


def test_a_change_between_the_look_and_the_move_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    caller = make_caller()
    appointment = booked(caller)
    monkeypatch.setattr("integrations.api.views.appointments.version_to_match", lambda *_: 7)

    response = move(caller, appointment)

    assert (response.status_code, response.json()["code"]) == (412, "version_mismatch")
    assert unmoved(appointment)


def test_a_taken_time_leaves_the_appointment_where_it_was() -> None:
    caller, other = make_caller(), make_caller()
    appointment = booked(caller)
    at_noon = TUESDAY_AT_9 + timedelta(hours=3)
    make_appointment(appointment.doctor, other.provider, appointment_time=at_noon)

    response = move(caller, appointment)

    assert (response.status_code, response.json()["code"]) == (409, "slot_taken")
    assert response.json()["reasons"] == ["taken"]
    assert response.json()["next_free"][0]["start"] == "2026-11-24T06:45:00Z"
    assert "Idempotency-Replayed" not in response
    assert unmoved(appointment)
    assert not OutboxEvent.objects.filter(type="appointment.rescheduled").exists()
    assert move(caller, appointment, start="2026-11-24T11:00:00+05:30").status_code == 200


def test_a_time_that_is_not_offered_is_refused_with_reasons_if_they_are_shared() -> None:
    caller = make_caller()
    appointment = booked(caller)
    evening = "2026-11-24T20:00:00+05:30"

    told = move(caller, appointment, start=evening)
    Consent.objects.update(data_classes=["appointments"])
    untold = move(caller, appointment, start=evening)

    assert (told.status_code, told.json()["reasons"]) == (422, ["outside_hours"])
    assert (untold.status_code, untold.json()["code"]) == (422, "slot_not_available")
    assert not {"reasons", "next_free"} & set(untold.json())
    assert unmoved(appointment)


def test_a_move_may_change_place_and_mode() -> None:
    caller = make_caller()
    appointment = booked(caller)
    second = make_location(appointment.doctor)
    make_window(appointment.doctor, second, day_of_week=2, mode="TELE")

    moved = move(
        caller,
        appointment,
        start="2026-11-25T09:00:00+05:30",
        location_id=str(second.pk),
        mode="TELE",
    ).json()

    assert (moved["location_id"], moved["mode"]) == (str(second.pk), "TELE")


@pytest.mark.parametrize("status", ["CANCELLED", "COMPLETED", "NO_SHOW"])
def test_what_is_over_is_not_moved(status: str) -> None:
    caller = make_caller()
    appointment = make_appointment(open_on_tuesdays(caller), caller.provider, status=status)

    response = move(caller, appointment)

    assert (response.status_code, response.json()["code"]) == (409, "not_movable")


def test_after_the_doctor_opted_out_an_appointment_is_read_but_not_moved() -> None:
    caller = make_caller()
    appointment = booked(caller)
    withdraw(appointment.doctor)

    response = move(caller, appointment)

    assert caller.get(f"/appointments/{appointment.pk}").status_code == 200
    assert essence(response) == essence(caller.get(f"/doctors/{UNKNOWN_ID}"))
    assert unmoved(appointment)


def test_another_insurers_appointment_is_not_there() -> None:
    caller, other = make_caller(), make_caller()
    theirs = booked(other)
    share(caller, theirs.doctor)

    response = move(caller, theirs)

    assert essence(response) == essence(move(caller, UNKNOWN_ID))
    assert unmoved(theirs)


@pytest.mark.parametrize(
    ("wrong", "pointer", "code"),
    [
        ({"start": None}, "/start", "null"),
        ({"start": "2026-11-24T12:00:00"}, "/start", "invalid"),
        ({"start": "2027-02-30T12:00:00Z"}, "/start", "invalid"),
        ({"start": "2150-01-01T00:00:00+99:99"}, "/start", "invalid"),
        ({"start": "1999-01-01T00:00:00Z"}, "/start", "bad_range"),
        ({"location_id": UNKNOWN_ID}, "/location_id", "unknown"),
        ({"mode": "?"}, "/mode", "invalid_choice"),
        ({"doctor_id": UNKNOWN_ID}, "/doctor_id", "unknown"),
        ({"status": "CANCELLED"}, "/status", "unknown"),
    ],
)
def test_a_wrong_field_is_pointed_at(wrong: dict[str, Any], pointer: str, code: str) -> None:
    caller = make_caller()
    appointment = booked(caller)

    response = move(caller, appointment, **wrong)

    assert response.status_code == 400
    assert [(one["pointer"], one["code"]) for one in response.json()["errors"]] == [(pointer, code)]
    assert unmoved(appointment)


def test_a_move_takes_as_many_queries_on_a_full_day_as_on_an_empty_one(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    caller = make_caller()
    first, doctor = booked(caller), open_on_tuesdays(caller)
    second = make_appointment(doctor, caller.provider, token_number=1)
    for number in range(1, 10):
        start = TUESDAY_AT_9 + timedelta(minutes=15 * number)
        make_appointment(doctor, caller.provider, second.location, appointment_time=start)

    with django_assert_max_num_queries(40) as few:
        assert move(caller, first).status_code == 200
    with django_assert_max_num_queries(len(few)):
        assert move(caller, second).status_code == 200


def test_a_visit_that_has_begun_is_not_moved() -> None:
    caller = make_caller()
    begun = make_appointment(open_on_tuesdays(caller), caller.provider, appointment_time=NOW)

    assert move(caller, begun).json()["code"] == "not_movable"
