from datetime import datetime, timedelta

import pytest

from integrations.actions import deliveries, endpoints, webhooks
from integrations.actions.deliveries import Range
from integrations.actions.drain import MOST_AT_ONCE
from integrations.actions.webhooks.due import OPENS_AFTER
from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.tests.factories import (
    make_deliveries_about,
    make_delivery,
    make_doctor_of,
    make_endpoint,
)
from integrations.tests.partner import Partner, Reply
from integrations.tests.workers import Clock, send_due
from registry.tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]

Status = WebhookDelivery.Status
A_SECOND, A_MINUTE, AN_HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def held(endpoint: WebhookEndpoint) -> datetime | None:
    endpoint.refresh_from_db()
    return endpoint.held_until


def failed(endpoint: WebhookEndpoint, **given: object) -> None:
    """Put an endpoint where it has taken nothing several times."""
    values = {"failures": OPENS_AFTER, "failing_since": NOW} | given
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**values)


def test_an_endpoint_that_takes_nothing_is_probed_by_one_after_pauses_that_grow(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    partner.answer = lambda _: Reply(500)
    for _ in range(30):
        make_delivery(endpoint=endpoint)
    assert OPENS_AFTER <= send_due(clock) < OPENS_AFTER + MOST_AT_ONCE
    failed(endpoint, held_until=clock.at)
    pauses = []

    for _ in range(9):
        assert send_due(clock) == 1
        assert send_due(clock) == 0
        until = held(endpoint)
        assert until is not None
        pauses.append((until - clock.at) / A_SECOND)
        clock.at = until

    planned = [10, 20, 40, 80, 160, 300, 300, 300, 300]
    assert all(least <= pause <= least * 1.2 for least, pause in zip(planned, pauses, strict=True))
    untried = WebhookDelivery.objects.filter(endpoint=endpoint, attempts=0)
    assert untried.count() >= 30 - OPENS_AFTER - MOST_AT_ONCE - 9


def test_with_the_first_success_everything_goes_on_in_order(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    doctor = make_doctor_of(endpoint)
    waiting = make_deliveries_about(doctor, endpoint, 6)
    others = [make_delivery(endpoint=endpoint) for _ in range(6)]
    tried = {"attempts": 4, "next_attempt_at": NOW + AN_HOUR}
    WebhookDelivery.objects.filter(pk=waiting[0].pk).update(**tried)
    failed(endpoint)

    assert send_due(clock) == len(waiting) + len(others)

    ids = [delivery.message_id for delivery in waiting]
    assert [heard for heard in partner.ids if heard in ids] == ids
    waiting[0].refresh_from_db()
    # The attempt that came early was not counted.
    assert (waiting[0].status, waiting[0].attempts) == (Status.DELIVERED, 4)
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since, endpoint.held_until) == (0, None, None)


def test_after_an_outage_of_75_hours_everything_arrives_in_order(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    partner.answer = lambda _: Reply(503)
    doctors = [make_doctor_of(endpoint) for _ in range(3)]
    waiting = [make_deliveries_about(doctor, endpoint, 4) for doctor in doctors]
    while clock.at < NOW + 75 * AN_HOUR:
        send_due(clock)
        clock.at += 30 * A_MINUTE
    partner.answer = lambda _: Reply()
    partner.heard.clear()

    while clock.at < NOW + 100 * AN_HOUR:
        send_due(clock)
        clock.at += AN_HOUR

    assert not WebhookDelivery.objects.exclude(status=Status.DELIVERED).exists()
    for of_doctor in waiting:
        ids = [delivery.message_id for delivery in of_doctor]
        assert [heard for heard in partner.ids if heard in ids] == ids


def test_what_is_parked_after_an_outage_is_sent_again_since_it_began_and_nothing_else(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    arrived = make_delivery(endpoint=endpoint)
    send_due(clock)
    partner.answer = lambda _: Reply(500)
    missing = [make_delivery(endpoint=endpoint) for _ in range(2)]
    while clock.at < NOW + 100 * AN_HOUR:
        send_due(clock)
        clock.at += AN_HOUR
    assert WebhookDelivery.objects.filter(status=Status.PARKED).count() == len(missing)
    partner.answer = lambda _: Reply()
    partner.heard.clear()

    again = deliveries.resend_range(
        endpoint=endpoint,
        wanted=Range(starts_at=arrived.created_at, only_failed=True),
        by=None,
        at=clock.at,
    )
    send_due(clock)

    assert again.count == len(missing)
    assert partner.ids == [delivery.message_id for delivery in missing]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_holds_all_that_waits_for_the_endpoint(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock, status: int
) -> None:
    partner.answer = lambda _: Reply(status, {"Retry-After": "600"})
    make_delivery(endpoint=endpoint)
    send_due(clock)
    others = [make_delivery(endpoint=endpoint) for _ in range(3)]
    partner.answer = lambda _: Reply()

    clock.at += timedelta(seconds=599)
    assert send_due(clock) == 0
    clock.at += A_SECOND
    assert send_due(clock) >= len(others)


def test_what_was_under_way_when_an_endpoint_asked_to_wait_does_not_end_the_wait(
    endpoint: WebhookEndpoint,
) -> None:
    for _ in range(2):
        make_delivery(endpoint=endpoint)
    asking, arriving = webhooks.lease(room=2, at=NOW)
    soon = NOW + A_SECOND
    asked = webhooks.Outcome(asking, NOW, NOW, 429, "http_429", 10 * A_MINUTE)

    webhooks.mark(outcomes=[asked, webhooks.Outcome(arriving, NOW, soon, 204)])

    assert held(endpoint) == NOW + 10 * A_MINUTE
    assert (endpoint.failures, endpoint.failing_since) == (0, None)


def test_only_what_its_address_says_counts(endpoint: WebhookEndpoint) -> None:
    make_delivery(endpoint=endpoint)
    (job,) = webhooks.lease(room=1, at=NOW)
    WebhookEndpoint.objects.update(url="https://elsewhere.example/hooks")

    webhooks.mark(outcomes=[webhooks.Outcome(job, NOW, NOW, 500, "http_500")])

    assert held(endpoint) is None
    assert (endpoint.failures, endpoint.failing_since) == (0, None)


def test_whoever_asks_for_something_to_be_sent_waits_for_no_pause() -> None:
    def held_endpoint() -> WebhookEndpoint:
        return make_endpoint(failures=9, failing_since=NOW, held_until=NOW + AN_HOUR)

    tested, resent, ranged = held_endpoint(), held_endpoint(), held_endpoint()
    one, some = [make_delivery(endpoint=endpoint) for endpoint in (resent, ranged)]
    assert webhooks.lease(room=9, at=NOW) == []

    endpoints.send_test(endpoint=tested, by=None, at=NOW)
    deliveries.resend(delivery=one, by=None, at=NOW)
    deliveries.resend_range(endpoint=ranged, wanted=Range(after=0), by=None, at=NOW)

    jobs = webhooks.lease(room=9, at=NOW)
    assert {job.endpoint for job in jobs} == {tested.pk, resent.pk, ranged.pk}
    assert some.pk in {job.delivery for job in jobs}


def test_enabling_and_moving_forget_the_failures() -> None:
    disabled = make_endpoint(
        status="DISABLED", disabled_at=NOW, failures=9, failing_since=NOW, held_until=NOW
    )
    moved = make_endpoint(failures=9, failing_since=NOW, held_until=NOW)

    endpoints.change(endpoint=disabled, is_enabled=True, by=None, at=NOW)
    target = endpoints.Target("https://insurer.example/elsewhere")
    endpoints.change(endpoint=moved, target=target, by=None, at=NOW)

    for endpoint in (disabled, moved):
        assert held(endpoint) is None
        assert (endpoint.failures, endpoint.failing_since) == (0, None)


def test_two_outcomes_of_one_delivery_deliver_it_once(endpoint: WebhookEndpoint) -> None:
    delivery = make_delivery(endpoint=endpoint)
    (late,) = webhooks.lease(room=1, at=NOW)
    (again,) = webhooks.lease(room=1, at=NOW + webhooks.LEASE)

    arrived = webhooks.Outcome(late, NOW, NOW, 204)
    webhooks.mark(outcomes=[webhooks.Outcome(again, NOW, NOW, 500, "http_500"), arrived])

    delivery.refresh_from_db()
    assert delivery.status == Status.DELIVERED
