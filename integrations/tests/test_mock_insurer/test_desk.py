"""What a clerk does at the mock insurer's desk, and what DocPort is asked for it."""

from typing import Any

import pytest
import requests

from integrations.tests.test_mock_insurer.conftest import (
    APPOINTMENT,
    BOOKED,
    DOCTOR,
    HELD,
    HOLD_ID,
    NOW,
    PLACE,
    SLOT,
    TAKEN,
    FakeDocPort,
    Mock,
)

FOUND = f"{DOCTOR} {SLOT['start']} {PLACE} IN_PERSON"
LATER = "2026-11-24T05:00:00Z"
CARRIED = {"doctor_id": DOCTOR, "start": SLOT["start"], "location_id": PLACE, "form_key": "k"}
SAYS_WHEN = "Tuesday 24 November 2026, 9:30am"


def send(mock: Mock, path: str, form: dict[str, Any]) -> requests.Response:
    return requests.post(f"{mock.url}{path}", form, timeout=5)


def asked(docport: FakeDocPort, method: str) -> list[tuple[str, str, dict[str, str], Any]]:
    return [call for call in docport.asked if call[0] == method]


def test_the_earliest_times_are_found_by_what_the_mirror_knows(
    mock: Mock, docport: FakeDocPort
) -> None:
    mock.push()
    home = mock.get("/").text
    assert '<option value="general_medicine">General medicine</option>' in home
    assert '<option value="Bengaluru">Bengaluru</option>' in home

    page = mock.get("/find?specialization=general_medicine&city=&mode=TELE&other=1").text

    assert docport.asked[-1][1] == "/api/v1/slots?specialization=general_medicine&mode=TELE"
    assert f"Hold {SAYS_WHEN}, Asha &lt;b&gt;Rao" in page
    assert '<option value="TELE" selected>' in page


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((200, {"items": []}), "No free time in the next 7 days"),
        ((403, {"title": "The key lacks a scope"}), "The key lacks a scope"),
        ((503, {}), "DocPort answered 503."),
    ],
)
def test_a_search_without_times_says_why(
    mock: Mock, docport: FakeDocPort, answer: tuple[int, Any], told: str
) -> None:
    docport.answers["GET", "/api/v1/slots"] = answer

    assert told in mock.get("/find").text


def test_a_doctor_who_is_not_mirrored_yet_can_be_held_all_the_same(mock: Mock) -> None:
    assert "A doctor whom we do not mirror" in mock.get("/find").text


def test_a_found_time_is_held_and_then_booked(mock: Mock, docport: FakeDocPort) -> None:
    mock.push()

    held = send(mock, "/hold", {"slot": FOUND, "form_key": "k"})
    booked = send(mock, f"/holds/{HOLD_ID}/book", CARRIED | {"patient_reference": "P-1"})

    assert held.status_code == 200
    assert SAYS_WHEN in held.text
    assert "09:05:00" in held.text
    assert f'action="/holds/{HOLD_ID}/book"' in held.text
    assert booked.url == f"{mock.url}/appointments/{APPOINTMENT}"
    hold, book = asked(docport, "POST")
    assert hold[2]["Idempotency-Key"] == f"hold-k-{DOCTOR}-{SLOT['start']}"
    assert hold[3] == {
        "doctor_id": DOCTOR,
        "start": SLOT["start"],
        "location_id": PLACE,
        "mode": "IN_PERSON",
    }
    assert (book[2]["Idempotency-Key"], book[3]["hold_id"]) == ("book-k", HOLD_ID)
    assert book[3]["patient_reference"] == "P-1"


def test_a_time_that_somebody_else_was_faster_to_get_is_told(
    mock: Mock, docport: FakeDocPort
) -> None:
    docport.answers["POST", "/api/v1/holds"] = (409, TAKEN)
    docport.answers["POST", "/api/v1/appointments"] = (409, TAKEN)

    held = send(mock, "/hold", {"slot": FOUND, "form_key": "k"})
    booked = send(mock, f"/holds/{HOLD_ID}/book", CARRIED | {"patient_reference": "P-1"})

    for shown in (held, booked):
        assert shown.status_code == 409
        assert "DocPort refused: 409 This time is taken" in shown.text
        assert "9:45am" in shown.text
        assert "Find the earliest time" in shown.text


