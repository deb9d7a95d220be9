"""The receivers of the guide on webhooks: each stands up to real calls and to forged ones."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests
from django.conf import settings
from django.utils.timezone import now

from integrations.actions import endpoints
from integrations.actions.relay import relay
from integrations.api.views.schema import description
from integrations.connectors.webhooks import mapping
from integrations.models import WebhookAttempt, WebhookEndpoint
from integrations.tests.test_api_description import faults
from integrations.tests.test_documentation.documents import GO, NODE, blocks, shell
from integrations.tests.test_documentation.live import Insurer, make_insurers
from registry.tests.factories import make_admin

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("_loopback")]
STARTS_WITHIN_SECONDS = 20
COMPILES_WITHIN_SECONDS = 300


def _compiled(source: Path) -> list[str]:
    program = source.with_suffix("")
    subprocess.run(
        [GO, "build", "-o", str(program), str(source)],
        env=os.environ | {"GOCACHE": str(settings.VAR_DIR / "go"), "GOTOOLCHAIN": "local"},
        check=True,
        timeout=COMPILES_WITHIN_SECONDS,
    )
    return [str(program)]


COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "receiver.py": lambda source: [sys.executable, str(source)],
    "receiver.mjs": lambda source: [NODE, str(source)],
    "receiver.go": _compiled,
}


@dataclass
class Receiver:
    """A receiver that runs, its address, and the endpoint that stands for it."""

    url: str
    heard: Path
    endpoint: WebhookEndpoint
    insurer: Insurer

    def told(self) -> list[str]:
        """Give what it has printed of events."""
        return self.heard.read_text().splitlines()

    def post(self, body: bytes, headers: dict[str, str]) -> int:
        return requests.post(self.url, data=body, headers=headers, timeout=10).status_code


@contextmanager
def running(command: list[str], endpoint: WebhookEndpoint, heard: Path) -> Iterator[None]:
    port = str(urlsplit(endpoint.url).port)
    given = {"DOCPORT_WEBHOOK_SECRET": endpoint.secret, "PORT": port}
    with (
        heard.open("w") as printed,
        subprocess.Popen(command, env=os.environ | given, stdout=printed) as process,
    ):
        try:
            _await(int(port))
            yield
        finally:
            process.terminate()


def _await(port: int) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("The receiver does not listen.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command_of(name: str, folder: Path) -> list[str]:
    """Copy a receiver out of the guide; give what runs it."""
    (code,) = [one.code for one in blocks("guides/webhooks") if one.name == name]
    source = folder / name
    source.write_text(code)
    return COMMANDS[name](source)


@pytest.fixture(params=COMMANDS)
def receiver(
    request: pytest.FixtureRequest, transactional_db: None, tmp_path: Path
) -> Iterator[Receiver]:
    command = command_of(request.param, tmp_path)
    insurer = make_insurers(at=now())[0]
    endpoint = endpoints.add(
        provider=insurer.provider,
        target=endpoints.vetted(f"http://127.0.0.1:{_free_port()}/"),
        event_types=[],
        by=make_admin(),
        at=now(),
    )
    heard = tmp_path / "heard.txt"
    with running(command, endpoint, heard):
        yield Receiver(endpoint.url, heard, endpoint, insurer)


def deliver() -> None:
    """Do what a worker does with everything that is due."""
    relay(clock=now, hand_over=lambda: None)


def test_a_receiver_proves_itself_and_hears_each_event_once(receiver: Receiver) -> None:
    deliver()
    receiver.endpoint.refresh_from_db()
    assert receiver.endpoint.verified_at is not None

    booked = receiver.insurer.book(at=now(), number="V-2")
    deliver()
    deliver()

    assert receiver.told() == [f"appointment.booked appointment/{booked.pk}"]
    codes = WebhookAttempt.objects.values_list("status_code", flat=True)
    assert set(codes) <= {200, 204}


def test_a_receiver_takes_what_is_signed_now_and_refuses_the_rest(receiver: Receiver) -> None:
    event = f"evt_{uuid4().hex}"
    body = json.dumps({"id": event, "type": "ping", "data": {}}).encode()
    at = int(now().timestamp())
    signed = mapping.headers(event, at, body, keys=[receiver.endpoint.secret])
    old = int((now() - timedelta(minutes=6)).timestamp())
    early = int((now() + timedelta(minutes=6)).timestamp())
    rotating = mapping.headers(
        event, at, body, keys=[mapping.new_secret(), receiver.endpoint.secret]
    )

    assert receiver.post(body, signed) == 204
    assert receiver.post(body, rotating) == 204
    for forged in (
        mapping.headers(event, at, body, keys=[mapping.new_secret()]),
        mapping.headers(event, old, body, keys=[receiver.endpoint.secret]),
        mapping.headers(event, early, body, keys=[receiver.endpoint.secret]),
        signed | {"webhook-timestamp": str(at - 1)},
        signed | {"webhook-timestamp": "soon"},
        signed | {"webhook-id": "evt_other"},
        signed | {"webhook-signature": "v1,"},
        {name: value for name, value in signed.items() if name != "webhook-signature"},
        {},
    ):
        assert receiver.post(body, forged) == 401, forged
    assert receiver.post(body + b" ", signed) == 401
    assert [line.split() for line in receiver.told()] == [["ping"]]


@pytest.mark.usefixtures("_curl_fails_on_errors")
def test_an_address_is_registered_tested_and_sent_again_as_the_guide_says(
    web: str, tmp_path: Path
) -> None:
    insurer = make_insurers(at=now())[0]
    address = f"http://127.0.0.1:{_free_port()}/docport"
    given = {
        "https://docport.example": web,
        "https://hooks.insurer.example/docport": address,
        "dpk_test_…": insurer.key,
    }
    register, *rest = [one.code for one in blocks("guides/webhooks", **given) if not one.name]
    printed = []

    with shell(os.environ) as session:
        session.run(register)
        endpoint = WebhookEndpoint.objects.get(url=address)
        command = command_of("receiver.py", tmp_path)
        with running(command, endpoint, tmp_path / "heard.txt"):
            for code in rest:
                printed.append(session.run(code))
                deliver()

    asked, tested, enabled, sent, rotated = printed
    assert json.loads(asked) == {"type": "endpoint.challenge", "status": "PENDING"}
    assert '"status": "ENABLED"' in tested
    assert '"type": "ping"' in tested
    assert json.loads(enabled) == "ENABLED"
    assert '"status": "DELIVERED"' in sent
    assert json.loads(rotated)["secret"] != endpoint.secret
    assert (tmp_path / "heard.txt").read_text() == "ping \n"


def test_the_call_that_the_guide_shows_is_as_described() -> None:
    shown = [one for one in blocks("guides/webhooks") if one.language == "json"]

    for one in shown:
        hook = description()["webhooks"][one.name]["post"]["requestBody"]
        assert not faults(json.loads(one.code), hook["content"]["application/json"]["schema"])
    assert shown
