import ast
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

import integrations.mock_insurer
from integrations.mock_insurer.configuration import Configuration, Misconfigured, read
from integrations.mock_insurer.insurer import Insurer
from integrations.mock_insurer.markup import tag
from integrations.mock_insurer.routes import ROUTES
from integrations.mock_insurer.server import MOST_BODY_BYTES, Server
from integrations.mock_insurer.signatures import NotGenuine, sign, verify
from integrations.mock_insurer.words import hours, when

PACKAGE = Path(integrations.mock_insurer.__file__).parent
CHECKOUT = PACKAGE.parents[1]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# Monday 23 November 2026, 9:00 in India.
NOW = 1795404600
DOCTOR = "0e3b8a52-6a5c-4a5e-8f6e-6e1c7c1f0001"
APPOINTMENT = "0e3b8a52-6a5c-4a5e-8f6e-6e1c7c1f0002"
PLACE = "0e3b8a52-6a5c-4a5e-8f6e-6e1c7c1f0003"
SLOT = {
    "start": "2026-11-24T04:00:00Z",
    "end": "2026-11-24T04:15:00Z",
    "location_id": PLACE,
    "mode": "IN_PERSON",
    "capacity": 1,
    "free": 1,
}
PROFILE = {
    "id": DOCTOR,
    "full_name": "Asha <b>Rao</b>",
    "specialization": "general_medicine",
    "languages": ["en", "kn"],
    "fee": {"amount": "600.00", "currency": "INR"},
    "registration_number": "KMC-1",
    "locations": [
        {
            "id": PLACE,
            "name": "Jayanagar Clinic",
            "address": "12, 4th Block",
            "city": "Bengaluru",
            "pin": "560011",
            "timezone": "Asia/Kolkata",
        }
    ],
}
HOURS = {
    "doctor_id": DOCTOR,
    "windows": [
        {"day_of_week": "MONDAY", "start_time": "17:00", "end_time": "20:30"},
        {"day_of_week": "MONDAY", "start_time": "09:00", "end_time": "13:00"},
        {"day_of_week": "SATURDAY", "start_time": "22:00", "end_time": "02:00"},
    ],
}
BOOKED = {
    "id": APPOINTMENT,
    "doctor_id": DOCTOR,
    "location_id": PLACE,
    "start": SLOT["start"],
    "end": SLOT["end"],
    "mode": "IN_PERSON",
    "status": "BOOKED",
    "external_appointment_id": "V-1",
    "patient_reference": "P-1",
    "version": 1,
    "cancel_reason": None,
}
TAKEN = {
    "status": 409,
    "code": "slot_taken",
    "title": "This time is taken",
    "detail": "Another patient has it.",
    "next_free": [{"start": "2026-11-24T04:15:00Z"}],
}


class FakeDocPort:
    """DocPort's side of the wire: answers as told and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {
            ("GET", "/api/v1/me"): (200, {"scopes": ["doctors:read"]}),
            ("GET", f"/api/v1/doctors/{DOCTOR}/slots"): (200, {"items": [SLOT]}),
            ("POST", "/api/v1/appointments"): (201, BOOKED),
        }
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                path = self.path.partition("?")[0]
                fake.asked.append(
                    (self.command, self.path, dict(self.headers), json.loads(body or "null"))
                )
                status, answer = fake.answers.get((self.command, path), (404, {"title": "None"}))
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815  The library looks for this name.

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


class Mock:
    """A running mock insurer, and DocPort's signed words to it."""

    def __init__(self, insurer: Insurer, server: Server) -> None:
        self.insurer = insurer
        self.url = f"http://127.0.0.1:{server.server_address[1]}"

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=5)

    def say(
        self,
        method: str,
        path: str,
        body: Any,
        *,
        signed_at: int = NOW,
        message_id: str = "msg_1",
        **headers: str,
    ) -> requests.Response:
        content = json.dumps(body).encode()
        signature = sign(message_id, signed_at, content, secret=SECRET)
        signed = {
            "webhook-id": message_id,
            "webhook-timestamp": str(signed_at),
            "webhook-signature": signature,
        }
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{self.url}{path}"
        return requests.request(method, url, data=content, headers=signed | given, timeout=5)

    def push(
        self, body: Any = PROFILE, *, version: int = 1, part: str = "", **given: Any
    ) -> requests.Response:
        path = f"/docport/doctors/{DOCTOR}{part}"
        return self.say(
            "PUT", path, body, DocPort_Version=str(version), DocPort_State="f00d", **given
        )

    def tell(self, event_type: str, **given: Any) -> requests.Response:
        message_id = given.pop("message_id", "evt_1")
        happened = given.pop("timestamp", "2026-11-23T03:30:00Z")
        event = {
            "id": message_id,
            "type": event_type,
            "timestamp": happened,
            "feed_seq": 7,
            "subject": f"doctor/{DOCTOR}",
            "data": {"doctor_id": DOCTOR, **given},
        }
        return self.say("POST", "/docport/webhooks", event, message_id=message_id)

    @property
    def mirror(self) -> list[dict[str, Any]]:
        doctors: list[dict[str, Any]] = self.get("/mirror.json").json()["doctors"]
        return doctors


