from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries, Settings

from integrations.actions.endpoints import MOST_ENDPOINTS
from integrations.models import (
    CHALLENGE,
    PING,
    IdempotencyRecord,
    Scope,
    WebhookDelivery,
    WebhookEndpoint,
)
from integrations.tests.factories import PUBLIC_KEY, SECRET, make_endpoint
from integrations.tests.insurers import UNKNOWN_ID, Caller, essence, make_caller
from registry.models import AuditLog
from registry.tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine", "_loopback")]

URL = "https://127.0.0.1/hooks"
NEW_URL = "https://127.0.0.1/new"


def add(caller: Caller, key: str = "key-1", **given: Any) -> Any:
    return caller.post("/webhook-endpoints", {"url": URL} | given, **{"Idempotency-Key": key})


def mine(caller: Caller, **given: Any) -> WebhookEndpoint:
    return make_endpoint(insurance_provider=caller.provider, **given)


def change(caller: Caller, endpoint: WebhookEndpoint, version: str = '"1"', **given: Any) -> Any:
    return caller.patch(f"/webhook-endpoints/{endpoint.pk}", given, **{"If-Match": version})


def rotate(caller: Caller, endpoint: WebhookEndpoint, key: str = "key-1") -> Any:
    path = f"/webhook-endpoints/{endpoint.pk}/rotate-secret"
    return caller.post(path, {}, **{"Idempotency-Key": key})


def set_clock(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    monkeypatch.setattr("integrations.api.views.base.now", lambda: at)


def test_an_endpoint_is_added_and_shows_its_secret_this_once() -> None:
    caller = make_caller()

    response = add(caller, event_types=["doctor.updated", "appointment.booked"])

    assert response.status_code == 201
    row = WebhookEndpoint.objects.get()
    body = response.json()
    assert body == {
        "id": str(row.pk),
        "url": URL,
        "event_types": ["appointment.booked", "doctor.updated"],
        "status": "PENDING",
        "verified_at": None,
        "disabled_at": None,
        "disabled_reason": None,
        "failing_since": None,
        "public_key": row.public_key,
        "previous_secret_until": None,
        "version": 1,
        "created_at": body["created_at"],
        "updated_at": body["updated_at"],
        "secret": row.secret,
    }
    assert response["Location"] == f"/api/v1/webhook-endpoints/{row.pk}"
    assert response["ETag"] == '"1"'
    read = caller.get(f"/webhook-endpoints/{row.pk}")
    assert read.json() == {name: body[name] for name in body if name != "secret"}
    assert AuditLog.objects.get(entity_id=row.pk).performed_by_provider == caller.provider
    assert WebhookDelivery.objects.get().event_type == CHALLENGE


def test_a_lost_answer_is_given_again_and_lies_sealed_meanwhile() -> None:
    caller = make_caller()

    first, again = add(caller), add(caller)

    assert again.json() == first.json()
    assert (again["Idempotency-Replayed"], again["ETag"]) == ("true", '"1"')
    assert WebhookEndpoint.objects.count() == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM idempotency_records")
        (sealed,) = cursor.fetchone()
    assert first.json()["secret"].encode() not in bytes(sealed)
    assert add(caller, "key-2").json()["secret"] != first.json()["secret"]


def test_the_resolver_is_not_needed_to_give_an_answer_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def silent(*_: object, **__: object) -> None:
        raise OSError

    caller = make_caller()
    first = add(caller)
    monkeypatch.setattr("socket.getaddrinfo", silent)

    assert add(caller).json() == first.json()
    assert add(caller, "key-2").json()["code"] == "url_refused"


def test_another_insurers_key_and_a_lost_scope_get_no_answer_of_mine() -> None:
    caller, other = make_caller(), make_caller()
    first = add(caller)

    theirs = add(other)
    without = make_caller(insurance_provider=caller.provider, scopes=[Scope.EVENTS_READ])

    assert theirs.json()["id"] != first.json()["id"]
    assert add(without).json()["code"] == "scope_missing"


def test_an_endpoint_needs_an_idempotency_key() -> None:
    response = make_caller().post("/webhook-endpoints", {"url": URL})

    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_missing")
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/url", "required"),
        ({"url": URL, "secret": "mine"}, "/secret", "unknown"),
        ({"url": 7}, "/url", "invalid"),
        ({"url": "https://insurer.example/" + "x" * 200}, "/url", "max_length"),
        ({"url": URL, "event_types": ["doctor.born"]}, "/event_types/0", "invalid_choice"),
        ({"url": URL, "event_types": ["ping"]}, "/event_types/0", "invalid_choice"),
        ({"url": URL, "event_types": "doctor.updated"}, "/event_types", "not_a_list"),
        ({"url": URL, "event_types": None}, "/event_types", "null"),
    ],
)
def test_what_is_wrong_is_pointed_out_and_nothing_is_added(
    body: dict[str, Any], pointer: str, code: str
) -> None:
    response = make_caller().post("/webhook-endpoints", body, **{"Idempotency-Key": "key-1"})

    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert [(e["pointer"], e["code"]) for e in response.json()["errors"]] == [(pointer, code)]
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://10.0.0.1/hooks", "target_forbidden"),
        ("https://169.254.169.254/latest/meta-data", "target_forbidden"),
        ("http://hooks.insurer.example/", "target_forbidden"),
        ("https://user@hooks.insurer.example/", "target_forbidden"),
        ("not an address", "target_forbidden"),
        ("https://no-such-name.invalid/", "dns_error"),
    ],
)
def test_an_address_that_docport_cannot_send_to_is_refused_by_one_code(
    settings: Settings, url: str, code: str
) -> None:
    settings.LOOPBACK_TARGETS = False
    caller = make_caller()

    response = add(caller, url=url)

    assert (response.status_code, response.json()["code"]) == (422, "url_refused")
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/url", code)
    assert not WebhookEndpoint.objects.exists()
    # It may be right tomorrow, so the key is not spent.
    assert not IdempotencyRecord.objects.exists()


