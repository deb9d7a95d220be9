from datetime import datetime, timedelta
from typing import Any

import pytest

from integrations import outgoing
from integrations.actions import deliveries, webhooks
from integrations.connectors.webhooks import client
from integrations.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from integrations.tests.factories import (
    make_delivery,
)
from integrations.tests.partner import Partner, Reply
from integrations.tests.workers import Clock, send_due
from registry.models import AuditLog
from registry.tests.factories import NOW, make_admin

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]

Status = WebhookDelivery.Status


def test_failures_follow_the_schedule_and_then_the_delivery_is_parked(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    partner.answer = lambda _: Reply(500)
    delivery = make_delivery(endpoint=endpoint)
    waits = []

    for _ in range(10):
        assert send_due(clock) == 1
        delivery.refresh_from_db()
        waits.append(delivery.next_attempt_at - clock.at)
        clock.at = delivery.next_attempt_at

    assert (delivery.status, delivery.attempts) == (Status.PARKED, 10)
    assert delivery.last_error == "http_500"
    for wait, planned in zip(waits, webhooks.WAITS, strict=False):
        assert planned <= wait <= planned * 1.2
    assert sum(webhooks.WAITS, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    assert send_due(clock) == 0
    assert len(set(partner.ids)) == 1
    assert WebhookAttempt.objects.filter(delivery=delivery, status_code=500).count() == 10


def test_each_retry_is_signed_anew(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    partner.answer = lambda _: Reply(503)
    make_delivery(endpoint=endpoint)

    send_due(clock)
    clock.at += timedelta(minutes=1)
    send_due(clock)

    first, second = partner.heard
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    difference = int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"])
    assert difference == 60


@pytest.mark.parametrize(
    ("status", "asked", "expected"),
    [
        (429, "600", timedelta(minutes=10)),
        (503, "86400000", timedelta(hours=24)),
        (503, "1", timedelta(seconds=5)),
        (400, "600", timedelta(seconds=5)),
    ],
)
def test_retry_after_is_honoured(
    partner: Partner,
    endpoint: WebhookEndpoint,
    clock: Clock,
    status: int,
    asked: str,
    expected: timedelta,
) -> None:
    partner.answer = lambda _: Reply(status, {"Retry-After": asked})
    delivery = make_delivery(endpoint=endpoint)

    send_due(clock)

    delivery.refresh_from_db()
    assert expected <= delivery.next_attempt_at - NOW <= expected * 1.2


def test_410_parks_the_event_and_disables_the_endpoint(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    partner.answer = lambda _: Reply(410)
    gone, also_gone = make_delivery(endpoint=endpoint), make_delivery(endpoint=endpoint)

    send_due(clock)
    waiting = make_delivery(endpoint=endpoint)

    assert send_due(clock) == 0
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.disabled_at) == (WebhookEndpoint.Status.DISABLED, NOW)
    for delivery in (gone, also_gone):
        delivery.refresh_from_db()
        assert delivery.status == Status.PARKED
    waiting.refresh_from_db()
    assert (waiting.status, waiting.attempts) == (Status.PENDING, 0)
    assert AuditLog.objects.get(entity_id=endpoint.pk).action == "webhook_endpoint.disabled"


def test_what_a_killed_worker_held_is_sent_again_with_the_same_id(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    delivery = make_delivery(endpoint=endpoint)
    (job,) = webhooks.lease(room=5, at=clock())
    with outgoing.new_session() as session:
        session.run(webhooks.attempt(job, session=session, clock=clock))
    # The worker dies here, before it can mark the delivery.

    assert send_due(clock) == 0
    clock.at += webhooks.LEASE
    assert send_due(clock) == 1

    assert partner.ids == [delivery.message_id] * 2
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == (Status.DELIVERED, 2)


@pytest.mark.parametrize(("error", "status"), [("", Status.DELIVERED), ("timeout", Status.PENDING)])
def test_a_worker_that_lost_its_lease_cannot_postpone_but_can_deliver(
    endpoint: WebhookEndpoint, error: str, status: str
) -> None:
    delivery = make_delivery(endpoint=endpoint)
    (late,) = webhooks.lease(room=5, at=NOW)
    (_,) = webhooks.lease(room=5, at=NOW + webhooks.LEASE)

    webhooks.mark(outcomes=[webhooks.Outcome(late, NOW, NOW, None, error)])

    delivery.refresh_from_db()
    assert delivery.status == status
    assert delivery.next_attempt_at == NOW
    assert WebhookAttempt.objects.filter(delivery=delivery).count() == 1


def test_what_is_over_stays_over(endpoint: WebhookEndpoint) -> None:
    delivery = make_delivery(endpoint=endpoint)
    (job,) = webhooks.lease(room=5, at=NOW)
    delivered = webhooks.Outcome(job, NOW, NOW, 204)
    webhooks.mark(outcomes=[delivered])

    webhooks.mark(outcomes=[webhooks.Outcome(job, NOW, NOW, 410, "http_410")])

    delivery.refresh_from_db()
    assert delivery.status == Status.DELIVERED


def test_a_bug_in_sending_is_a_failed_attempt(
    endpoint: WebhookEndpoint, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = make_delivery(endpoint=endpoint)

    def break_down(*_: Any, **__: Any) -> int:
        raise RuntimeError

    monkeypatch.setattr(client, "post", break_down)

    send_due(clock)

    delivery.refresh_from_db()
    assert (delivery.status, delivery.last_error) == (Status.PENDING, "internal_error")


def test_a_parked_delivery_can_be_sent_again(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    admin = make_admin()
    delivery = make_delivery(endpoint=endpoint, status=Status.PARKED, attempts=10)

    deliveries.resend(delivery=delivery, by=admin, at=NOW)
    send_due(clock)

    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == (Status.DELIVERED, 1)
    line = AuditLog.objects.get(entity_id=delivery.pk)
    assert (line.action, line.performed_by) == ("webhook_delivery.resent", admin)


def test_what_was_withheld_is_not_sent_again() -> None:
    delivery = make_delivery(status=Status.WITHHELD)

    with pytest.raises(deliveries.NotSentAgain):
        deliveries.resend(delivery=delivery, by=None, at=NOW)

    delivery.refresh_from_db()
    assert delivery.status == Status.WITHHELD
    assert not AuditLog.objects.exists()


def test_an_endpoint_fails_from_its_first_failure_until_something_arrives(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    def send(answer: int) -> datetime | None:
        partner.answer = lambda _: Reply(answer)
        make_delivery(endpoint=endpoint, next_attempt_at=clock.at)
        assert send_due(clock) == 1
        clock.at += timedelta(seconds=1)
        endpoint.refresh_from_db()
        return endpoint.failing_since

    failed_first = NOW + timedelta(seconds=1)
    since = [send(answer) for answer in (204, 500, 500, 204)]
    assert since == [None, failed_first, failed_first, None]
