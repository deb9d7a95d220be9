import socket

import pytest
import requests

from integrations.mock_insurer.markup import tag
from integrations.mock_insurer.server import MOST_BODY_BYTES
from integrations.mock_insurer.words import hours, when
from integrations.tests.test_mock_insurer.conftest import (
    APPOINTMENT,
    BOOKED,
    DOCTOR,
    HOURS,
    NOW,
    PLACE,
    SLOT,
    TAKEN,
    FakeDocPort,
    Mock,
)


def test_booking_from_the_doctors_page(mock: Mock, docport: FakeDocPort) -> None:
    mock.push()
    page = mock.get(f"/doctors/{DOCTOR}").text
    assert 'aria-label="Book 9:30am, Tuesday 24 November 2026, Jayanagar Clinic"' in page
    assert "<b>Rao" not in page

    form = {"slot": f"{SLOT['start']} {PLACE}", "patient_reference": "P-1", "form_key": "k"}
    shown = requests.post(f"{mock.url}/doctors/{DOCTOR}/book", form, timeout=5)

    assert shown.url == f"{mock.url}/appointments/{APPOINTMENT}"
    assert "Tuesday 24 November 2026, 9:30am" in shown.text
    (asked,) = [call for call in docport.asked if call[0] == "POST"]
    assert asked[2]["Idempotency-Key"] == f"k-{SLOT['start']}-{PLACE}"
    assert asked[2]["Authorization"] == "Bearer dpk_test_x"
    assert asked[3]["patient_reference"] == "P-1"
    assert asked[3]["location_id"] == PLACE
    (booking,) = mock.get("/bookings.json").json()["bookings"]
    assert booking["body"] == BOOKED


def test_a_refused_booking_is_shown_with_the_next_free_times(
    mock: Mock, docport: FakeDocPort
) -> None:
    mock.push()
    docport.answers["POST", "/api/v1/appointments"] = (409, TAKEN)
    form = {"slot": f"{SLOT['start']} {PLACE}", "patient_reference": "P-1", "form_key": "k"}

    shown = requests.post(f"{mock.url}/doctors/{DOCTOR}/book", form, timeout=5)

    assert shown.status_code == 409
    assert "DocPort refused: 409 This time is taken" in shown.text
    assert "Tuesday 24 November 2026, 9:45am" in shown.text
    assert mock.get("/bookings.json").json()["bookings"] == []


def test_a_script_books_and_hears_docports_answer(mock: Mock, docport: FakeDocPort) -> None:
    wanted = {"doctor_id": DOCTOR, "start": SLOT["start"], "key": "mine"}

    booked = requests.post(f"{mock.url}/book.json", json=wanted, timeout=5)
    docport.answers["POST", "/api/v1/appointments"] = (409, TAKEN)
    refused = requests.post(f"{mock.url}/book.json", json=wanted, timeout=5)

    assert (booked.status_code, booked.json()) == (201, BOOKED)
    assert (refused.status_code, refused.json()["code"]) == (409, "slot_taken")
    assert docport.asked[0][2]["Idempotency-Key"] == "mine"


@pytest.mark.parametrize("body", ["{", "[]", '{"doctor_id": "x"}'])
def test_a_script_that_sends_too_little_is_told_so(mock: Mock, body: str) -> None:
    headers = {"Content-Type": "application/json"}

    refused = requests.post(f"{mock.url}/book.json", body, headers=headers, timeout=5)

    assert refused.status_code == 400


def test_cancelling_keeps_the_new_state(mock: Mock, docport: FakeDocPort) -> None:
    mock.push()
    mock.insurer.store.keep_booking(BOOKED, at=NOW)
    cancelled = BOOKED | {"status": "CANCELLED", "cancel_reason": "patient_request", "version": 2}
    docport.answers["POST", f"/api/v1/appointments/{APPOINTMENT}/cancel"] = (200, cancelled)
    path = f"{mock.url}/appointments/{APPOINTMENT}"
    assert "Cancel this appointment" in requests.get(path, timeout=5).text

    shown = requests.post(f"{path}/cancel", {"reason": "patient_request"}, timeout=5)

    assert "Patient request" in shown.text
    assert "Cancel this appointment" not in shown.text


