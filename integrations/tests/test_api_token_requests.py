from base64 import b64encode
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from allauth.idp.oidc.models import Token
from django.db import OperationalError
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from integrations.actions import clients, keys
from integrations.api.oauth import ERRORS
from integrations.models import ApiClient, Scope
from integrations.tests.factories import make_api_client
from integrations.tests.insurers import as_documented
from registry.models import AuditLog, InsuranceProvider
from registry.tests.factories import NOW, as_status, make_admin

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

PATH = "/api/v1/oauth/token"
FORM = "application/x-www-form-urlencoded"
GRANT = {"grant_type": "client_credentials"}


def ask(form: dict[str, Any] | str, **headers: str) -> Any:
    """Ask for a token; the answer is as the document says, and a refusal as RFC 6749 does."""
    body = form if isinstance(form, str) else urlencode(form)
    response = Client(headers=headers).post(PATH, body, content_type=FORM)
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Type"] == "application/json"
    if response.status_code != 200:
        refusal = response.json()
        assert set(refusal) == {"error", "error_description"}
        assert refusal["error"] in ERRORS
        assert not set('"\\') & set(refusal["error_description"])
        assert refusal["error_description"].isascii()
    return as_documented(response, "post", "/oauth/token")


def basic(client_id: object, secret: str) -> str:
    shown = f"{quote(str(client_id), safe='')}:{quote(secret, safe='')}"
    return f"Basic {b64encode(shown.encode()).decode()}"


def refused(response: Any, status: int, error: str, words: str = "") -> bool:
    said = response.json()
    return (response.status_code, said["error"]) == (status, error) and (
        words in said["error_description"]
    )


def test_a_client_gets_a_token_by_its_secret_in_the_header() -> None:
    client, secret = make_api_client(scopes=[Scope.DOCTORS_READ, Scope.SLOTS_READ])

    response = ask(GRANT, Authorization=basic(client.pk, secret))

    assert response.status_code == 200
    said = response.json()
    value = said.pop("access_token")
    assert said == {
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "doctors:read slots:read",
    }
    assert response["Pragma"] == "no-cache"
    token = Token.objects.get()
    assert (token.hash, token.client_id) == (keys.digest(value), str(client.pk))
    opened = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {value}"})
    assert opened.json()["caller"]["id"] == str(client.pk)


def test_a_client_gets_a_token_by_its_secret_in_the_form() -> None:
    client, secret = make_api_client()
    shown = {"client_id": client.pk, "client_secret": secret}

    assert ask(GRANT | shown).status_code == 200
    assert ask(GRANT | shown | {"client_secret": "another"}).status_code == 401


def test_there_is_no_refresh_token() -> None:
    client, secret = make_api_client()

    said = ask(GRANT, Authorization=basic(client.pk, secret)).json()

    assert "refresh_token" not in said
    assert set(Token.objects.values_list("type", flat=True)) == {"at"}


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("slots:read", "slots:read"),
        ("slots:read doctors:read", "doctors:read slots:read"),
        ("slots:read slots:read", "slots:read"),
        ("", "doctors:read slots:read"),
    ],
)
def test_a_token_can_have_fewer_scopes_than_its_client(asked: str, given: str) -> None:
    client, secret = make_api_client(scopes=[Scope.DOCTORS_READ, Scope.SLOTS_READ])

    response = ask(GRANT | {"scope": asked}, Authorization=basic(client.pk, secret))

    assert response.json()["scope"] == given


@pytest.mark.parametrize("asked", ["events:read", "slots:read events:read", "everything", " "])
def test_no_token_has_more_scopes_than_its_client(asked: str) -> None:
    client, secret = make_api_client(scopes=[Scope.SLOTS_READ])

    response = ask(GRANT | {"scope": asked}, Authorization=basic(client.pk, secret))

    assert refused(response, 400, "invalid_scope", "slots:read")
    assert not Token.objects.exists()


def test_a_token_ends_with_its_client() -> None:
    client, secret = make_api_client(expires_at=NOW + timedelta(seconds=90))

    assert ask(GRANT, Authorization=basic(client.pk, secret)).json()["expires_in"] == 90


def unknown(client: ApiClient, secret: str) -> str:
    return basic("00000000-0000-4000-8000-000000000000", secret)


def wrong_secret(client: ApiClient, secret: str) -> str:
    return basic(client.pk, secret + "x")


def no_id(client: ApiClient, secret: str) -> str:
    return basic("nobody\0", secret)


def id_in_other_writing(client: ApiClient, secret: str) -> str:
    return basic(client.pk.hex, secret)


def no_secret(client: ApiClient, secret: str) -> str:
    return basic(client.pk, "")


def revoked(client: ApiClient, secret: str) -> str:
    clients.revoke(client=client, by=make_admin(), at=NOW)
    return basic(client.pk, secret)


def ended(client: ApiClient, secret: str) -> str:
    ApiClient.objects.update(expires_at=NOW)
    return basic(client.pk, secret)


def signing(client: ApiClient, secret: str) -> str:
    ApiClient.objects.update(jwks_url="https://insurer.example/keys")
    client.oauth.secret = "!"
    client.oauth.save()
    return basic(client.pk, secret)


