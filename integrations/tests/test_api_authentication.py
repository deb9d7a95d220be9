from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from integrations.actions import keys
from integrations.models import NEWEST_VERSION, ApiKey, Scope
from integrations.tests.factories import make_api_key
from integrations.tests.insurers import as_documented, make_caller
from registry.models import InsuranceProvider
from registry.tests.factories import NOW, make_admin, make_provider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]


def test_a_key_opens_the_api_and_its_use_is_noted() -> None:
    provider = make_provider()
    row, key = make_api_key(insurance_provider=provider, scopes=[Scope.DOCTORS_READ])

    response = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {key}"})

    assert response.status_code == 200
    assert response.json()["insurer"] == {
        "id": str(provider.pk),
        "name": provider.name,
        "slug": provider.slug,
    }
    assert response.json()["mode"] == "test"
    assert response.json()["scopes"] == ["doctors:read"]
    assert response.json()["api_version"] == NEWEST_VERSION
    assert response.json()["caller"] == {
        "kind": "api_key",
        "id": str(row.pk),
        "name": "Booking system",
        "last_four": key[-4:],
        "expires_at": "2027-11-23T03:30:00Z",
        "token_expires_at": None,
    }
    row.refresh_from_db()
    assert (row.last_used_on, row.last_used_ip) == (NOW.date(), "127.0.0.1")


def test_a_keys_use_is_noted_with_the_address_behind_the_proxy(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    row, key = make_api_key(insurance_provider=make_provider(), scopes=[Scope.DOCTORS_READ])
    headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": "203.0.113.7"}

    Client().get("/api/v1/me", headers=headers)

    row.refresh_from_db()
    assert row.last_used_ip == "203.0.113.7"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "not_authenticated"),
        ("Bearer", "not_authenticated"),
        ("Basic dXNlcjpwYXNz", "not_authenticated"),
        ("Bearer something", "invalid_key"),
        ("Bearer dpk_test_" + "A" * 36, "invalid_key"),
        ("Bearer \u00e9", "invalid_key"),
    ],
)
def test_what_is_no_key_costs_no_query(
    header: str | None, code: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    headers = {"Authorization": header} if header else {}

    with django_assert_num_queries(0):
        response = Client().get("/api/v1/me", headers=headers)

    as_documented(response, "get", "/me")
    assert response.status_code == 401
    assert response.json()["code"] == code
    assert response["WWW-Authenticate"] == 'Bearer realm="DocPort"'
    assert response["Content-Type"] == "application/problem+json"


def test_a_well_formed_key_that_nobody_has_is_refused() -> None:
    caller = make_caller()
    caller.key = keys.generate(is_test=True)

    assert caller.get("/me").status_code == 401


def test_a_revoked_key_is_refused_at_once() -> None:
    provider = make_provider()
    row, key = make_api_key(insurance_provider=provider)
    headers = {"Authorization": f"Bearer {key}"}
    assert Client().get("/api/v1/me", headers=headers).status_code == 200

    keys.revoke(key=row, by=make_admin(), at=NOW)

    response = Client().get("/api/v1/me", headers=headers)
    assert response.status_code == 401
    assert response.json()["code"] == "invalid_key"


def test_an_outdated_key_is_refused() -> None:
    assert make_caller(expires_at=NOW).get("/me").status_code == 401
    assert make_caller(expires_at=NOW + timedelta(seconds=1)).get("/me").status_code == 200


def test_a_suspended_insurer_is_told_so() -> None:
    provider = make_provider(integration_status=InsuranceProvider.Status.SUSPENDED)

    response = make_caller(insurance_provider=provider).get("/me")

    assert response.status_code == 403
    assert response.json()["code"] == "insurer_suspended"


@pytest.mark.parametrize(("status", "is_test"), [("LIVE", True), ("SANDBOX", False)])
def test_the_mode_of_the_key_must_be_the_insurers(*, status: str, is_test: bool) -> None:
    provider = make_provider(integration_status=status)

    response = make_caller(insurance_provider=provider, is_test=is_test).get("/me")

    assert response.status_code == 403
    assert response.json()["code"] == "key_mode_mismatch"


def test_a_missing_scope_is_named() -> None:
    caller = make_caller(scopes=[Scope.SLOTS_READ])

    response = caller.get("/doctors")

    assert response.status_code == 403
    assert response.json()["code"] == "scope_missing"
    assert response.json()["scope"] == "doctors:read"
    assert "doctors:read" in response.json()["detail"]
    assert caller.get("/me").status_code == 200


@pytest.mark.parametrize("path", ["/me", "/appointments", "/openapi.json", "/nothing/here"])
def test_plain_http_is_refused_before_the_key_is_looked_at(
    settings: Settings, path: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    caller = make_caller()
    settings.PRODUCTION = True

    with django_assert_num_queries(0):
        response = caller.get(path)

    assert (response.status_code, response.json()["code"]) == (403, "https_required")
    assert "Location" not in response


def test_https_is_answered_in_production(settings: Settings) -> None:
    caller = make_caller()
    settings.PRODUCTION = True
    headers = {"Authorization": f"Bearer {caller.key}"}

    assert Client().get("/api/v1/me", headers=headers, secure=True).status_code == 200
    assert Client().get("/api/v1/nothing", headers=headers, secure=True).status_code == 404


def test_signing_in_and_the_keys_that_are_usable_agree() -> None:
    suspended = make_provider(integration_status=InsuranceProvider.Status.SUSPENDED)
    made = [
        make_api_key(),
        make_api_key(expires_at=NOW),
        make_api_key(revoked_at=NOW + timedelta(days=1), revoked_by=make_admin()),
        make_api_key(insurance_provider=suspended),
    ]

    opened = [
        row
        for row, key in made
        if Client().get("/api/v1/me", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    ]

    assert opened == list(ApiKey.objects.usable_at(NOW)) == [made[0][0]]
