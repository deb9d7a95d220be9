from datetime import datetime, timedelta
from typing import Any

import pytest

from consent.models import Consent
from integrations.actions import deliveries, webhooks
from integrations.actions.deliveries import Range, Resent
from integrations.models import PING, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from integrations.tests.factories import (
    make_deliveries_about,
    make_delivery,
    make_doctor_of,
    make_endpoint,
    make_feed_entry,
)
from integrations.tests.partner import Partner
from integrations.tests.workers import Clock, send_due
from registry.models import AuditLog
from registry.tests.factories import NOW, make_admin

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]

Status = WebhookDelivery.Status
LATER = NOW + timedelta(hours=1)


def came(delivery: WebhookDelivery, at: datetime) -> WebhookDelivery:
    WebhookDelivery.objects.filter(pk=delivery.pk).update(created_at=at)
    delivery.refresh_from_db()
    return delivery


def delivered(endpoint: WebhookEndpoint, **given: Any) -> WebhookDelivery:
    arrived = {"status": Status.DELIVERED, "delivered_at": NOW}
    return came(make_delivery(endpoint=endpoint, **(arrived | given)), NOW)


def parked(endpoint: WebhookEndpoint) -> WebhookDelivery:
    return delivered(endpoint, status=Status.PARKED, delivered_at=None)


def number(delivery: WebhookDelivery) -> int:
    assert delivery.feed_entry is not None
    return delivery.feed_entry.feed_seq


def resend_range(endpoint: WebhookEndpoint, **wanted: Any) -> Resent:
    return deliveries.resend_range(
        endpoint=endpoint, wanted=Range(**wanted), by=endpoint.insurance_provider, at=LATER
    )


def due(endpoint: WebhookEndpoint) -> set[WebhookDelivery]:
    return set(WebhookDelivery.objects.due_at(LATER).filter(endpoint=endpoint))