def serve(server: ThreadingHTTPServer) -> Callable[[], None]:
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    return stop


@pytest.fixture
def docport() -> Iterator[FakeDocPort]:
    fake = FakeDocPort()
    stop = serve(fake.server)
    yield fake
    stop()


@pytest.fixture
def mock(docport: FakeDocPort, tmp_path: Path) -> Iterator[Mock]:
    configuration = Configuration(
        name="Nila Health",
        slug="nila",
        api_key="dpk_test_x",
        webhook_secret=SECRET,
        base_url=docport.url,
        port=0,
        database=tmp_path / "nila.sqlite3",
    )
    insurer = Insurer(configuration, clock=lambda: NOW)
    server = Server(insurer, 0, ROUTES)
    stop = serve(server)
    yield Mock(insurer, server)
    stop()


def test_it_imports_nothing_of_docport() -> None:
    allowed = sys.stdlib_module_names | {"requests"}
    imported = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")

    foreign = {
        name
        for name in imported
        if name.split(".")[0] not in allowed and not name.startswith("integrations.mock_insurer")
    }

    assert foreign == set()


def test_its_modules_stay_small() -> None:
    lines = {path.name: len(path.read_text().splitlines()) for path in PACKAGE.glob("*.py")}

    assert max(lines.values()) < 250


def test_the_published_vector_of_standard_webhooks_verifies() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1a,other v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    signed = verify(headers, b'{"test": 2432232314}', secret=SECRET, at=1614265330)

    assert (signed.message_id, signed.signed_at) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330)


def test_it_agrees_with_the_public_library() -> None:
    body = '{"type": "ping", "data": {}}'
    stamp = int(time.time())
    signature = sign("evt_1", stamp, body.encode(), secret=SECRET)
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(stamp),
        "webhook-signature": signature,
    }

    assert Webhook(SECRET).verify(body, headers) == json.loads(body)


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,\u0663"},
        {"webhook-id": "msg_other"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1614265331"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "\u0661"},
    ],
)
def test_an_altered_message_is_not_genuine(wrong: dict[str, str]) -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    with pytest.raises(NotGenuine):
        verify(headers | wrong, b'{"test": 2432232314}', secret=SECRET, at=1614265330)


@pytest.mark.parametrize(
    ("seconds", "genuine"), [(-301, False), (-300, True), (300, True), (301, False)]
)
def test_a_message_is_good_for_five_minutes_both_ways(seconds: int, genuine: bool) -> None:  # noqa: FBT001
    signature = sign("m", NOW, b"{}", secret=SECRET)
    headers = {"webhook-id": "m", "webhook-timestamp": str(NOW), "webhook-signature": signature}

    if genuine:
        assert verify(headers, b"{}", secret=SECRET, at=NOW + seconds).signed_at == NOW
    else:
        with pytest.raises(NotGenuine, match="five minutes"):
            verify(headers, b"{}", secret=SECRET, at=NOW + seconds)


def test_a_pushed_doctor_is_mirrored(mock: Mock) -> None:
    assert mock.push().status_code == 200
    assert mock.push(HOURS, part="/availability", version=3).status_code == 200

    (held,) = mock.mirror
    assert held["profile"] == PROFILE
    assert held["availability"] == HOURS
    assert (held["profile_version"], held["availability_version"]) == (1, 3)
    state = mock.get(f"/docport/doctors/{DOCTOR}")
    assert state.headers["DocPort-State"] == "f00d"
    assert state.json()["availability"] == {"version": 3, "state": "f00d"}


def test_an_older_push_is_refused_and_an_equal_one_taken(mock: Mock) -> None:
    mock.push(version=5)

    older = mock.push(PROFILE | {"full_name": "Old"}, version=4)

    assert older.status_code == 409
    assert mock.mirror[0]["profile"] == PROFILE
    assert mock.push(version=5).status_code == 200


def test_an_unsigned_push_changes_nothing(mock: Mock) -> None:
    path = f"{mock.url}/docport/doctors/{DOCTOR}"

    unsigned = requests.put(path, json=PROFILE, headers={"DocPort-Version": "1"}, timeout=5)

    assert unsigned.status_code == 401
    assert mock.mirror == []


