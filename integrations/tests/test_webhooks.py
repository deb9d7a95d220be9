import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import requests
from django.db import connection
from pytest_django.fixtures import Settings
from standardwebhooks import Webhook

from consent.models import Consent
from consent.tests.factories import make_consent
from integrations import outgoing
from integrations.actions import webhooks
from integrations.actions.drain import FAILING_AT_ONCE, MOST_AT_ONCE, WIDTH, drain
from integrations.connectors.webhooks import client
from integrations.connectors.webhooks.mapping import new_secret
from integrations.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from integrations.tests.factories import (
    SECRET,
    make_consent_event,
    make_delivery,
    make_endpoint,
    make_event,
    make_feed_entry,
)
from integrations.tests.partner import Heard, Partner, Reply, running_partner
from registry.models import AuditLog, Doctor
from registry.tests.factories import NOW, make_admin

Status = WebhookDelivery.Status


@pytest.fixture(autouse=True)
def _loopback(settings: Settings) -> None:
    settings.LOOPBACK_TARGETS = True
    settings.BASE_URL = "https://docport.example"


@pytest.fixture
def partner() -> Iterator[Partner]:
    with running_partner() as running:
        yield running


@pytest.fixture
def endpoint(partner: Partner) -> WebhookEndpoint:
    return make_endpoint(url=f"{partner.url}/hooks")


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def send_due(clock: Clock) -> int:
    with outgoing.new_session() as session:
        return drain(webhooks.line(session, clock))


def signed_by_the_standard(heard: Heard, secret: str) -> str:
    signed_at = datetime.fromtimestamp(int(heard.headers["webhook-timestamp"]), UTC)
    return Webhook(secret).sign(heard.headers["webhook-id"], signed_at, heard.body.decode())


def deliveries_about(
    doctor: Doctor, endpoint: WebhookEndpoint, count: int
) -> list[WebhookDelivery]:
    provider = endpoint.insurance_provider
    return [
        make_delivery(
            endpoint=endpoint,
            feed_entry=make_feed_entry(
                insurance_provider=provider, event=make_event(doctor=doctor, sequenced_at=NOW)
            ),
        )
        for _ in range(count)
    ]


def a_doctor_of(endpoint: WebhookEndpoint) -> Doctor:
    return make_consent(insurance_provider=endpoint.insurance_provider).doctor


@pytest.mark.django_db
def test_nothing_due_is_nothing_to_do(clock: Clock) -> None:
    assert send_due(clock) == 0


@pytest.mark.django_db
def test_an_event_arrives_signed_and_is_marked(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    delivery = make_delivery(endpoint=endpoint)

    assert send_due(clock) == 1

    (heard,) = partner.heard
    entry = delivery.feed_entry
    assert heard.headers["webhook-signature"] == signed_by_the_standard(heard, SECRET)
    envelope = heard.json
    assert envelope["id"] == heard.headers["webhook-id"] == entry.event.public_id
    assert (envelope["type"], envelope["feed_seq"]) == ("doctor.updated", entry.feed_seq)
    assert envelope["data"]["doctor_id"] == str(entry.event.doctor_id)
    assert heard.headers["content-type"] == "application/json"
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts, delivery.lease_until) == (Status.DELIVERED, 1, None)
    assert delivery.delivered_at == clock.at
    attempt = WebhookAttempt.objects.get(delivery=delivery)
    assert (attempt.number, attempt.status_code, attempt.error) == (1, 204, "")
    assert send_due(clock) == 0


