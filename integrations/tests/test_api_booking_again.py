from datetime import timedelta

import pytest

from consent.models import Consent
from integrations.actions import answers
from integrations.models import IdempotencyRecord, Scope
from integrations.tests.doctors import open_on_tuesdays, share, wanted, withdraw
from integrations.tests.insurers import UNKNOWN_ID, essence, make_caller
from registry.models import OutboxEvent
from registry.tests.factories import NOW
from scheduling.models import Appointment
from scheduling.tests.factories import make_appointment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]


@pytest.mark.parametrize("again", ["key-1", '"key-1"'])
def test_the_same_request_again_is_answered_again_and_books_nothing(again: str) -> None:
    caller = make_caller()
    body = wanted(open_on_tuesdays(caller))
    first = caller.book(body)

    second = caller.book(body, key=again)

    assert second.status_code == 201
    assert second.json() == first.json()
    assert second["Location"] == first["Location"]
    assert second["Idempotency-Replayed"] == "true"
    assert Appointment.objects.count() == 1
    assert OutboxEvent.objects.filter(type="appointment.booked").count() == 1


def test_the_stored_answer_is_sealed() -> None:
    caller = make_caller()
    caller.book(wanted(open_on_tuesdays(caller)))

    row = IdempotencyRecord.objects.get()
    (sealed,) = IdempotencyRecord.objects.extra(select={"raw": "body"}).values_list("raw")[0]
    assert b"member-7731" not in bytes(sealed)
    assert "member-7731" in row.body
    assert row.expires_at == NOW + timedelta(hours=72)


def test_a_key_is_not_taken_over_by_another_body() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)
    caller.book(wanted(doctor))

    response = caller.book(wanted(doctor, external_appointment_id="V-2"))

    assert response.status_code == 422
    assert response.json()["code"] == "idempotency_key_reused"
    assert Appointment.objects.count() == 1


def test_a_key_belongs_to_its_insurer() -> None:
    caller, other = make_caller(), make_caller()
    doctor = open_on_tuesdays(caller)
    share(other, doctor)

    assert caller.book(wanted(doctor)).status_code == 201
    response = other.book(wanted(doctor, start="2026-11-24T09:15:00+05:30"))

    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response


@pytest.mark.parametrize("key", ["", '""', "a b", "x" * 256, "\u00e9"])
def test_a_booking_needs_a_key(key: str) -> None:
    caller = make_caller()
    body = wanted(open_on_tuesdays(caller))

    response = caller.book(body, key=key)

    assert response.status_code == 400
    assert response.json()["code"] == "idempotency_key_missing"
    assert not Appointment.objects.exists()


def test_a_replay_shows_nothing_after_consent_is_withdrawn() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)
    body = wanted(doctor)
    caller.book(body)
    withdraw(doctor)

    response = caller.book(body)

    assert essence(response) == essence(caller.get(f"/doctors/{UNKNOWN_ID}"))


def test_a_replay_needs_the_scope_again() -> None:
    caller = make_caller()
    body = wanted(open_on_tuesdays(caller))
    caller.book(body)
    reader = make_caller(
        insurance_provider=caller.provider, scopes=[Scope.APPOINTMENTS_READ, Scope.DOCTORS_READ]
    )

    response = reader.book(body)

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize("start", ["2026-11-24T09:00:00+05:30", "2026-11-24T20:00:00+05:30"])
def test_a_replay_shows_no_free_times_that_are_not_shared_any_more(start: str) -> None:
    caller, other = make_caller(), make_caller()
    doctor = open_on_tuesdays(caller)
    make_appointment(doctor, other.provider)
    first = caller.book(wanted(doctor, start=start))
    assert {"reasons", "next_free"} <= set(first.json())
    Consent.objects.filter(doctor=doctor).update(data_classes=["profile", "appointments"])

    again = caller.book(wanted(doctor, start=start))

    assert (again.status_code, again["Idempotency-Replayed"]) == (first.status_code, "true")
    assert again.json()["code"] == first.json()["code"]
    assert not {"reasons", "next_free"} & set(again.json())


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (answers.StillRunning, 409, "request_in_flight"),
        (answers.TooBusy, 503, "unavailable"),
    ],
)
def test_a_booking_that_cannot_be_made_now_says_when_to_ask_again(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], status: int, code: str
) -> None:
    def fail(**_: object) -> None:
        raise error

    caller = make_caller()
    doctor = open_on_tuesdays(caller)
    monkeypatch.setattr(answers, "answer_once", fail)

    response = caller.book(wanted(doctor))

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response["Retry-After"] == "1"
