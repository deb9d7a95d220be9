from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from pytest_django import Settings

from docport import health
from docport.tasks import HEARTBEAT_KEY, worker_heartbeat
from integrations.actions.drain import MOST_AT_ONCE
from integrations.tests.factories import make_delivery, make_endpoint, make_lease
from registry.models import OutboxEvent
from registry.tests.factories import NOW, make_doctor

NOBODY = "redis://127.0.0.1:1/0"
NOBODY_WAITS = {"count": 0, "age_seconds": 0}


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "now", lambda: NOW)


def beat(at: datetime = NOW) -> None:
    caches["shared"].set(HEARTBEAT_KEY, at.isoformat())


def wait_in_outbox(created_at: datetime) -> None:
    event = OutboxEvent.objects.create(
        type="doctor.updated",
        subject="doctor/x",
        subject_version=1,
        doctor=make_doctor(),
        occurred_at=created_at,
    )
    OutboxEvent.objects.filter(pk=event.pk).update(created_at=created_at)


def ask(client: Client) -> tuple[int, dict[str, Any]]:
    response = client.get("/readyz")
    return response.status_code, response.json()["parts"]


def test_process_answers_without_database_or_redis(client: Client) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok")
    assert "no-cache" in response["Cache-Control"]


@pytest.mark.django_db
def test_ready_when_all_parts_are(client: Client) -> None:
    beat(NOW - timedelta(seconds=10))

    status, parts = ask(client)

    assert status == 200
    assert parts == {
        "database": {"ok": True},
        "redis": {"ok": True},
        "worker": {"ok": True, "age_seconds": 10},
        "outbox": {"ok": True, "age_seconds": 0},
        "webhooks": {"ok": True, "age_seconds": 0, "waiting_for_insurers": NOBODY_WAITS},
    }


@pytest.mark.django_db
@pytest.mark.parametrize("heard", [None, NOW - timedelta(seconds=61)])
def test_not_ready_without_a_fresh_heartbeat(client: Client, heard: datetime | None) -> None:
    caches["shared"].delete(HEARTBEAT_KEY)
    if heard:
        beat(heard)

    status, parts = ask(client)

    assert status == 503
    assert [name for name, part in parts.items() if not part["ok"]] == ["worker"]


@pytest.mark.django_db
def test_not_ready_while_events_wait_for_the_sequencer(client: Client) -> None:
    beat()
    wait_in_outbox(NOW - timedelta(seconds=90))

    status, parts = ask(client)

    assert status == 503
    assert parts["outbox"] == {"ok": False, "age_seconds": 90}


@pytest.mark.django_db
def test_event_that_has_just_come_is_no_fault(client: Client) -> None:
    beat()
    wait_in_outbox(NOW - timedelta(seconds=5))

    status, parts = ask(client)

    assert status == 200
    assert parts["outbox"] == {"ok": True, "age_seconds": 5}


@pytest.mark.django_db
def test_not_ready_while_a_due_webhook_is_not_tried(client: Client) -> None:
    beat()
    make_delivery(next_attempt_at=NOW - timedelta(minutes=3))

    status, parts = ask(client)

    assert status == 503
    assert parts["webhooks"] == {
        "ok": False,
        "age_seconds": 180,
        "waiting_for_insurers": NOBODY_WAITS,
    }


@pytest.mark.django_db
def test_webhook_that_waits_for_its_next_try_is_no_fault(client: Client) -> None:
    beat()
    make_delivery(next_attempt_at=NOW + timedelta(hours=1))

    assert ask(client)[0] == 200


@pytest.mark.django_db
def test_webhooks_that_wait_for_an_insurer_are_no_fault(client: Client) -> None:
    beat()
    failing = make_delivery(next_attempt_at=NOW + timedelta(hours=1))
    make_delivery(
        endpoint=failing.endpoint, subject=failing.subject, next_attempt_at=NOW - timedelta(hours=1)
    )
    disabled = make_endpoint(status="DISABLED", disabled_at=NOW)
    make_delivery(endpoint=disabled, next_attempt_at=NOW - timedelta(hours=1))

    assert ask(client)[0] == 200


@pytest.mark.django_db
@pytest.mark.parametrize("last_attempt_failed", [True, False])
def test_webhooks_behind_a_dead_insurer_are_told_but_no_fault(
    client: Client, *, last_attempt_failed: bool
) -> None:
    beat()
    dead = make_endpoint(failing_since=NOW if last_attempt_failed else None)
    for _ in range(0 if last_attempt_failed else MOST_AT_ONCE):
        make_lease(make_delivery(endpoint=dead), until=NOW + timedelta(seconds=30))
    for minutes in (3, 2, 1):
        make_delivery(endpoint=dead, next_attempt_at=NOW - timedelta(minutes=minutes))

    status, parts = ask(client)

    assert status == 200
    assert parts["webhooks"] == {
        "ok": True,
        "age_seconds": 0,
        "waiting_for_insurers": {"count": 3, "age_seconds": 180},
    }


@pytest.mark.django_db
def test_webhooks_behind_sends_that_are_not_all_under_way_are_our_fault(client: Client) -> None:
    beat()
    endpoint = make_endpoint()
    for _ in range(MOST_AT_ONCE - 1):
        make_lease(make_delivery(endpoint=endpoint), until=NOW + timedelta(seconds=30))
    lost = make_delivery(endpoint=endpoint, next_attempt_at=NOW - timedelta(minutes=3))
    make_lease(lost, until=NOW)

    assert ask(client)[0] == 503


@pytest.mark.django_db
def test_silent_redis_is_named_without_its_address(client: Client, settings: Settings) -> None:
    settings.CACHES = settings.CACHES | {
        "shared": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": NOBODY,
        }
    }

    status, parts = ask(client)

    assert status == 503
    assert parts["redis"] == {"ok": False, "error": "ConnectionError"}
    assert parts["database"] == {"ok": True}


@pytest.mark.django_db
def test_broken_database_is_named_without_a_trace(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat()

    def refuse(*_args: object) -> None:
        raise ConnectionRefusedError("user=docport password=hush")

    monkeypatch.setattr(connection, "cursor", refuse)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["parts"]["database"] == {"ok": False, "error": "ConnectionRefusedError"}
    assert b"hush" not in response.content


@pytest.mark.django_db
def test_workers_heartbeat_is_what_readyz_reads() -> None:
    caches["shared"].delete(HEARTBEAT_KEY)

    worker_heartbeat()

    assert datetime.fromisoformat(caches["shared"].get(HEARTBEAT_KEY)).tzinfo is not None


def test_both_take_reads_only(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
    assert client.post("/readyz").status_code == 405