def test_an_insurer_is_told_that_it_has_enough_endpoints() -> None:
    caller = make_caller()
    for _ in range(MOST_ENDPOINTS):
        mine(caller)

    response = add(caller)

    assert (response.status_code, response.json()["code"]) == (409, "too_many_endpoints")
    assert WebhookEndpoint.objects.count() == MOST_ENDPOINTS


def test_the_list_has_my_endpoints_in_order_and_no_secret(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    caller = make_caller()
    first, second = mine(caller), mine(caller, status="DISABLED", disabled_at=NOW)
    mine(caller, status="DELETED", deleted_at=NOW)
    make_endpoint()
    caller.get("/me")

    with django_assert_num_queries(2):
        response = caller.get("/webhook-endpoints")

    assert [one["id"] for one in response.json()["items"]] == [str(first.pk), str(second.pk)]
    assert SECRET not in response.content.decode()
    assert response.json()["items"][0]["public_key"] == PUBLIC_KEY
    for _ in range(4):
        mine(caller)
    with django_assert_num_queries(2):
        caller.get("/webhook-endpoints")


def test_an_endpoint_that_stands_as_it_was_is_304() -> None:
    caller = make_caller()
    path = f"/webhook-endpoints/{mine(caller, version=4).pk}"

    assert caller.get(path)["ETag"] == '"4"'
    assert caller.get(path, None, **{"If-None-Match": '"4"'}).status_code == 304
    assert caller.get(path, None, **{"If-None-Match": '"3"'}).status_code == 200


def test_what_is_sent_is_changed_and_the_rest_stays() -> None:
    caller = make_caller()
    endpoint = mine(caller)

    response = change(caller, endpoint, event_types=["consent.granted"])

    body = response.json()
    assert (response.status_code, response["ETag"]) == (200, '"2"')
    assert (body["event_types"], body["url"], body["status"]) == (
        ["consent.granted"],
        endpoint.url,
        "ENABLED",
    )
    assert AuditLog.objects.get().performed_by_provider == caller.provider


def test_a_new_address_is_vetted_and_challenged() -> None:
    caller = make_caller()
    endpoint = mine(caller)

    refused = change(caller, endpoint, url="https://10.0.0.1/")
    moved = change(caller, endpoint, url=NEW_URL)

    assert (refused.status_code, refused.json()["code"]) == (422, "url_refused")
    assert (moved.json()["url"], moved.json()["status"]) == (NEW_URL, "PENDING")
    assert moved.json()["verified_at"] is None
    assert WebhookDelivery.objects.get().event_type == CHALLENGE


def test_an_endpoint_is_disabled_and_enabled() -> None:
    caller = make_caller()
    endpoint = mine(caller)

    disabled = change(caller, endpoint, status="DISABLED")
    enabled = change(caller, endpoint, '"2"', status="ENABLED")

    assert disabled.json()["status"] == "DISABLED"
    assert disabled.json()["disabled_at"] == "2026-11-23T03:30:00Z"
    assert disabled.json()["disabled_reason"] == "Disabled by the insurer."
    assert (enabled.json()["status"], enabled.json()["disabled_at"]) == ("ENABLED", None)


@pytest.mark.parametrize("value", ["PENDING", "DELETED", "enabled", None])
def test_no_other_status_can_be_chosen(value: str | None) -> None:
    caller = make_caller()

    response = change(caller, mine(caller), status=value)

    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "/status")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 428, "precondition_required"),
        ({"If-Match": '"2"'}, 412, "version_mismatch"),
        ({"If-Match": 'W/"3"'}, 412, "version_mismatch"),
    ],
)
def test_who_has_not_read_the_endpoint_changes_and_deletes_nothing(
    headers: dict[str, str], status: int, code: str
) -> None:
    caller = make_caller()
    endpoint = mine(caller, version=3)
    path = f"/webhook-endpoints/{endpoint.pk}"

    for response in (
        caller.patch(path, {"status": "DISABLED"}, **headers),
        caller.delete(path, **headers),
    ):
        assert (response.status_code, response.json()["code"]) == (status, code)
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.version) == ("ENABLED", 3)


