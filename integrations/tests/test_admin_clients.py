from datetime import timedelta
from uuid import UUID

import pytest
from allauth.idp.oidc.models import Client as OAuthClient
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from integrations.models import ApiClient, Scope
from integrations.tests.factories import make_api_client
from integrations.tests.signing import key_set, make_key, published
from registry.models import AuditLog, User
from registry.tests.factories import NOW, make_admin, make_doctor, make_provider, make_user

pytestmark = pytest.mark.django_db

LIST = "/admin/integrations/apiclient/"


def keys_page(client: ApiClient) -> str:
    return reverse("admin:integrations_apiclient_keys", args=[client.pk])


def test_a_client_is_registered_and_its_secret_shown_once(
    browser: Client, admin_user: User
) -> None:
    posted = {
        "provider": make_provider().pk,
        "name": "Booking system",
        "scopes": [Scope.DOCTORS_READ, Scope.SLOTS_READ],
        "days": "90",
    }

    answer = browser.post(f"{LIST}add/", posted)

    registered = ApiClient.objects.get()
    shown = dict(line.split("=") for line in answer.context["secret"].split())
    assert UUID(shown["client_id"]) == registered.pk
    assert registered.oauth.check_secret(shown["client_secret"])
    assert shown["client_secret"] in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert timedelta(days=89) < registered.expires_at - now() <= timedelta(days=90)
    assert AuditLog.objects.get(entity_id=registered.pk).performed_by == admin_user


def test_a_suspended_insurer_gets_no_client(browser: Client) -> None:
    provider = make_provider(integration_status="SUSPENDED")
    posted = {"provider": provider.pk, "name": "New", "scopes": ["doctors:read"], "days": "90"}

    answer = browser.post(f"{LIST}add/", posted)

    assert answer.status_code == 422
    assert "This insurer is suspended." in answer.content.decode()
    assert not ApiClient.objects.exists()


def test_a_client_is_given_keys(browser: Client, admin_user: User) -> None:
    client, secret = make_api_client()
    assert keys_page(client) in browser.get(f"{LIST}{client.pk}/change/").content.decode()
    assert browser.get(keys_page(client)).status_code == 200

    answer = browser.post(keys_page(client), {"jwks": published(make_key())}, follow=True)

    client.refresh_from_db()
    assert client.jwks == key_set(make_key())
    assert not OAuthClient.objects.get(pk=client.oauth_id).check_secret(secret)
    assert "signs from now on" in answer.content.decode()
    assert AuditLog.objects.get(entity_id=client.pk).performed_by == admin_user


@pytest.mark.usefixtures("_loopback")
@pytest.mark.parametrize(
    ("posted", "words"),
    [
        ({}, "one of the two"),
        ({"jwks": "{}", "jwks_url": "https://insurer.example/keys"}, "one of the two"),
        ({"jwks": "nonsense"}, "not a JWK set"),
        ({"jwks_url": "https://docport.example/keys"}, "cannot read keys from this address"),
        ({"jwks_url": "nonsense:"}, "Enter a valid URL"),
    ],
)
def test_keys_that_cannot_be_taken_keep_what_was_filled_in(
    browser: Client, posted: dict[str, str], words: str
) -> None:
    client, secret = make_api_client()

    answer = browser.post(keys_page(client), posted)

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert all(value in answer.content.decode() for value in posted.values())
    assert OAuthClient.objects.get(pk=client.oauth_id).check_secret(secret)


def test_a_revoked_client_is_offered_no_keys(browser: Client, admin_user: User) -> None:
    client, _ = make_api_client(revoked_at=NOW, revoked_by=admin_user)

    shown = browser.get(f"{LIST}{client.pk}/change/")
    answer = browser.post(keys_page(client), {"jwks": published(make_key())})

    assert keys_page(client) not in shown.content.decode()
    assert answer.status_code == 422
    assert "revoked already" in answer.content.decode()


def test_chosen_clients_are_revoked(browser: Client, admin_user: User) -> None:
    open_client, _ = make_api_client()
    closed, _ = make_api_client(revoked_at=NOW, revoked_by=admin_user)
    chosen = [str(open_client.pk), str(closed.pk)]

    answer = browser.post(
        LIST, {"action": "revoke_chosen", "_selected_action": chosen}, follow=True
    )

    open_client.refresh_from_db()
    closed.refresh_from_db()
    assert open_client.revoked_by == admin_user
    assert closed.revoked_at == NOW
    assert "1 revoked." in answer.content.decode()


def test_clients_are_found_by_name_insurer_and_id(browser: Client) -> None:
    client, _ = make_api_client()
    make_api_client()

    for words in (str(client.pk), client.insurance_provider.name):
        assert list(browser.get(LIST, {"q": words}).context["cl"].result_list) == [client]
    assert len(browser.get(LIST, {"q": "Booking"}).context["cl"].result_list) == 2


def test_nobody_else_reaches_the_keys_of_a_client(client: Client) -> None:
    registered, _ = make_api_client()

    assert client.get(keys_page(registered)).status_code == 302
    client.force_login(make_user(doctor=make_doctor()))
    assert client.post(keys_page(registered), {"jwks": "{}"}).status_code in {302, 404}
    unknown = reverse("admin:integrations_apiclient_keys", args=[make_doctor().pk])
    client.force_login(make_admin())
    assert client.get(unknown).status_code == 404