def test_a_hold_is_kept_longer_and_given_back(mock: Mock, docport: FakeDocPort) -> None:
    renewed = HELD | {"expires_at": "2026-11-23T03:39:00Z"}
    docport.answers["POST", f"/api/v1/holds/{HOLD_ID}/renew"] = (200, renewed)
    docport.answers["DELETE", f"/api/v1/holds/{HOLD_ID}"] = (204, None)

    assert "09:09:00" in send(mock, f"/holds/{HOLD_ID}/renew", {}).text
    assert send(mock, f"/holds/{HOLD_ID}/release", {}).url == f"{mock.url}/find"


def test_a_hold_that_has_ended_is_told(mock: Mock, docport: FakeDocPort) -> None:
    ended = (409, {"title": "The hold has ended", "detail": "It has run out."})
    docport.answers["POST", f"/api/v1/holds/{HOLD_ID}/renew"] = ended
    docport.answers["DELETE", f"/api/v1/holds/{HOLD_ID}"] = ended

    for what in ("renew", "release"):
        shown = send(mock, f"/holds/{HOLD_ID}/{what}", {})
        assert (shown.status_code, "The hold has ended" in shown.text) == (409, True)


def test_an_appointment_is_moved_as_it_was_read(mock: Mock, docport: FakeDocPort) -> None:
    mock.push()
    mock.insurer.store.keep_booking(BOOKED, at=NOW)
    moved = BOOKED | {"start": LATER, "version": 2}
    docport.answers["PATCH", f"/api/v1/appointments/{APPOINTMENT}"] = (200, moved)
    path = f"/appointments/{APPOINTMENT}"
    assert f'<option value="{SLOT["start"]} {PLACE} IN_PERSON">' in mock.get(path).text

    shown = send(mock, f"{path}/move", {"slot": f"{LATER} {PLACE} TELE", "version": "1"})

    assert "10:30am" in shown.text
    (patch,) = asked(docport, "PATCH")
    assert patch[2]["If-Match"] == '"1"'
    assert patch[3] == {"start": LATER, "location_id": PLACE, "mode": "TELE"}


def test_a_refused_move_is_shown_and_changes_nothing(mock: Mock, docport: FakeDocPort) -> None:
    mock.insurer.store.keep_booking(BOOKED, at=NOW)
    stale = (412, {"title": "The appointment has changed"})
    docport.answers["PATCH", f"/api/v1/appointments/{APPOINTMENT}"] = stale
    form = {"slot": f"{LATER} {PLACE} TELE", "version": "1"}

    shown = send(mock, f"/appointments/{APPOINTMENT}/move", form)

    assert (shown.status_code, "The appointment has changed" in shown.text) == (412, True)
    assert mock.insurer.store.bookings()[0]["body"] == BOOKED


def test_nothing_is_offered_to_move_to_when_docport_is_away(
    mock: Mock, docport: FakeDocPort
) -> None:
    mock.insurer.store.keep_booking(BOOKED, at=NOW)
    docport.answers["GET", f"/api/v1/doctors/{DOCTOR}/slots"] = (503, {})

    page = mock.get(f"/appointments/{APPOINTMENT}").text

    assert "Another time" not in page
    assert "Cancel this appointment" in page


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/hold", {}),
        ("/hold", {"slot": FOUND}),
        ("/hold", {"slot": "x y", "form_key": "k"}),
        (f"/holds/{HOLD_ID}/book", CARRIED),
        (f"/appointments/{APPOINTMENT}/move", {"slot": "x", "version": "1"}),
        (f"/appointments/{APPOINTMENT}/move", {"slot": "x y z", "version": "new"}),
    ],
)
def test_a_form_that_lacks_something_is_refused(
    mock: Mock, docport: FakeDocPort, path: str, form: dict[str, str]
) -> None:
    assert send(mock, path, form).status_code == 400
    assert docport.asked == []
