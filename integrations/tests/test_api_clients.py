from datetime import timedelta

import pytest
from allauth.idp.oidc.models import Token
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from integrations.actions import clients, keys
from integrations.models import NEWEST_VERSION, ApiClient, Scope, SpentAssertion
from integrations.tasks import forget_ended
from integrations.tests.factories import make_api_client
from integrations.tests.signing import key_set, make_key, published
from registry.models import AuditLog, InsuranceProvider
from registry.tests.factories import NOW, make_admin, make_provider

pytestmark = pytest.mark.django_db

NEXT_YEAR = NOW + timedelta(days=365)


def register(provider: InsuranceProvider, *, is_test: bool = True) -> tuple[ApiClient, str]:
    return clients.register(
        provider=provider,
        name="Booking system",
        scopes=[Scope.SLOTS_READ, Scope.DOCTORS_READ],
        expires_at=NEXT_YEAR,
        is_test=is_test,
        by=make_admin(),
        at=NOW,
    )


def test_a_secret_is_shown_once_and_only_its_hash_is_kept() -> None:
    client, secret = register(make_provider())

    client.refresh_from_db()
    assert client.oauth.pk == str(client.pk)
    assert client.oauth.check_secret(secret)
    assert not client.oauth.check_secret(secret + "x")
    assert client.oauth.secret.startswith("random_sha256$")
    assert secret not in str(vars(client.oauth))
    assert client.oauth.get_scopes() == ["doctors:read", "slots:read"]
    assert (client.api_version, client.is_test, client.signs) == (NEWEST_VERSION, True, False)
    log = AuditLog.objects.get(action="api_client.registered")
    assert log.entity_id == client.pk
    assert log.metadata == {"name": "Booking system", "scopes": ["doctors:read", "slots:read"]}


@pytest.mark.parametrize(
    ("status", "is_test", "refusal"),
    [
        ("SANDBOX", False, keys.WrongMode),
        ("LIVE", True, keys.WrongMode),
        ("SUSPENDED", True, keys.InsurerSuspended),
        ("SUSPENDED", False, keys.InsurerSuspended),
    ],
)
def test_a_client_is_of_its_insurers_mode(
    status: str,
    is_test: bool,  # noqa: FBT001  A parameter of the test.
    refusal: type[Exception],
) -> None:
    provider = make_provider(integration_status=status)

    with pytest.raises(refusal):
        register(provider, is_test=is_test)

    assert not ApiClient.objects.exists()
    assert not AuditLog.objects.exists()


def test_given_keys_a_client_signs_and_its_secret_opens_nothing() -> None:
    client, secret = make_api_client()
    admin = make_admin()

    given = clients.give_keys(
        client=client, jwks=published(make_key("EC")), jwks_url="", by=admin, at=NOW
    )

    client.refresh_from_db()
    client.oauth.refresh_from_db()
    assert given.signs
    assert client.signs
    assert client.jwks == key_set(make_key("EC"))
    assert not client.oauth.check_secret(secret)
    log = AuditLog.objects.get(action="api_client.given_keys")
    assert (log.performed_by, log.metadata["jwks"]) == (admin, client.jwks)


@pytest.mark.usefixtures("_loopback")
def test_a_client_can_publish_its_keys_at_an_address() -> None:
    client, _ = make_api_client(jwks=key_set(make_key("EC")))
    url = "http://127.0.0.1:9/keys"

    clients.give_keys(client=client, jwks="", jwks_url=url, by=make_admin(), at=NOW)

    client.refresh_from_db()
    assert (client.jwks, client.jwks_url, client.signs) == (None, url, True)


@pytest.mark.parametrize(
    ("jwks", "jwks_url", "words"),
    [
        ("nonsense", "", "not a JWK set"),
        ("", "https://10.0.0.1/keys", "cannot read keys"),
        ("", "https://nowhere.invalid/keys", "cannot read keys"),
        ("", "", "cannot read keys"),
    ],
)
def test_keys_that_cannot_be_used_change_nothing(jwks: str, jwks_url: str, words: str) -> None:
    client, secret = make_api_client()

    with pytest.raises(clients.KeysRefused, match=words):
        clients.give_keys(client=client, jwks=jwks, jwks_url=jwks_url, by=make_admin(), at=NOW)

    client.refresh_from_db()
    client.oauth.refresh_from_db()
    assert not client.signs
    assert client.oauth.check_secret(secret)
    assert not AuditLog.objects.exists()


