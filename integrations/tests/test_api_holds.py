from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from consent.models import Consent, DataClass
from integrations.actions import answers
from integrations.models import IdempotencyRecord
from integrations.tests.doctors import open_on_tuesdays, share, wanted, withdraw
from integrations.tests.insurers import UNKNOWN_ID, Caller, essence, make_caller
from registry.models import AuditLog, Doctor, OutboxEvent
from registry.tests.factories import NOW, make_doctor, make_location, make_provider
from scheduling.actions import HoldEnded
from scheduling.models import Appointment
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_window

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

NINE = "2026-11-24T09:00:00+05:30"
A_QUARTER_PAST = "2026-11-24T09:15:00+05:30"


def hold(caller: Caller, doctor: Doctor, **given: Any) -> Any:
    headers = given.pop("headers", {})
    return caller.post("/holds", {"doctor_id": str(doctor.pk), "start": NINE} | given, **headers)


def set_clock(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    monkeypatch.setattr("integrations.api.views.base.now", lambda: at)


def starts(caller: Caller, doctor: Doctor) -> list[str]:
    query = {"from": "2026-11-24", "to": "2026-11-24"}
    return [
        one["start"] for one in caller.get(f"/doctors/{doctor.pk}/slots", query).json()["items"]
    ]


def test_a_held_time_is_nobody_elses_until_it_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    caller, other = make_caller(), make_caller()
    doctor = open_on_tuesdays(caller)
    share(other, doctor)

    response = hold(caller, doctor)

    assert response.status_code == 201
    row = Appointment.objects.get()
    assert response.json() == {
        "id": str(row.pk),
        "doctor_id": str(doctor.pk),
        "location_id": str(row.location_id),
        "start": "2026-11-24T03:30:00Z",
        "end": "2026-11-24T03:45:00Z",
        "mode": "IN_PERSON",
        "expires_at": "2026-11-23T03:35:00Z",
        "token_number": 1,
    }
    assert AuditLog.objects.get(action="appointment.held").performed_by_provider == caller.provider
    assert not OutboxEvent.objects.filter(type__startswith="appointment.").exists()
    assert starts(other, doctor)[0] == "2026-11-24T03:45:00Z"
    assert other.book(wanted(doctor)).json()["reasons"] == ["taken"]
    set_clock(monkeypatch, NOW + timedelta(minutes=5))
    assert other.book(wanted(doctor), key="later").status_code == 201


def test_holds_are_no_appointments() -> None:
    caller = make_caller()
    held = hold(caller, open_on_tuesdays(caller)).json()["id"]

    assert caller.get("/appointments").json()["items"] == []
    assert caller.get(f"/appointments/{held}").status_code == 404
    assert caller.post(f"/appointments/{held}/cancel", {"reason": "other"}).status_code == 404
    moved = caller.patch(f"/appointments/{held}", {"start": A_QUARTER_PAST}, **{"If-Match": "*"})
    assert moved.status_code == 404


def test_a_hold_is_as_long_as_agreed_with_the_insurer() -> None:
    caller = make_caller(insurance_provider=make_provider(hold_minutes=2))

    held = hold(caller, open_on_tuesdays(caller)).json()

    assert held["expires_at"] == "2026-11-23T03:32:00Z"


def test_with_a_hold_the_held_place_is_booked() -> None:
    caller, other = make_caller(), make_caller()
    doctor = open_on_tuesdays(caller)
    share(other, doctor)
    held = hold(caller, doctor).json()

    booked = caller.book(wanted(doctor, hold_id=held["id"]))

    assert booked.status_code == 201
    assert (booked.json()["id"], booked.json()["status"]) == (held["id"], "BOOKED")
    assert Appointment.objects.count() == 1


def test_a_hold_that_ran_out_lets_its_booking_compete(monkeypatch: pytest.MonkeyPatch) -> None:
    caller, other = make_caller(), make_caller()
    doctor = open_on_tuesdays(caller)
    share(other, doctor)
    held = hold(caller, doctor).json()["id"]
    set_clock(monkeypatch, NOW + timedelta(minutes=5))
    other.book(wanted(doctor))

    lost = caller.book(wanted(doctor, hold_id=held))
    free = caller.book(wanted(doctor, hold_id=held, start=A_QUARTER_PAST), key="key-2")

    assert (lost.status_code, lost.json()["code"]) == (409, "slot_taken")
    assert free.status_code == 201


def test_another_insurers_hold_helps_nobody_and_is_not_told() -> None:
    caller, other = make_caller(), make_caller()
    doctor = open_on_tuesdays(caller)
    share(other, doctor)
    theirs = hold(other, doctor).json()["id"]

    with_theirs = caller.book(wanted(doctor, hold_id=theirs))
    with_none = caller.book(wanted(doctor, hold_id=UNKNOWN_ID), key="key-2")

    assert with_theirs.json()["code"] == "slot_taken"
    assert essence(with_theirs) == essence(with_none)
    assert Appointment.objects.get().insurance_provider == other.provider


def test_a_hold_of_something_else_is_pointed_out_and_stays() -> None:
    caller = make_caller()
    doctor, second = open_on_tuesdays(caller), open_on_tuesdays(caller)
    held = hold(caller, doctor).json()["id"]
    bodies = [
        wanted(doctor, hold_id=held, start=A_QUARTER_PAST),
        wanted(second, hold_id=held),
        wanted(doctor, hold_id=held, mode="TELE"),
    ]

    for number, body in enumerate(bodies):
        response = caller.book(body, key=f"key-{number}")
        assert (response.status_code, response.json()["code"]) == (422, "hold_mismatch")
    assert Appointment.objects.get().status == "HELD"


def test_a_hold_is_renewed_once_and_never_past_ten_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caller = make_caller(insurance_provider=make_provider(hold_minutes=8))
    held = hold(caller, open_on_tuesdays(caller)).json()["id"]
    set_clock(monkeypatch, NOW + timedelta(minutes=4))

    renewed = caller.post(f"/holds/{held}/renew", {})
    again = caller.post(f"/holds/{held}/renew", {})

    assert renewed.status_code == 200
    assert renewed.json()["expires_at"] == "2026-11-23T03:40:00Z"
    assert (again.status_code, again.json()["code"]) == (409, "hold_already_renewed")


def test_a_hold_that_ran_out_is_not_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    caller = make_caller()
    held = hold(caller, open_on_tuesdays(caller)).json()["id"]
    set_clock(monkeypatch, NOW + timedelta(minutes=5))

    response = caller.post(f"/holds/{held}/renew", {})

    assert (response.status_code, response.json()["code"]) == (409, "hold_ended")


def test_a_hold_of_a_doctor_who_opted_out_is_given_back_but_not_renewed() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)
    held = hold(caller, doctor).json()["id"]
    withdraw(doctor)

    renewed = caller.post(f"/holds/{held}/renew", {})
    released = caller.delete(f"/holds/{held}")

    assert essence(renewed) == essence(caller.get(f"/doctors/{UNKNOWN_ID}"))
    assert released.status_code == 204


