"""Measure the main job: `make bench`.

Starts a DocPort of its own with demo data, or uses a running one (`--demo-file var/demo.json`).
Prints requests per second of free slots and of bookings at 8 connections, each also as a share of
the floor (`GET /me`: the same authentication and nothing else), and how long a booking's event
takes from its commit to the mock insurer. All figures are of one run on one machine: compare the
shares.
"""

import argparse
import http.client
import json
import statistics
import tempfile
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from docport.tests import running_site

CONNECTIONS = 8
SECONDS = 8
LATENCY_EVENTS = 200
QUIET_LOOKS = 10

Request = tuple[str, str, bytes | None, dict[str, str]]


class Client:
    """One kept connection of one insurer."""

    def __init__(self, base_url: str, api_key: str) -> None:
        parts = urllib.parse.urlsplit(base_url)
        assert parts.hostname is not None
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        self.headers = {"Authorization": f"Bearer {api_key}"}

    def send(self, request: Request) -> tuple[int, bytes]:
        method, path, body, headers = request
        self.connection.request(method, path, body, self.headers | headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def get(self, path: str) -> Any:
        status, body = self.send(("GET", path, None, {}))
        if status != http.HTTPStatus.OK:
            raise SystemExit(f"GET {path} answered {status}: {body[:300]!r}")
        return json.loads(body)


def booking(slot: dict[str, Any]) -> Request:
    body = {
        "doctor_id": slot["doctor_id"],
        "location_id": slot["location_id"],
        "start": slot["start"],
        "external_appointment_id": f"bench-{uuid.uuid4()}",
        "patient_reference": "bench-patient",
    }
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
    return "POST", "/api/v1/appointments", json.dumps(body).encode(), headers


def free_slots(client: Client, days: int) -> list[dict[str, Any]]:
    """Collect free slots of every visible doctor, at most 15 for one doctor and day."""
    first = datetime.now(UTC) + timedelta(hours=1)
    window = urllib.parse.urlencode(
        {"from": first.isoformat(), "to": (first + timedelta(days=days)).isoformat()}
    )
    slots, a_day = [], dict[tuple[str, str], int]()
    for doctor in client.get("/api/v1/doctors?limit=100")["items"]:
        if "availability" not in doctor["data_classes"]:
            continue
        for slot in client.get(f"/api/v1/doctors/{doctor['id']}/slots?{window}")["items"]:
            day = (doctor["id"], slot["start"][:10])
            a_day[day] = a_day.get(day, 0) + 1
            if a_day[day] <= 15:
                slots.append(slot | {"doctor_id": doctor["id"]})
    return slots


def load(
    new_client: Callable[[], Client], requests: Iterator[Request], expected: int
) -> tuple[float, float]:
    """Send requests over several connections; give requests per second and the median in ms."""
    lock, took, wrong = threading.Lock(), list[float](), list[str]()
    deadline = time.perf_counter() + SECONDS

    def work() -> None:
        client = new_client()
        while time.perf_counter() < deadline:
            with lock:
                request = next(requests, None)
            if request is None:
                return
            started = time.perf_counter()
            status, body = client.send(request)
            took.append(time.perf_counter() - started)
            if status != expected:
                wrong.append(f"{status} {body[:200]!r}")

    started = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise SystemExit(f"{len(wrong)} of {len(took)} answers were not {expected}: {wrong[0]}")
    return len(took) / (time.perf_counter() - started), statistics.median(took) * 1000


def again(request: Request) -> Iterator[Request]:
    while True:
        yield request


def delivery_seconds(client: Client, mock_url: str, slots: list[dict[str, Any]]) -> list[float]:
    """Book one at a time and ask the mock insurer when each event came."""
    booked = set()
    for slot in slots[:LATENCY_EVENTS]:
        status, body = client.send(booking(slot))
        if status == http.HTTPStatus.CREATED:
            booked.add(json.loads(body)["id"])
        time.sleep(0.05)
    time.sleep(5)
    mock = Client(mock_url, "")
    took = []
    for event in mock.get("/events.json")["events"]:
        about = event["body"]["data"].get("appointment_id")
        if event["type"] == "appointment.booked" and about in booked:
            happened = datetime.fromisoformat(event["body"]["timestamp"])
            took.append(event["received_at"] - happened.timestamp())
    if len(took) < len(booked):
        raise SystemExit(f"Only {len(took)} of {len(booked)} events came.")
    return sorted(took)


def wait_until_idle(new_client: Callable[[], Client]) -> None:
    """Let the demo's own events reach the insurers first."""
    quiet_looks = 0
    while quiet_looks < QUIET_LOOKS:
        time.sleep(1)
        _, body = new_client().send(("GET", "/readyz", None, {}))
        ready = json.loads(body)
        parts = ready["parts"]
        waiting = parts["outbox"]["age_seconds"] + parts["webhooks"]["age_seconds"]
        quiet_looks = quiet_looks + 1 if ready["ready"] and not waiting else 0


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--demo-file", type=Path, help="of the DocPort that runs")
    demo_file = arguments.parse_args().demo_file
    with ExitStack() as stack:
        if demo_file:
            demo = json.loads(demo_file.read_text())
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="docport-bench-")))
            print("Starting a DocPort of its own …", flush=True)
            demo = running_site.start(folder / "var", stack).demo
        measure(demo)


def measure(demo: dict[str, Any]) -> None:
    insurer = demo["insurers"][0]

    def new_client() -> Client:
        return Client(demo["base_url"], insurer["api_key"])

    wait_until_idle(new_client)
    client = new_client()
    slots = free_slots(client, days=31)
    doctor = slots[0]["doctor_id"]
    first = datetime.now(UTC).date()
    path = f"/api/v1/doctors/{doctor}/slots?from={first}&to={first + timedelta(days=14)}"

    floor, floor_ms = load(new_client, again(("GET", "/api/v1/me", None, {})), 200)
    reads, reads_ms = load(new_client, again(("GET", path, None, {})), 200)
    took = delivery_seconds(new_client(), insurer["mock_url"], slots)
    writes, writes_ms = load(new_client, (booking(slot) for slot in slots[LATENCY_EVENTS:]), 201)

    print(f"{'what':<28}{'req/s':>8}{'of floor':>10}{'median ms':>11}")
    for name, rate, ms in (
        ("floor: GET /me", floor, floor_ms),
        ("GET slots, 14 days", reads, reads_ms),
        ("POST appointments", writes, writes_ms),
    ):
        print(f"{name:<28}{rate:>8.0f}{rate / floor:>10.2f}{ms:>11.1f}")
    median, p99 = statistics.median(took), took[int(len(took) * 0.99)]
    print(f"booking to webhook, {len(took)} events: median {median:.2f} s, p99 {p99:.2f} s")


if __name__ == "__main__":
    main()
