import base64
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from integrations.actions import endpoints, feed, webhooks
from integrations.actions.endpoints import MOST_ENDPOINTS, Target
from integrations.models import CHALLENGE, PING, WebhookDelivery, WebhookEndpoint
from integrations.tests.factories import (
    PRIVATE_KEY,
    SECRET,
    make_delivery,
    make_doctor_of,
    make_endpoint,
    make_event,
)
from registry.models import AuditLog, InsuranceProvider
from registry.tests.factories import NOW, make_admin, make_provider

pytestmark = pytest.mark.django_db

Status = WebhookEndpoint.Status
LATER = NOW + timedelta(hours=1)
TARGET = Target("https://insurer.example/hooks")
NEW_TARGET = Target("https://insurer.example/new")


def add(provider: InsuranceProvider, *event_types: str) -> WebhookEndpoint:
    return endpoints.add(
        provider=provider, target=TARGET, event_types=event_types, by=provider, at=NOW
    )


def lines() -> list[str]:
    return list(AuditLog.objects.order_by("id").values_list("action", flat=True))


def test_an_endpoint_comes_with_keys_of_its_own_and_a_challenge_to_send() -> None:
    provider = make_provider()

    endpoint = add(provider, "doctor.updated", "appointment.booked", "doctor.updated")

    endpoint.refresh_from_db()
    assert endpoint.insurance_provider == provider
    assert endpoint.url == TARGET.url
    assert endpoint.event_types == ["appointment.booked", "doctor.updated"]
    assert (endpoint.status, endpoint.verified_at, endpoint.version) == (Status.PENDING, None, 1)
    private = base64.b64decode(endpoint.private_key.removeprefix("whsk_"))
    assert endpoint.public_key == "whpk_" + base64.b64encode(private[32:]).decode()
    assert endpoint.secret != add(provider).secret
    challenge = WebhookDelivery.objects.get(endpoint=endpoint)
    assert (challenge.event_type, challenge.feed_entry) == (CHALLENGE, None)
    assert challenge.next_attempt_at == NOW
    line = AuditLog.objects.get(entity_id=endpoint.pk)
    assert (line.action, line.performed_by_provider) == ("webhook_endpoint.added", provider)
    assert line.metadata == {"url": TARGET.url}


def test_keys_lie_sealed_in_the_database() -> None:
    endpoint = make_endpoint()

    with connection.cursor() as cursor:
        cursor.execute("SELECT secret, private_key FROM webhook_endpoints")
        sealed = b"".join(bytes(value) for value in cursor.fetchone())

    assert SECRET.encode() not in sealed
    assert PRIVATE_KEY.encode() not in sealed
    endpoint.refresh_from_db()
    assert endpoint.private_key == PRIVATE_KEY


def test_an_insurer_has_a_most_of_endpoints_and_deleted_ones_do_not_count() -> None:
    provider = make_provider()
    first, *_ = [make_endpoint(insurance_provider=provider) for _ in range(MOST_ENDPOINTS)]
    make_endpoint()

    with pytest.raises(endpoints.TooManyEndpoints, match="Delete one first"):
        add(provider)
    assert WebhookEndpoint.objects.filter(insurance_provider=provider).count() == MOST_ENDPOINTS
    assert lines() == []
    endpoints.delete(endpoint=first, by=provider, at=NOW)

    assert add(provider).status == Status.PENDING


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://10.0.0.1/hooks", "target_forbidden"),
        ("http://insurer.example/hooks", "target_forbidden"),
        ("https://user@insurer.example/", "target_forbidden"),
        ("https://no-such-name.invalid/hooks", "dns_error"),
    ],
)
def test_an_address_that_may_not_be_called_is_refused_with_no_more_than_a_code(
    settings: Settings, url: str, code: str
) -> None:
    settings.LOOPBACK_TARGETS = False

    with pytest.raises(endpoints.TargetRefused) as refused:
        endpoints.vetted(url)

    assert refused.value.code == code
    assert str(refused.value) == "DocPort cannot send to this address."


def test_what_is_given_is_changed_and_the_rest_stays() -> None:
    endpoint, provider = make_endpoint(event_types=["doctor.withdrawn"]), make_provider()

    changed = endpoints.change(
        endpoint=endpoint, event_types=["doctor.updated"], by=provider, at=LATER
    )

    changed.refresh_from_db()
    assert (changed.event_types, changed.url) == (["doctor.updated"], endpoint.url)
    assert (changed.status, changed.version) == (Status.ENABLED, 2)
    assert changed.secret == SECRET
    line = AuditLog.objects.get()
    assert (line.action, line.performed_by_provider) == ("webhook_endpoint.changed", provider)
    assert line.metadata == {"event_types": ["doctor.updated"]}
    assert not WebhookDelivery.objects.exists()