def test_a_hold_is_given_back() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)
    held = hold(caller, doctor).json()["id"]

    response = caller.delete(f"/holds/{held}")

    assert (response.status_code, response.content) == (204, b"")
    assert starts(caller, doctor)[0] == "2026-11-24T03:30:00Z"
    assert AuditLog.objects.filter(action="appointment.hold_released").count() == 1
    assert caller.delete(f"/holds/{held}").status_code == 404


def test_a_hold_that_ends_while_it_is_given_back_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(**_: object) -> None:
        raise HoldEnded

    caller = make_caller()
    held = hold(caller, open_on_tuesdays(caller)).json()["id"]
    monkeypatch.setattr("scheduling.actions.release_hold", ended)

    assert caller.delete(f"/holds/{held}").json()["code"] == "hold_ended"


def test_a_booked_hold_is_no_hold_any_more() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)
    held = hold(caller, doctor).json()["id"]
    caller.book(wanted(doctor, hold_id=held))

    assert caller.delete(f"/holds/{held}").status_code == 404
    assert caller.post(f"/holds/{held}/renew", {}).status_code == 404
    assert Appointment.objects.get().status == "BOOKED"


def test_with_a_key_the_same_hold_is_answered_again() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller, data_classes=DataClass.values)
    key = {"Idempotency-Key": "hold-1"}

    first, second = hold(caller, doctor, headers=key), hold(caller, doctor, headers=key)
    other = hold(caller, doctor, headers=key, start=A_QUARTER_PAST)

    assert second.json() == first.json()
    assert second["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Appointment.objects.count() == IdempotencyRecord.objects.count() == 1


def test_a_kept_refusal_stays_and_tells_only_what_is_shared_now() -> None:
    caller, other = make_caller(), make_caller()
    doctor = open_on_tuesdays(caller)
    taken = make_appointment(doctor, other.provider)
    key = {"Idempotency-Key": "hold-1"}
    first = hold(caller, doctor, headers=key)
    taken.delete()

    again = hold(caller, doctor, headers=key)
    Consent.objects.filter(doctor=doctor).update(data_classes=["appointments"])
    later = hold(caller, doctor, headers=key)

    assert (first.status_code, first.json()["code"]) == (409, "slot_taken")
    assert again.json()["next_free"] == first.json()["next_free"]
    assert (later.status_code, "next_free" in later.json()) == (409, False)


def test_without_a_key_each_try_is_a_hold_of_its_own() -> None:
    caller = make_caller()
    doctor = share(caller)
    make_window(doctor, capacity=2)

    assert [hold(caller, doctor).status_code for _ in range(3)] == [201, 201, 409]
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_a_key_that_is_sent_must_be_one(key: str) -> None:
    caller = make_caller()

    response = hold(caller, open_on_tuesdays(caller), headers={"Idempotency-Key": key})

    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_missing")
    assert not Appointment.objects.exists()


def test_holds_count_as_open_bookings() -> None:
    caller = make_caller(insurance_provider=make_provider(max_open_bookings_per_day=1))
    doctor = open_on_tuesdays(caller)
    hold(caller, doctor)

    response = hold(caller, doctor, start=A_QUARTER_PAST)

    assert (response.status_code, response.json()["code"]) == (409, "too_many_bookings")


@pytest.mark.parametrize(
    ("start", "reasons"),
    [
        ("2026-11-24T20:00:00+05:30", ["outside_hours"]),
        ("2026-11-24T09:05:00+05:30", ["between_slots"]),
        ("2026-11-17T09:00:00+05:30", ["too_soon"]),
    ],
)
def test_a_time_that_is_not_offered_is_not_held(start: str, reasons: list[str]) -> None:
    caller = make_caller()

    response = hold(caller, open_on_tuesdays(caller), start=start)

    assert (response.status_code, response.json()["reasons"]) == (422, reasons)
    assert response.json()["next_free"]
    assert not Appointment.objects.exists()


def test_a_time_of_a_doctor_who_may_not_be_seen_is_not_held() -> None:
    caller, other = make_caller(), make_caller()
    expected = essence(caller.get(f"/doctors/{UNKNOWN_ID}"))
    unseen = [
        make_doctor(),
        open_on_tuesdays(other),
        open_on_tuesdays(caller, data_classes=["profile", "availability"]),
    ]

    for doctor in unseen:
        assert essence(hold(caller, doctor)) == expected
    assert essence(hold(caller, unseen[0], doctor_id=UNKNOWN_ID)) == expected
    assert not Appointment.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "pointer", "code"),
    [
        ({"doctor_id": "x"}, "/doctor_id", "invalid"),
        ({"start": "2026-11-24T09:00:00"}, "/start", "invalid"),
        ({"start": "1999-01-01T00:00:00Z"}, "/start", "bad_range"),
        ({"mode": "BY_POST"}, "/mode", "invalid_choice"),
        ({"location_id": UNKNOWN_ID}, "/location_id", "unknown"),
        ({"patient_reference": "P-1"}, "/patient_reference", "unknown"),
    ],
)
def test_a_wrong_field_is_pointed_at(wrong: dict[str, Any], pointer: str, code: str) -> None:
    caller = make_caller()

    response = hold(caller, open_on_tuesdays(caller), **wrong)

    assert response.status_code == 400
    assert [(one["pointer"], one["code"]) for one in response.json()["errors"]] == [(pointer, code)]
    assert not Appointment.objects.exists()


