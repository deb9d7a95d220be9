"""`private_key_jwt`: what a client may sign, and what is refused however it is signed."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.idp.oidc.models import Token
from django.test import Client
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as some
from joserfc import jws
from joserfc.jwk import ECKey, Key, KeySet
from joserfc.jws import JWSRegistry

from integrations.actions import clients
from integrations.api import assertions
from integrations.api.oauth import token_url
from integrations.models import ApiClient, SpentAssertion
from integrations.tests.factories import make_api_client
from integrations.tests.signing import claims_of, key_set, make_key, sign
from registry.models import InsuranceProvider
from registry.tests.factories import NOW, make_admin

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

FORM = "application/x-www-form-urlencoded"
NOT_PROVED = "The client is unknown, or what it shows is not right."


def show(assertion: str, **given: str) -> Any:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": assertions.TYPE,
        "client_assertion": assertion,
    } | given
    return Client().post("/api/v1/oauth/token", urlencode(form), content_type=FORM)


def make_signer(*keys: Key, **given: Any) -> ApiClient:
    """Add a client that signs, with these keys."""
    return make_api_client(jwks=key_set(*(keys or [make_key()])), **given)[0]


def refused(response: Any, words: str = NOT_PROVED) -> bool:
    said = response.json()
    return (response.status_code, said["error"]) == (401, "invalid_client") and (
        words in said["error_description"]
    )


@pytest.mark.parametrize("kty", ["RSA", "EC", "OKP"])
def test_a_client_gets_a_token_by_an_assertion(kty: str) -> None:
    client = make_signer(make_key(kty))

    response = show(sign(claims_of(client), make_key(kty)), client_id=str(client.pk))

    assert response.status_code == 200, response.content
    token = response.json()["access_token"]
    opened = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert opened.json()["caller"]["id"] == str(client.pk)


def test_a_client_has_several_keys_and_each_opens() -> None:
    old, new = make_key("EC", "old"), make_key("OKP", "new")
    client = make_signer(old, new)

    answers = [show(sign(claims_of(client), key)).status_code for key in (old, new)]

    assert answers == [200, 200]


def test_an_assertion_opens_once() -> None:
    client = make_signer()
    assertion = sign(claims_of(client))
    assert show(assertion).status_code == 200

    again = show(assertion)

    assert refused(again, "jti was used before")
    assert Token.objects.count() == 1


def test_an_assertion_that_gave_no_token_is_spent_as_well() -> None:
    client = make_signer(scopes=["slots:read"])
    assertion = sign(claims_of(client))

    response = show(assertion, scope="events:read")

    assert response.json()["error"] == "invalid_scope"
    assert refused(show(assertion), "jti was used before")


def test_what_is_forgotten_could_not_be_shown_again(monkeypatch: pytest.MonkeyPatch) -> None:
    client = make_signer()
    assertion = sign(claims_of(client, exp=NOW.timestamp() + 60))
    show(assertion)
    later = NOW + timedelta(seconds=60)
    assert clients.forget_ended(at=later - timedelta(seconds=1)) == 0

    assert clients.forget_ended(at=later) == 1

    assert not SpentAssertion.objects.exists()
    monkeypatch.setattr("integrations.api.views.base.now", lambda: later)
    assert refused(show(assertion), "exp must")


AT = NOW.timestamp()


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": AT + 300},
        {"exp": AT + 0.5},
        {"exp": int(AT) + 60, "iat": int(AT), "nbf": int(AT)},
        {"iat": AT + 30, "nbf": AT + 30},
        {"iat": AT - 300, "nbf": AT - 86_400},
        {"jti": "x"},
        {"jti": "~" * 255},
        {"scope": "everything", "admin": True},
    ],
)
def test_claims_that_open(claims: dict[str, Any]) -> None:
    client = make_signer()

    assert show(sign(claims_of(client, **claims))).status_code == 200


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"sub": None}, "iss and sub"),
        ({"sub": "somebody else"}, "iss and sub"),
        ({"sub": ["a"]}, "iss and sub"),
        ({"aud": None}, "aud must be exactly http"),
        ({"aud": "http://127.0.0.1:8000"}, "aud must be exactly"),
        ({"aud": "http://127.0.0.1:8000/api/v1/oauth/token/"}, "aud must be exactly"),
        ({"aud": "HTTP://127.0.0.1:8000/api/v1/oauth/token"}, "aud must be exactly"),
        ({"aud": ["http://127.0.0.1:8000/api/v1/oauth/token"]}, "aud must be exactly"),
        ({"exp": None}, "exp must"),
        ({"exp": AT}, "exp must"),
        ({"exp": AT - 1}, "exp must"),
        ({"exp": AT + 300.5}, "exp must"),
        ({"exp": str(AT + 60)}, "exp must"),
        ({"exp": True}, "exp must"),
        ({"exp": 10**400}, "exp must"),
        ({"exp": float("inf")}, "exp must"),
        ({"exp": float("nan")}, "exp must"),
        ({"nbf": AT + 31}, "nbf must"),
        ({"nbf": "now"}, "nbf must"),
        ({"nbf": float("nan")}, "nbf must"),
        ({"iat": AT + 31}, "iat must"),
        ({"iat": AT - 301}, "iat must"),
        ({"iat": [AT]}, "iat must"),
        ({"jti": None}, "jti must"),
        ({"jti": ""}, "jti must"),
        ({"jti": "x" * 256}, "jti must"),
        ({"jti": "a\0b"}, "jti must"),
        ({"jti": 7}, "jti must"),
    ],
)
def test_claims_that_do_not_open_say_why_to_who_has_signed_them(
    claims: dict[str, Any], words: str
) -> None:
    client = make_signer()
    wanted = claims_of(client) | claims

    response = show(sign({name: value for name, value in wanted.items() if value is not None}))

    assert refused(response, words)
    assert not Token.objects.exists()
    assert not SpentAssertion.objects.exists()


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: str = "") -> str:
    parts = (urlsafe_b64encode(json.dumps(part).encode()).decode() for part in (header, claims))
    return ".".join([*(part.rstrip("=") for part in parts), signature])


def by_another_key(client: ApiClient) -> str:
    return sign(claims_of(client), ECKey.generate_key("P-384", {"kid": "key-1"}))


def of_an_unknown_kid(client: ApiClient) -> str:
    return sign(claims_of(client), kid="key-2")


def of_no_kid(client: ApiClient) -> str:
    return jws.serialize_compact(
        {"alg": "ES384"}, json.dumps(claims_of(client)), make_key(), algorithms=["ES384"]
    )


def by_none(client: ApiClient) -> str:
    return unsigned({"alg": "none", "kid": "key-1"}, claims_of(client))


def by_none_spelled_otherwise(client: ApiClient) -> str:
    return unsigned({"alg": "nOnE", "kid": "key-1"}, claims_of(client))


def with_the_signature_gone(client: ApiClient) -> str:
    return sign(claims_of(client)).rpartition(".")[0] + "."


def with_other_claims(client: ApiClient) -> str:
    header, _, signature = sign(claims_of(client)).split(".")
    claims = unsigned({}, claims_of(client)).split(".")[1]
    return f"{header}.{claims}.{signature}"


def by_the_public_key_as_a_shared_secret(client: ApiClient) -> str:
    key = make_key()
    assert isinstance(key, ECKey)
    text = unsigned({"alg": "HS384", "kid": "key-1"}, claims_of(client)).rstrip(".")
    mac = hmac.digest(key.as_pem(private=False), text.encode(), "sha384")
    return f"{text}.{urlsafe_b64encode(mac).decode()}"


def by_an_algorithm_of_another_kind(client: ApiClient) -> str:
    return sign(claims_of(client), make_key("RSA"))


def by_its_own_key_in_the_header(client: ApiClient) -> str:
    key = ECKey.generate_key("P-384", {"kid": "key-1"})
    return sign(claims_of(client), key, jwk=key.as_dict(private=False))


def with_a_critical_header(client: ApiClient) -> str:
    header = {"alg": "ES384", "kid": "key-1", "crit": ["x"], "x": 1}
    return unsigned(header, claims_of(client), "AA")


def of_another_client(client: ApiClient) -> str:
    other = make_signer(make_key("OKP", "key-1"))
    return sign(claims_of(client, iss=str(other.pk), sub=str(other.pk)))


def of_nobody(client: ApiClient) -> str:
    return sign(claims_of(client, iss="nobody"))


def of_no_issuer(client: ApiClient) -> str:
    return sign(claims_of(client, iss=None))


def of_a_revoked_client(client: ApiClient) -> str:
    clients.revoke(client=client, by=make_admin(), at=NOW)
    return sign(claims_of(client))


def of_a_client_with_a_secret(client: ApiClient) -> str:
    ApiClient.objects.update(jwks=None)
    return sign(claims_of(client))


@pytest.mark.parametrize(
    "forge",
    [
        by_another_key,
        of_an_unknown_kid,
        of_no_kid,
        by_none,
        by_none_spelled_otherwise,
        with_the_signature_gone,
        with_other_claims,
        by_the_public_key_as_a_shared_secret,
        by_an_algorithm_of_another_kind,
        by_its_own_key_in_the_header,
        with_a_critical_header,
        of_another_client,
        of_nobody,
        of_no_issuer,
        of_a_revoked_client,
        of_a_client_with_a_secret,
    ],
)
def test_what_is_not_proved_is_refused_and_not_told_why(forge: Callable[[ApiClient], str]) -> None:
    client = make_signer()

    response = show(forge(client))

    assert refused(response)
    assert not Token.objects.exists()
    assert not SpentAssertion.objects.exists()


@pytest.mark.parametrize(
    ("kty", "algorithm"),
    [("RSA", "RS256"), ("RSA", "RS512"), ("RSA", "PS384")],
)
def test_other_algorithms_of_the_same_key_are_refused(kty: str, algorithm: str) -> None:
    client = make_signer(make_key(kty))

    assert refused(show(sign(claims_of(client), make_key(kty), alg=algorithm)))


def test_an_assertion_goes_with_its_type_and_its_client() -> None:
    client, other = make_signer(), make_signer()

    untyped = show(sign(claims_of(client)), client_assertion_type="password")
    crossed = show(sign(claims_of(client)), client_id=str(other.pk))

    assert (untyped.status_code, untyped.json()["error"]) == (400, "invalid_request")
    assert assertions.TYPE in untyped.json()["error_description"]
    assert (crossed.status_code, crossed.json()["error"]) == (400, "invalid_request")


def test_a_suspended_insurer_gets_no_token_by_an_assertion() -> None:
    client = make_signer()
    InsuranceProvider.objects.update(integration_status="SUSPENDED")

    assert show(sign(claims_of(client))).json()["error"] == "unauthorized_client"


_part = some.binary(max_size=20).map(lambda part: urlsafe_b64encode(part).decode().rstrip("="))


@settings(deadline=None)
@hypothesis_given(some.text() | some.tuples(_part, _part, _part).map(".".join))
def test_no_text_is_more_than_not_genuine(text: str) -> None:
    with pytest.raises(assertions.NotGenuine):
        assertions.issuer_of(text)


_json = some.recursive(
    some.none() | some.booleans() | some.floats() | some.integers() | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=3,
)


@settings(deadline=None)
@hypothesis_given(some.dictionaries(some.sampled_from(["iss", "sub", "aud", "exp", "jti"]), _json))
def test_no_claims_are_more_than_not_fit(claims: dict[str, Any]) -> None:
    registry = JWSRegistry(algorithms=["EdDSA"])
    key = make_key("OKP")
    text = jws.serialize_compact(
        {"alg": "EdDSA", "kid": "key-1"}, json.dumps(claims), key, registry=registry
    )

    with pytest.raises(assertions.NotFit):
        assertions.check(
            text,
            keys=KeySet([key]),
            client_id="client",
            audience=token_url(),
            at=NOW,
        )
