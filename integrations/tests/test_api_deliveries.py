from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from integrations.actions import deliveries
from integrations.models import (
    PING,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from integrations.tests.factories import (
    make_deliveries_about,
    make_delivery,
    make_doctor_of,
    make_endpoint,
)
from integrations.tests.insurers import UNKNOWN_ID, Caller, essence, make_caller
from registry.models import AuditLog
from registry.tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

Status = WebhookDelivery.Status
HOUR = timedelta(hours=1)


def mine(caller: Caller, **given: Any) -> WebhookEndpoint:
    return make_endpoint(insurance_provider=caller.provider, **given)


def came(at: datetime, **given: Any) -> WebhookDelivery:
    """Add a delivery that came then; given a status it has arrived when that says so."""
    if given.get("status") == Status.DELIVERED:
        given.setdefault("delivered_at", at)
    delivery = make_delivery(**given)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(created_at=at)
    return delivery


def several(endpoint: WebhookEndpoint, count: int) -> list[WebhookDelivery]:
    return [came(NOW - n * HOUR, endpoint=endpoint) for n in range(count)]


def ids(response: Any) -> list[str]:
    return [one["id"] for one in response.json()["items"]]


def keys(rows: list[WebhookDelivery]) -> list[str]:
    return [str(row.pk) for row in rows]


def number(delivery: WebhookDelivery) -> int:
    assert delivery.feed_entry is not None
    return delivery.feed_entry.feed_seq


def test_deliveries_of_all_my_endpoints_come_newest_first() -> None:
    caller = make_caller()
    one, other = mine(caller), mine(caller, status="DELETED", deleted_at=NOW)
    rows = [came(NOW - n * HOUR, endpoint=endpoint) for n, endpoint in enumerate([one, other, one])]
    make_delivery()

    response = caller.get("/deliveries")

    assert (ids(response), response.json()["next"]) == (keys(rows), None)
    first = response.json()["items"][0]
    assert first == {
        "id": str(rows[0].pk),
        "endpoint_id": str(one.pk),
        "webhook_id": rows[0].message_id,
        "type": "doctor.updated",
        "feed_seq": number(rows[0]),
        "subject": rows[0].subject,
        "status": "PENDING",
        "attempt_count": 0,
        "next_attempt_at": "2026-11-23T03:30:00Z",
        "delivered_at": None,
        "last_error": None,
        "created_at": "2026-11-23T03:30:00Z",
    }


def test_pages_follow_one_another_without_gap_or_repetition() -> None:
    caller = make_caller()
    endpoints = [mine(caller) for _ in range(3)]
    for n in range(11):
        came(NOW - (n // 2) * HOUR, endpoint=endpoints[n % 3])
    everything = ids(caller.get("/deliveries", {"limit": 100}))

    found: list[str] = []
    query: dict[str, Any] = {"limit": 4}
    while True:
        response = caller.get("/deliveries", query)
        found += ids(response)
        if response.json()["next"] is None:
            break
        query["cursor"] = response.json()["next"]

    assert found == everything
    assert len(set(found)) == 11


def test_a_cursor_is_good_for_its_own_list_alone_and_outlives_its_row() -> None:
    caller, other = make_caller(), make_caller()
    rows = several(mine(caller), 3)
    cursor = caller.get("/deliveries", {"limit": 1}).json()["next"]
    rows[0].delete()

    assert ids(caller.get("/deliveries", {"cursor": cursor})) == keys(rows[1:])
    for response in (
        other.get("/deliveries", {"cursor": cursor}),
        caller.get("/deliveries", {"cursor": cursor, "status": "PARKED"}),
        caller.get("/deliveries", {"cursor": cursor + "x"}),
        caller.get("/appointments", {"cursor": cursor}),
    ):
        assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


def test_the_list_is_filtered_by_endpoint_type_and_time() -> None:
    caller = make_caller()
    one, other = mine(caller), mine(caller)
    rows = several(one, 3)
    came(NOW - 9 * HOUR, endpoint=other)
    ping = WebhookDelivery.objects.create(
        endpoint=one, event_type=PING, subject=one.subject, next_attempt_at=NOW
    )
    WebhookDelivery.objects.filter(pk=ping.pk).update(created_at=NOW - 9 * HOUR)

    def found(**query: str) -> list[str]:
        return ids(caller.get("/deliveries", query))

    assert found(endpoint_id=str(one.pk)) == keys([*rows, ping])
    assert found(type="ping") == keys([ping])
    assert found(endpoint_id=str(other.pk), type="ping") == []
    half_open = {"from": "2026-11-23T01:30:00Z", "to": "2026-11-23T09:00:00+05:30"}
    assert found(**half_open) == keys(rows[1:])
    assert found(to="2026-11-22") == keys([ping, *WebhookDelivery.objects.filter(endpoint=other)])


@pytest.mark.parametrize("status", ["PENDING", "DELIVERED", "PARKED", "WITHHELD", "DROPPED"])
def test_the_list_is_filtered_by_what_it_shows(status: str) -> None:
    caller = make_caller()
    standing, deleted = mine(caller), mine(caller, status="DELETED", deleted_at=NOW)
    for endpoint in (standing, deleted):
        for one in Status:
            came(NOW, endpoint=endpoint, status=one)
    everything = caller.get("/deliveries").json()["items"]

    found = caller.get("/deliveries", {"status": status}).json()["items"]

    assert found == [one for one in everything if one["status"] == status]
    assert len(found) == (1 if status in {"PENDING", "DROPPED"} else 2)
    for one in found:
        assert (one["next_attempt_at"] is not None) == (status == "PENDING")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"status": "LOST"}, "status"),
        ({"type": "doctor.born"}, "type"),
        ({"endpoint_id": "mine"}, "endpoint_id"),
        ({"from": "yesterday"}, "from"),
        ({"limit": "0"}, "limit"),
        ({"insurer": "x"}, "insurer"),
    ],
)
def test_a_wrong_filter_is_pointed_out(query: dict[str, str], parameter: str) -> None:
    response = make_caller().get("/deliveries", query)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert [error["parameter"] for error in response.json()["errors"]] == [parameter]


