import re
from typing import TYPE_CHECKING, TypeAlias

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from registry.models import AuditLog, Doctor, User
from registry.tests.factories import PASSWORD, make_doctor, make_user

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse

pytestmark = pytest.mark.django_db

Response: TypeAlias = "_MonkeyPatchedWSGIResponse"

EMAIL = "asha.rao@example.org"
NEW_PASSWORD = "a quite different phrase"
LINK = re.compile(r"https?://[^/\s]+(/accounts/\S+)")


@pytest.fixture(autouse=True)
def _fresh_limits(settings: Settings, request: pytest.FixtureRequest) -> None:
    # Limits on tries and mails live in the cache, and no test may use up another's.
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": request.node.nodeid,
        }
    }


def sign_up(client: Client, email: str = EMAIL, password: str = PASSWORD) -> Response:
    return client.post(reverse("account_signup"), {"email": email, "password1": password})


def sign_in(client: Client, email: str, password: str = PASSWORD) -> Response:
    return client.post(reverse("account_login"), {"login": email, "password": password})


def link_in_mail() -> str:
    (found,) = LINK.findall(str(mail.outbox[-1].body))
    return str(found)


def test_signing_up_makes_a_doctor_and_leads_to_the_checklist(client: Client) -> None:
    response = sign_up(client, "Asha.Rao@Example.org")

    user = User.objects.get()
    assert response["Location"] == reverse("docport:setup")
    assert (user.email, user.role) == (EMAIL, User.Role.DOCTOR)
    assert user.doctor is not None
    assert (user.doctor.status, user.doctor.is_sandbox) == (Doctor.Status.DRAFT, True)
    assert EmailAddress.objects.get().email == EMAIL
    assert AuditLog.objects.filter(action="doctor.signed_up", entity_id=user.doctor.pk).exists()


def test_mail_to_confirm_the_address_is_plain_and_works(client: Client) -> None:
    sign_up(client)
    link = link_in_mail()

    asked = client.get(link)
    client.post(link)

    assert mail.outbox[0].subject == "Confirm your email address"
    assert EMAIL in asked.content.decode()
    assert EmailAddress.objects.get().verified


def test_old_confirmation_link_says_so(client: Client) -> None:
    response = client.get(reverse("account_confirm_email", args=["no-such-key"]))

    assert b"This link no longer works" in response.content


@pytest.mark.parametrize(
    ("email", "password", "words"),
    [
        ("", PASSWORD, "Email: This field is required."),
        ("no address", PASSWORD, "Enter a valid email address."),
        (EMAIL, "short", "at least 10 characters"),
        (EMAIL, "1234567890", "too common"),
    ],
)
def test_refused_sign_up_keeps_the_email_and_names_the_problem(
    client: Client, email: str, password: str, words: str
) -> None:
    response = sign_up(client, email, password)

    page = response.content.decode()
    assert response.status_code == 422
    assert "<title>Error: Create your account - DocPort</title>" in " ".join(page.split())
    assert words in page
    assert f'value="{email}"' in page or not email
    assert f'value="{password}"' not in page
    assert not User.objects.exists()


