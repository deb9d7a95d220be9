from datetime import timedelta
from typing import Any

import pytest
from django.db import models
from django.test import Client
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from integrations.actions import endpoints, keys
from integrations.models import (
    ApiClient,
    ApiKey,
    FeedEntry,
    FeedHead,
    IdempotencyRecord,
    ProviderDoctorSync,
    ProviderPush,
    Scope,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from integrations.tests.factories import (
    SECRET,
    make_api_client,
    make_api_key,
    make_delivery,
    make_endpoint,
    make_feed_entry,
    make_push,
    make_sync,
)
from registry.models import AuditLog, User
from registry.tests.factories import NOW, make_provider, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]
TABLES: list[type[models.Model]] = [
    ApiClient,
    ApiKey,
    FeedEntry,
    FeedHead,
    IdempotencyRecord,
    ProviderDoctorSync,
    ProviderPush,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
]


def page(table: type[models.Model], rest: str = "") -> str:
    return f"/admin/integrations/{table._meta.model_name}/{rest}"


def one_of(table: type[models.Model]) -> Any:
    if table is ApiKey:
        return make_api_key()[0]
    if table is ApiClient:
        return make_api_client()[0]
    if table is IdempotencyRecord:
        return IdempotencyRecord.objects.create(
            insurance_provider=make_provider(),
            method="POST",
            route="/api/v1/appointments",
            key="k",
            fingerprint="f",
            status_code=201,
            body="about a patient",
            created_at=NOW,
            expires_at=NOW,
        )
    if table is WebhookAttempt:
        return WebhookAttempt.objects.create(
            delivery=make_delivery(), number=1, started_at=NOW, duration_ms=7, error="timeout"
        )
    made: dict[type[models.Model], Any] = {
        FeedEntry: make_feed_entry,
        ProviderDoctorSync: make_sync,
        ProviderPush: make_push,
        WebhookDelivery: make_delivery,
        WebhookEndpoint: make_endpoint,
    }
    if table is FeedHead:
        make_feed_entry()
        return FeedHead.objects.get()
    return made[table]()


@pytest.mark.parametrize("table", TABLES)
def test_every_table_can_be_read_and_none_be_edited(
    browser: Client, table: type[models.Model]
) -> None:
    row = one_of(table)

    listed = browser.get(page(table))
    shown = browser.get(page(table, f"{row.pk}/change/"))

    assert (listed.status_code, shown.status_code) == (200, 200)
    assert b"about a patient" not in shown.content
    assert SECRET.encode() not in shown.content
    assert browser.post(page(table, f"{row.pk}/change/"), {}).status_code == 403
    assert browser.get(page(table, f"{row.pk}/delete/")).status_code == 403