def test_a_hold_is_at_the_place_and_in_the_mode_that_were_chosen() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)
    second = make_location(doctor)
    make_window(doctor, second, day_of_week=2, mode="TELE")

    held = hold(
        caller,
        doctor,
        start="2026-11-25T09:00:00+05:30",
        location_id=str(second.pk),
        mode="TELE",
    )

    assert (held.json()["location_id"], held.json()["mode"]) == (str(second.pk), "TELE")


def test_a_hold_that_cannot_be_made_now_says_when_to_ask_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def busy(**_: object) -> None:
        raise answers.TooBusy

    caller = make_caller()
    doctor = open_on_tuesdays(caller)
    monkeypatch.setattr("scheduling.actions.hold", busy)

    response = hold(caller, doctor)

    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response["Retry-After"] == "1"


def test_a_hold_takes_as_many_queries_on_a_full_day_as_on_an_empty_one(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    caller = make_caller(insurance_provider=make_provider(max_open_bookings_per_day=100))
    doctor = open_on_tuesdays(caller)
    place = make_location(doctor)
    hold(caller, doctor)

    with django_assert_max_num_queries(40) as few:
        hold(caller, doctor, start=A_QUARTER_PAST)
    for number in range(2, 12):
        start = TUESDAY_AT_9 + timedelta(minutes=15 * number)
        make_appointment(doctor, caller.provider, place, appointment_time=start)
    with django_assert_max_num_queries(len(few)):
        hold(caller, doctor, start="2026-11-24T12:30:00+05:30")