def test_another_insurers_endpoint_is_as_empty_as_none() -> None:
    caller = make_caller()
    theirs = make_delivery().endpoint

    for endpoint_id in (str(theirs.pk), UNKNOWN_ID):
        answer = caller.get("/deliveries", {"endpoint_id": endpoint_id}).json()
        assert answer == {"items": [], "next": None}


def test_the_number_of_queries_grows_neither_with_rows_nor_with_endpoints(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    caller = make_caller()
    several(mine(caller), 2)
    caller.get("/me")

    with django_assert_num_queries(3):
        caller.get("/deliveries")
    for _ in range(4):
        several(mine(caller), 5)
    with django_assert_num_queries(3):
        assert len(caller.get("/deliveries").json()["items"]) == 22


def test_what_is_older_than_30_days_is_gone() -> None:
    caller = make_caller()
    endpoint = mine(caller)
    kept = came(NOW - timedelta(days=30) + timedelta(seconds=1), endpoint=endpoint)
    old = came(NOW - timedelta(days=30), endpoint=endpoint)

    assert ids(caller.get("/deliveries")) == keys([kept])
    assert caller.get(f"/deliveries/{kept.pk}").status_code == 200
    unknown = essence(caller.get(f"/deliveries/{UNKNOWN_ID}"))
    assert essence(caller.get(f"/deliveries/{old.pk}")) == unknown
    assert essence(caller.post(f"/deliveries/{old.pk}/resend", {})) == unknown


def test_a_delivery_is_read_with_each_of_its_attempts(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    caller = make_caller()
    delivery = came(NOW, endpoint=mine(caller), attempts=1, last_error="http_500")
    # It was sent again, so the numbers of its schedule began anew.
    for minutes, status, error in [(0, 500, "http_500"), (1, None, "timeout"), (2, 204, "")]:
        WebhookAttempt.objects.create(
            delivery=delivery,
            number=1,
            started_at=NOW + timedelta(minutes=minutes),
            duration_ms=40,
            status_code=status,
            error=error,
        )
    caller.get("/me")

    with django_assert_num_queries(3):
        body = caller.get(f"/deliveries/{delivery.pk}").json()

    assert (body["attempt_count"], body["last_error"]) == (1, "http_500")
    assert body["attempts"] == [
        {
            "number": 1,
            "started_at": "2026-11-23T03:30:00Z",
            "duration_ms": 40,
            "status_code": 500,
            "error": "http_500",
        },
        {
            "number": 2,
            "started_at": "2026-11-23T03:31:00Z",
            "duration_ms": 40,
            "status_code": None,
            "error": "timeout",
        },
        {
            "number": 3,
            "started_at": "2026-11-23T03:32:00Z",
            "duration_ms": 40,
            "status_code": 204,
            "error": None,
        },
    ]


def test_a_delivery_is_sent_again() -> None:
    caller = make_caller()
    delivery = came(NOW - HOUR, endpoint=mine(caller), status=Status.DELIVERED, attempts=3)

    response = caller.post(f"/deliveries/{delivery.pk}/resend", {})

    body = response.json()
    assert (response.status_code, body["id"]) == (202, str(delivery.pk))
    assert (body["status"], body["attempt_count"], body["delivered_at"]) == ("PENDING", 0, None)
    assert body["webhook_id"] == delivery.message_id
    assert AuditLog.objects.get().performed_by_provider == caller.provider


def test_what_may_not_be_sent_again_stays() -> None:
    caller = make_caller()
    withheld = came(NOW, endpoint=mine(caller), status=Status.WITHHELD)
    deleted = mine(caller, status="DELETED", deleted_at=NOW)

    for delivery in (withheld, came(NOW, endpoint=deleted)):
        response = caller.post(f"/deliveries/{delivery.pk}/resend", {})
        assert (response.status_code, response.json()["code"]) == (409, "not_sent_again")
    assert not AuditLog.objects.exists()


def test_all_that_failed_since_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "RESENT_AT_ONCE", 2)
    caller = make_caller()
    endpoint = mine(caller)
    rows = make_deliveries_about(make_doctor_of(endpoint), endpoint, 3)
    WebhookDelivery.objects.update(status=Status.PARKED, created_at=NOW - HOUR)
    came(NOW - 3 * HOUR, endpoint=endpoint, status=Status.PARKED)
    came(NOW, endpoint=endpoint, status=Status.DELIVERED)
    wanted = {"endpoint_id": str(endpoint.pk), "from": "2026-11-23T02:00:00Z", "only": "failed"}

    first = caller.post("/deliveries/resend", wanted)
    rest = caller.post("/deliveries/resend", wanted | {"after": first.json()["next_after"]})

    assert first.status_code == 202
    assert first.json() == {"resent": 2, "next_after": number(rows[1])}
    assert rest.json() == {"resent": 1, "next_after": None}
    pending = WebhookDelivery.objects.filter(status=Status.PENDING)
    assert set(pending) == set(rows)


def test_a_part_of_the_feed_is_sent_again() -> None:
    caller = make_caller()
    endpoint = mine(caller)
    rows = [came(NOW - HOUR, endpoint=endpoint, status=Status.DELIVERED) for _ in range(4)]
    part = {"after": number(rows[0]), "until": number(rows[2])}

    response = caller.post("/deliveries/resend", {"endpoint_id": str(endpoint.pk)} | part)

    assert response.json() == {"resent": 2, "next_after": None}
    assert set(WebhookDelivery.objects.filter(status=Status.PENDING)) == set(rows[1:3])


@pytest.mark.parametrize(
    ("given", "pointer", "code"),
    [
        ({}, "", "incomplete"),
        ({"after": -1}, "/after", "min_value"),
        ({"until": "ten"}, "/until", "invalid"),
        ({"from": "2026-11-23"}, "/from", "invalid"),
        ({"only": "some"}, "/only", "invalid_choice"),
        ({"all": True}, "/all", "unknown"),
    ],
)
def test_a_range_must_be_one(given: dict[str, Any], pointer: str, code: str) -> None:
    caller = make_caller()
    delivery = came(NOW, endpoint=mine(caller), status=Status.PARKED)

    response = caller.post("/deliveries/resend", {"endpoint_id": str(delivery.endpoint_id)} | given)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert [(e["pointer"], e["code"]) for e in response.json()["errors"]] == [(pointer, code)]
    delivery.refresh_from_db()
    assert delivery.status == Status.PARKED


def test_nothing_of_another_insurer_is_sent_again() -> None:
    caller = make_caller()
    theirs = came(NOW, status=Status.PARKED)
    deleted = mine(caller, status="DELETED", deleted_at=NOW)

    answers = [
        essence(caller.post("/deliveries/resend", {"endpoint_id": one, "only": "failed"}))
        for one in (str(theirs.endpoint_id), str(deleted.pk), UNKNOWN_ID)
    ]

    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["status"] == 404
    theirs.refresh_from_db()
    assert theirs.status == Status.PARKED