@pytest.mark.django_db
def test_while_a_secret_changes_both_sign(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    endpoint.secret, endpoint.previous_secret = new_secret(), SECRET
    endpoint.previous_secret_until = clock.at + timedelta(minutes=1)
    endpoint.save()
    make_delivery(endpoint=endpoint)
    send_due(clock)
    clock.at += timedelta(minutes=1)
    make_delivery(endpoint=endpoint)
    send_due(clock)

    during, after = partner.heard
    assert during.headers["webhook-signature"].split(" ") == [
        signed_by_the_standard(during, endpoint.secret),
        signed_by_the_standard(during, SECRET),
    ]
    assert after.headers["webhook-signature"] == signed_by_the_standard(after, endpoint.secret)


@pytest.mark.django_db
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


@pytest.mark.django_db
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


@pytest.mark.django_db
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


@pytest.mark.django_db
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


@pytest.mark.django_db
def test_events_of_one_subject_arrive_in_order_whatever_fails(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    doctor, other = a_doctor_of(endpoint), a_doctor_of(endpoint)
    first, *_ = deliveries_about(doctor, endpoint, 5)
    deliveries_about(other, endpoint, 1)
    failing = first.feed_entry.event.public_id
    partner.answer = lambda heard: Reply(500 if heard.headers["webhook-id"] == failing else 204)

    assert send_due(clock) == 2
    partner.answer = lambda _: Reply()
    clock.at += timedelta(minutes=1)
    send_due(clock)

    versions = [
        heard.json["subject_version"]
        for heard in partner.heard
        if heard.json["data"]["doctor_id"] == str(doctor.pk)
    ]
    assert len(versions) == 6
    assert versions == sorted(versions)


@pytest.mark.django_db
def test_a_parked_event_lets_the_next_of_its_subject_go(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    first, second = deliveries_about(a_doctor_of(endpoint), endpoint, 2)
    WebhookDelivery.objects.filter(pk=first.pk).update(status=Status.PARKED)

    send_due(clock)

    assert partner.ids == [second.feed_entry.event.public_id]


@pytest.mark.django_db
def test_after_a_withdrawal_only_the_withdrawal_is_told(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    consent = make_consent(insurance_provider=endpoint.insurance_provider)
    deliveries_about(consent.doctor, endpoint, 40)
    Consent.objects.filter(pk=consent.pk).update(consent_status="REVOKED", revoked_at=NOW)
    revoked = make_consent_event(consent, type="consent.revoked", sequenced_at=NOW)
    entry = make_feed_entry(insurance_provider=endpoint.insurance_provider, event=revoked)
    make_delivery(endpoint=endpoint, feed_entry=entry)

    assert send_due(clock) == 1

    assert partner.ids == [revoked.public_id]
    withheld = WebhookDelivery.objects.filter(status=Status.WITHHELD)
    assert (withheld.count(), withheld.filter(lease_until=None).count()) == (40, 40)


@pytest.mark.django_db
def test_a_withdrawal_between_two_attempts_withholds_the_second(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    partner.answer = lambda _: Reply(500)
    delivery = make_delivery(endpoint=endpoint)
    send_due(clock)
    Consent.objects.update(consent_status="REVOKED", revoked_at=NOW)
    clock.at += timedelta(hours=1)

    assert send_due(clock) == 0

    delivery.refresh_from_db()
    assert delivery.status == Status.WITHHELD
    assert len(partner.heard) == 1


@pytest.mark.django_db
def test_what_a_killed_worker_held_is_sent_again_with_the_same_id(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    delivery = make_delivery(endpoint=endpoint)
    (job,) = webhooks.lease(room=5, at=clock())
    with outgoing.new_session() as session:
        webhooks.attempt(job, session=session, clock=clock)
    # The worker dies here, before it can mark the delivery.

    assert send_due(clock) == 0
    clock.at += webhooks.LEASE
    assert send_due(clock) == 1

    assert partner.ids == [delivery.feed_entry.event.public_id] * 2
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == (Status.DELIVERED, 2)


@pytest.mark.django_db
@pytest.mark.parametrize(("error", "status"), [("", Status.DELIVERED), ("timeout", Status.PENDING)])
def test_a_worker_that_lost_its_lease_cannot_postpone_but_can_deliver(
    endpoint: WebhookEndpoint, error: str, status: str
) -> None:
    delivery = make_delivery(endpoint=endpoint)
    (late,) = webhooks.lease(room=5, at=NOW)
    (_,) = webhooks.lease(room=5, at=NOW + webhooks.LEASE)

    webhooks.mark(outcome=webhooks.Outcome(late, NOW, NOW, None, error))

    delivery.refresh_from_db()
    assert delivery.status == status
    assert delivery.next_attempt_at == NOW
    assert WebhookAttempt.objects.filter(delivery=delivery).count() == 1


@pytest.mark.django_db
def test_what_is_over_stays_over(endpoint: WebhookEndpoint) -> None:
    delivery = make_delivery(endpoint=endpoint)
    (job,) = webhooks.lease(room=5, at=NOW)
    delivered = webhooks.Outcome(job, NOW, NOW, 204)
    webhooks.mark(outcome=delivered)

    webhooks.mark(outcome=webhooks.Outcome(job, NOW, NOW, 410, "http_410"))

    delivery.refresh_from_db()
    assert delivery.status == Status.DELIVERED


@pytest.mark.django_db
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


@pytest.mark.django_db
def test_at_most_four_at_once_go_to_one_endpoint_and_each_gets_a_turn() -> None:
    busy, calm = make_endpoint(), make_endpoint()
    for _ in range(10):
        make_delivery(endpoint=busy)
    quiet = make_delivery(endpoint=calm)

    pair = webhooks.lease(room=2, at=NOW)
    rest = webhooks.lease(room=16, at=NOW)

    assert quiet.pk in [job.delivery for job in pair]
    assert len(pair) + len(rest) == MOST_AT_ONCE + 1
    assert webhooks.lease(room=16, at=NOW) == []


@pytest.mark.django_db
def test_a_dead_endpoint_does_not_hold_up_another(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    silent = make_endpoint(url=f"{partner.url}/silent")
    arrived = threading.Event()

    def answer(heard: Heard) -> Reply:
        if heard.path == "/silent":
            assert arrived.wait(10)
        elif len(partner.heard) >= 24:
            arrived.set()
        return Reply()

    partner.answer = answer
    for _ in range(20):
        make_delivery(endpoint=silent)
        make_delivery(endpoint=endpoint)
    began = time.monotonic()

    assert send_due(clock) == 40
    assert time.monotonic() - began < 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("workers", [2, 4])
def test_several_workers_send_each_event_once_and_in_order(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock, workers: int
) -> None:
    doctors = [a_doctor_of(endpoint) for _ in range(6)]
    for doctor in doctors * 2:
        deliveries_about(doctor, endpoint, 4)

    def work() -> None:
        try:
            send_due(clock)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(partner.ids) == sorted(set(partner.ids))
    assert len(partner.ids) == 48
    versions: dict[UUID, list[int]] = {doctor.pk: [] for doctor in doctors}
    for heard in partner.heard:
        versions[UUID(heard.json["data"]["doctor_id"])].append(heard.json["subject_version"])
    assert all(found == sorted(found) for found in versions.values())


@pytest.mark.django_db
def test_no_transaction_is_open_while_sending(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_delivery(endpoint=endpoint)
    used_in = set()
    post = client.post

    def note(session: requests.Session, url: str, **given: Any) -> int:
        used_in.add(threading.current_thread())
        return post(session, url, **given)

    monkeypatch.setattr(client, "post", note)

    send_due(clock)

    # Django's connections belong to threads, and this one has none.
    assert threading.current_thread() not in used_in
    assert len(partner.heard) == 1


@pytest.mark.django_db
def test_a_parked_delivery_can_be_sent_again(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    admin = make_admin()
    delivery = make_delivery(endpoint=endpoint, status=Status.PARKED, attempts=10)

    webhooks.retry(delivery=delivery, by=admin, at=NOW)
    send_due(clock)

    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == (Status.DELIVERED, 1)
    line = AuditLog.objects.get(entity_id=delivery.pk)
    assert (line.action, line.performed_by) == ("webhook_delivery.retried", admin)


@pytest.mark.django_db
def test_what_was_withheld_is_not_sent_again() -> None:
    delivery = make_delivery(status=Status.WITHHELD)

    with pytest.raises(webhooks.NothingToRetry):
        webhooks.retry(delivery=delivery, by=None, at=NOW)

    delivery.refresh_from_db()
    assert delivery.status == Status.WITHHELD
    assert not AuditLog.objects.exists()


@pytest.mark.django_db
def test_an_endpoint_without_a_filter_wants_everything() -> None:
    assert make_endpoint().wants("doctor.updated")
    assert not make_endpoint(event_types=["ping"]).wants("doctor.updated")


@pytest.mark.django_db
def test_endpoints_that_fail_have_half_of_the_sends_between_them() -> None:
    for _ in range(5):
        dead = make_endpoint(failing_since=NOW)
        for _ in range(5):
            make_delivery(endpoint=dead)

    first = webhooks.lease(room=5, at=NOW)
    rest = webhooks.lease(room=WIDTH, at=NOW)
    well = [make_delivery() for _ in range(5)]
    others = webhooks.lease(room=WIDTH, at=NOW)

    assert len(first) + len(rest) == FAILING_AT_ONCE == WIDTH // 2
    assert {job.delivery for job in others} == {delivery.pk for delivery in well}


@pytest.mark.django_db
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


@pytest.mark.django_db
def test_endpoints_that_are_slow_to_answer_count_as_failing_before_they_fail() -> None:
    for endpoint in [make_endpoint() for _ in range(5)]:
        for _ in range(5):
            make_delivery(endpoint=endpoint)

    assert len(webhooks.lease(room=FAILING_AT_ONCE, at=NOW)) == FAILING_AT_ONCE

    assert webhooks.lease(room=WIDTH, at=NOW + timedelta(seconds=1)) == []
    assert len(webhooks.lease(room=WIDTH, at=NOW + timedelta(seconds=0.9))) == 12
