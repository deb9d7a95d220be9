"""Databases that were filled before a rule was made come to obey it, and lose nothing."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from integrations.connectors.webhooks.mapping import signature
from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.tests.factories import make_delivery, make_feed_entry
from registry.tests.factories import make_provider

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = "0007_clients"


def migrate(name: str) -> None:
    MigrationExecutor(connection).migrate([("integrations", name)])


@pytest.fixture
def latest() -> Iterator[str]:
    graph = MigrationExecutor(connection).loader.graph
    (name,) = [name for _, name in graph.leaf_nodes("integrations")]
    yield name
    migrate(name)


def test_endpoints_that_are_sent_events_have_proved_themselves_and_get_keys(latest: str) -> None:
    delivery = make_delivery()
    migrate(BEFORE)

    migrate(latest)

    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.status, endpoint.verified_at) == ("ENABLED", endpoint.created_at)
    assert endpoint.challenge
    assert endpoint.public_key.startswith("whpk_")
    assert signature("msg_1", 1, b"{}", key=endpoint.private_key).startswith("v1a,")
    assert endpoint.secret == delivery.endpoint.secret


def test_deliveries_come_to_know_the_type_of_their_event(latest: str) -> None:
    entry = make_feed_entry()
    make_delivery(feed_entry=entry, event_type="unknown")
    migrate(BEFORE)

    migrate(latest)

    assert WebhookDelivery.objects.get().event_type == entry.event.type


def test_insurers_that_were_live_stay_so_for_the_reason_that_they_were(latest: str) -> None:
    provider = make_provider(integration_status="LIVE")
    MigrationExecutor(connection).migrate([("registry", "0007_backfill_per_minute")])
    (registry,) = MigrationExecutor(connection).loader.graph.leaf_nodes("registry")

    MigrationExecutor(connection).migrate([registry, ("integrations", latest)])

    provider.refresh_from_db()
    assert (provider.integration_status, provider.live_at) == ("LIVE", provider.updated_at)
    assert provider.live_reason == "Live before conformance was checked."
