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
from integrations.models import ProviderDoctorSync, ProviderPush, WebhookAttempt
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
    ProviderPush.objects.create(
        insurance_provider=insurer,
        check_began_at=NOW - 9 * MINUTE,
        check_ended_at=NOW - 5 * MINUTE,
        checked=40,
        differed=3,
        outdated=2,
    )
    make_sync(insurance_provider=insurer, next_attempt_at=NOW - MINUTE, sync_status="PENDING")
    for _ in range(3):
        make_sync(insurance_provider=insurer, is_backfill=True)
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
    assert told[f"docport_webhooks_failing_seconds{endpoint}"] == "5400.0"
    assert told['docport_webhook_attempts_5m{outcome="timeout"}'] == "2.0"
    assert told['docport_webhook_attempts_5m{outcome="delivered"}'] == "1.0"
    assert told['docport_push_doctors{insurer="acme",status="failing"}'] == "1.0"
    assert told['docport_push_doctors{insurer="acme",status="sending"}'] == "4.0"
    assert told['docport_push_backfill_waiting{insurer="acme"}'] == "3.0"
    assert told['docport_push_check_differed{insurer="acme"}'] == "3.0"
    assert told['docport_push_check_age_seconds{insurer="acme"}'] == "300.0"
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
    states = "4 sending, due for 0:01:00; 1 failing, the first for 0:00:00; 0 stopped"
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
        f"  acme: 0 of 5 doctors in step, {states}",
        "  acme backfill: 3 to send, 600 a minute, until about 23 Nov 03:30 UTC",
        "  acme check: ended 0:05:00 ago: 40 checked, 3 differed, 2 outdated",
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


def test_everything_is_sent_to_an_insurer_again(insurer: InsuranceProvider) -> None:
    told = StringIO()

    call_command("sync", "again", "acme", stdout=told)

    assert told.getvalue() == "1 will be sent to acme again, as a backfill.\n"
    assert AuditLog.objects.filter(action="insurance_provider.push_repeated").exists()


def test_an_insurer_is_checked_now(insurer: InsuranceProvider) -> None:
    call_command("sync", "check", "acme", stdout=StringIO())

    assert ProviderPush.objects.get().next_check_at == NOW


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
