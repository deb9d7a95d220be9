from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail

from integrations import tasks
from integrations.actions import endpoints, failing, feed, webhooks
from integrations.actions.endpoints import Target
from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.tests.factories import make_delivery, make_doctor_of, make_endpoint, make_event
from integrations.tests.workers import Clock
from registry.models import AuditLog
from registry.tests.factories import NOW, make_admin, make_provider

pytestmark = pytest.mark.django_db

Status = WebhookEndpoint.Status
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TOKEN = "a-token-of-the-insurer"


@pytest.fixture(autouse=True)
def _clock(clock: Clock, monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> None:
    settings.BASE_URL = "https://docport.example"
    monkeypatch.setattr(tasks, "now", clock)


def fail_since(**given: Any) -> WebhookEndpoint:
    provider = make_provider(name="Nila Health", contact_email="desk@nila.example.org")
    values = {"failing_since": NOW, "url": f"https://hooks.nila.example/{TOKEN}"}
    return make_endpoint(insurance_provider=provider, **(values | given))


def told(clock: Clock, after: timedelta) -> int:
    clock.at = NOW + after
    return tasks.watch_endpoints()


def lines(action: str) -> list[dict[str, Any]]:
    found = AuditLog.objects.filter(action=action).order_by("id")
    return list(found.values_list("metadata", flat=True))


def test_an_insurer_is_warned_three_times_and_then_the_endpoint_is_disabled(clock: Clock) -> None:
    endpoint = fail_since()
    hours = [0, 59, 60, 61, 83, 84, 107, 108, 119, 120, 130]

    counts = [told(clock, timedelta(hours=number)) for number in hours for _ in range(2)]

    assert [hours[place // 2] for place, count in enumerate(counts) if count] == [60, 84, 108, 120]
    percents = [line["percent"] for line in lines("webhook_endpoint.owner_warned")]
    assert percents == [50, 70, 90, 100]
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.disabled_at) == (Status.DISABLED, NOW + 5 * DAY)
    reason = "Nothing but failures for five days."
    assert lines("webhook_endpoint.disabled") == [{"reason": reason}]
    assert endpoint.disabled_reason == reason


def test_the_warning_says_since_when_until_when_and_where_to_look(clock: Clock) -> None:
    endpoint = fail_since()

    told(clock, 3 * DAY)

    (letter,) = mail.outbox
    assert letter.to == ["desk@nila.example.org"]
    assert letter.subject == "Webhooks to hooks.nila.example have failed since Monday 23 November"
    for words in [
        "since Monday 23 November 2026, 03:30 UTC",
        "by Saturday 28 November 2026, 03:30 UTC",
        f"GET https://docport.example/api/v1/deliveries?endpoint_id={endpoint.pk}",
    ]:
        assert words in letter.body
    assert TOKEN not in letter.body


def test_who_is_disabled_is_told_how_to_be_enabled(clock: Clock) -> None:
    endpoint = fail_since()

    told(clock, 5 * DAY)

    (letter,) = mail.outbox
    assert letter.subject == "Your webhook endpoint on hooks.nila.example is disabled"
    assert "Nothing but failures for five days." in letter.body
    assert f"PATCH https://docport.example/api/v1/webhook-endpoints/{endpoint.pk}" in letter.body
    assert TOKEN not in letter.body


def test_410_is_told_as_well(clock: Clock) -> None:
    endpoint = fail_since(failing_since=None)
    make_delivery(endpoint=endpoint)
    (job,) = webhooks.lease(room=5, at=NOW)
    webhooks.mark(outcomes=[webhooks.Outcome(job, NOW, NOW, 410, "http_410")])

    assert [told(clock, HOUR), told(clock, 2 * HOUR)] == [1, 0]

    assert "The endpoint answered 410 Gone." in mail.outbox[0].body


def test_after_a_pause_of_the_task_only_the_latest_is_told(clock: Clock) -> None:
    fail_since()

    assert told(clock, 4 * DAY) == 1

    assert lines("webhook_endpoint.owner_warned") == [{"percent": 70, "mailed": True}]


def test_once_something_arrives_all_begins_anew(clock: Clock) -> None:
    endpoint = fail_since()
    told(clock, 3 * DAY)
    make_delivery(endpoint=endpoint)
    (job,) = webhooks.lease(room=5, at=clock.at)
    webhooks.mark(outcomes=[webhooks.Outcome(job, clock.at, clock.at, 204)])

    assert told(clock, 6 * DAY) == 0
    WebhookEndpoint.objects.update(failing_since=NOW + 6 * DAY)
    assert told(clock, 9 * DAY) == 1
    assert mail.outbox[1].subject.endswith("since Sunday 29 November")


def test_whoever_moves_enables_or_disables_the_endpoint_knows(clock: Clock) -> None:
    moved, enabled, disabled = [fail_since() for _ in range(3)]
    told(clock, 3 * DAY)
    admin, at = make_admin(), NOW + 3 * DAY
    target = Target("https://new.nila.example/")
    endpoints.change(endpoint=moved, target=target, by=admin, at=at)
    endpoints.change(endpoint=disabled, is_enabled=False, by=admin, at=at)
    endpoints.change(endpoint=enabled, is_enabled=False, by=admin, at=at)
    endpoints.change(endpoint=enabled, is_enabled=True, by=admin, at=at)

    assert told(clock, 9 * DAY) == 0
    assert len(mail.outbox) == 3


def test_events_wait_for_an_endpoint_that_was_given_up(clock: Clock) -> None:
    endpoint = fail_since()
    told(clock, 5 * DAY)
    make_event(doctor=make_doctor_of(endpoint))

    feed.sequence(at=NOW + 6 * DAY)

    assert WebhookDelivery.objects.get(endpoint=endpoint).status == "PENDING"
    assert webhooks.lease(room=5, at=NOW + 6 * DAY) == []


def test_other_endpoints_are_neither_warned_of_nor_disabled(clock: Clock) -> None:
    well = fail_since(failing_since=None)
    pending = fail_since(status=Status.PENDING, verified_at=None)
    deleted = fail_since(status=Status.DELETED, deleted_at=NOW)

    assert told(clock, 9 * DAY) == 0

    for endpoint in (well, pending, deleted):
        before = endpoint.status
        endpoint.refresh_from_db()
        assert endpoint.status == before


def test_without_a_contact_it_is_only_written_down(clock: Clock) -> None:
    make_endpoint(failing_since=NOW)

    assert told(clock, 3 * DAY) == 1

    assert mail.outbox == []
    assert lines("webhook_endpoint.owner_warned") == [{"percent": 50, "mailed": False}]


def test_a_mail_that_fails_is_tried_again_later(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise ConnectionRefusedError

    fail_since()
    with monkeypatch.context() as away:
        away.setattr("django.core.mail.EmailMessage.send", refuse)
        assert told(clock, 3 * DAY) == 0

    assert told(clock, 3 * DAY + timedelta(minutes=9)) == 0
    assert told(clock, 3 * DAY + timedelta(minutes=10)) == 1
    assert len(mail.outbox) == 1


def test_what_arrives_while_the_mail_is_sent_is_not_forgotten() -> None:
    endpoint = fail_since()
    warned = failing.take_warning(at=NOW + 3 * DAY)
    assert warned
    WebhookEndpoint.objects.update(failing_since=None, warn_at=None)

    failing.note_warned(warned=warned, is_mailed=True, at=NOW + 3 * DAY)

    endpoint.refresh_from_db()
    assert endpoint.warned_percent == 0
    assert lines("webhook_endpoint.owner_warned") == []
