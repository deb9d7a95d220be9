"""Absurd input is refused, by name and at once, by every call that takes a time."""

import gc
import time as clock
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import time
from typing import Any

import pytest

from integrations.tests.doctors import open_on_tuesdays, share, wanted
from integrations.tests.insurers import Caller, make_caller
from registry.models import Doctor
from registry.tests.factories import make_location
from scheduling.models import Appointment, DayOfWeek
from scheduling.tests.factories import make_window

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

AT_MOST_SECONDS = 0.2

NO_TIMES = {
    "naive": "2026-11-24T09:00:00",
    "no seconds": "2026-11-24T09:00+05:30",
    "a day that no year has": "2027-02-30T09:00:00+05:30",
    "a leap day of another year": "2027-02-29T09:00:00+05:30",
    "a leap second": "2026-11-24T23:59:60Z",
    "hour 24": "2026-11-24T24:00:00Z",
    "a zone's name": "2026-11-24T09:00:00[Asia/Kolkata]",
    "an unknown zone": "2026-11-24T09:00:00 Mars/Olympus",
    "an offset that no place has": "2026-11-24T09:00:00+25:00",
    "an offset with seconds": "2026-11-24T09:00:00+05:30:00",
    "a week": "2026-W48-2",
    "other digits": "२०२६-11-24T09:00:00Z",
    "year 0": "0000-01-01T00:00:00Z",
    "before the first instant": "0001-01-01T00:00:00+14:00",
    "after the last instant": "9999-12-31T23:59:59-14:00",
    "five digits": "20260-11-24T09:00:00Z",
    "a number": "1764041400",
    "endless": "2026-11-24T09:00:00." + "0" * 9_000 + "Z",
    "empty": "",
}


@contextmanager
def at_once() -> Iterator[None]:
    # Of this process alone, and without looking through what other tests have left in it: how busy
    # the machine is says nothing of us.
    gc.disable()
    started = clock.process_time()
    try:
        yield
    finally:
        took = clock.process_time() - started
        gc.enable()
    assert took < AT_MOST_SECONDS


@pytest.fixture
def caller() -> Caller:
    caller = make_caller()
    caller.get("/me")
    return caller


@pytest.fixture
def doctor(caller: Caller) -> Doctor:
    return open_on_tuesdays(caller)


def _hold(caller: Caller, doctor: Doctor, start: str) -> Any:
    return caller.post("/holds", {"doctor_id": str(doctor.pk), "start": start})


def _book(caller: Caller, doctor: Doctor, start: str) -> Any:
    return caller.book(wanted(doctor, start=start), key="the wrong one".replace(" ", "-"))


def _move(caller: Caller, doctor: Doctor, start: str) -> Any:
    booked = caller.book(wanted(doctor)).json()["id"]
    return caller.patch(f"/appointments/{booked}", {"start": start}, **{"If-Match": '"1"'})


def _slots(caller: Caller, doctor: Doctor, start: str) -> Any:
    return caller.get(f"/doctors/{doctor.pk}/slots", {"from": start})


def _search(caller: Caller, _: Doctor, start: str) -> Any:
    return caller.get("/slots", {"from": start})


@pytest.mark.parametrize("why", NO_TIMES)
@pytest.mark.parametrize("call", [_hold, _book, _move, _slots, _search])
def test_what_is_no_instant_is_refused(
    caller: Caller, doctor: Doctor, call: Callable[..., Any], why: str
) -> None:
    with at_once():
        response = call(caller, doctor, NO_TIMES[why])

    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    (error,) = response.json()["errors"]
    assert error.get("pointer") == "/start" or error.get("parameter") == "from"
    assert not Appointment.objects.filter(status="HELD").exists()


@pytest.mark.parametrize("far", ["1999-12-31T00:00:00Z", "1901-01-01T00:00:00Z"])
@pytest.mark.parametrize("call", [_hold, _book, _move])
def test_an_instant_that_is_not_of_our_time_is_refused(
    caller: Caller, doctor: Doctor, call: Callable[..., Any], far: str
) -> None:
    with at_once():
        response = call(caller, doctor, far)

    assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "bad_range")


@pytest.mark.parametrize("call", [_hold, _book, _move])
def test_an_instant_in_a_hundred_years_is_beyond_the_horizon(
    caller: Caller, doctor: Doctor, call: Callable[..., Any]
) -> None:
    with at_once():
        response = call(caller, doctor, "2126-11-26T03:30:00Z")

    assert response.status_code == 422
    assert "beyond_horizon" in response.json()["reasons"]
    assert response.json()["next_free"]


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-11-24", "to": "2036-11-24"},
        {"from": "2026-11-24", "to": "2199-12-31"},
        {"from": "2026-11-24", "to": "2026-11-23"},
        {"from": "2026-11-24T09:00:00Z", "to": "2026-11-24T09:00:00Z"},
        {"from": "2026-11-24T09:00:00+05:30", "to": "2026-11-24T03:30:00Z"},
        {"from": "1950-01-01", "to": "1950-01-02"},
        {"to": "2199-12-31"},
    ],
)
def test_an_absurd_period_is_refused(caller: Caller, doctor: Doctor, query: dict[str, str]) -> None:
    for path in (f"/doctors/{doctor.pk}/slots", "/slots"):
        with at_once():
            response = caller.get(path, query)

        (error,) = response.json()["errors"]
        assert (response.status_code, error["parameter"], error["code"]) == (400, "to", "bad_range")


def test_more_slots_than_anybody_computes_are_refused_with_what_to_do(caller: Caller) -> None:
    doctor = share(caller)
    place = make_location(doctor)
    for day in DayOfWeek.values:
        make_window(
            doctor,
            place,
            day_of_week=day,
            start_time=time(0),
            end_time=time(0),
            slot_duration_minutes=5,
        )
    path = f"/doctors/{doctor.pk}/slots"

    with at_once():
        response = caller.get(path, {"from": "2026-11-24", "to": "2026-12-24"})

    (error,) = response.json()["errors"]
    assert (response.status_code, error["parameter"], error["code"]) == (
        400,
        "to",
        "too_many_slots",
    )
    assert "shorter period" in error["detail"]
    fewer = caller.get(path, {"from": "2026-11-24", "to": "2026-12-03"})
    assert len(fewer.json()["items"]) == 10 * 288


def test_a_local_time_that_the_clock_skips_is_an_instant_all_the_same(caller: Caller) -> None:
    doctor = share(caller)
    make_window(doctor, make_location(doctor, timezone="Europe/Berlin"), day_of_week=6)
    # In Berlin half past two does not exist on that night; with its offset it is 1:30 in UTC.
    skipped = "2027-03-28T02:30:00+01:00"

    with at_once():
        refused = _hold(caller, doctor, skipped)
        listed = _slots(caller, doctor, skipped)

    assert (refused.status_code, listed.status_code) == (422, 200)
    assert "outside_hours" in refused.json()["reasons"]
