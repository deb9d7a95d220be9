"""An address is sent events only after it has proved that it wants them."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from integrations.actions import endpoints, feed, webhooks
from integrations.models import (
    CHALLENGE,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookLease,
)
from integrations.tests.factories import (
    SECRET,
    make_deliveries_about,
    make_delivery,
    make_doctor_of,
    make_endpoint,
    make_event,
)
from integrations.tests.partner import Heard, Partner, Reply, signed_by_the_standard
from integrations.tests.workers import Clock, send_due
from registry.models import AuditLog
from registry.tests.factories import NOW, make_admin, make_provider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]

Status = WebhookEndpoint.Status


def add(partner: Partner) -> WebhookEndpoint:
    return endpoints.add(
        provider=make_provider(),
        target=endpoints.vetted(f"{partner.url}/hooks"),
        event_types=[],
        by=make_admin(),
        at=NOW,
    )


def repeat(heard: Heard) -> Reply:
    """Answer as an insurer does that wants the events."""
    asked = heard.json["data"].get("challenge")
    return Reply(200, body=json.dumps({"challenge": asked}).encode())


def the_challenge(endpoint: WebhookEndpoint) -> WebhookDelivery:
    return WebhookDelivery.objects.get(endpoint=endpoint, event_type=CHALLENGE)


def types(partner: Partner) -> list[str]:
    return [heard.json["type"] for heard in partner.heard]


def test_a_new_endpoint_is_sent_nothing_but_a_signed_challenge(
    partner: Partner, clock: Clock
) -> None:
    endpoint = add(partner)
    doctor = make_doctor_of(endpoint)
    make_event(doctor=doctor)
    feed.sequence(at=NOW)

    assert send_due(clock) == 1

    (heard,) = partner.heard
    delivery = the_challenge(endpoint)
    assert heard.json == {
        "id": heard.headers["webhook-id"],
        "type": "endpoint.challenge",
        "timestamp": heard.json["timestamp"],
        "data": {"challenge": endpoint.challenge},
    }
    assert heard.headers["webhook-id"] == delivery.message_id == f"msg_{delivery.pk.hex}"
    by_secret = heard.headers["webhook-signature"].split(" ")[0]
    assert by_secret == signed_by_the_standard(heard, endpoint.secret)
    assert len(endpoint.challenge) >= 32
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.verified_at) == (Status.PENDING, None)
    assert WebhookDelivery.objects.filter(event_type="doctor.updated", status="PENDING").exists()


def test_the_right_answer_opens_the_endpoint_for_what_waited_in_order(
    partner: Partner, clock: Clock
) -> None:
    partner.answer = repeat
    endpoint = add(partner)
    waiting = make_deliveries_about(make_doctor_of(endpoint), endpoint, 3)

    send_due(clock)

    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.verified_at) == (Status.ENABLED, NOW)
    assert types(partner) == ["endpoint.challenge", *["doctor.updated"] * 3]
    assert partner.ids[1:] == [delivery.message_id for delivery in waiting]
    line = AuditLog.objects.get(action="webhook_endpoint.verified")
    assert (line.entity_id, line.performed_by) == (endpoint.pk, None)


@pytest.mark.parametrize(
    "answer",
    [
        Reply(204),
        Reply(200, body=b""),
        Reply(200, body=b"ok"),
        Reply(200, body=b'{"challenge": "another"}'),
        Reply(200, body=b'{"challenge": null}'),
        Reply(200, body=b'["challenge"]'),
        Reply(200, body=b"[" * 5000),
        Reply(200, body=b'{"challenge": "\xff"}'),
    ],
)
def test_any_other_answer_is_a_failed_attempt_and_asked_again(
    partner: Partner, clock: Clock, answer: Reply
) -> None:
    partner.answer = lambda _: answer
    endpoint = add(partner)

    send_due(clock)

    delivery = the_challenge(endpoint)
    assert (delivery.status, delivery.last_error) == ("PENDING", "challenge_not_answered")
    assert timedelta(seconds=5) <= delivery.next_attempt_at - NOW <= timedelta(seconds=6)
    attempt = WebhookAttempt.objects.get(delivery=delivery)
    assert (attempt.status_code, attempt.error) == (answer.status, "challenge_not_answered")
    endpoint.refresh_from_db()
    assert endpoint.verified_at is None


def test_a_repeated_challenge_with_an_error_status_proves_nothing(
    partner: Partner, clock: Clock
) -> None:
    partner.answer = lambda heard: Reply(500, body=repeat(heard).body)
    endpoint = add(partner)

    send_due(clock)

    endpoint.refresh_from_db()
    assert endpoint.verified_at is None
    assert the_challenge(endpoint).last_error == "http_500"


def test_a_challenge_is_retried_on_the_ordinary_schedule_and_then_on_request(
    partner: Partner, clock: Clock
) -> None:
    endpoint = add(partner)
    for wait in (timedelta(), *webhooks.WAITS):
        clock.at += wait * 1.2
        assert send_due(clock) == 1
    assert the_challenge(endpoint).status == "PARKED"
    partner.answer = repeat

    again = endpoints.send_test(endpoint=endpoint, by=make_admin(), at=clock.at)
    send_due(clock)

    assert again.event_type == CHALLENGE
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.verified_at) == (Status.ENABLED, clock.at)


def test_a_challenge_under_way_is_asked_again_at_once_on_request(
    partner: Partner, clock: Clock
) -> None:
    endpoint = add(partner)
    send_due(clock)
    partner.answer = repeat

    again = endpoints.send_test(endpoint=endpoint, by=make_admin(), at=clock.at)

    assert again == the_challenge(endpoint)
    assert send_due(clock) == 1
    endpoint.refresh_from_db()
    assert endpoint.verified_at == NOW


def test_an_endpoint_that_moves_must_prove_itself_again(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    old_challenge = endpoint.challenge
    waiting = make_delivery(endpoint=endpoint)

    moved = endpoints.change(
        endpoint=endpoint,
        target=endpoints.vetted(f"{partner.url}/new"),
        by=make_admin(),
        at=NOW,
    )
    send_due(clock)
    partner.answer = repeat
    clock.at += timedelta(minutes=1)
    send_due(clock)

    assert moved.challenge != old_challenge
    assert types(partner) == ["endpoint.challenge", "endpoint.challenge", "doctor.updated"]
    assert {heard.path for heard in partner.heard} == {"/new"}
    waiting.refresh_from_db()
    assert waiting.status == "DELIVERED"


def test_the_answer_of_an_old_address_proves_nothing(partner: Partner, clock: Clock) -> None:
    endpoint = add(partner)
    (asked,) = webhooks.lease(room=5, at=NOW)
    endpoints.change(
        endpoint=endpoint, target=endpoints.vetted(f"{partner.url}/new"), by=make_admin(), at=NOW
    )

    webhooks.mark(outcomes=[webhooks.Outcome(asked, NOW, NOW, 200)])

    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.verified_at) == (Status.PENDING, None)
    partner.answer = repeat
    assert send_due(clock) == 1
    endpoint.refresh_from_db()
    assert endpoint.status == Status.ENABLED


def test_a_challenge_that_is_marked_while_the_endpoint_moves_proves_nothing(
    partner: Partner, endpoint: WebhookEndpoint
) -> None:
    WebhookEndpoint.objects.update(status=Status.PENDING, verified_at=None)
    delivery = make_delivery(endpoint=endpoint, event_type=CHALLENGE, subject=endpoint.subject)
    (asked,) = webhooks.lease(room=5, at=NOW)
    WebhookEndpoint.objects.update(challenge="another")

    webhooks.mark(outcomes=[webhooks.Outcome(asked, NOW, NOW, 200)])

    delivery.refresh_from_db()
    endpoint.refresh_from_db()
    assert (delivery.status, endpoint.status) == ("DELIVERED", Status.PENDING)


def test_the_failures_of_an_old_address_are_not_the_new_ones(
    partner: Partner, endpoint: WebhookEndpoint
) -> None:
    make_delivery(endpoint=endpoint)
    (asked,) = webhooks.lease(room=5, at=NOW)
    endpoints.change(
        endpoint=endpoint, target=endpoints.vetted(f"{partner.url}/new"), by=make_admin(), at=NOW
    )

    webhooks.mark(outcomes=[webhooks.Outcome(asked, NOW, NOW, 410, "http_410")])

    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.failing_since) == (Status.PENDING, None)


def test_an_endpoint_that_moves_while_its_events_are_leased_is_not_sent_them(
    partner: Partner, endpoint: WebhookEndpoint
) -> None:
    delivery = make_delivery(endpoint=endpoint)

    def move_once_chosen(execute: Callable[..., Any], sql: str, *given: Any) -> Any:
        chosen = execute(sql, *given)
        if "ranked" in sql:
            WebhookEndpoint.objects.update(
                url=f"{partner.url}/new", status=Status.PENDING, verified_at=None
            )
        return chosen

    with connection.execute_wrapper(move_once_chosen):
        assert webhooks.lease(room=5, at=NOW) == []

    delivery.refresh_from_db()
    assert delivery.attempts == 0
    assert not WebhookLease.objects.exists()


def test_an_endpoint_that_was_disabled_before_it_answered_is_asked_once_it_is_enabled(
    partner: Partner, clock: Clock
) -> None:
    partner.answer = lambda _: Reply(410)
    endpoint = add(partner)
    send_due(clock)
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.verified_at) == (Status.DISABLED, None)

    enabled = endpoints.change(endpoint=endpoint, is_enabled=True, by=make_admin(), at=NOW)
    partner.answer = repeat
    send_due(clock)

    assert enabled.status == Status.PENDING
    endpoint.refresh_from_db()
    assert endpoint.status == Status.ENABLED


def test_an_answer_that_comes_after_it_was_disabled_counts_once_it_is_enabled(
    partner: Partner,
) -> None:
    endpoint = add(partner)
    (asked,) = webhooks.lease(room=5, at=NOW)
    endpoints.change(endpoint=endpoint, is_enabled=False, by=make_admin(), at=NOW)

    webhooks.mark(outcomes=[webhooks.Outcome(asked, NOW, NOW, 200)])
    enabled = endpoints.change(endpoint=endpoint, is_enabled=True, by=make_admin(), at=NOW)

    assert enabled.status == Status.ENABLED


def test_an_answer_that_comes_after_it_was_deleted_changes_nothing(partner: Partner) -> None:
    endpoint = add(partner)
    (asked,) = webhooks.lease(room=5, at=NOW)
    endpoints.delete(endpoint=endpoint, by=make_admin(), at=NOW)

    webhooks.mark(outcomes=[webhooks.Outcome(asked, NOW, NOW, 200)])

    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.verified_at) == (Status.DELETED, None)
    assert not AuditLog.objects.filter(action="webhook_endpoint.verified").exists()


def test_endpoints_that_have_not_answered_share_the_sends_of_those_that_fail() -> None:
    for _ in range(12):
        pending = make_endpoint(status=Status.PENDING, verified_at=None, secret=SECRET)
        make_delivery(endpoint=pending, event_type=CHALLENGE, subject=pending.subject)

    assert len(webhooks.lease(room=16, at=NOW)) == 8