def test_a_change_between_the_look_and_the_change_is_stale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caller = make_caller()
    endpoint = mine(caller)
    monkeypatch.setattr("integrations.api.views.endpoints.version_to_match", lambda *_: 7)

    assert change(caller, endpoint, status="DISABLED").json()["code"] == "version_mismatch"
    deleted = caller.delete(f"/webhook-endpoints/{endpoint.pk}", **{"If-Match": '"1"'})
    assert deleted.json()["code"] == "version_mismatch"


def test_a_deleted_endpoint_is_the_same_404_as_one_that_never_was() -> None:
    caller = make_caller()
    path = f"/webhook-endpoints/{mine(caller).pk}"

    deleted = caller.delete(path, **{"If-Match": "*"})

    assert (deleted.status_code, deleted.content) == (204, b"")
    unknown = essence(caller.get(f"/webhook-endpoints/{UNKNOWN_ID}"))
    assert essence(caller.get(path)) == unknown
    assert essence(caller.delete(path, **{"If-Match": "*"})) == unknown
    assert essence(caller.post(f"{path}/test", {})) == unknown
    assert AuditLog.objects.get().action == "webhook_endpoint.deleted"


def test_an_endpoint_that_is_deleted_while_it_is_changed_is_not_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def delete_first(_: object, version: int) -> int:
        WebhookEndpoint.objects.update(status="DELETED", deleted_at=NOW)
        return version

    caller = make_caller()
    endpoint = mine(caller)
    monkeypatch.setattr("integrations.api.views.endpoints.version_to_match", delete_first)

    assert change(caller, endpoint, status="DISABLED").status_code == 404


def test_a_new_secret_is_shown_once_and_again_only_to_the_same_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caller = make_caller()
    endpoint = mine(caller)

    response = rotate(caller, endpoint)

    endpoint.refresh_from_db()
    body = response.json()
    assert (response.status_code, response["ETag"]) == (200, '"2"')
    assert body["secret"] == endpoint.secret != SECRET
    assert body["public_key"] == PUBLIC_KEY
    assert body["previous_secret_until"] == "2026-11-24T03:30:00Z"
    again = rotate(caller, endpoint)
    assert (again.json(), again["Idempotency-Replayed"]) == (body, "true")
    endpoint.refresh_from_db()
    assert endpoint.previous_secret == SECRET
    set_clock(monkeypatch, NOW + timedelta(hours=72))
    assert rotate(caller, endpoint).json()["secret"] != body["secret"]


def test_a_rotation_needs_an_idempotency_key_of_its_own() -> None:
    caller = make_caller()
    one, other = mine(caller), mine(caller)

    without = caller.post(f"/webhook-endpoints/{one.pk}/rotate-secret", {})
    rotate(caller, one)
    reused = rotate(caller, other)

    assert without.json()["code"] == "idempotency_key_missing"
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")


def test_a_test_says_where_to_see_what_became_of_it() -> None:
    caller = make_caller()
    endpoint = mine(caller)

    response = caller.post(f"/webhook-endpoints/{endpoint.pk}/test", {})

    delivery = WebhookDelivery.objects.get()
    body = response.json()
    assert (response.status_code, body["id"]) == (202, str(delivery.pk))
    assert (body["type"], body["status"], body["feed_seq"]) == (PING, "PENDING", None)
    assert body["next_attempt_at"] == "2026-11-23T03:30:00Z"
    assert response["Location"] == f"/api/v1/deliveries/{delivery.pk}"
    assert caller.get(f"/deliveries/{delivery.pk}").json()["attempts"] == []
    again = caller.post(f"/webhook-endpoints/{endpoint.pk}/test", {})
    assert again.json()["id"] == body["id"]


def test_a_disabled_endpoint_is_not_tested() -> None:
    caller = make_caller()
    endpoint = mine(caller, status="DISABLED", disabled_at=NOW)

    response = caller.post(f"/webhook-endpoints/{endpoint.pk}/test", {})

    assert (response.status_code, response.json()["code"]) == (409, "endpoint_disabled")
    assert not WebhookDelivery.objects.exists()
