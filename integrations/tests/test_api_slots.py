from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from integrations.tests.doctors import share
from integrations.tests.insurers import Caller, make_caller
from registry.models import Doctor
from registry.tests.factories import make_location
from scheduling.tests.factories import (
    TUESDAY_AT_9,
    make_appointment,
    make_exception,
    make_window,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

# The key, the doctor with the consent, and the schedule.
QUERIES = 3
TUESDAY = {"from": "2026-11-24", "to": "2026-11-24"}


def open_on_tuesdays(caller: Caller, **given: Any) -> Doctor:
    doctor = share(caller)
    make_window(doctor, **given)
    return doctor


def test_free_times_are_listed_in_utc() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)

    answer = caller.get(f"/doctors/{doctor.pk}/slots", TUESDAY).json()

    assert len(answer["items"]) == 16
    assert answer["why_empty"] == []
    first = answer["items"][0]
    assert first["start"] == "2026-11-24T03:30:00Z"
    assert first["end"] == "2026-11-24T03:45:00Z"
    assert (first["mode"], first["capacity"], first["free"]) == ("IN_PERSON", 1, 1)


def test_a_taken_time_is_gone_whoever_took_it() -> None:
    caller, other = make_caller(), make_caller()
    doctor = open_on_tuesdays(caller)
    make_appointment(doctor, other.provider)

    answer = caller.get(f"/doctors/{doctor.pk}/slots", TUESDAY).json()

    assert len(answer["items"]) == 15
    assert answer["items"][0]["start"] == "2026-11-24T03:45:00Z"
    assert str(other.provider.pk) not in str(answer)


def test_an_empty_period_says_why() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)
    make_exception(doctor, ends_at=TUESDAY_AT_9 + timedelta(hours=4))

    def why(first: str, last: str) -> Any:
        answer = caller.get(f"/doctors/{doctor.pk}/slots", {"from": first, "to": last}).json()
        assert answer["items"] == []
        return answer["why_empty"]

    assert why("2026-11-24", "2026-11-24") == ["on_leave"]
    assert why("2026-11-25", "2026-11-26") == ["outside_hours"]
    assert why("2026-11-17", "2026-11-17") == ["too_soon"]


def test_a_period_is_read_with_any_offset() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)
    path = f"/doctors/{doctor.pk}/slots"
    hour = {"from": "2026-11-24T09:00:00+05:30", "to": "2026-11-24T10:00:00+05:30"}

    assert len(caller.get(path, hour).json()["items"]) == 4
    same_hour = caller.get(f"{path}?from=2026-11-24T09:00:00+05:30&to=2026-11-24T04:30:00Z")
    assert len(same_hour.json()["items"]) == 4
    assert len(caller.get(path).json()["items"]) == 16


def test_one_place_can_be_chosen() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)
    second = make_location(doctor, name="Second clinic")
    make_window(doctor, second, day_of_week=2)
    week = {"from": "2026-11-24", "to": "2026-11-30"}

    answer = caller.get(f"/doctors/{doctor.pk}/slots", week | {"location_id": second.pk})

    assert {one["location_id"] for one in answer.json()["items"]} == {str(second.pk)}


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"from": "2026-11-24", "to": "2026-11-23"}, "to"),
        ({"from": "2026-11-01", "to": "2026-12-02"}, "to"),
        ({"from": "2026-11-24T09:00:00"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"from": "9999-12-31", "to": "2026-12-01"}, "from"),
        ({"to": "0001-01-02"}, "to"),
        ({"from": "1950-01-01", "to": "1950-01-02"}, "to"),
        ({"location_id": "00000000-0000-4000-8000-000000000000"}, "location_id"),
        ({"location_id": "here"}, "location_id"),
        ({"until": "2026-11-24"}, "until"),
    ],
)
def test_a_wrong_period_is_refused(query: dict[str, str], parameter: str) -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)

    response = caller.get(f"/doctors/{doctor.pk}/slots", query)

    assert response.status_code == 400
    assert [one["parameter"] for one in response.json()["errors"]] == [parameter]


def test_31_days_are_allowed() -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)

    query = {"from": "2026-11-24", "to": "2026-12-24"}

    assert len(caller.get(f"/doctors/{doctor.pk}/slots", query).json()["items"]) == 5 * 16


def test_more_bookings_take_no_more_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)
    place = make_location(doctor)
    caller.get("/me")

    with django_assert_num_queries(QUERIES):
        caller.get(f"/doctors/{doctor.pk}/slots", TUESDAY)
    for number in range(10):
        start = TUESDAY_AT_9 + timedelta(minutes=15 * number)
        make_appointment(
            doctor,
            caller.provider,
            place,
            appointment_time=start,
        )
    make_window(doctor, day_of_week=3)
    with django_assert_num_queries(QUERIES):
        caller.get(f"/doctors/{doctor.pk}/slots", TUESDAY)
