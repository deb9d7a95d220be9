"""Consents that insurers read, and how far their erasures are."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from consent import actions
from consent.models import Consent
from consent.tests.factories import make_consent, make_request, make_withdrawn_consent
from integrations.tests.insurers import Caller, essence, make_caller
from registry.models import AuditLog
from registry.tests.factories import NOW, make_doctor, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

DAY = timedelta(days=1)
WITHDRAWN_AT = NOW - timedelta(hours=1)


def ids(response: Any) -> list[str]:
    return [one["id"] for one in response.json()["items"]]


def set_clock(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    monkeypatch.setattr("integrations.api.views.base.now", lambda: at)


def of(caller: Caller, **given: Any) -> Consent:
    return make_consent(insurance_provider=caller.provider, **given)


def test_a_consent_is_shown_as_it_stands() -> None:
    caller = make_caller()
    consent = of(caller, data_classes=["profile", "availability"], expires_at=NOW + DAY)

    response = caller.get(f"/consents/{consent.pk}")

    shown = dict(response.json())
    assert response.status_code == 200
    assert shown.pop("created_at").endswith("Z")
    assert shown.pop("updated_at").endswith("Z")
    assert shown == {
        "id": str(consent.pk),
        "doctor_id": str(consent.doctor_id),
        "status": "ACTIVE",
        "data_classes": ["availability", "profile"],
        "purpose": "opd_network",
        "not_visible_because": None,
        "notice_version": "2026-11",
        "granted_at": "2026-11-22T03:30:00Z",
        "expires_at": "2026-11-24T03:30:00Z",
        "revoked_at": None,
        "erase_by": None,
        "erasure_acknowledged_at": None,
        "erased_at": None,
        "version": 1,
    }
    (listed,) = caller.get("/consents").json()["items"]
    assert listed == response.json()


def test_a_period_that_is_over_needs_no_job_to_be_told() -> None:
    caller = make_caller()
    ended = of(caller, expires_at=NOW)

    shown = caller.get(f"/consents/{ended.pk}").json()

    assert (shown["status"], shown["erase_by"]) == ("EXPIRED", "2026-12-23T03:30:00Z")
    assert ids(caller.get("/consents", {"status": "EXPIRED"})) == [str(ended.pk)]
    assert ids(caller.get("/consents", {"status": "ACTIVE"})) == []
    ended.refresh_from_db()
    assert ended.consent_status == "ACTIVE"


def test_the_etag_changes_with_all_that_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    caller = make_caller()
    path = f"/consents/{of(caller, expires_at=NOW + DAY).pk}"
    etag = caller.get(path)["ETag"]

    same = caller.get(path, **{"If-None-Match": etag})
    set_clock(monkeypatch, NOW + DAY)
    ended = caller.get(path, **{"If-None-Match": etag})
    acknowledged = caller.post(f"{path}/erasure", {})

    assert (same.status_code, same.content, same["ETag"]) == (304, b"", etag)
    assert ended.status_code == 200
    assert len({etag, ended["ETag"], acknowledged["ETag"]}) == 3
    assert caller.get(path)["ETag"] == acknowledged["ETag"]


def test_a_doctor_who_is_out_of_sight_still_has_the_consent() -> None:
    caller = make_caller()
    suspended = of(caller, doctor=make_doctor(status="SUSPENDED"))

    assert ids(caller.get("/consents")) == [str(suspended.pk)]


def test_what_is_not_ones_own_does_not_exist() -> None:
    caller = make_caller()
    doctor = make_doctor()
    make_request(doctor=doctor, insurance_provider=caller.provider)
    unseen = [
        make_consent(),
        make_consent(doctor=doctor),
        of(caller, doctor=make_doctor(is_sandbox=False)),
    ]

    assert ids(caller.get("/consents")) == []
    for consent in unseen:
        for answer in (
            caller.get(f"/consents/{consent.pk}"),
            caller.post(f"/consents/{consent.pk}/erasure", {}),
        ):
            assert essence(answer)["body"]["code"] == "not_found"
    assert not AuditLog.objects.exists()


def declined(caller: Caller) -> None:
    user = make_user()
    request = make_request(doctor=user.doctor, insurance_provider=caller.provider)
    assert user.doctor
    actions.decline(request=request, doctor=user.doctor, by=user, at=NOW)


def test_nothing_that_one_reads_tells_of_a_no() -> None:
    caller = make_caller()
    user = make_user()
    assert user.doctor
    ended = of(caller, doctor=user.doctor, granted_at=NOW - 9 * DAY, expires_at=NOW - 8 * DAY)
    actions.expire(consent=ended, at=NOW)
    before = caller.get("/consents").content
    request = make_request(doctor=user.doctor, insurance_provider=caller.provider)
    open_now = caller.get("/consents").content

    actions.decline(request=request, doctor=user.doctor, by=user, at=NOW)

    assert before == open_now == caller.get("/consents").content
    actions.give(
        doctor=user.doctor,
        provider=caller.provider,
        data_classes=["profile"],
        expires_at=None,
        language="en",
        by=user,
        at=NOW,
    )
    (given,) = caller.get("/consents").json()["items"]
    assert given["version"] == 3, "given, ended, given: a no is no step of a consent"


def test_lists_are_filtered_and_paged() -> None:
    caller = make_caller()
    active = [of(caller) for _ in range(3)]
    withdrawn = make_withdrawn_consent(insurance_provider=caller.provider)

    first = caller.get("/consents", {"limit": 3}).json()
    second = caller.get("/consents", {"limit": 3, "cursor": first["next"]}).json()

    every = sorted(str(one.pk) for one in [*active, withdrawn])
    assert [one["id"] for one in first["items"] + second["items"]] == every
    assert second["next"] is None
    assert ids(caller.get("/consents", {"status": "REVOKED"})) == [str(withdrawn.pk)]
    refused = caller.get("/consents", {"cursor": first["next"], "status": "ACTIVE"})
    assert refused.json()["code"] == "invalid_cursor"


def test_what_changed_since_is_found_an_end_too() -> None:
    caller = make_caller()
    old, new, ended = of(caller), of(caller), of(caller, expires_at=NOW)
    of(caller, expires_at=NOW + DAY)
    Consent.objects.update(updated_at=NOW - 9 * DAY)
    Consent.objects.filter(pk=new.pk).update(updated_at=NOW - DAY)

    found = ids(caller.get("/consents", {"updated_since": "2026-11-22"}))

    assert sorted(found) == sorted([str(new.pk), str(ended.pk)])
    assert str(old.pk) not in found


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"status": "REQUESTED"}, "status"),
        ({"status": "DECLINED"}, "status"),
        ({"updated_since": "yesterday"}, "updated_since"),
        ({"limit": 101}, "limit"),
        ({"doctor": "x"}, "doctor"),
    ],
)
def test_a_wrong_filter_is_named(query: dict[str, Any], parameter: str) -> None:
    refused = make_caller().get("/consents", query)

    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
    assert refused.json()["errors"][0]["parameter"] == parameter


def test_lists_cost_no_more_queries_with_more_rows(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    caller = make_caller()
    caller.get("/me")
    for _ in range(3):
        of(caller)
    with django_assert_num_queries(2):
        caller.get("/consents")
    for _ in range(5):
        of(caller)
    with django_assert_num_queries(2):
        caller.get("/consents")


def test_an_erasure_is_acknowledged_and_then_done(monkeypatch: pytest.MonkeyPatch) -> None:
    caller = make_caller()
    withdrawn = make_withdrawn_consent(insurance_provider=caller.provider)
    path = f"/consents/{withdrawn.pk}/erasure"

    known = caller.post(path, {})
    set_clock(monkeypatch, NOW + DAY)
    done = caller.post(path, {"erased_at": "2026-11-23T15:00:00+05:30"})
    again = caller.post(path, {"erased_at": "2026-11-24T09:00:00+05:30"})

    assert [one.status_code for one in (known, done, again)] == [200] * 3
    assert known.json()["erasure_acknowledged_at"] == "2026-11-23T03:30:00Z"
    assert known.json()["erased_at"] is None
    assert done.json()["erased_at"] == "2026-11-23T09:30:00Z"
    assert again.json() == done.json()
    actions_done = set(AuditLog.objects.values_list("action", "performed_by_provider"))
    assert actions_done == {
        ("consent.erasure_acknowledged", caller.provider.pk),
        ("consent.erased", caller.provider.pk),
    }


def test_nothing_is_to_be_erased_of_a_consent_in_force() -> None:
    caller = make_caller()

    refused = caller.post(f"/consents/{of(caller).pk}/erasure", {})

    assert (refused.status_code, refused.json()["code"]) == (409, "consent_in_force")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"erased_at": "2026-11-23T09:00:01+05:30"}, "bad_time"),
        ({"erased_at": "2026-11-23T07:59:59+05:30"}, "bad_time"),
        ({"erased_at": "yesterday"}, "invalid"),
        ({"erased": True}, "unknown"),
    ],
)
def test_an_erasure_at_an_impossible_time_is_refused(body: dict[str, Any], code: str) -> None:
    caller = make_caller()
    withdrawn = make_withdrawn_consent(insurance_provider=caller.provider)

    refused = caller.post(f"/consents/{withdrawn.pk}/erasure", body)

    assert refused.status_code == 400
    (error,) = refused.json()["errors"]
    assert (error["pointer"], error["code"]) == (f"/{next(iter(body))}", code)
    withdrawn.refresh_from_db()
    assert withdrawn.erasure_acknowledged_at is None
