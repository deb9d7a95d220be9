from datetime import timedelta

import pytest
from django.db import IntegrityError

from integrations.actions import deliveries, heartbeats
from integrations.models import HEARTBEAT, WebhookDelivery, WebhookEndpoint
from integrations.tasks import send_heartbeats
from integrations.tests.factories import make_delivery, make_endpoint, make_lease
from integrations.tests.partner import Partner, Reply
from integrations.tests.workers import Clock, send_due
from registry.models import AuditLog
from registry.tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]

A_QUARTER = timedelta(minutes=15)


def test_each_enabled_endpoint_hears_how_far_its_feed_has_come(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    WebhookEndpoint.objects.update(event_types=["consent.granted"])
    quiet = make_endpoint(url=f"{partner.url}/quiet")
    make_endpoint(status="DISABLED", disabled_at=NOW)
    make_endpoint(status="PENDING", verified_at=None)
    for _ in range(3):
        make_delivery(endpoint=endpoint, status="PARKED")

    assert heartbeats.send(at=clock()) == 2
    assert send_due(clock) == 2

    told = {heard.json["data"]["endpoint_id"]: heard.json for heard in partner.heard}
    assert {at: beat["data"]["head"] for at, beat in told.items()} == {
        str(endpoint.pk): 3,
        str(quiet.pk): 0,
    }
    assert {beat["type"] for beat in told.values()} == {HEARTBEAT}
    assert "feed_seq" not in told[str(endpoint.pk)]


def test_never_two_wait_and_the_one_that_does_is_the_newest(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    partner.answer = lambda _: Reply(500)
    heartbeats.send(at=clock())
    send_due(clock)
    clock.at += A_QUARTER

    assert heartbeats.send(at=clock()) == 1

    beat = WebhookDelivery.objects.get(event_type=HEARTBEAT)
    assert (beat.attempts, beat.created_at, beat.next_attempt_at) == (0, clock.at, clock.at)
    with pytest.raises(IntegrityError):
        WebhookDelivery.objects.create(
            endpoint=endpoint, event_type=HEARTBEAT, subject="x", next_attempt_at=NOW
        )


def test_one_that_is_being_sent_is_left_alone(endpoint: WebhookEndpoint, clock: Clock) -> None:
    heartbeats.send(at=clock())
    WebhookDelivery.objects.update(attempts=1)
    make_lease(WebhookDelivery.objects.get(), until=clock.at + timedelta(seconds=60))

    assert heartbeats.send(at=clock()) == 0

    assert WebhookDelivery.objects.get().attempts == 1


def test_each_is_a_message_of_its_own(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    for _ in range(2):
        heartbeats.send(at=clock())
        send_due(clock)
        clock.at += A_QUARTER

    assert len(set(partner.ids)) == 2


def test_it_is_not_sent_again_on_request(endpoint: WebhookEndpoint) -> None:
    heartbeats.send(at=NOW)
    beat = WebhookDelivery.objects.get()

    with pytest.raises(deliveries.NotSentAgain):
        deliveries.resend(delivery=beat, by=None, at=NOW)

    assert not AuditLog.objects.exists()


def test_the_schedule_sends_them(endpoint: WebhookEndpoint) -> None:
    assert send_heartbeats() == 1