def test_a_revoked_client_is_closed_once_and_its_tokens_die_with_it() -> None:
    client, _ = make_api_client()
    other, _ = make_api_client()
    for one in (client, other):
        clients.issue_token(client=one, scopes=["doctors:read"], at=NOW)
    admin = make_admin()

    revoked = clients.revoke(client=client, by=admin, at=NOW)

    assert (revoked.revoked_at, revoked.revoked_by) == (NOW, admin)
    assert [token.client_id for token in Token.objects.all()] == [other.oauth_id]
    assert AuditLog.objects.get(action="api_client.revoked").performed_by == admin
    with pytest.raises(keys.AlreadyRevoked):
        clients.revoke(client=client, by=make_admin(), at=NOW)
    with pytest.raises(keys.AlreadyRevoked):
        clients.give_keys(client=client, jwks=published(make_key()), jwks_url="", by=admin, at=NOW)
    assert AuditLog.objects.filter(entity_id=client.pk).count() == 2


def test_a_token_lasts_15_minutes_and_only_its_hash_is_kept() -> None:
    client, _ = make_api_client()

    token, value = clients.issue_token(client=client, scopes=["slots:read", "doctors:read"], at=NOW)

    token.refresh_from_db()
    assert value.startswith("dpt_")
    assert token.hash == keys.digest(value)
    assert token.expires_at == NOW + timedelta(minutes=15)
    assert token.get_scopes() == ["doctors:read", "slots:read"]
    log = AuditLog.objects.get(action="access_token.issued")
    assert (log.entity_id, log.performed_by_provider) == (client.pk, client.insurance_provider)
    assert value not in str(log.metadata)


def test_a_token_ends_with_its_client() -> None:
    client, _ = make_api_client(expires_at=NOW + timedelta(minutes=4))

    token, _ = clients.issue_token(client=client, scopes=["doctors:read"], at=NOW)

    assert token.expires_at == NOW + timedelta(minutes=4)


def test_an_assertion_is_spent_once_by_each_client() -> None:
    client, _ = make_api_client()
    other, _ = make_api_client()
    until = NOW + timedelta(minutes=5)
    clients.spend_assertion(client=client, jti="one", expires_at=until, at=NOW)

    with pytest.raises(clients.AlreadySpent):
        clients.spend_assertion(client=client, jti="one", expires_at=until, at=NOW)
    clients.spend_assertion(client=client, jti="two", expires_at=until, at=NOW)
    clients.spend_assertion(client=other, jti="one", expires_at=until, at=NOW)

    assert SpentAssertion.objects.count() == 3


def test_what_has_ended_is_forgotten() -> None:
    client, _ = make_api_client()
    until = NOW + timedelta(minutes=5)
    clients.issue_token(client=client, scopes=["doctors:read"], at=NOW)
    clients.spend_assertion(client=client, jti="one", expires_at=until, at=NOW)

    assert clients.forget_ended(at=NOW + timedelta(minutes=4)) == 0
    assert clients.forget_ended(at=until) == 1
    assert clients.forget_ended(at=NOW + timedelta(minutes=15)) == 1
    assert not Token.objects.exists()


def test_the_hourly_task_forgets_what_has_ended() -> None:
    client, _ = make_api_client()
    clients.issue_token(client=client, scopes=["doctors:read"], at=now() - timedelta(minutes=16))
    clients.issue_token(client=client, scopes=["doctors:read"], at=now() - timedelta(minutes=14))

    assert forget_ended() == 1
    assert Token.objects.count() == 1


def test_use_is_noted_once_a_day() -> None:
    client, _ = make_api_client()

    clients.note_use(row_id=client.pk, ip="192.0.2.1", at=NOW)
    clients.note_use(row_id=client.pk, ip="192.0.2.2", at=NOW)

    client.refresh_from_db()
    assert (client.last_used_on, client.last_used_ip) == (NOW.date(), "192.0.2.1")


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"revoked_at": NOW}, "api_client_revoked_pair"),
        ({"api_version": "newest"}, "api_client_version_is_a_date"),
        ({"jwks": {}, "jwks_url": "https://insurer.example"}, "api_client_keys_from_one_place"),
    ],
)
def test_the_database_refuses_a_broken_client(wrong: dict[str, object], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        make_api_client(**wrong)