@pytest.mark.parametrize("table", TABLES)
def test_lists_do_not_ask_row_by_row(
    browser: Client,
    table: type[models.Model],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    if table in {
        ApiClient,
        ProviderDoctorSync,
        ProviderPush,
        WebhookDelivery,
        WebhookEndpoint,
        FeedEntry,
    }:
        for _ in range(12):
            one_of(table)

    with django_assert_max_num_queries(12):
        browser.get(page(table))


def test_a_doctor_finds_no_admin(client: Client) -> None:
    client.force_login(make_user())

    assert client.get(page(ApiKey, "add/")).status_code in {302, 404}


def test_the_monitor_shows_what_fails_first(browser: Client) -> None:
    in_step = make_sync(sync_status="IN_STEP")
    recent = make_sync(sync_status="FAILING", failing_since=NOW)
    oldest = make_sync(sync_status="FAILING", failing_since=NOW - timedelta(days=1))

    listed = browser.get(page(ProviderDoctorSync)).context["cl"].result_list

    assert list(listed) == [oldest, recent, in_step]


def test_a_pair_is_sent_again_by_a_button(browser: Client, admin_user: User) -> None:
    sync = make_sync(sync_status="STOPPED", sent=1)

    browser.post(
        page(ProviderDoctorSync), {"action": "send_again", "_selected_action": [str(sync.pk)]}
    )

    sync.refresh_from_db()
    assert (sync.sync_status, sync.wanted) == ("PENDING", 2)
    assert AuditLog.objects.get(entity_id=sync.pk).performed_by == admin_user


def test_parked_deliveries_are_sent_again_by_a_button(browser: Client) -> None:
    endpoint = make_endpoint()
    parked = make_delivery(endpoint=endpoint, status="PARKED", attempts=10)
    withheld = make_delivery(endpoint=endpoint, status="WITHHELD")
    chosen = [str(parked.pk), str(withheld.pk)]

    answer = browser.post(
        page(WebhookDelivery),
        {"action": "send_again", "_selected_action": chosen},
        follow=True,
    )

    parked.refresh_from_db()
    withheld.refresh_from_db()
    assert (parked.status, parked.attempts, withheld.status) == ("PENDING", 0, "WITHHELD")
    told = [str(message) for message in answer.context["messages"]]
    assert told == [
        "1 will be sent again within seconds.",
        "1 may not be sent any more.",
    ]


def test_a_key_is_issued_and_shown_once(browser: Client, admin_user: User) -> None:
    provider = make_provider()
    posted = {
        "provider": provider.pk,
        "name": "Booking system",
        "scopes": [Scope.DOCTORS_READ, Scope.SLOTS_READ],
        "days": "90",
    }

    assert browser.get(page(ApiKey, "add/")).status_code == 200
    answer = browser.post(page(ApiKey, "add/"), posted)

    key = ApiKey.objects.get()
    shown = answer.context["secret"]
    assert keys.digest(shown) == key.sha256
    assert shown in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert key.scopes == ["doctors:read", "slots:read"]
    assert timedelta(days=89) < key.expires_at - now() <= timedelta(days=90)
    assert AuditLog.objects.get(entity_id=key.pk).performed_by == admin_user


def test_a_key_that_cannot_be_issued_keeps_what_was_filled_in(browser: Client) -> None:
    provider = make_provider()
    for _ in range(keys.MOST_LIVE_KEYS):
        make_api_key(insurance_provider=provider, expires_at=now() + timedelta(days=9))
    posted = {"provider": provider.pk, "name": "Third", "scopes": ["doctors:read"], "days": "90"}

    answer = browser.post(page(ApiKey, "add/"), posted)

    assert answer.status_code == 422
    assert "two live keys" in answer.content.decode()
    assert 'value="Third"' in answer.content.decode()
    assert ApiKey.objects.count() == keys.MOST_LIVE_KEYS


def test_a_suspended_insurer_gets_no_key(browser: Client) -> None:
    provider = make_provider(integration_status="SUSPENDED")
    posted = {"provider": provider.pk, "name": "New", "scopes": ["doctors:read"], "days": "90"}

    answer = browser.post(page(ApiKey, "add/"), posted)

    assert answer.status_code == 422
    assert "This insurer is suspended." in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_an_empty_form_says_what_is_missing(browser: Client) -> None:
    assert browser.post(page(ApiKey, "add/"), {}).status_code == 422
    assert not ApiKey.objects.exists()


def test_chosen_keys_are_revoked(browser: Client, admin_user: User) -> None:
    open_key, _ = make_api_key()
    closed, _ = make_api_key(revoked_at=NOW, revoked_by=admin_user)
    chosen = [str(open_key.pk), str(closed.pk)]

    browser.post(page(ApiKey), {"action": "revoke_chosen", "_selected_action": chosen})

    open_key.refresh_from_db()
    closed.refresh_from_db()
    assert open_key.revoked_by == admin_user
    assert closed.revoked_at == NOW


def test_an_endpoint_is_added_with_a_secret_shown_once(browser: Client, admin_user: User) -> None:
    provider = make_provider()
    posted = {
        "provider": provider.pk,
        "url": "http://127.0.0.1:9/hooks",
        "event_types": ["doctor.updated"],
    }

    answer = browser.post(page(WebhookEndpoint, "add/"), posted)

    endpoint = WebhookEndpoint.objects.get()
    assert answer.context["secret"] == endpoint.secret
    assert (endpoint.url, endpoint.event_types) == (posted["url"], ["doctor.updated"])
    assert AuditLog.objects.get(entity_id=endpoint.pk).performed_by == admin_user


def test_an_endpoint_inside_our_network_is_refused(browser: Client) -> None:
    posted = {"provider": make_provider().pk, "url": "https://10.0.0.1/hooks"}

    answer = browser.post(page(WebhookEndpoint, "add/"), posted)

    assert answer.status_code == 422
    assert "cannot send to this address" in answer.content.decode()
    assert not WebhookEndpoint.objects.exists()
    assert not AuditLog.objects.exists()


def test_a_disabled_endpoint_is_enabled_again_once(browser: Client) -> None:
    endpoint = make_endpoint(status="DISABLED", disabled_at=NOW, disabled_reason="410")
    make_delivery(endpoint=endpoint, status="PARKED")
    chosen = {"action": "enable_chosen", "_selected_action": [str(endpoint.pk)]}

    browser.post(page(WebhookEndpoint), chosen)
    browser.post(page(WebhookEndpoint), chosen)

    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.disabled_at) == ("ENABLED", None)
    assert AuditLog.objects.get(entity_id=endpoint.pk).action == "webhook_endpoint.changed"


def test_the_known_types_of_events_are_in_order() -> None:
    assert list(endpoints.EVENT_TYPES) == sorted(set(endpoints.EVENT_TYPES))