def test_a_refused_cancellation_is_shown(mock: Mock) -> None:
    mock.insurer.store.keep_booking(BOOKED, at=NOW)
    path = f"{mock.url}/appointments/{APPOINTMENT}/cancel"

    shown = requests.post(path, {"reason": "other"}, timeout=5)

    assert shown.status_code == 404
    assert "DocPort refused: 404" in shown.text


def test_an_event_makes_it_ask_how_the_appointment_stands(mock: Mock, docport: FakeDocPort) -> None:
    mock.insurer.store.keep_booking(BOOKED, at=NOW)
    cancelled = BOOKED | {"status": "CANCELLED", "cancel_reason": "doctor_leave", "version": 2}
    docport.answers["GET", f"/api/v1/appointments/{APPOINTMENT}"] = (200, cancelled)

    mock.tell("appointment.cancelled", appointment_id=APPOINTMENT)
    mock.insurer.reader.read_all()

    (booking,) = mock.get("/bookings.json").json()["bookings"]
    assert booking["body"]["status"] == "CANCELLED"
    assert mock.insurer.store.unread() == []


def test_an_appointment_booked_elsewhere_is_learned_from_its_event(
    mock: Mock, docport: FakeDocPort
) -> None:
    docport.answers["GET", f"/api/v1/appointments/{APPOINTMENT}"] = (200, BOOKED)

    mock.tell("appointment.booked", appointment_id=APPOINTMENT)
    assert mock.get("/bookings.json").json()["bookings"] == []
    mock.insurer.reader.read_all()

    assert mock.get("/bookings.json").json()["bookings"][0]["body"] == BOOKED


def test_an_event_waits_while_docport_is_away(mock: Mock, docport: FakeDocPort) -> None:
    docport.answers["GET", f"/api/v1/appointments/{APPOINTMENT}"] = (503, {})
    mock.tell("appointment.booked", appointment_id=APPOINTMENT)

    with pytest.raises(Exception, match="503"):
        mock.insurer.reader.read_all()

    assert mock.insurer.store.unread() == [(APPOINTMENT, 1)]


def test_an_appointment_that_is_not_ours_is_let_go(mock: Mock) -> None:
    mock.tell("appointment.booked", appointment_id=APPOINTMENT)

    mock.insurer.reader.read_all()

    assert mock.insurer.store.unread() == []
    assert mock.get(f"/appointments/{APPOINTMENT}").status_code == 404


def test_an_event_during_the_question_stays_unread(mock: Mock) -> None:
    store = mock.insurer.store
    mock.tell("appointment.booked", appointment_id=APPOINTMENT)
    mock.tell("appointment.cancelled", appointment_id=APPOINTMENT, message_id="evt_2")

    store.mark_read(APPOINTMENT, 1)

    assert store.unread() == [(APPOINTMENT, 1)]


def test_an_older_answer_does_not_replace_a_newer_one(mock: Mock) -> None:
    store = mock.insurer.store
    store.keep_booking(BOOKED | {"version": 3, "status": "CANCELLED"}, at=NOW)

    store.keep_booking(BOOKED, at=NOW + 1)

    (booking,) = store.bookings()
    assert booking["body"]["status"] == "CANCELLED"


def test_the_first_page_shows_everything_and_escapes_it(mock: Mock) -> None:
    mock.push()
    mock.push(HOURS, part="/availability")
    mock.tell("consent.granted")
    mock.insurer.store.keep_booking(BOOKED, at=NOW)

    page = mock.get("/")

    assert "script" not in page.headers["Content-Security-Policy"]
    assert "Asha &lt;b&gt;Rao" in page.text
    assert "Monday 9am to 1pm, 5pm to 8:30pm" in page.text
    assert "Saturday 10pm to 2am next day" in page.text
    assert "Bengaluru" in page.text
    assert "consent.granted" in page.text
    assert "Connected" in page.text
    assert "Tuesday 24 November 2026, 9:30am" in page.text
    assert mock.get("/style.css").headers["Content-Type"].startswith("text/css")