@pytest.mark.parametrize(
    "show",
    [unknown, wrong_secret, no_id, id_in_other_writing, no_secret, revoked, ended, signing],
)
def test_who_has_not_shown_who_it_is_learns_nothing_more(show: Any) -> None:
    client, secret = make_api_client()

    response = ask(GRANT, Authorization=show(client, secret))

    assert response.status_code == 401
    assert response.json() == {
        "error": "invalid_client",
        "error_description": "The client is unknown, or what it shows is not right.",
    }
    assert response["WWW-Authenticate"] == 'Basic realm="DocPort"'
    assert not Token.objects.exists()
    assert not AuditLog.objects.filter(action="access_token.issued").exists()


@pytest.mark.parametrize(
    "header", ["Bearer dpk_test_x", "Basic", "Basic é", "Basic !!!", "Basic /w==", "Digest x"]
)
def test_a_header_that_shows_no_client_is_refused(header: str) -> None:
    assert refused(ask(GRANT, Authorization=header), 401, "invalid_client")


def test_who_shows_nothing_is_refused_without_a_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        response = ask(GRANT)

    assert refused(response, 401, "invalid_client")


@pytest.mark.parametrize(
    ("status", "words"), [("SUSPENDED", "refused for now"), ("LIVE", "live ones")]
)
def test_a_client_is_refused_with_its_insurer(status: str, words: str) -> None:
    client, secret = make_api_client()
    InsuranceProvider.objects.update(**as_status(status))

    response = ask(GRANT, Authorization=basic(client.pk, secret))

    assert refused(response, 400, "unauthorized_client", words)
    assert not Token.objects.exists()


@pytest.mark.parametrize(
    ("form", "error", "words"),
    [
        ("", "invalid_request", "grant_type is missing"),
        ({"grant_type": ""}, "invalid_request", "grant_type is missing"),
        ({"grant_type": "password"}, "unsupported_grant_type", "client_credentials"),
        ("grant_type=a&grant_type=b", "invalid_request", "twice"),
        ("grant_type=%ff", "invalid_request", "form"),
        ("grant_type=\u00e9", "invalid_request", "form"),
        ("&".join(f"a{number}=1" for number in range(99)), "invalid_request", "form"),
        (GRANT | {"client_id": "x", "client_secret": "y"}, "invalid_request", "in one way"),
        (GRANT | {"client_assertion": "x"}, "invalid_request", "in one way"),
        (
            GRANT | {"client_id": "00000000-0000-4000-8000-000000000000"},
            "invalid_request",
            "another client",
        ),
    ],
)
def test_a_request_that_makes_no_sense_says_why(form: Any, error: str, words: str) -> None:
    client, secret = make_api_client()

    response = ask(form, Authorization=basic(client.pk, secret))

    assert refused(response, 400, error, words)
    assert not Token.objects.exists()


def test_parameters_that_nobody_knows_are_ignored() -> None:
    client, secret = make_api_client()

    response = ask(GRANT | {"audience": "x"}, Authorization=basic(client.pk, secret))

    assert response.status_code == 200


def test_nothing_is_read_from_the_address() -> None:
    response = Client().post(f"{PATH}?grant_type=client_credentials", b"", content_type=FORM)

    assert refused(response, 400, "invalid_request")


@pytest.mark.parametrize("media_type", ["application/json", "multipart/form-data; boundary=x"])
def test_only_a_form_is_read(media_type: str) -> None:
    response = Client().post(PATH, b"{}", content_type=media_type)

    assert refused(response, 400, "invalid_request", FORM)


def test_other_methods_are_refused_in_the_same_shape() -> None:
    response = Client().get(PATH)

    assert refused(response, 405, "invalid_request")
    assert response["Allow"] == "POST, OPTIONS"


def test_who_asks_too_often_is_told_when_to_come_again(settings: Settings) -> None:
    settings.CALLS_PER_MINUTE_WITHOUT_KEY = 2
    client = Client(REMOTE_ADDR="198.51.100.77")

    *_, last = [client.post(PATH, urlencode(GRANT), content_type=FORM) for _ in range(3)]

    assert refused(as_documented(last, "post", "/oauth/token"), 429, "temporarily_unavailable")
    assert int(last["Retry-After"]) > 0


def test_a_large_form_is_not_read() -> None:
    assert refused(ask("a" * (256 * 1024 + 1)), 413, "invalid_request", "256 kB")


def test_plain_http_is_refused(settings: Settings) -> None:
    client, secret = make_api_client()
    settings.PRODUCTION = True

    response = ask(GRANT, Authorization=basic(client.pk, secret))

    assert refused(response, 403, "invalid_request", "https")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [(OperationalError, 503, "temporarily_unavailable"), (KeyError, 500, "server_error")],
)
def test_an_error_of_ours_is_told_as_one(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], status: int, said: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error("secret words")

    monkeypatch.setattr("integrations.api.views.tokens.client_of", fail)
    client = Client(raise_request_exception=False)

    response = client.post(PATH, urlencode(GRANT), content_type=FORM)

    assert refused(response, status, said)
    assert "secret words" not in response.content.decode()


def test_a_token_costs_few_queries(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    client, secret = make_api_client()

    with django_assert_max_num_queries(6):
        ask(GRANT, Authorization=basic(client.pk, secret))


def test_no_secret_and_no_token_comes_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    client, secret = make_api_client()

    value = ask(GRANT, Authorization=basic(client.pk, secret)).json()["access_token"]
    ask(GRANT, Authorization=basic(client.pk, "a wrong one"))

    assert "client_not_proved" in caplog.text
    assert not {word for word in (secret, value, "a wrong one") if word in caplog.text}
