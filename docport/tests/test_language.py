"""In which language a page is, and what stays in English whatever is asked for."""

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import translation

from integrations.tests.factories import make_api_key
from registry.models import AuditLog, User
from registry.tests.factories import PASSWORD, make_admin, make_user

pytestmark = pytest.mark.django_db

HINDI = {"Accept-Language": "hi-IN,hi;q=0.9,en;q=0.1"}


def language_of(page: str) -> str:
    return page.split('<html lang="')[1].split('"', maxsplit=1)[0]


def test_a_stranger_reads_the_language_of_the_browser(client: Client) -> None:
    response = client.get("/", headers=HINDI)

    assert language_of(response.content.decode()) == "hi"
    assert response["Content-Language"] == "hi"
    assert {"Accept-Language", "Cookie"} <= set(response["Vary"].split(", "))


def test_a_browser_that_asks_for_neither_reads_english(client: Client) -> None:
    response = client.get("/", headers={"Accept-Language": "fr"})

    assert language_of(response.content.decode()) == "en"


def test_a_strangers_choice_goes_before_the_browser(client: Client) -> None:
    chosen = client.post(
        reverse("docport:language"), {"language": "hi", "next": "/accounts/login/"}
    )

    assert chosen["Location"] == "/accounts/login/"
    page = client.get("/accounts/login/", headers={"Accept-Language": "en"}).content.decode()
    assert language_of(page) == "hi"
    assert '<button class="theme" name="language" value="hi" lang="hi" aria-pressed="true">' in page


def test_the_account_decides_for_who_signed_in(client: Client) -> None:
    client.force_login(make_user(language="en"))

    response = client.get("/", headers=HINDI)

    assert language_of(response.content.decode()) == "en"
    assert "Accept-Language" not in response["Vary"]


def test_a_choice_is_kept_in_the_account(client: Client) -> None:
    user = make_user()
    client.force_login(user)

    response = client.post(reverse("docport:language"), {"language": "hi", "next": "/setup/"})

    user.refresh_from_db()
    assert response["Location"] == "/setup/"
    assert user.language == User.UiLanguage.HI
    assert language_of(client.get("/setup/").content.decode()) == "hi"
    assert AuditLog.objects.get(action="user.language_set").metadata["language"] == "hi"


def test_the_same_choice_again_leaves_no_trace(client: Client) -> None:
    client.force_login(make_user(language="hi"))

    client.post(reverse("docport:language"), {"language": "hi"})

    assert not AuditLog.objects.filter(action="user.language_set").exists()


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example/", ""])
def test_an_unknown_language_and_a_way_elsewhere_are_not_taken(client: Client, back: str) -> None:
    response = client.post(reverse("docport:language"), {"language": "tlh", "next": back})

    assert response["Location"] == "/"
    assert "django_language" not in response.cookies


def test_the_choice_needs_a_form_of_ours() -> None:
    client = Client(enforce_csrf_checks=True)

    assert client.post(reverse("docport:language"), {"language": "hi"}).status_code == 403
    assert client.get(reverse("docport:language")).status_code == 405


def test_signing_up_keeps_the_language(client: Client) -> None:
    email = "new@example.org"

    client.post(reverse("account_signup"), {"email": email, "password1": PASSWORD}, headers=HINDI)

    assert User.objects.get(email=email).language == "hi"


def test_a_mail_is_in_the_language_of_its_reader(client: Client) -> None:
    user = make_user(language="hi")

    client.post(
        reverse("account_reset_password"), {"email": user.email}, headers={"Accept-Language": "en"}
    )

    with translation.override("hi"):
        assert mail.outbox[0].subject == translation.gettext("Choose a new password")


@pytest.mark.parametrize(
    "path", ["/api/v1/me", "/api/v1/nothing", "/api/v1/openapi.json", "/healthz", "/api/docs/"]
)
def test_machines_read_english_whatever_they_ask_for(path: str) -> None:
    plain, asking = Client(), Client(headers=HINDI)
    asking.cookies["django_language"] = "hi"

    before, after = (
        client.get(path, headers={"X-Request-ID": "the-same-request"}) for client in (plain, asking)
    )

    assert after.content == before.content
    assert "Content-Language" not in after
    assert "Accept-Language" not in after.get("Vary", "")


def test_what_an_insurer_is_answered_is_the_same_in_every_language(client: Client) -> None:
    _key, token = make_api_key()
    sent = {"Authorization": f"Bearer {token}", "X-Request-ID": "the-same-request"}
    client.cookies["django_language"] = "hi"

    refused = [
        client.post(
            "/api/v1/appointments",
            {"nonsense": 1},
            content_type="application/json",
            headers=sent | asked | {"Idempotency-Key": "once"},
        )
        for asked in ({}, HINDI)
    ]

    assert refused[0].status_code == 400
    assert refused[0].content == refused[1].content


def test_the_admin_is_in_english(client: Client) -> None:
    client.force_login(make_admin(language="hi"))

    page = client.get(reverse("admin:index"), headers=HINDI).content.decode()

    assert language_of(page).startswith("en")