@pytest.mark.parametrize(
    ("body", "version"),
    [(PROFILE | {"id": APPOINTMENT}, "1"), (PROFILE, "new"), ([PROFILE], "1")],
)
def test_a_signed_push_that_makes_no_sense_is_400(mock: Mock, body: Any, version: str) -> None:
    path = f"/docport/doctors/{DOCTOR}"

    assert mock.say("PUT", path, body, DocPort_Version=version).status_code == 400
    assert mock.mirror == []


def test_a_withdrawn_doctor_is_erased_and_may_come_back(mock: Mock) -> None:
    mock.push()

    gone = mock.say(
        "DELETE", f"/docport/doctors/{DOCTOR}", {"reason": "revoked"}, signed_at=NOW + 10
    )

    assert gone.status_code == 200
    assert mock.mirror == []
    assert mock.get(f"/docport/doctors/{DOCTOR}").status_code == 404
    assert mock.push(signed_at=NOW + 9).status_code == 409, "it was on its way before"
    assert mock.push(signed_at=NOW + 11).status_code == 200


def test_erased_means_gone_from_the_file(mock: Mock, tmp_path: Path) -> None:
    mock.push()
    mock.say("DELETE", f"/docport/doctors/{DOCTOR}", {"reason": "revoked"}, signed_at=NOW + 1)

    connection = mock.insurer.store._connect()  # noqa: SLF001
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()

    assert b"Jayanagar" not in (tmp_path / "nila.sqlite3").read_bytes()


def test_an_event_is_kept_once_however_often_it_comes(mock: Mock) -> None:
    first, again = mock.tell("doctor.updated"), mock.tell("doctor.updated")

    assert (first.json(), again.json()) == ({"known": False}, {"known": True})
    (event,) = mock.get("/events.json").json()["events"]
    assert (event["type"], event["feed_seq"]) == ("doctor.updated", 7)


def test_a_webhook_with_a_wrong_signature_is_refused(mock: Mock) -> None:
    headers = {"webhook-id": "m", "webhook-timestamp": str(NOW), "webhook-signature": "v1,AAAA"}

    refused = requests.post(f"{mock.url}/docport/webhooks", b"{}", headers=headers, timeout=5)

    assert refused.status_code == 401
    assert mock.get("/events.json").json()["events"] == []


@pytest.mark.parametrize("event", [{}, {"type": "ping"}, {"type": "ping", "data": {}}])
def test_a_signed_event_without_its_parts_is_400(mock: Mock, event: dict[str, Any]) -> None:
    assert mock.say("POST", "/docport/webhooks", event).status_code == 400


def test_a_revoked_consent_erases_the_doctor(mock: Mock) -> None:
    mock.push()

    mock.tell("consent.revoked")

    assert mock.mirror == []


def test_a_late_revocation_does_not_undo_a_return(mock: Mock) -> None:
    mock.push(signed_at=NOW + 60)

    assert mock.tell("consent.revoked", timestamp="2026-11-23T03:30:59.9Z").status_code == 200
    assert len(mock.mirror) == 1


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
    with socket.create_connection(tuple(host.split(":"))) as client:  # type: ignore[arg-type]
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


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    insurer = {"name": "Nila", "slug": "nila", "api_key": "k", "webhook_secret": "s"}
    file.write_text(json.dumps({"base_url": "http://127.0.0.1:8000", "insurers": [insurer]}))
    arguments = ["--slug", "nila", "--port", "8001", "--demo-file", str(file)]

    plain = read(arguments, {})
    varied = read([*arguments, "--name", "Flag"], {"INSURER_NAME": "E", "INSURER_API_KEY": "e"})

    assert plain.database == tmp_path / "mock" / "nila.sqlite3"
    assert (plain.name, plain.base_url) == ("Nila", "http://127.0.0.1:8000")
    assert (varied.name, varied.api_key) == ("Flag", "e")
    with pytest.raises(Misconfigured, match="It has: nila"):
        read(["--slug", "other", "--port", "1", "--demo-file", str(file)], {})
    with pytest.raises(Misconfigured, match="INSURER_NAME"):
        read(["--slug", "nila", "--port", "1", "--demo-file", str(tmp_path / "none")], {})


def test_it_runs_as_a_program_and_stops_when_told(docport: FakeDocPort, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "integrations.mock_insurer", "--slug", "nila"]
    flags = {
        "port": str(port),
        "demo-file": str(tmp_path / "demo.json"),
        "name": "Nila Health",
        "api-key": "k",
        "webhook-secret": SECRET,
        "base-url": docport.url,
    }
    command += [word for name, value in flags.items() for word in (f"--{name}", value)]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert "listens on" in process.stdout.readline()
        health = requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).json()
    finally:
        process.terminate()
        code = process.wait(10)
        process.stdout.close()

    assert health == {"status": "ok", "insurer": "Nila Health"}
    assert code == 0
    assert (tmp_path / "mock" / "nila.sqlite3").exists()
