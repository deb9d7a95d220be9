"""Access tokens, as they open the API; how they are got is in `test_api_token_requests`."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from allauth.idp.oidc.models import Token
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from integrations.actions import clients
from integrations.models import NEWEST_VERSION, ApiClient, Scope
from integrations.tests.factories import make_api_client
from integrations.tests.insurers import Caller, as_documented
from registry.models import InsuranceProvider
from registry.tests.factories import NOW, as_status, make_admin, make_provider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]


def make_token(client: ApiClient | None = None, at: datetime = NOW, **given: Any) -> str:
    """Add a token; its scopes are all of its client's."""
    client = client or make_api_client(**given)[0]
    return clients.issue_token(client=client, scopes=client.oauth.get_scopes(), at=at)[1]


def me(token: str) -> Any:
    response = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    return as_documented(response, "get", "/me")


def test_a_token_opens_the_api_for_its_client() -> None:
    client, _ = make_api_client(scopes=[Scope.DOCTORS_READ, Scope.SLOTS_READ])
    _, token = clients.issue_token(client=client, scopes=[Scope.SLOTS_READ], at=NOW)

    response = me(token)

    assert response.status_code == 200
    said = response.json()
    assert said["insurer"]["id"] == str(client.insurance_provider.pk)
    assert (said["mode"], said["scopes"]) == ("test", ["slots:read"])
    assert said["api_version"] == NEWEST_VERSION
    assert said["caller"] == {
        "kind": "oauth_client",
        "id": str(client.pk),
        "name": "Booking system",
        "last_four": None,
        "expires_at": "2027-11-23T03:30:00Z",
        "token_expires_at": "2026-11-23T03:45:00Z",
    }
    client.refresh_from_db()
    assert (client.last_used_on, client.last_used_ip) == (NOW.date(), "127.0.0.1")


def test_one_indexed_query_signs_a_token_in(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    token = make_token()
    me(token)

    with django_assert_num_queries(1):
        assert me(token).status_code == 200


def test_a_token_is_found_by_its_hash_however_many_there_are() -> None:
    token = make_token()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO allauth_idp_oidc_token
                (type, hash, client_id, created_at, expires_at, scopes)
            SELECT 'at', md5(n::text), client_id, created_at, expires_at, ''
            FROM allauth_idp_oidc_token, generate_series(1, 20000) AS n;
            ANALYZE allauth_idp_oidc_token;
            """
        )
    with CaptureQueriesContext(connection) as asked:
        assert me(token).status_code == 200

    (statement,) = (one["sql"] for one in asked if "allauth_idp_oidc_token" in one["sql"])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}")
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "Seq Scan on allauth_idp_oidc_token" not in plan


@pytest.mark.parametrize(
    "token", ["dpt_", "dpt_" + "a" * 42, "dpt_" + "a" * 44, "dpt_" + "é" * 43, "dpt_" + "!" * 43]
)
def test_what_is_no_token_costs_no_query(
    token: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        response = me(token)

    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")


def test_a_token_that_nobody_has_is_refused_as_clients_understand() -> None:
    response = me("dpt_" + "a" * 43)

    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")
    assert response["WWW-Authenticate"] == 'Bearer realm="DocPort", error="invalid_token"'


def test_a_token_opens_for_15_minutes() -> None:
    last, over = NOW - timedelta(minutes=15) + timedelta(seconds=1), NOW - timedelta(minutes=15)

    assert me(make_token(at=last)).status_code == 200
    assert me(make_token(at=over)).json()["code"] == "invalid_token"


def test_a_token_opens_nothing_after_the_end_of_its_client() -> None:
    client, _ = make_api_client()
    token = make_token(client)
    ApiClient.objects.update(expires_at=NOW)

    assert me(token).json()["code"] == "invalid_token"


def test_the_tokens_of_a_revoked_client_are_refused_at_once() -> None:
    client, _ = make_api_client()
    other = make_token()
    first, second = make_token(client), make_token(client)
    assert me(first).status_code == 200

    clients.revoke(client=client, by=make_admin(), at=NOW)

    assert [me(token).status_code for token in (first, second, other)] == [401, 401, 200]


def test_a_token_that_was_made_while_its_client_was_revoked_is_refused() -> None:
    client, _ = make_api_client()
    clients.revoke(client=client, by=make_admin(), at=NOW)

    assert me(make_token(client)).json()["code"] == "invalid_token"


def test_only_access_tokens_are_taken() -> None:
    token = make_token()
    Token.objects.update(type=Token.Type.REFRESH_TOKEN)

    assert me(token).status_code == 401


@pytest.mark.parametrize(
    ("status", "code"), [("SUSPENDED", "insurer_suspended"), ("LIVE", "key_mode_mismatch")]
)
def test_a_token_follows_its_insurer(status: str, code: str) -> None:
    token = make_token()
    InsuranceProvider.objects.update(**as_status(status))

    response = me(token)

    assert (response.status_code, response.json()["code"]) == (403, code)


def test_a_token_that_lacks_a_scope_is_told_so() -> None:
    provider = make_provider()
    token = make_token(insurance_provider=provider, scopes=[Scope.SLOTS_READ])

    response = Caller(provider, token).get("/doctors")

    assert (response.status_code, response.json()["scope"]) == (403, "doctors:read")
    assert response.json()["detail"].startswith("The access token lacks the scope doctors:read.")