def test_what_is_so_already_is_no_change() -> None:
    endpoint = make_endpoint(event_types=["doctor.withdrawn"])

    same = endpoints.change(
        endpoint=endpoint,
        target=Target(endpoint.url),
        event_types=["doctor.withdrawn"] * 2,
        is_enabled=True,
        by=make_admin(),
        at=LATER,
    )

    assert same.version == 1
    assert lines() == []


def test_a_change_of_another_version_is_refused() -> None:
    endpoint = make_endpoint(version=3)

    with pytest.raises(endpoints.Stale):
        endpoints.change(endpoint=endpoint, version=2, target=NEW_TARGET, by=make_admin(), at=LATER)

    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.version) == (TARGET.url, 3)
    assert lines() == []


def test_an_endpoint_that_moves_is_pending_and_keeps_its_keys() -> None:
    endpoint = make_endpoint(failing_since=NOW)

    moved = endpoints.change(endpoint=endpoint, target=NEW_TARGET, by=make_admin(), at=LATER)

    assert (moved.status, moved.verified_at) == (Status.PENDING, None)
    assert (moved.secret, moved.failing_since) == (SECRET, None)
    challenge = WebhookDelivery.objects.get()
    assert (challenge.event_type, challenge.next_attempt_at) == (CHALLENGE, LATER)


def test_a_disabled_endpoint_that_moves_stays_disabled_and_silent() -> None:
    endpoint = make_endpoint(status=Status.DISABLED, disabled_at=NOW)

    moved = endpoints.change(endpoint=endpoint, target=NEW_TARGET, by=make_admin(), at=LATER)

    assert (moved.status, moved.verified_at) == (Status.DISABLED, None)
    assert not WebhookDelivery.objects.exists()


def test_an_endpoint_that_is_disabled_hears_nothing_until_it_is_enabled() -> None:
    endpoint = make_endpoint()
    delivery = make_delivery(endpoint=endpoint)
    provider = endpoint.insurance_provider

    disabled = endpoints.change(endpoint=endpoint, is_enabled=False, by=provider, at=LATER)

    assert (disabled.status, disabled.disabled_at) == (Status.DISABLED, LATER)
    assert disabled.disabled_reason == "Disabled by the insurer."
    assert webhooks.lease(room=5, at=LATER) == []
    enabled = endpoints.change(endpoint=endpoint, is_enabled=True, by=make_admin(), at=LATER)
    assert (enabled.status, enabled.disabled_at, enabled.disabled_reason) == ("ENABLED", None, "")
    assert [job.delivery for job in webhooks.lease(room=5, at=LATER)] == [delivery.pk]
    metadata = AuditLog.objects.order_by("id").values_list("metadata", flat=True)
    assert list(metadata) == [{"is_enabled": False}, {"is_enabled": True}]


def test_who_disabled_an_endpoint_is_told() -> None:
    disabled = endpoints.change(
        endpoint=make_endpoint(), is_enabled=False, by=make_admin(), at=LATER
    )

    assert disabled.disabled_reason == "Disabled by an admin."


def test_a_deleted_endpoint_is_sent_nothing_and_its_history_stays() -> None:
    endpoint, other = make_endpoint(failing_since=NOW), make_endpoint()
    delivered = make_delivery(endpoint=endpoint, status="DELIVERED", delivered_at=NOW)
    waiting, others = make_delivery(endpoint=endpoint), make_delivery(endpoint=other)
    provider = endpoint.insurance_provider

    deleted = endpoints.delete(endpoint=endpoint, by=provider, at=LATER)
    make_event(doctor=make_doctor_of(endpoint))
    feed.sequence(at=LATER)

    assert (deleted.status, deleted.deleted_at, deleted.version) == ("DELETED", LATER, 2)
    assert [job.delivery for job in webhooks.lease(room=5, at=LATER)] == [others.pk]
    mine = WebhookDelivery.objects.filter(endpoint=endpoint)
    assert set(mine) == {delivered, waiting}
    assert list(mine.dropped()) == [waiting]
    line = AuditLog.objects.get(entity_id=endpoint.pk)
    assert (line.action, line.performed_by_provider) == ("webhook_endpoint.deleted", provider)


def test_a_disabled_endpoint_can_be_deleted() -> None:
    endpoint = make_endpoint(status=Status.DISABLED, disabled_at=NOW, disabled_reason="410")

    deleted = endpoints.delete(endpoint=endpoint, by=make_admin(), at=LATER)

    assert (deleted.status, deleted.disabled_at) == ("DELETED", None)


def test_a_deleted_endpoint_is_never_touched_again() -> None:
    endpoint, admin = make_endpoint(status=Status.DELETED, deleted_at=NOW), make_admin()

    for touch in (
        lambda: endpoints.change(endpoint=endpoint, is_enabled=True, by=admin, at=LATER),
        lambda: endpoints.delete(endpoint=endpoint, by=admin, at=LATER),
        lambda: endpoints.rotate_secret(endpoint=endpoint, by=admin, at=LATER),
        lambda: endpoints.send_test(endpoint=endpoint, by=admin, at=LATER),
    ):
        with pytest.raises(endpoints.EndpointDeleted):
            touch()

    assert lines() == []
    assert not WebhookDelivery.objects.exists()


