"""However much waits for an endpoint, to take the next of it stays a small thing."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.actions import feed, webhooks
from integrations.models import WebhookEndpoint, WebhookLease
from integrations.tests.factories import make_doctor_of, make_endpoint
from registry.tests.factories import NOW

DOCTORS, EVENTS = 100, 10_000
LATER = NOW + timedelta(hours=1)
_FILL = """
    INSERT INTO outbox_events (event_id, type, subject, subject_version, doctor_id, payload,
        occurred_at, created_at)
    SELECT gen_random_uuid(), 'doctor.updated', 'doctor/' || doctor, number, doctor, '{}',
        %(at)s, %(at)s
    FROM (
        SELECT number, (%(doctors)s::uuid[])[1 + number %% cardinality(%(doctors)s::uuid[])]
            AS doctor
        FROM generate_series(1, %(events)s) AS number
    ) AS change
    ORDER BY number
"""


@pytest.fixture
def busy(django_db_setup: None, db: None) -> WebhookEndpoint:
    """An endpoint for which much waits, about some doctors."""
    endpoint = make_endpoint()
    doctors = [make_doctor_of(endpoint).pk for _ in range(DOCTORS)]
    with connection.cursor() as cursor:
        cursor.execute(_FILL, {"doctors": doctors, "events": EVENTS, "at": NOW})
    return endpoint


def touched(plan: dict[str, Any]) -> Iterator[float]:
    """Give how many rows each part of a plan that was run has looked at."""
    looked_at = plan["Actual Rows"] + sum(
        rows for name, rows in plan.items() if name.startswith("Rows Removed by")
    )
    yield looked_at * plan["Actual Loops"]
    for part in plan.get("Plans", []):
        yield from touched(part)


@pytest.mark.django_db(transaction=True)
def test_the_next_is_found_without_comparing_all_with_all(busy: WebhookEndpoint) -> None:
    while feed.sequence(at=NOW):
        pass
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE webhook_deliveries")
    with CaptureQueriesContext(connection) as captured:
        jobs = webhooks.lease(room=16, at=LATER)
    WebhookLease.objects.all().delete()
    (sql,) = [one["sql"] for one in captured if "ranked" in one["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql.replace("%", "%%"))
        ((found,),) = cursor.fetchall()
    plans = json.loads(found) if isinstance(found, str) else found

    assert jobs
    assert sum(touched(plans[0]["Plan"])) < EVENTS
