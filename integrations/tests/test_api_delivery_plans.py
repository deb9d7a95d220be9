"""No call about webhooks reads a whole table: the database says how it would find the rows."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.tests.factories import make_endpoint
from integrations.tests.insurers import Caller, make_caller
from registry.tests.factories import NOW, make_doctor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

EVENTS = 20_000
LARGE = {"webhook_deliveries", "webhook_attempts", "feed_entries", "outbox_events"}
# Each event went to both insurers, a minute apart; one in a hundred was given up.
FILL = """
    INSERT INTO outbox_events (event_id, type, subject, subject_version, doctor_id, payload,
        occurred_at, created_at, sequenced_at)
    SELECT gen_random_uuid(), 'doctor.updated', 'doctor/' || %(doctor)s, n, %(doctor)s, '{}',
        %(at)s, %(at)s, %(at)s
    FROM generate_series(1, %(events)s) AS n;

    INSERT INTO feed_entries (insurance_provider_id, feed_seq, event_id, created_at)
    SELECT provider.id, row_number() OVER (PARTITION BY provider.id ORDER BY event.id), event.id,
        %(at)s
    FROM outbox_events AS event, insurance_providers AS provider;

    INSERT INTO webhook_deliveries (id, endpoint_id, feed_entry_id, event_type, subject, status,
        attempts, next_attempt_at, last_error, delivered_at, created_at, updated_at)
    SELECT gen_random_uuid(), endpoint.id, entry.id, 'doctor.updated', 'doctor/' || %(doctor)s,
        CASE feed_seq %% 100 WHEN 0 THEN 'PARKED' ELSE 'DELIVERED' END, 1, %(at)s, '',
        CASE feed_seq %% 100 WHEN 0 THEN NULL ELSE %(at)s END,
        %(at)s - feed_seq * interval '1 minute', %(at)s
    FROM feed_entries AS entry JOIN webhook_endpoints AS endpoint
        ON endpoint.insurance_provider_id = entry.insurance_provider_id;

    INSERT INTO webhook_attempts (id, delivery_id, number, started_at, duration_ms, status_code,
        error)
    SELECT gen_random_uuid(), id, 1, %(at)s, 40, 204, '' FROM webhook_deliveries;
"""


@pytest.fixture
def caller() -> Caller:
    caller, other = make_caller(), make_caller()
    for provider in (caller.provider, other.provider):
        make_endpoint(insurance_provider=provider)
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"at": NOW, "events": EVENTS, "doctor": make_doctor().pk})
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ANALYZE")
    caller.get("/me")
    return caller


def whole_reads(plan: dict[str, Any]) -> list[str]:
    """Name the large tables that a plan reads from end to end."""
    mine = [plan["Relation Name"]] if plan["Node Type"] == "Seq Scan" else []
    inner = [name for part in plan.get("Plans", []) for name in whole_reads(part)]
    return [name for name in [*mine, *inner] if name in LARGE]


def plan_of(sql: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + sql.replace("%", "%%"))
        ((plans,),) = cursor.fetchall()
    plan: dict[str, Any] = plans[0]["Plan"]
    return plan


def test_no_call_about_webhooks_reads_a_whole_table(caller: Caller) -> None:
    endpoint = WebhookEndpoint.objects.get(insurance_provider=caller.provider)
    page = caller.get("/deliveries").json()
    delivery = WebhookDelivery.objects.filter(endpoint=endpoint)[0]
    mine = {"endpoint_id": str(endpoint.pk)}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("get", "/webhook-endpoints", {}),
        ("get", f"/webhook-endpoints/{endpoint.pk}", {}),
        ("post", f"/webhook-endpoints/{endpoint.pk}/test", {}),
        ("get", "/deliveries", {}),
        ("get", "/deliveries", {"cursor": page["next"]}),
        ("get", "/deliveries", mine),
        ("get", "/deliveries", {"status": "PARKED"}),
        ("get", "/deliveries", {"status": "PENDING"}),
        ("get", "/deliveries", {"status": "DROPPED"}),
        ("get", "/deliveries", {"status": "WITHHELD"}),
        ("get", "/deliveries", {"type": "appointment.booked"}),
        ("get", "/deliveries", {"from": "2026-11-10", "to": "2026-11-11"}),
        ("get", f"/deliveries/{delivery.pk}", {}),
        ("post", f"/deliveries/{delivery.pk}/resend", {}),
        ("post", "/deliveries/resend", mine | {"only": "failed"}),
        ("post", "/deliveries/resend", mine | {"only": "failed", "from": "2026-11-23T00:00:00Z"}),
        ("post", "/deliveries/resend", mine | {"after": 19_000, "until": 19_100}),
        ("post", "/deliveries/resend", mine | {"from": "2026-11-23T00:00:00Z"}),
    ]

    for method, path, given in calls:
        with CaptureQueriesContext(connection) as captured:
            answer = getattr(caller, method)(path, given)
        assert answer.status_code < 300, (path, answer.json())
        for one in captured.captured_queries:
            if one["sql"].startswith(("SELECT", "UPDATE")):
                assert not whole_reads(plan_of(one["sql"])), (path, given, one["sql"])
