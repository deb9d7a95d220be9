import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

import integrations.mock_insurer
from integrations.connectors.webhooks.mapping import signature
from integrations.mock_insurer.configuration import Configuration
from integrations.mock_insurer.insurer import Insurer
from integrations.mock_insurer.routes import ROUTES
from integrations.mock_insurer.server import Server
from integrations.mock_insurer.signatures import sign
from integrations.tests.factories import PRIVATE_KEY, PUBLIC_KEY

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
HOLD_ID = "0e3b8a52-6a5c-4a5e-8f6e-6e1c7c1f0004"
HELD = {
    "id": HOLD_ID,
    "doctor_id": DOCTOR,
    "location_id": PLACE,
    "start": SLOT["start"],
    "end": SLOT["end"],
    "mode": "IN_PERSON",
    "expires_at": "2026-11-23T03:35:00Z",
    "token_number": 3,
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
            ("GET", "/api/v1/slots"): (200, {"items": [SLOT | {"doctor_id": DOCTOR}]}),
            ("POST", "/api/v1/holds"): (201, HELD),
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

            do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815  The library's names.

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
        signatures = [
            sign(message_id, signed_at, content, secret=SECRET),
            signature(message_id, signed_at, content, key=PRIVATE_KEY),
        ]
        signed = {
            "webhook-id": message_id,
            "webhook-timestamp": str(signed_at),
            "webhook-signature": " ".join(signatures),
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
        webhook_public_key=PUBLIC_KEY,
        base_url=docport.url,
        port=0,
        database=tmp_path / "nila.sqlite3",
    )
    insurer = Insurer(configuration, clock=lambda: NOW)
    server = Server(insurer, 0, ROUTES)
    stop = serve(server)
    yield Mock(insurer, server)
    stop()
