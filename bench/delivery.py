"""How long a booking's event takes from its commit to the insurer, on a site with demo data."""

import http.client
import json
import tempfile
import time
import urllib.parse
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from docport.tests import running_site

EVENTS = 100
QUIET_LOOKS = 5
PATIENCE_SECONDS = 60


class Client:
    """One kept connection of one insurer."""

    def __init__(self, base_url: str, api_key: str = "") -> None:
        parts = urllib.parse.urlsplit(base_url)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def send(
        self, method: str, path: str, body: str | None = None, **headers: str
    ) -> tuple[int, Any]:
        self._connection.request(method, path, body, self._headers | headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def get(self, path: str) -> Any:
        status, content = self.send("GET", path)
        if status != http.HTTPStatus.OK:
            raise SystemExit(f"GET {path} answered {status}: {content}")
        return content


def seconds_to_insurer() -> list[float]:
    """Start a DocPort of its own, book one at a time and ask the mock insurer when it heard."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="docport-bench-")))
        demo = running_site.start(folder / "var", stack).demo
        insurer = demo["insurers"][0]
        client = Client(demo["base_url"], insurer["api_key"])
        wait_until_idle(Client(demo["base_url"]))
        booked = book_one_by_one(client)
        return sorted(heard(Client(insurer["mock_url"]), booked))


def book_one_by_one(client: Client) -> set[str]:
    """Book; give the appointments."""
    booked = set[str]()
    for slot in free_slots(client)[:EVENTS]:
        reference = f"bench-{uuid.uuid4()}"
        body = slot | {"external_appointment_id": reference, "patient_reference": "bench-patient"}
        status, answer = client.send(
            "POST",
            "/api/v1/appointments",
            json.dumps(body),
            **{"Content-Type": "application/json", "Idempotency-Key": reference},
        )
        if status == http.HTTPStatus.CREATED:
            booked.add(answer["id"])
        time.sleep(0.05)
    return booked


def free_slots(client: Client) -> list[dict[str, Any]]:
    """Collect free slots of every visible doctor, few enough for the limits of a day."""
    first = datetime.now(UTC) + timedelta(hours=1)
    period = {"from": first.isoformat(), "to": (first + timedelta(days=14)).isoformat()}
    found = []
    for doctor in client.get("/api/v1/doctors?limit=100")["items"]:
        if "availability" in doctor["data_classes"]:
            path = f"/api/v1/doctors/{doctor['id']}/slots?{urllib.parse.urlencode(period)}"
            for slot in client.get(path)["items"][:10]:
                place = {name: slot[name] for name in ("location_id", "start")}
                found.append({"doctor_id": doctor["id"]} | place)
    return found


def heard(mock: Client, booked: set[str]) -> list[float]:
    """Wait until the mock insurer has heard of every booking; give how long each took."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        took = {}
        for event in mock.get("/events.json")["events"]:
            about = event["body"]["data"].get("appointment_id")
            if event["type"] == "appointment.booked" and about in booked:
                happened = datetime.fromisoformat(event["body"]["timestamp"])
                took[about] = event["received_at"] - happened.timestamp()
        if len(took) == len(booked):
            return list(took.values())
        if time.monotonic() > deadline:
            raise SystemExit(f"Only {len(took)} of {len(booked)} events came.")
        time.sleep(1)


def wait_until_idle(client: Client) -> None:
    """Let the demo's own events reach the insurers first."""
    quiet_looks = 0
    while quiet_looks < QUIET_LOOKS:
        time.sleep(1)
        _, ready = client.send("GET", "/readyz")
        parts = ready["parts"]
        waiting = parts["outbox"]["age_seconds"] + parts["webhooks"]["age_seconds"]
        quiet_looks = quiet_looks + 1 if ready["ready"] and not waiting else 0
