from collections.abc import Iterable
from datetime import timedelta

import pytest

from integrations.actions import webhooks
from integrations.actions.endpoints import EVENT_TYPES
from integrations.actions.webhooks import due
from integrations.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookLease
from integrations.tests.factories import (
    make_deliveries_about,
    make_delivery,
    make_doctor_of,
    make_event,
    make_feed_entry,
    make_lease,
)
from integrations.tests.partner import Heard, Partner, Reply
from integrations.tests.workers import Clock, send_due
from registry.models import Doctor
from registry.tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]

Status = WebhookDelivery.Status


@pytest.fixture
def doctor(endpoint: WebhookEndpoint) -> Doctor:
    return make_doctor_of(endpoint)


def add(endpoint: WebhookEndpoint, doctor: Doctor, event_type: str) -> WebhookDelivery:
    event = make_event(doctor=doctor, type=event_type, sequenced_at=NOW)
    provider = endpoint.insurance_provider
    return make_delivery(
        endpoint=endpoint, feed_entry=make_feed_entry(insurance_provider=provider, event=event)
    )


def refuse(partner: Partner, *poison: WebhookDelivery) -> None:
    refused = {delivery.message_id for delivery in poison}

    def answer(heard: Heard) -> Reply:
        return Reply(500 if heard.headers["webhook-id"] in refused else 204)

    partner.answer = answer


def leased(deliveries: Iterable[WebhookDelivery], clock: Clock) -> list[bool]:
    jobs = {job.delivery for job in webhooks.lease(room=16, at=clock())}
    return [delivery.pk in jobs for delivery in deliveries]


def test_every_type_of_event_carries_the_whole_state() -> None:
    assert {event_type.partition(".")[0] for event_type in EVENT_TYPES} == set(due.WHOLE_STATE)


def test_after_three_failures_newer_events_of_the_subject_pass_in_order(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock, doctor: Doctor
) -> None:
    poison, *newer = make_deliveries_about(doctor, endpoint, 4)
    refuse(partner, poison)

    sends = []
    for _ in range(3):
        sends.append(send_due(clock))
        clock.at += timedelta(minutes=7)

    assert sends == [1, 1, 1 + len(newer)]
    ids = [delivery.message_id for delivery in newer]
    assert partner.ids == [poison.message_id] * 3 + ids
    poison.refresh_from_db()
    assert (poison.status, poison.attempts) == (Status.PENDING, 3)


def test_a_passed_event_keeps_its_own_schedule(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock, doctor: Doctor
) -> None:
    poison, newer = make_deliveries_about(doctor, endpoint, 2)
    WebhookDelivery.objects.filter(pk=poison.pk).update(
        attempts=3, next_attempt_at=NOW + timedelta(minutes=30)
    )

    send_due(clock)
    clock.at += timedelta(minutes=30)
    send_due(clock)

    assert partner.ids == [newer.message_id, poison.message_id]
    versions = [heard.json["subject_version"] for heard in partner.heard]
    assert versions == sorted(versions, reverse=True)


def test_what_has_not_failed_three_times_is_not_passed(
    endpoint: WebhookEndpoint, clock: Clock, doctor: Doctor
) -> None:
    both = make_deliveries_about(doctor, endpoint, 2)
    older = WebhookDelivery.objects.filter(pk=both[0].pk)
    older.update(attempts=2, next_attempt_at=NOW + timedelta(minutes=5))
    assert leased(both, clock) == [False, False]
    older.update(attempts=3)
    assert leased(both, clock) == [False, True]


def test_what_is_being_sent_is_not_passed_whatever_a_workers_clock_says(
    endpoint: WebhookEndpoint, clock: Clock, doctor: Doctor
) -> None:
    both = make_deliveries_about(doctor, endpoint, 2)
    later = NOW + timedelta(seconds=1)
    WebhookDelivery.objects.filter(pk=both[0].pk).update(attempts=3, next_attempt_at=later)
    make_lease(both[0], until=later)

    assert leased(both, clock) == [False, False]


def test_an_attempt_that_was_lost_with_its_worker_is_counted(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock, doctor: Doctor
) -> None:
    both = make_deliveries_about(doctor, endpoint, 2)
    make_lease(both[0], until=NOW)

    send_due(clock)

    assert partner.ids == [delivery.message_id for delivery in both]
    for delivery, attempts in zip(both, (2, 1), strict=True):
        delivery.refresh_from_db()
        assert (delivery.status, delivery.attempts) == (Status.DELIVERED, attempts)
    numbers = WebhookAttempt.objects.filter(delivery=both[0]).values_list("number", flat=True)
    assert list(numbers) == [2]
    assert not WebhookLease.objects.exists()


def test_what_is_due_itself_is_not_passed(
    endpoint: WebhookEndpoint, clock: Clock, doctor: Doctor
) -> None:
    both = make_deliveries_about(doctor, endpoint, 2)
    WebhookDelivery.objects.filter(pk=both[0].pk).update(attempts=5)

    assert leased(both, clock) == [True, False]


def test_nothing_passes_while_the_endpoint_takes_nothing_at_all(
    endpoint: WebhookEndpoint, clock: Clock, doctor: Doctor
) -> None:
    both = make_deliveries_about(doctor, endpoint, 2)
    later = NOW + timedelta(minutes=5)
    WebhookDelivery.objects.filter(pk=both[0].pk).update(attempts=5, next_attempt_at=later)
    WebhookEndpoint.objects.update(failures=due.OPENS_AFTER, failing_since=NOW)

    assert leased(both, clock) == [False, False]


def test_what_passes_one_event_waits_behind_the_next(
    endpoint: WebhookEndpoint, clock: Clock, doctor: Doctor
) -> None:
    three = make_deliveries_about(doctor, endpoint, 3)
    later = NOW + timedelta(minutes=5)
    WebhookDelivery.objects.filter(pk=three[0].pk).update(attempts=5, next_attempt_at=later)
    WebhookDelivery.objects.filter(pk=three[1].pk).update(attempts=1, next_attempt_at=later)

    assert leased(three, clock) == [False, False, False]


def test_an_event_that_does_not_carry_the_whole_state_waits(
    endpoint: WebhookEndpoint, clock: Clock, doctor: Doctor
) -> None:
    three = [add(endpoint, doctor, name) for name in ("doctor.updated", "ledger.added")]
    three.append(add(endpoint, doctor, "availability.updated"))
    later = NOW + timedelta(minutes=5)
    WebhookDelivery.objects.filter(pk=three[0].pk).update(attempts=5, next_attempt_at=later)

    assert leased(three, clock) == [False, False, False]
