"""What only a real server shows: answers that are lost, and what goes over the wire."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from docport.tests.dying_web import ASKS_FOR_IT
from docport.tests.own_redis import OwnRedis, own_redis
from integrations.models import IdempotencyRecord
from integrations.tests.doctors import withdraw
from integrations.tests.test_api_race import Race
from integrations.tests.web import LOG, running_web
from registry.models import AuditLog, OutboxEvent
from scheduling.models import Appointment

pytestmark = pytest.mark.django_db(transaction=True)


ANSWERS_WITHIN_SECONDS = 30


@pytest.fixture(scope="module")
def redis() -> Iterator[OwnRedis]:
    with own_redis() as running:
        yield running


@pytest.fixture(scope="module")
def web(redis: OwnRedis, django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    dying = running_web("docport.tests.dying_web", REDIS_URL=redis.url)
    with django_db_blocker.unblock(), dying as base_url:
        yield base_url


class Insurer:
    """One insurer that wants one time, and asks again until it knows."""

    def __init__(self, base_url: str) -> None:
        self._race = Race(base_url)
        self.doctor = self._race.doctor
        self.authorization = f"Authorization: Bearer {self._race.keys[0]}"
        self._headers = {
            "Authorization": f"Bearer {self._race.keys[0]}",
            "Idempotency-Key": "the-same-for-every-try",
        }
        self._body = {
            "doctor_id": str(self.doctor.pk),
            "start": self._race.start,
            "external_appointment_id": "V-1",
            "patient_reference": "member-7731",
        }

    def book(self, **headers: str) -> requests.Response:
        return requests.post(
            self._race.url, json=self._body, headers=self._headers | headers, timeout=60
        )

    def book_and_hear_nothing(self) -> None:
        with pytest.raises(requests.ConnectionError):
            self.book(**{ASKS_FOR_IT: "yes"})


def effects() -> tuple[int, ...]:
    return (
        Appointment.objects.count(),
        OutboxEvent.objects.filter(type="appointment.booked").count(),
        AuditLog.objects.filter(action="appointment.booked").count(),
        IdempotencyRecord.objects.count(),
    )


def test_who_was_not_answered_is_told_what_was_done(web: str) -> None:
    insurer = Insurer(web)

    insurer.book_and_hear_nothing()
    before = effects()
    answer = insurer.book()

    assert before == effects() == (1, 1, 1, 1)
    assert (answer.status_code, answer.headers["Idempotency-Replayed"]) == (201, "true")
    assert answer.json()["id"] == str(Appointment.objects.get().pk)
    assert answer.headers["Location"].endswith(answer.json()["id"])


def test_what_redis_forgets_is_told_all_the_same(web: str, redis: OwnRedis) -> None:
    insurer = Insurer(web)
    first = insurer.book()
    redis.empty()

    again = insurer.book()

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.text == first.text
    assert effects() == (1, 1, 1, 1)


def test_what_may_not_be_seen_any_more_is_not_told(web: str) -> None:
    insurer = Insurer(web)
    insurer.book_and_hear_nothing()
    withdraw(insurer.doctor)

    answer = insurer.book()

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    appointment = Appointment.objects.get()
    for hidden in ("Idempotency-Replayed", "Location", "ETag"):
        assert hidden not in answer.headers
    assert str(appointment.pk) not in answer.text
    assert "member-7731" not in answer.text
    assert effects() == (1, 1, 1, 1)


class Wire:
    """One connection, byte by byte."""

    def __init__(self, base_url: str) -> None:
        url = urlsplit(base_url)
        self._socket = socket.create_connection((url.hostname, url.port), ANSWERS_WITHIN_SECONDS)
        self._insurer = Insurer(base_url)

    def send(self, request: str, *headers: str, body: bytes = b"") -> None:
        lines = [f"{request} HTTP/1.1", "Host: 127.0.0.1", *headers, self._insurer.authorization]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    def answer(self) -> HTTPResponse:
        answer = HTTPResponse(self._socket)
        answer.begin()
        return answer

    def rest(self) -> bytes:
        """Give what still comes until the server hangs up."""
        received = b""
        with suppress(ConnectionResetError):
            while part := self._socket.recv(65_536):
                received += part
        return received


POST = "POST /api/v1/holds"
JSON = "Content-Type: application/json"


def test_a_large_body_is_refused_before_it_comes_and_never_read(web: str) -> None:
    wire = Wire(web)
    wire.send(POST, JSON, "Content-Length: 39000000", body=b" " * 100)

    answer = wire.answer()

    assert (answer.status, json.load(answer)["code"]) == (413, "body_too_large")
    # What would come is not waited for: the connection ends, whatever is on its way.
    assert wire.rest() == b""


def test_a_body_that_no_page_takes_is_refused_alike(web: str) -> None:
    wire = Wire(web)
    wire.send(POST, JSON, "Content-Length: 99000000000")

    answer = wire.answer()

    assert (answer.status, json.load(answer)["code"]) == (413, "body_too_large")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_body_without_a_length_is_refused(web: str) -> None:
    wire = Wire(web)
    wire.send(POST, JSON, "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n")

    answer = wire.answer()

    assert (answer.status, json.load(answer)["code"]) == (411, "length_required")


def test_head_sends_no_body(web: str) -> None:
    wire = Wire(web)
    wire.send("HEAD /api/v1/me", "Connection: close")

    received = wire.rest()

    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert int(re.search(rb"Content-Length: (\d+)", head)[1]) > 0  # type: ignore[index]  # It is there.
    assert body == b""
    assert "no-body" not in LOG.read_text(errors="replace")


def test_what_is_unchanged_sends_no_body(web: str) -> None:
    insurer = Insurer(web)
    path = f"{web}/api/v1/doctors/{insurer.doctor.pk}"
    headers = {"Authorization": insurer.authorization.partition(": ")[2]}
    etag = requests.get(path, headers=headers, timeout=60).headers["ETag"]

    answer = requests.get(path, headers=headers | {"If-None-Match": etag}, timeout=60)

    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
    assert "Content-Type" not in answer.headers


def test_options_names_the_methods_and_nothing_else(web: str) -> None:
    wire = Wire(web)
    wire.send("OPTIONS /api/v1/appointments", "Connection: close", "Origin: https://x.example")

    head, _, body = wire.rest().decode().partition("\r\n\r\n")

    assert head.startswith("HTTP/1.1 204 ")
    assert "\r\nAllow: GET, POST, HEAD, OPTIONS\r\n" in f"{head}\r\n"
    assert "access-control" not in head.lower()
    assert body == ""
