import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier
from time import monotonic, sleep
from uuid import UUID, uuid4

import pytest
import redis
import structlog
from celery import Celery, current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from registry import ledger
from registry.models import AuditLog, OutboxEvent
from registry.tests.factories import NOW, make_doctor, make_location, make_provider, make_user

pytestmark = pytest.mark.django_db(transaction=True)


class Broker:
    """Notes what is sent; `error` makes it fail like a broker that is away."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.sent: list[str] = []
        self.times: list[float] = []

    def send_task(self, name: str, **_: object) -> None:
        self.times.append(monotonic())
        if self.error:
            raise self.error
        self.sent.append(name)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    # What tests before this one asked for is not ours.
    ledger.finish_waking()
    broker = Broker()
    monkeypatch.setattr(current_app, "send_task", broker.send_task)
    return broker


def test_a_persons_change_is_recorded_with_its_request() -> None:
    doctor = make_doctor()
    person = make_user(doctor=doctor)

    with structlog.contextvars.bound_contextvars(request_id="r-12345678", ip="192.0.2.1"):
        ledger.record("doctor.updated", subject=doctor, by=person, at=NOW, changed=["fee"])

    log = AuditLog.objects.get()
    assert (log.entity_type, log.entity_id, log.action) == ("doctor", doctor.pk, "doctor.updated")
    assert (log.performed_by, log.performed_by_provider) == (person, None)
    assert (log.timestamp, log.metadata) == (NOW, {"changed": ["fee"]})
    assert (log.request_id, log.ip) == ("r-12345678", "192.0.2.1")


def test_an_insurers_change_is_recorded_as_its_own() -> None:
    provider = make_provider()

    log = ledger.record("x", subject=make_location(make_doctor()), by=provider, at=NOW)

    assert (log.performed_by, log.performed_by_provider) == (None, provider)
    assert log.entity_type == "doctorlocation"


def test_what_docport_does_by_itself_has_no_actor() -> None:
    structlog.contextvars.clear_contextvars()

    log = ledger.record("x", subject=make_doctor(), by=None, at=NOW)

    assert (log.performed_by, log.performed_by_provider) == (None, None)
    assert (log.request_id, log.ip) == ("", None)


@pytest.mark.parametrize("by_id", [True, False])
def test_an_event_waits_in_the_outbox(broker: Broker, *, by_id: bool) -> None:
    doctor, provider = make_doctor(), make_provider()

    ledger.publish(
        "doctor.updated",
        subject=doctor,
        version=7,
        at=NOW,
        doctor=doctor.pk if by_id else doctor,
        provider=provider.pk if by_id else provider,
        doctor_id=str(doctor.pk),
    )

    event = OutboxEvent.objects.unsequenced().get()
    assert (event.subject, event.subject_version) == (f"doctor/{doctor.pk}", 7)
    assert (event.doctor, event.insurance_provider) == (doctor, provider)
    assert (event.payload, event.occurred_at) == ({"doctor_id": str(doctor.pk)}, NOW)
    assert event.public_id == f"evt_{UUID(str(event.event_id)).hex}"


def test_the_sequencer_is_woken_after_the_commit_only(broker: Broker) -> None:
    doctor = make_doctor()

    with transaction.atomic():
        ledger.publish("x", subject=doctor, version=1, at=NOW, doctor=doctor)
        ledger.finish_waking()
        assert broker.sent == []

    ledger.finish_waking()
    assert broker.sent == ["integrations.tasks.sequence_events"]


def test_what_is_rolled_back_wakes_nobody(broker: Broker) -> None:
    doctor = make_doctor()

    with transaction.atomic():
        ledger.publish("x", subject=doctor, version=1, at=NOW, doctor=doctor)
        transaction.set_rollback(True)

    ledger.finish_waking()
    assert broker.sent == []
    assert not OutboxEvent.objects.exists()


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("away"),
        ConnectionRefusedError(),
        redis.ResponseError("OOM"),
        redis.ConnectionError("reset"),
    ],
)
def test_a_broker_that_is_away_disturbs_no_change(broker: Broker, error: Exception) -> None:
    broker.error = error
    doctor = make_doctor()

    ledger.publish("x", subject=doctor, version=1, at=NOW, doctor=doctor)
    ledger.finish_waking()

    assert OutboxEvent.objects.count() == 1
    broker.error = None
    ledger.wake_sequencer()
    ledger.finish_waking()
    assert broker.sent == ["integrations.tasks.sequence_events"]


def test_a_broker_that_is_away_is_logged_once_until_it_is_back(broker: Broker) -> None:
    def logged(error: Exception | None) -> int:
        broker.error = error
        with structlog.testing.capture_logs() as lines:
            for _ in range(3):
                ledger.wake_sequencer()
                ledger.finish_waking()
        return len(lines)

    assert logged(None) == 0
    assert logged(OperationalError("away")) == 1
    assert logged(redis.ResponseError("MISCONF")) == 0
    assert logged(None) == 0
    assert logged(OperationalError("away")) == 1


def test_a_real_broker_that_does_not_answer_costs_a_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger.finish_waking()
    # Nobody answers for an address that is kept for examples (RFC 5737).
    nowhere = Celery("nowhere", broker="redis://192.0.2.1:6379/0", set_as_current=False)
    nowhere.conf.broker_transport_options = {"socket_connect_timeout": 1, "max_retries": 0}
    monkeypatch.setattr(current_app, "send_task", nowhere.send_task)
    doctor = make_doctor()

    began = monotonic()
    ledger.publish("x", subject=doctor, version=1, at=NOW, doctor=doctor)
    took = monotonic() - began

    assert took < 0.5
    assert OutboxEvent.objects.count() == 1
    ledger.finish_waking()


def test_wake_ups_reach_a_real_broker_and_many_at_once_are_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger.finish_waking()
    queue = f"wake-ups-{uuid4().hex}"
    own = Celery("own", broker=settings.CELERY_BROKER_URL, set_as_current=False)
    own.conf.task_default_queue = queue
    monkeypatch.setattr(current_app, "send_task", own.send_task)
    broker = redis.from_url(settings.REDIS_URL)

    try:
        for _ in range(1_000):
            ledger.wake_sequencer()
        assert eventually(lambda: broker.llen(queue) >= 1)
        sleep(0.1)
        assert 1 <= broker.llen(queue) <= 5
        before = broker.llen(queue)
        ledger.wake_sequencer()
        assert eventually(lambda: broker.llen(queue) == before + 1)
    finally:
        ledger.finish_waking()
        broker.delete(queue)


def test_wake_ups_keep_apart_and_the_last_is_never_lost(broker: Broker) -> None:
    began = monotonic()
    asked = began
    while asked < began + 0.3:
        sleep(0.001)
        asked = monotonic()
        ledger.wake_sequencer()

    assert eventually(lambda: broker.times[-1] >= asked)
    apart = [later - sooner for sooner, later in pairwise(broker.times)]
    assert min(apart) >= 0.02
    assert len(broker.times) >= 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_is_replaced(broker: Broker) -> None:
    def died() -> bool:
        return not any(one.name == "wake-up" for one in threading.enumerate())

    broker.error = MemoryError()
    ledger.wake_sequencer()
    assert eventually(died)
    broker.error = None

    ledger.wake_sequencer()

    assert eventually(lambda: len(broker.sent) == 1)


def test_many_threads_start_one_waker(broker: Broker) -> None:
    together = Barrier(20)

    def wake(_: int) -> None:
        together.wait()
        ledger.wake_sequencer()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(wake, range(20)))

    assert eventually(lambda: broker.sent != [])
    assert sum(one.name == "wake-up" for one in threading.enumerate()) == 1


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_wakes_by_itself(monkeypatch: pytest.MonkeyPatch, broker: Broker) -> None:
    ledger.wake_sequencer()
    assert eventually(lambda: broker.sent != [])
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(current_app, "send_task", lambda *_, **__: os.write(writing, b"sent"))
        ledger.wake_sequencer()
        sleep(5)
        os._exit(0)
    try:
        os.set_blocking(reading, False)
        assert eventually(lambda: os.read(reading, 4) == b"sent")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_process_that_ends_sends_what_it_owes() -> None:
    """A command that changes something and ends has no time for its thread."""
    queue = f"wake-ups-{uuid4().hex}"
    code = f"""
import django
django.setup()
from celery import current_app
from registry import ledger
current_app.conf.task_default_queue = {queue!r}
ledger.wake_sequencer()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    broker = redis.from_url(settings.REDIS_URL)

    assert broker.llen(queue) == 1
    broker.delete(queue)


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = monotonic() + 10
    while monotonic() < deadline:
        with contextlib.suppress(BlockingIOError, IndexError):
            if holds():
                return True
        sleep(0.005)
    return False
