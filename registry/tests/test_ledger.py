from uuid import UUID

import pytest
import structlog
from celery import current_app
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

    def send_task(self, name: str, **_: object) -> None:
        if self.error:
            raise self.error
        self.sent.append(name)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
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
def test_an_event_waits_in_the_outbox(broker: Broker, by_id: bool) -> None:  # noqa: FBT001
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
        assert broker.sent == []

    assert broker.sent == ["integrations.tasks.sequence_events"]


def test_what_is_rolled_back_wakes_nobody(broker: Broker) -> None:
    doctor = make_doctor()

    with transaction.atomic():
        ledger.publish("x", subject=doctor, version=1, at=NOW, doctor=doctor)
        transaction.set_rollback(True)

    assert broker.sent == []
    assert not OutboxEvent.objects.exists()


@pytest.mark.parametrize("error", [OperationalError("away"), ConnectionRefusedError()])
def test_a_broker_that_is_away_disturbs_no_change(broker: Broker, error: Exception) -> None:
    broker.error = error
    doctor = make_doctor()

    ledger.publish("x", subject=doctor, version=1, at=NOW, doctor=doctor)

    assert OutboxEvent.objects.count() == 1
