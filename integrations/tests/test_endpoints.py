from datetime import timedelta

import pytest
from pytest_django.fixtures import Settings

from integrations.actions import endpoints, feed, webhooks
from integrations.models import ProviderDoctorSync, WebhookDelivery, WebhookEndpoint
from integrations.tests.factories import (
    make_delivery,
    make_endpoint,
    make_event,
    make_feed_entry,
    make_sync,
)
from registry.tests.factories import NOW, make_admin, make_provider

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)
Status = WebhookDelivery.Status


def disabled_endpoint() -> WebhookEndpoint:
    return make_endpoint(status="DISABLED", disabled_at=NOW, disabled_reason="410")


def test_what_came_while_an_endpoint_was_disabled_is_sent_once_it_is_enabled() -> None:
    endpoint = disabled_endpoint()
    known = make_feed_entry(insurance_provider=endpoint.insurance_provider)
    make_event(doctor=known.event.doctor)
    feed.sequence(at=NOW)
    assert webhooks.lease(room=5, at=LATER) == []

    endpoints.change(endpoint=endpoint, is_enabled=True, by=make_admin(), at=LATER)

    assert len(webhooks.lease(room=5, at=LATER)) == 1


def test_enabling_sends_at_once_what_410_parked_and_what_failed_before() -> None:
    endpoint = disabled_endpoint()
    parked = make_delivery(endpoint=endpoint, status="PARKED", attempts=1, last_error="http_410")
    given_up = make_delivery(endpoint=endpoint, status="PARKED", last_error="http_500")
    failed = make_delivery(
        endpoint=endpoint, attempts=4, next_attempt_at=LATER + timedelta(hours=5)
    )
    others = make_delivery(status="PARKED", last_error="http_410")

    endpoints.change(endpoint=endpoint, is_enabled=True, by=make_admin(), at=LATER)

    for delivery in (parked, failed):
        delivery.refresh_from_db()
        assert (delivery.status, delivery.attempts) == (Status.PENDING, 0)
        assert delivery.next_attempt_at == LATER
    for delivery in (given_up, others):
        delivery.refresh_from_db()
        assert delivery.status == Status.PARKED


def test_a_new_endpoint_ends_the_waiting_of_states_that_nothing_could_sign(
    settings: Settings,
) -> None:
    settings.LOOPBACK_TARGETS = True
    provider = make_provider(api_base_url="https://insurer.example/api")
    failing = {"sync_status": "FAILING", "failing_since": NOW, "attempts": 6}
    pair = make_sync(
        insurance_provider=provider, next_attempt_at=LATER + timedelta(hours=6), **failing
    )
    other = make_sync(next_attempt_at=LATER + timedelta(hours=6), **failing)

    endpoints.add(
        provider=provider,
        target=endpoints.vetted("http://127.0.0.1:9/"),
        event_types=[],
        by=make_admin(),
        at=LATER,
    )

    due = ProviderDoctorSync.objects.filter(next_attempt_at__lte=LATER, attempts=0)
    assert list(due) == [pair]
    assert other not in due