def test_what_arrived_is_sent_again_with_the_same_id(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    delivery = make_delivery(endpoint=endpoint)
    send_due(clock)
    provider = endpoint.insurance_provider

    again = deliveries.resend(delivery=delivery, by=provider, at=NOW)
    send_due(clock)

    assert (again.status, again.attempts, again.delivered_at) == (Status.PENDING, 0, None)
    assert partner.ids == [delivery.message_id] * 2
    line = AuditLog.objects.get(entity_id=delivery.pk)
    assert (line.action, line.performed_by_provider) == ("webhook_delivery.resent", provider)


def test_consent_is_asked_before_it_is_sent_again(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    delivery = delivered(endpoint)
    Consent.objects.update(consent_status="REVOKED", revoked_at=NOW)

    deliveries.resend(delivery=delivery, by=None, at=NOW)

    assert send_due(clock) == 0
    delivery.refresh_from_db()
    assert delivery.status == Status.WITHHELD
    assert partner.heard == []


def test_what_is_under_way_is_not_sent_twice_and_may_arrive() -> None:
    delivery = make_delivery()
    (job,) = webhooks.lease(room=5, at=NOW)

    deliveries.resend(delivery=delivery, by=None, at=NOW)
    assert webhooks.lease(room=5, at=NOW) == []
    webhooks.mark(outcomes=[webhooks.Outcome(job, NOW, NOW, 204)])

    delivery.refresh_from_db()
    assert delivery.status == Status.DELIVERED


def test_nothing_is_sent_again_to_a_deleted_endpoint() -> None:
    delivery = delivered(make_endpoint(status="DELETED", deleted_at=NOW))

    with pytest.raises(deliveries.NotSentAgain):
        deliveries.resend(delivery=delivery, by=None, at=NOW)

    delivery.refresh_from_db()
    assert delivery.status == Status.DELIVERED
    assert not AuditLog.objects.exists()


def test_a_range_of_the_feed_is_sent_again_and_nothing_else(endpoint: WebhookEndpoint) -> None:
    other = make_endpoint(insurance_provider=endpoint.insurance_provider)
    before, first, second, _ = [delivered(endpoint) for _ in range(4)]
    delivered(other, feed_entry=first.feed_entry)

    resent = resend_range(endpoint, after=number(before), until=number(second))

    assert resent == Resent(2, None)
    assert due(endpoint) == {first, second}
    assert due(other) == set()
    line = AuditLog.objects.get()
    assert (line.action, line.entity_id) == ("webhook_endpoint.resent", endpoint.pk)
    assert line.metadata == {
        "count": 2,
        "first": number(first),
        "last": number(second),
    }


def test_numbers_that_the_endpoint_was_never_sent_bound_as_well(endpoint: WebhookEndpoint) -> None:
    provider = endpoint.insurance_provider
    make_feed_entry(insurance_provider=provider)
    wanted = delivered(endpoint)
    make_feed_entry(insurance_provider=provider)
    delivered(endpoint)

    assert resend_range(endpoint, after=1, until=3) == Resent(1, None)
    assert due(endpoint) == {wanted}
    assert resend_range(endpoint, after=99) == Resent(0, None)
    assert resend_range(endpoint, until=0) == Resent(0, None)


def test_a_period_is_half_open(endpoint: WebhookEndpoint) -> None:
    before, first, second, after = [delivered(endpoint) for _ in range(4)]
    for minutes, delivery in enumerate([before, first, second, after]):
        came(delivery, NOW + timedelta(minutes=minutes))

    resent = resend_range(
        endpoint, starts_at=NOW + timedelta(minutes=1), ends_at=NOW + timedelta(minutes=3)
    )

    assert resent.count == 2
    assert due(endpoint) == {first, second}


def test_all_that_failed_since_are_restored_and_only_they(endpoint: WebhookEndpoint) -> None:
    too_early = came(parked(endpoint), NOW - timedelta(days=1))
    failed = [parked(endpoint) for _ in range(3)]
    delivered(endpoint)
    withheld = delivered(endpoint, status=Status.WITHHELD, delivered_at=None)

    resent = resend_range(endpoint, starts_at=NOW, only_failed=True)

    assert resent == Resent(3, None)
    assert due(endpoint) == set(failed)
    for delivery in (too_early, withheld):
        before = delivery.status
        delivery.refresh_from_db()
        assert delivery.status == before


def test_a_long_range_is_sent_again_piece_by_piece_in_order(
    endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "RESENT_AT_ONCE", 2)
    rows = [parked(endpoint) for _ in range(5)]
    seqs = [number(delivery) for delivery in rows]

    first = resend_range(endpoint, only_failed=True)
    second = resend_range(endpoint, only_failed=True, after=first.next_after)
    third = resend_range(endpoint, only_failed=True, after=second.next_after)

    assert (first, second, third) == (Resent(2, seqs[1]), Resent(2, seqs[3]), Resent(1, None))
    assert due(endpoint) == set(rows)


def test_what_is_sent_again_goes_in_the_order_of_its_subject(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    rows = make_deliveries_about(make_doctor_of(endpoint), endpoint, 3)
    WebhookDelivery.objects.update(status=Status.PARKED, created_at=NOW)

    resend_range(endpoint, only_failed=True)
    clock.at = LATER
    send_due(clock)

    assert partner.ids == [delivery.message_id for delivery in rows]


def test_our_own_words_are_in_no_range(endpoint: WebhookEndpoint) -> None:
    WebhookDelivery.objects.create(
        endpoint=endpoint,
        event_type=PING,
        subject=endpoint.subject,
        status=Status.PARKED,
        next_attempt_at=NOW,
    )

    assert resend_range(endpoint, only_failed=True) == Resent(0, None)
    assert not AuditLog.objects.exists()


def test_what_is_older_than_30_days_is_not_sent_again_and_then_forgotten() -> None:
    endpoint = make_endpoint()
    old, kept = parked(endpoint), parked(endpoint)
    came(old, LATER - timedelta(days=30))
    came(kept, LATER - timedelta(days=30) + timedelta(seconds=1))
    for delivery in (old, kept):
        WebhookAttempt.objects.create(delivery=delivery, number=1, started_at=NOW, duration_ms=1)

    resent = resend_range(endpoint, only_failed=True)
    forgotten = deliveries.forget(at=LATER)

    assert (resent.count, forgotten) == (1, 1)
    assert list(WebhookDelivery.objects.all()) == [kept]
    assert [attempt.delivery for attempt in WebhookAttempt.objects.all()] == [kept]
    assert deliveries.forget(at=LATER) == 0


def test_what_is_under_way_is_not_forgotten_before_its_lease_ends() -> None:
    delivery = came(make_delivery(), NOW - timedelta(days=31))
    (job,) = webhooks.lease(room=5, at=NOW)

    assert deliveries.forget(at=NOW) == 0
    assert deliveries.forget(at=NOW + webhooks.LEASE) == 1
    webhooks.mark(outcomes=[webhooks.Outcome(job, NOW, NOW, 204)])

    assert not WebhookDelivery.objects.filter(pk=delivery.pk).exists()
    assert not WebhookAttempt.objects.exists()


def test_a_piece_at_a_time_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "FORGOTTEN_AT_ONCE", 2)
    endpoint = make_endpoint()
    for _ in range(3):
        came(parked(endpoint), NOW - timedelta(days=31))

    assert [deliveries.forget(at=NOW) for _ in range(3)] == [2, 1, 0]


def test_row_and_queryset_say_the_same_of_what_waits_and_what_was_dropped() -> None:
    endpoints = [make_endpoint(), make_endpoint(status="DELETED", deleted_at=NOW)]
    rows = [
        make_delivery(
            endpoint=endpoint,
            status=status,
            delivered_at=NOW if status == Status.DELIVERED else None,
        )
        for endpoint in endpoints
        for status in Status
    ]

    everything = WebhookDelivery.objects
    assert set(everything.waiting()) == {row for row in rows if row.is_waiting}
    assert set(everything.dropped()) == {row for row in rows if row.is_dropped}
    assert [row.is_waiting for row in rows].count(True) == 1
    assert [row.is_dropped for row in rows].count(True) == 1


def test_the_newest_of_several_endpoints_come_in_the_order_of_time() -> None:
    one, other, third = make_endpoint(), make_endpoint(), make_endpoint()
    rows = [
        came(make_delivery(endpoint=endpoint), NOW + timedelta(minutes=minutes))
        for minutes, endpoint in enumerate([one, other, one, other, third, one])
    ]
    chosen = WebhookEndpoint.objects.filter(pk__in=[one.pk, other.pk])

    newest = WebhookDelivery.objects.all().newest_of(chosen, 3)

    assert newest == [rows[5], rows[3], rows[2]]


def test_an_admin_can_send_again() -> None:
    delivery, admin = parked(make_endpoint()), make_admin()

    deliveries.resend(delivery=delivery, by=admin, at=LATER)

    assert AuditLog.objects.get().performed_by == admin