def test_in_production_sign_up_does_not_tell_who_has_an_account(
    client: Client, settings: Settings
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    make_user(email=EMAIL)

    known, unknown = sign_up(client), sign_up(Client(), "new@example.org")

    assert known.status_code == unknown.status_code == 302
    assert known["Location"] == unknown["Location"] == reverse("account_email_verification_sent")
    assert [message.subject for message in mail.outbox] == [
        "You already have an account",
        "Confirm your email address",
    ]
    assert User.objects.filter(email=EMAIL).count() == 1


def test_in_production_the_confirmed_address_opens_the_door(
    client: Client, settings: Settings
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    sign_up(client)

    before = client.get(reverse("docport:setup"))
    client.post(link_in_mail())
    sign_in(client, EMAIL)

    assert before.status_code == 302
    assert client.get(reverse("docport:setup")).status_code == 200


def test_email_of_another_doctors_record_is_told_by_mail_alone(client: Client) -> None:
    make_doctor(email=EMAIL)

    response = sign_up(client)

    assert response["Location"] == reverse("account_email_verification_sent")
    assert [message.subject for message in mail.outbox] == ["You already have an account"]
    assert not User.objects.exists()
    assert not AuditLog.objects.exists()


def test_signing_in_leads_to_today(client: Client) -> None:
    user = make_user(email=EMAIL)

    response = sign_in(client, EMAIL.upper())

    assert response["Location"] == reverse("docport:home")
    assert client.session["_auth_user_id"] == str(user.pk)


def test_signing_in_goes_on_to_the_page_that_was_asked_for(client: Client) -> None:
    make_user(email=EMAIL)
    asked = client.get(reverse("docport:setup"))

    page = client.get(asked["Location"]).content.decode()
    response = client.post(asked["Location"], {"login": EMAIL, "password": PASSWORD})

    assert '<input type="hidden" name="next" value="/setup/">' in page
    assert response["Location"] == reverse("docport:setup")


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.org"])
def test_refused_sign_in_does_not_tell_who_has_an_account(client: Client, email: str) -> None:
    make_user(email=EMAIL)

    response = sign_in(client, email, "wrong password")

    page = response.content.decode()
    assert response.status_code == 422
    assert "The email address and/or password you specified are not correct." in page
    assert f'value="{email}"' in page


def test_signing_out_takes_a_post(client: Client) -> None:
    client.force_login(make_user())

    asked = client.get(reverse("account_logout"))
    still = "_auth_user_id" in client.session
    client.post(reverse("account_logout"))

    assert asked.status_code == 200
    assert still
    assert "_auth_user_id" not in client.session


def test_password_is_reset_by_a_link_that_works_once(client: Client) -> None:
    user = make_user(email=EMAIL)
    client.post(reverse("account_reset_password"), {"email": EMAIL})
    link = link_in_mail()

    form = client.get(link, follow=True)
    client.post(form.redirect_chain[-1][0], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    again = Client().get(link, follow=True)

    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert b"This link no longer works" in again.content


def test_reset_answers_the_same_for_an_unknown_address(client: Client) -> None:
    make_user(email=EMAIL)

    known = client.post(reverse("account_reset_password"), {"email": EMAIL})
    unknown = client.post(reverse("account_reset_password"), {"email": "nobody@example.org"})

    assert known.status_code == unknown.status_code == 302
    assert known["Location"] == unknown["Location"]
    assert [message.subject for message in mail.outbox] == [
        "Choose a new password",
        "No account has this address",
    ]


def test_changed_password_is_told_by_mail(client: Client) -> None:
    user = make_user(email=EMAIL)
    EmailAddress.objects.create(user=user, email=EMAIL, primary=True, verified=True)
    sign_in(client, EMAIL)

    response = client.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
    )

    assert response.status_code == 302
    assert mail.outbox[-1].subject == "Your password was changed"
    assert "If that was not you" in str(mail.outbox[-1].body)


@pytest.mark.parametrize(
    "name",
    [
        "account_login",
        "account_signup",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key_done",
        "account_email_verification_sent",
        "account_inactive",
    ],
)
def test_strangers_account_pages_stand_in_our_layout(client: Client, name: str) -> None:
    response = client.get(reverse(name))

    page = response.content.decode()
    assert response.status_code == 200
    assert page.count("<h1") == 1
    assert 'class="brand"' in page


@pytest.mark.parametrize(
    "name", ["account_email", "account_change_password", "account_logout", "account_reauthenticate"]
)
def test_account_pages_need_a_signed_in_person(client: Client, name: str) -> None:
    stranger = client.get(reverse(name))
    client.force_login(make_user())
    page = client.get(reverse(name)).content.decode()

    assert stranger.status_code == 302
    assert page.count("<h1") == 1


def test_address_changes_once_the_new_one_is_confirmed(client: Client) -> None:
    user = make_user(email=EMAIL)
    EmailAddress.objects.create(user=user, email=EMAIL, primary=True, verified=True)
    sign_in(client, EMAIL)

    client.post(reverse("account_email"), {"action_add": "", "email": "new@example.org"})
    waiting = client.get(reverse("account_email")).content.decode()
    user.refresh_from_db()
    before = user.email
    client.post(link_in_mail())

    user.refresh_from_db()
    assert "Not confirmed yet" in waiting
    assert (before, user.email) == (EMAIL, "new@example.org")


def test_too_many_tries_are_stopped_with_a_way_out(client: Client) -> None:
    for _ in range(30):
        response = client.post(reverse("account_reset_password"), {"email": "a@example.org"})

    assert response.status_code == 429
    assert b"Too many tries" in response.content
