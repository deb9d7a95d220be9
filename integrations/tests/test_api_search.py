from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consent.models import Consent, DataClass
from integrations.models import Scope
from integrations.tests.doctors import share, wanted, withdraw
from integrations.tests.insurers import Caller, make_caller
from registry.models import Doctor, InsuranceProvider
from registry.tests.factories import NOW, make_doctor, make_location, make_provider
from scheduling import openings
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_window

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

AT_NINE, A_QUARTER_PAST = "2026-11-24T03:30:00Z", "2026-11-24T03:45:00Z"
# Cubbon Park in Bengaluru, and Mysuru, 128 km away.
BENGALURU = {"latitude": "12.976300", "longitude": "77.592900"}
MYSURU = {"latitude": "12.295800", "longitude": "76.639400"}


def open_doctor(caller: Caller, **given: Any) -> Doctor:
    """Add a doctor with hours on Tuesdays, whose open days are kept."""
    place = given.pop("place", {})
    window = given.pop("window", {})
    consent = given.pop("consent", {})
    doctor = share(caller, make_doctor(**given), **consent)
    make_window(doctor, make_location(doctor, **place), **window)
    openings.refresh_all(doctor_id=doctor.pk, at=NOW)
    return doctor


def find(caller: Caller, **query: Any) -> list[dict[str, Any]]:
    response = caller.get("/slots", query)
    assert response.status_code == 200, response.content
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def doctors(items: list[dict[str, Any]]) -> set[str]:
    return {one["doctor_id"] for one in items}


def test_the_earliest_free_time_of_each_doctor_is_found_in_order() -> None:
    caller, other = make_caller(), make_caller()
    at_nine = open_doctor(caller)
    busy = open_doctor(caller)
    make_appointment(busy, other.provider)
    openings.refresh_all(doctor_id=busy.pk, at=NOW)

    found = find(caller)

    assert [(one["doctor_id"], one["start"]) for one in found] == [
        (str(at_nine.pk), AT_NINE),
        (str(busy.pk), A_QUARTER_PAST),
    ]
    assert set(found[0]) == {
        "doctor_id", "start", "end", "location_id", "mode", "capacity", "free",
    }  # fmt: skip


def test_what_was_found_can_be_booked_and_is_gone_then() -> None:
    caller = make_caller()
    doctor = open_doctor(caller)
    (first,) = find(caller)

    caller.book(wanted(doctor, start=first["start"], location_id=first["location_id"]))

    assert [one["start"] for one in find(caller)] == [A_QUARTER_PAST]


def test_more_than_one_of_a_doctor_can_be_asked_for() -> None:
    caller = make_caller()
    open_doctor(caller)
    open_doctor(caller)

    assert len(find(caller, per_doctor=3)) == 6
    starts = [one["start"] for one in find(caller, per_doctor=3, limit=4)]
    assert starts == [AT_NINE, AT_NINE, A_QUARTER_PAST, A_QUARTER_PAST]


def test_filters_are_for_what_the_doctor_is_and_where() -> None:
    caller = make_caller()
    heart = open_doctor(caller, specialization="cardiology", place={"city": "Pune"})
    teeth = open_doctor(caller, specialization="dentistry", window={"mode": "TELE"})

    assert doctors(find(caller, specialization="cardiology")) == {str(heart.pk)}
    assert doctors(find(caller, city="pUNE")) == {str(heart.pk)}
    assert doctors(find(caller, city="Bengaluru", specialization="cardiology")) == set()
    assert doctors(find(caller, mode="TELE")) == {str(teeth.pk)}
    assert doctors(find(caller)) == {str(heart.pk), str(teeth.pk)}


def test_distances_count_from_the_place() -> None:
    caller = make_caller()
    near = open_doctor(caller, place=BENGALURU)
    far = open_doctor(caller, place=MYSURU)
    open_doctor(caller)

    found = {
        one["doctor_id"]: one["distance_km"] for one in find(caller, distance_km=150, **BENGALURU)
    }

    assert found == {str(near.pk): 0.0, str(far.pk): pytest.approx(128, abs=2)}
    assert doctors(find(caller, distance_km="99.5", **BENGALURU)) == {str(near.pk)}


@pytest.mark.parametrize(
    "filters",
    [{"specialization": "cardiology"}, {"city": "Pune"}, {"distance_km": "10", **BENGALURU}],
)
def test_what_is_not_shared_is_not_found_out_by_asking(filters: dict[str, str]) -> None:
    caller = make_caller()
    place = {"city": "Pune", **BENGALURU}
    hours_only = {"data_classes": ["availability"]}
    doctor = open_doctor(caller, specialization="cardiology", place=place, consent=hours_only)

    assert doctors(find(caller)) == {str(doctor.pk)}
    assert find(caller, **filters) == []
    Consent.objects.update(data_classes=["availability", "profile"])
    assert doctors(find(caller, **filters)) == {str(doctor.pk)}


def test_who_may_not_be_seen_is_not_found() -> None:
    caller, other = make_caller(), make_caller()
    open_doctor(other)
    open_doctor(caller, consent={"expires_at": NOW})
    open_doctor(caller, consent={"data_classes": ["profile", "appointments"]})
    open_doctor(caller, is_sandbox=False)
    open_doctor(caller, status=Doctor.Status.SUSPENDED)
    withdraw(open_doctor(caller))

    assert find(caller) == []