def test_the_first_page_says_when_docport_is_away(mock: Mock, docport: FakeDocPort) -> None:
    docport.answers["GET", "/api/v1/me"] = (503, {})

    assert "DocPort answered 503." in mock.get("/").text


def test_the_first_page_says_when_the_key_is_refused(mock: Mock, docport: FakeDocPort) -> None:
    docport.answers["GET", "/api/v1/me"] = (401, {"title": "Not signed in"})

    assert "DocPort refuses our key: Not signed in" in mock.get("/").text


def test_a_doctor_who_shares_little_is_shown_all_the_same(mock: Mock, docport: FakeDocPort) -> None:
    mock.push({"id": DOCTOR, "version": 1, "data_classes": ["credentials"]})
    docport.answers["GET", f"/api/v1/doctors/{DOCTOR}/slots"] = (200, {"items": []})

    assert "Shares no profile" in mock.get("/").text
    page = mock.get(f"/doctors/{DOCTOR}").text
    assert "A doctor who shares no profile" in page
    assert "No free time in the next 14 days" in page


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/docport/webhooks", 405),
        ("GET", f"/doctors/{DOCTOR}", 404),
        ("POST", f"/doctors/{DOCTOR}/book", 400),
        ("POST", "/book.json", 415),
        ("GET", "/healthz", 200),
    ],
)
def test_what_cannot_be_served_says_so(mock: Mock, method: str, path: str, status: int) -> None:
    answer = requests.request(method, f"{mock.url}{path}", timeout=5)

    assert answer.status_code == status
    assert "Traceback" not in answer.text


def test_a_failure_shows_no_trace(mock: Mock) -> None:
    mock.push({"id": DOCTOR, "locations": "not a list"})

    page = mock.get("/")

    assert page.status_code == 500
    assert "Something went wrong here" in page.text
    assert "Traceback" not in page.text


def test_other_hosts_and_other_sites_are_refused(mock: Mock) -> None:
    rebound = requests.get(mock.url, headers={"Host": "evil.example"}, timeout=5)
    crossed = requests.post(
        f"{mock.url}/appointments/{APPOINTMENT}/cancel",
        {"reason": "other"},
        headers={"Origin": "https://evil.example"},
        timeout=5,
    )

    assert (rebound.status_code, crossed.status_code) == (421, 403)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Content-Length: {MOST_BODY_BYTES + 1}", b" 413 "),
        ("Content-Length: many", b" 411 "),
        ("Transfer-Encoding: chunked", b" 411 "),
    ],
)
def test_bodies_are_limited(mock: Mock, header: str, status: bytes) -> None:
    host = mock.url.removeprefix("http://")
    address, port = host.split(":")
    with socket.create_connection((address, int(port))) as client:
        client.sendall(f"POST /book.json HTTP/1.1\r\nHost: {host}\r\n{header}\r\n\r\n".encode())

        assert status in client.recv(100)


def test_text_is_escaped_and_markup_is_not() -> None:
    inner = tag("b", "a < b & c")

    assert tag("p", inner, "<i>", None, 3, [inner]) == (
        "<p><b>a &lt; b &amp; c</b>&lt;i&gt;3<b>a &lt; b &amp; c</b></p>"
    )
    assert tag("input", name='"x"', required=True, disabled=False) == (
        '<input name="&quot;x&quot;" required>'
    )


def test_times_are_shown_on_the_clock_of_the_place() -> None:
    assert when("2026-11-24T18:30:00Z", "Asia/Kolkata") == "Wednesday 25 November 2026, 12am"
    assert when("2026-11-24T18:30:00Z", "No/Such") == "Wednesday 25 November 2026, 12am"
    assert when("2026-11-24T12:05:00Z", "Europe/Paris") == "Tuesday 24 November 2026, 1:05pm"
    assert hours([]) == []
