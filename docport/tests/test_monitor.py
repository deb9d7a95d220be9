from datetime import timedelta
from io import StringIO

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from docport import metrics
from integrations import monitor
from integrations.management.commands import sync
from integrations.models import ProviderDoctorSync, WebhookAttempt
from integrations.tests.factories import make_delivery, make_endpoint, make_event, make_sync
from registry.models import AuditLog, InsuranceProvider, OutboxEvent
from registry.tests.factories import NOW, make_provider

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "a token that only tests know"
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _at_nine(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> None:
    settings.METRICS_TOKEN = TOKEN
    monkeypatch.setattr(metrics, "now", lambda: NOW)
    monkeypatch.setattr(sync, "now", lambda: NOW)


@pytest.fixture
def insurer() -> InsuranceProvider:
    """Add an insurer for whom an event, a webhook and two pushes wait."""
    insurer = make_provider(slug="acme")
    event = make_event()
    OutboxEvent.objects.filter(pk=event.pk).update(created_at=NOW - 2 * MINUTE)
    endpoint = make_endpoint(insurance_provider=insurer, failing_since=NOW - 90 * MINUTE)
    delivery = make_delivery(endpoint=endpoint)
    type(delivery).objects.filter(pk=delivery.pk).update(created_at=NOW - 3 * MINUTE)
    for minutes, error in [(1, ""), (2, "timeout"), (4, "timeout"), (6, "http_500")]:
        WebhookAttempt.objects.create(
            delivery=delivery,
            number=minutes,
            started_at=NOW - minutes * MINUTE,
            duration_ms=1,
            error=error,
        )
    make_sync(insurance_provider=insurer, next_attempt_at=NOW - MINUTE, sync_status="PENDING")
    make_sync(insurance_provider=insurer, sync_status="FAILING", failing_since=NOW, attempts=9)
    return insurer


def scrape(client: Client, token: str = TOKEN) -> dict[str, str]:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    lines = answer.content.decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def test_nothing_waits_where_nothing_is(client: Client) -> None:
    told = scrape(client)

    assert told == {
        "docport_events_unsequenced": "0.0",
        "docport_events_unsequenced_oldest_seconds": "0.0",
    }


def test_metrics_tell_what_waits_and_since_when(client: Client, insurer: InsuranceProvider) -> None:
    told = scrape(client)

    (lag,) = monitor.endpoint_lags()
    endpoint = f'{{endpoint="{lag.endpoint_id}",insurer="acme",status="ENABLED"}}'
    assert told["docport_events_unsequenced"] == "1.0"
    assert told["docport_events_unsequenced_oldest_seconds"] == "120.0"
    assert told[f"docport_webhooks_waiting{endpoint}"] == "1.0"
    assert told[f"docport_webhooks_waiting_oldest_seconds{endpoint}"] == "180.0"
    assert told['docport_webhook_attempts_5m{outcome="timeout"}'] == "2.0"
    assert told['docport_webhook_attempts_5m{outcome="delivered"}'] == "1.0"
    assert told['docport_push_doctors{insurer="acme",status="FAILING"}'] == "1.0"
    assert told['docport_push_overdue_seconds{insurer="acme"}'] == "60.0"


@pytest.mark.parametrize("token", ["", "another"])
def test_without_the_token_there_is_no_such_page(client: Client, token: str) -> None:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 404


def test_without_a_token_of_the_site_nobody_is_let_in(
    client: Client, settings: LazySettings
) -> None:
    settings.METRICS_TOKEN = ""

    answer = client.get("/metrics", headers={"Authorization": "Bearer "})

    assert answer.status_code == 404


def test_status_tells_a_person(insurer: InsuranceProvider) -> None:
    told = StringIO()

    call_command("sync", "status", stdout=told)

    (lag,) = monitor.endpoint_lags()
    assert told.getvalue().splitlines() == [
        "Events in no feed yet: 1, the oldest for 0:02:00",
        "",
        "Webhooks",
        f"  acme {lag.endpoint_id} ENABLED: 1, the oldest for 0:03:00 waiting, failing for 1:30:00",
        "",
        "Attempts of the last 5 minutes",
        "  delivered: 1",
        "  timeout: 2",
        "",
        "Push",
        "  acme FAILING: 1 doctors",
        "  acme PENDING: 1 doctors, due for 0:01:00",
    ]


def test_status_of_an_empty_site_says_none() -> None:
    told = StringIO()

    call_command("sync", "status", stdout=told)

    assert told.getvalue().count("  none") == 3


def test_what_failed_at_an_insurer_is_tried_again(insurer: InsuranceProvider) -> None:
    others = make_sync(sync_status="FAILING", failing_since=NOW, attempts=9)

    call_command("sync", "retry", "acme", stdout=StringIO())

    failing = ProviderDoctorSync.objects.get(insurance_provider=insurer, sync_status="FAILING")
    others.refresh_from_db()
    assert (failing.attempts, failing.next_attempt_at) == (0, NOW)
    assert others.attempts == 9
    line = AuditLog.objects.get(action="insurance_provider.push_retried")
    assert line.entity_id == insurer.pk


def test_an_insurer_that_is_none_is_answered_with_those_there_are(
    insurer: InsuranceProvider,
) -> None:
    with pytest.raises(CommandError, match=r"No insurer is called acmee\. There are: .*acme"):
        call_command("sync", "retry", "acmee")

    assert not AuditLog.objects.exists()


def test_attempts_are_counted_without_reading_all_of_them() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO webhook_attempts (id, delivery_id, number, started_at, duration_ms, error)"
            " SELECT gen_random_uuid(), %s, n, %s::timestamptz - n * interval '1 second', 1, ''"
            " FROM generate_series(1, 30000) AS n ORDER BY n DESC",
            [make_delivery().pk, NOW],
        )
        cursor.execute("ANALYZE webhook_attempts")
        cursor.execute(
            f"EXPLAIN {monitor._ATTEMPTS}",  # noqa: SLF001  Its own plan.
            [NOW - 5 * MINUTE],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert monitor.attempts_by_outcome(at=NOW, within=5 * MINUTE) == {"delivered": 299}
    assert "attempt_by_time" in plan