def test_a_live_insurer_finds_real_doctors() -> None:
    live = make_provider(integration_status=InsuranceProvider.Status.LIVE)
    caller = make_caller(insurance_provider=live)
    open_doctor(caller)
    real = open_doctor(caller, is_sandbox=False)

    assert doctors(find(caller)) == {str(real.pk)}


def test_a_period_is_read_with_any_offset_and_dates_are_whole() -> None:
    caller = make_caller()
    open_doctor(caller)

    assert find(caller, **{"from": "2026-11-24", "to": "2026-11-24"})[0]["start"] == AT_NINE
    later = find(caller, **{"from": "2026-11-24T12:45:00+05:30", "to": "2026-11-24T07:15:00.5Z"})
    assert [one["start"] for one in later] == ["2026-11-24T07:15:00Z"]
    assert find(caller, **{"from": "2026-11-24T12:46:00+05:30", "to": "2026-11-24"}) == []
    assert find(caller, **{"from": "2026-11-20", "to": "2026-11-21"}) == []


def test_it_needs_the_scope_for_free_times() -> None:
    caller = make_caller(scopes=[Scope.DOCTORS_READ])

    assert caller.get("/slots").json()["code"] == "scope_missing"


@pytest.mark.parametrize(
    ("query", "parameter", "code"),
    [
        ({"specialization": "magic"}, "specialization", "invalid_choice"),
        ({"city": ""}, "city", "blank"),
        ({"city": "x" * 81}, "city", "max_length"),
        ({"city": "a\0b"}, "city", "null_characters_not_allowed"),
        ({"latitude": "NaN", **BENGALURU, "distance_km": "nan"}, "distance_km", "invalid"),
        ({**BENGALURU, "distance_km": "inf"}, "distance_km", "invalid"),
        ({**BENGALURU, "distance_km": "1e3"}, "distance_km", "max_value"),
        ({**BENGALURU, "distance_km": "-1"}, "distance_km", "min_value"),
        ({**BENGALURU, "distance_km": "200.1"}, "distance_km", "max_value"),
        ({**BENGALURU, "distance_km": "9" * 999}, "distance_km", "invalid"),
        ({**BENGALURU, "distance_km": "٣"}, "distance_km", "invalid"),
        ({"latitude": "90.1", "longitude": "0", "distance_km": "1"}, "latitude", "max_value"),
        ({"latitude": "0", "longitude": "-180.5", "distance_km": "1"}, "longitude", "min_value"),
        (BENGALURU, "distance_km", "incomplete"),
        ({"from": "2026-11-24", "to": "2026-11-23"}, "to", "bad_range"),
        ({"from": "2026-11-24T09:00:00Z", "to": "2026-11-24T09:00:00Z"}, "to", "bad_range"),
        ({"to": "2026-12-25"}, "to", "bad_range"),
        ({"to": "2036-11-24"}, "to", "bad_range"),
        ({"from": "1950-01-01", "to": "1950-01-02"}, "to", "bad_range"),
        ({"from": "2027-02-30"}, "from", "invalid"),
        ({"from": "2026-11-24T09:00:00"}, "from", "invalid"),
        ({"from": "2026-11-24T09:00:00 Asia/Kolkata"}, "from", "invalid"),
        ({"from": "2026-11-24T09:00:00+25:00"}, "from", "invalid"),
        ({"mode": "in_person"}, "mode", "invalid_choice"),
        ({"limit": "0"}, "limit", "min_value"),
        ({"limit": "101"}, "limit", "max_value"),
        ({"limit": "9" * 999}, "limit", "max_value"),
        ({"limit": "9" * 5000}, "limit", "max_string_length"),
        ({"per_doctor": "11"}, "per_doctor", "max_value"),
        ({"per_doctor": "1.5"}, "per_doctor", "invalid"),
        ({"state": "KA"}, "state", "unknown"),
        ({"limit": ["1", "2"]}, "limit", "repeated"),
    ],
)
def test_a_wrong_parameter_is_pointed_at(query: dict[str, Any], parameter: str, code: str) -> None:
    response = make_caller().get("/slots", query)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    errors = [(one["parameter"], one["code"]) for one in response.json()["errors"]]
    assert (parameter, code) in errors


def test_one_part_of_a_distance_asks_for_the_others() -> None:
    errors = make_caller().get("/slots", {"latitude": "12"}).json()["errors"]

    assert {one["parameter"] for one in errors} == {"longitude", "distance_km"}


def test_more_doctors_take_no_more_queries() -> None:
    caller = make_caller()
    for _ in range(3):
        open_doctor(caller)
    caller.get("/me")

    with CaptureQueriesContext(connection) as few:
        assert len(find(caller, specialization="general_medicine", city="Bengaluru")) == 3
    for _ in range(12):
        open_doctor(caller)
    with CaptureQueriesContext(connection) as many:
        assert len(find(caller, specialization="general_medicine", city="Bengaluru")) == 15
    assert len(many) <= len(few)


def test_a_hold_that_ran_out_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    caller = make_caller()
    doctor = open_doctor(caller)
    caller.post("/holds", {"doctor_id": str(doctor.pk), "start": TUESDAY_AT_9.isoformat()})
    assert find(caller)[0]["start"] == A_QUARTER_PAST

    monkeypatch.setattr("integrations.api.views.base.now", lambda: NOW + timedelta(minutes=5))

    assert find(caller)[0]["start"] == AT_NINE


def test_data_classes_that_a_search_does_not_need_may_be_absent() -> None:
    caller = make_caller()
    doctor = open_doctor(caller, consent={"data_classes": [DataClass.AVAILABILITY]})

    assert doctors(find(caller)) == {str(doctor.pk)}
