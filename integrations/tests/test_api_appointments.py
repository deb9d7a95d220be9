from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from integrations.tests.doctors import share, withdraw
from integrations.tests.insurers import UNKNOWN_ID, essence, make_caller
from registry.models import AuditLog, OutboxEvent
from registry.tests.factories import NOW, make_location
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]


def test_own_appointments_are_listed_in_order_and_filtered() -> None:
    caller, other = make_caller(), make_caller()
    doctor = share(caller)
    place = make_location(doctor)
    make_appointment(doctor, other.provider, place, lane=1, capacity=9)
    make_appointment(doctor, caller.provider, place, status="HELD", lane=2, capacity=9)
    first = make_appointment(doctor, caller.provider, place)
    later = TUESDAY_AT_9 + timedelta(days=1)
    second = make_appointment(
        doctor, caller.provider, place, appointment_time=later, status="CANCELLED"
    )

    def listed(**query: Any) -> list[str]:
        items = caller.get("/appointments", query).json()["items"]
        return [one["id"] for one in items]

    assert listed() == [str(first.pk), str(second.pk)]
    assert listed(status="CANCELLED") == [str(second.pk)]
    assert listed(doctor_id=str(doctor.pk)) == [str(first.pk), str(second.pk)]
    assert listed(doctor_id=UNKNOWN_ID) == []
    assert listed(**{"from": "2026-11-25"}) == [str(second.pk)]
    assert listed(to="2026-11-24") == [str(first.pk)]
    assert listed(external_appointment_id=str(second.external_appointment_id)) == [str(second.pk)]
    page = caller.get("/appointments", {"limit": 1}).json()
    following = caller.get("/appointments", {"limit": 1, "cursor": page["next"]}).json()
    assert [one["id"] for one in following["items"]] == [str(second.pk)]
    assert following["next"] is None


def test_the_list_takes_as_many_queries_for_many_as_for_few(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    caller = make_caller()
    doctor = share(caller)
    place = make_location(doctor)
    caller.get("/me")

    for number in range(12):
        start = TUESDAY_AT_9 + timedelta(minutes=15 * number)
        make_appointment(doctor, caller.provider, place, appointment_time=start)
        with django_assert_num_queries(2):
            assert len(caller.get("/appointments").json()["items"]) == number + 1


def test_another_insurers_appointment_is_one_that_does_not_exist() -> None:
    caller, other = make_caller(), make_caller()
    doctor = share(caller)
    share(other, doctor)
    place = make_location(doctor)
    theirs = make_appointment(doctor, other.provider, place)
    held = make_appointment(doctor, caller.provider, place, lane=1, capacity=2, status="HELD")
    expected = essence(caller.get(f"/appointments/{UNKNOWN_ID}"))

    for unseen in (theirs.pk, held.pk, "no-uuid"):
        assert essence(caller.get(f"/appointments/{unseen}")) == expected
        cancelling = caller.post(f"/appointments/{unseen}/cancel", {"reason": "other"})
        assert essence(cancelling) == expected
    theirs.refresh_from_db()
    assert theirs.status == "BOOKED"


def test_an_appointment_stays_readable_until_it_ends_though_the_doctor_opted_out() -> None:
    caller = make_caller()
    doctor = share(caller)
    place = make_location(doctor)
    ahead = make_appointment(doctor, caller.provider, place)
    past = make_appointment(
        doctor, caller.provider, place, appointment_time=NOW - timedelta(minutes=15)
    )
    assert caller.get(f"/appointments/{past.pk}").status_code == 200

    withdraw(doctor)

    assert caller.get(f"/doctors/{doctor.pk}").status_code == 404
    assert caller.get(f"/appointments/{ahead.pk}").status_code == 200
    assert essence(caller.get(f"/appointments/{past.pk}")) == essence(
        caller.get(f"/appointments/{UNKNOWN_ID}")
    )
    items = caller.get("/appointments").json()["items"]
    assert [one["id"] for one in items] == [str(ahead.pk)]


def test_an_appointment_is_cancelled_once_and_asking_again_is_safe() -> None:
    caller = make_caller()
    doctor = share(caller)
    booked = make_appointment(doctor, caller.provider)
    withdraw(doctor)
    path = f"/appointments/{booked.pk}/cancel"

    first = caller.post(path, {"reason": "patient_request", "note": "Called at eight"})
    second = caller.post(path, {"reason": "duplicate"})

    assert first.status_code == 200
    assert (first.json()["status"], first.json()["cancel_reason"]) == (
        "CANCELLED",
        "patient_request",
    )
    assert second.json() == first.json()
    booked.refresh_from_db()
    assert booked.cancel_note == "Called at eight"
    assert AuditLog.objects.filter(action="appointment.cancelled").count() == 1
    assert OutboxEvent.objects.filter(type="appointment.cancelled").count() == 1


def test_a_visit_that_is_over_is_not_cancelled() -> None:
    caller = make_caller()
    done = make_appointment(share(caller), caller.provider, status="COMPLETED")

    response = caller.post(f"/appointments/{done.pk}/cancel", {"reason": "other"})

    assert (response.status_code, response.json()["code"]) == (409, "not_cancellable")


def test_a_visit_that_has_begun_is_not_cancelled() -> None:
    caller = make_caller()
    begun = make_appointment(share(caller), caller.provider, appointment_time=NOW)

    response = caller.post(f"/appointments/{begun.pk}/cancel", {"reason": "other"})

    assert (response.status_code, response.json()["code"]) == (409, "not_cancellable")
    begun.refresh_from_db()
    assert begun.status == "BOOKED"


def test_a_cancellation_needs_a_known_reason() -> None:
    caller = make_caller()
    booked = make_appointment(share(caller), caller.provider)

    for body in ({}, {"reason": "bored"}, {"reason": "other", "why": "x"}):
        response = caller.post(f"/appointments/{booked.pk}/cancel", body)
        assert response.status_code == 400
    booked.refresh_from_db()
    assert booked.status == "BOOKED"