def test_what_a_deleted_endpoint_answers_late_does_not_bring_it_back() -> None:
    endpoint = make_endpoint()
    delivery = make_delivery(endpoint=endpoint)
    (job,) = webhooks.lease(room=5, at=NOW)
    endpoints.delete(endpoint=endpoint, by=make_admin(), at=NOW)

    webhooks.mark(outcomes=[webhooks.Outcome(job, NOW, NOW, 410, "http_410")])

    endpoint.refresh_from_db()
    delivery.refresh_from_db()
    assert (endpoint.status, delivery.status) == (Status.DELETED, "PARKED")


def test_for_a_day_after_a_rotation_both_secrets_sign() -> None:
    endpoint = make_endpoint()
    provider = endpoint.insurance_provider

    rotated = endpoints.rotate_secret(endpoint=endpoint, by=provider, at=NOW)

    rotated.refresh_from_db()
    assert (rotated.previous_secret, rotated.version) == (SECRET, 2)
    a_moment_before = NOW + timedelta(hours=24) - timedelta(microseconds=1)
    both = [rotated.secret, SECRET, PRIVATE_KEY]
    assert webhooks.secrets_in_force(rotated, at=a_moment_before) == both
    after = webhooks.secrets_in_force(rotated, at=NOW + timedelta(hours=24))
    assert after == [rotated.secret, PRIVATE_KEY]
    line = AuditLog.objects.get()
    assert (line.action, line.performed_by_provider) == (
        "webhook_endpoint.secret_rotated",
        provider,
    )
    assert rotated.secret not in str(line.metadata)


def test_a_second_rotation_replaces_the_secret_before() -> None:
    endpoint, admin = make_endpoint(), make_admin()
    first = endpoints.rotate_secret(endpoint=endpoint, by=admin, at=NOW)

    second = endpoints.rotate_secret(endpoint=endpoint, by=admin, at=LATER)

    assert webhooks.secrets_in_force(second, at=LATER) == [
        second.secret,
        first.secret,
        PRIVATE_KEY,
    ]


def test_a_test_is_a_ping_that_is_sent_whatever_the_filter() -> None:
    endpoint = make_endpoint(event_types=["doctor.updated"])
    provider = endpoint.insurance_provider

    delivery = endpoints.send_test(endpoint=endpoint, by=provider, at=LATER)

    assert (delivery.event_type, delivery.subject) == (PING, f"webhook_endpoint/{endpoint.pk}")
    assert [job.delivery for job in webhooks.lease(room=5, at=LATER)] == [delivery.pk]
    line = AuditLog.objects.get()
    assert (line.action, line.performed_by_provider) == ("webhook_endpoint.tested", provider)


def test_while_a_ping_is_unfinished_a_test_sends_that_one_again() -> None:
    endpoint, admin = make_endpoint(), make_admin()
    first = endpoints.send_test(endpoint=endpoint, by=admin, at=NOW)
    WebhookDelivery.objects.update(next_attempt_at=NOW + timedelta(hours=9), attempts=7)

    again = endpoints.send_test(endpoint=endpoint, by=admin, at=LATER)

    assert (again, again.attempts, again.next_attempt_at) == (first, 0, LATER)
    WebhookDelivery.objects.update(status="DELIVERED", delivered_at=NOW)
    assert endpoints.send_test(endpoint=endpoint, by=admin, at=LATER) != first


def test_a_disabled_endpoint_is_not_tested() -> None:
    endpoint = make_endpoint(status=Status.DISABLED, disabled_at=NOW)

    with pytest.raises(endpoints.EndpointDisabled):
        endpoints.send_test(endpoint=endpoint, by=make_admin(), at=LATER)

    assert not WebhookDelivery.objects.exists()
    assert lines() == []


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"status": "ENABLED", "verified_at": None}, "endpoint_verified_before_events"),
        ({"status": "PENDING", "verified_at": NOW}, "endpoint_pending_until_verified"),
        ({"status": "DELETED"}, "endpoint_deleted_at"),
        ({"deleted_at": NOW}, "endpoint_deleted_at"),
    ],
)
def test_the_database_holds_what_a_status_means(values: dict[str, object], constraint: str) -> None:
    make_endpoint()

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        WebhookEndpoint.objects.update(**values)


def test_the_database_wants_an_event_in_every_delivery_but_our_own_words() -> None:
    endpoint = make_endpoint()
    own = {"endpoint": endpoint, "subject": endpoint.subject, "next_attempt_at": NOW}
    WebhookDelivery.objects.create(event_type=PING, **own)

    with (
        pytest.raises(IntegrityError, match="delivery_of_an_event_or_our_own"),
        transaction.atomic(),
    ):
        WebhookDelivery.objects.create(event_type="doctor.updated", **own)
