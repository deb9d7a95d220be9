from collections.abc import Callable
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.test import Client
from django.urls import reverse

from registry import actions, ledger
from registry.models import AuditLog, Doctor, DoctorRevision, User
from registry.tests.factories import NOW, PASSWORD, make_admin, make_doctor, make_user
from registry.tests.traces import nothing_happened, recorded, told

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = ["manage_schedule", "manage_appointments"]


def unseen_email() -> str:
    """Give an email that no limit on mails has counted; the cache outlives the tests."""
    return f"{uuid4().hex}@example.org"


def delegate(
    doctor: Doctor, permissions: list[str], email: str = "desk@example.org", phone: str = ""
) -> User:
    return actions.delegate(
        doctor=doctor, email=email, permissions=permissions, phone=phone, by=make_admin(), at=NOW
    )


def rights(user: User, doctor: Doctor) -> list[str]:
    fresh = User.objects.get(pk=user.pk)
    return [right for right in BOTH if fresh.has_perm(f"registry.{right}", doctor)]


def test_signing_up_adds_an_account_with_an_empty_profile() -> None:
    user = actions.sign_up(
        user=User(), email="Asha@Example.org", password=PASSWORD, sandbox=True, at=NOW
    )

    doctor = Doctor.objects.get()
    assert (user.doctor, user.email, user.role) == (doctor, "asha@example.org", "DOCTOR")
    assert user.check_password(PASSWORD)
    assert (doctor.status, doctor.is_sandbox) == ("DRAFT", True)
    assert recorded(doctor) == ["doctor.signed_up"]
    assert DoctorRevision.objects.get().version == 1
    assert told(doctor) == []


def test_signing_up_on_the_page_leads_to_the_set_up(client: Client) -> None:
    email = unseen_email()

    response = client.post(reverse("account_signup"), {"email": email, "password1": PASSWORD})

    assert response.status_code == 302
    assert response["Location"] == reverse("docport:setup")
    assert Doctor.objects.get().is_sandbox
    assert mail.outbox[0].to == [email]


@pytest.mark.parametrize("taken_by", [make_doctor, make_admin])
def test_an_email_signs_up_once(taken_by: Callable[..., object]) -> None:
    taken_by(email="asha@example.org")

    with pytest.raises(actions.AlreadyHasAccount):
        actions.sign_up(
            user=User(), email="Asha@Example.org", password=PASSWORD, sandbox=True, at=NOW
        )

    assert not DoctorRevision.objects.exists()
    assert not AuditLog.objects.exists()


def test_another_broken_rule_of_a_sign_up_is_an_error() -> None:
    with pytest.raises(IntegrityError, match="user_theme_known"):
        actions.sign_up(
            user=User(theme="x"), email="a@example.org", password=PASSWORD, sandbox=True, at=NOW
        )


def test_only_the_mail_says_that_a_doctor_with_this_email_is_known(client: Client) -> None:
    email = unseen_email()
    make_doctor(email=email)

    response = client.post(reverse("account_signup"), {"email": email, "password1": PASSWORD})

    assert response["Location"] == reverse("account_email_verification_sent")
    assert mail.outbox[0].to == [email]
    assert not User.objects.exists()


def test_a_doctors_new_email_stands_in_account_and_record_and_is_told() -> None:
    doctor = make_doctor(email="old@example.org")
    user = make_user(doctor=doctor, email="old@example.org")

    actions.change_email(user=user, email="new@example.org", at=NOW)

    user.refresh_from_db()
    doctor.refresh_from_db()
    assert (user.email, doctor.email) == ("new@example.org",) * 2
    assert recorded(user) == ["user.email_changed"]
    assert recorded(doctor) == ["doctor.updated"]
    assert told(doctor) == [("doctor.updated", 2)]
    revision = DoctorRevision.objects.get()
    assert (revision.version, revision.changed_by) == (2, user)
    assert revision.snapshot["profile"]["email"] == "new@example.org"


@pytest.mark.parametrize("role", ["ADMIN", "DELEGATE"])
def test_other_peoples_new_email_is_theirs_alone(role: str) -> None:
    user = make_user(role=role)
    record_before = user.doctor.email if user.doctor else None

    actions.change_email(user=user, email="new@example.org", at=NOW)

    user = User.objects.get(pk=user.pk)
    assert user.email == "new@example.org"
    assert (user.doctor.email if user.doctor else None) == record_before
    assert recorded(user) == ["user.email_changed"]
    assert user.doctor is None or told(user.doctor) == []


def test_the_same_email_again_leaves_no_trace() -> None:
    doctor = make_doctor(email="asha@example.org")
    user = make_user(doctor=doctor, email="asha@example.org")

    actions.change_email(user=user, email="asha@example.org", at=NOW)

    assert nothing_happened(doctor)


@pytest.mark.parametrize("taken_by", [make_doctor, make_admin])
def test_a_taken_email_is_refused_whole(taken_by: Callable[..., object]) -> None:
    taken_by(email="taken@example.org")
    doctor = make_doctor(email="old@example.org")
    user = make_user(doctor=doctor, email="old@example.org")

    with pytest.raises(actions.EmailTaken, match=r"taken@example\.org belongs to another account"):
        actions.change_email(user=user, email="taken@example.org", at=NOW)

    user.refresh_from_db()
    doctor.refresh_from_db()
    assert (user.email, doctor.email) == ("old@example.org",) * 2
    assert nothing_happened(doctor)


def test_another_broken_rule_of_a_new_email_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user()
    monkeypatch.setattr(ledger, "record", lambda *_, **__: User.objects.update(theme="x"))

    with pytest.raises(IntegrityError, match="user_theme_known"):
        actions.change_email(user=user, email="new@example.org", at=NOW)


def with_a_verified_email(client: Client) -> User:
    """Sign a doctor in, as if just now, whose account and record share an email."""
    email = unseen_email()
    user = make_user(doctor=make_doctor(email=email), email=email)
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
    client.post(reverse("account_login"), {"login": email, "password": PASSWORD})
    return user


def confirm(client: Client, wanted: str) -> str:
    """Ask for a new email and open the link in the mail; give the page that follows."""
    client.post(reverse("account_email"), {"action_add": "", "email": wanted})
    link = next(word for word in mail.outbox[-1].body.split() if "/accounts/confirm-email/" in word)
    return client.post(link, follow=True).content.decode()


def test_a_confirmed_new_email_reaches_the_record(client: Client) -> None:
    user, wanted = with_a_verified_email(client), unseen_email()

    confirm(client, wanted)

    user.refresh_from_db()
    assert user.doctor is not None
    assert (user.email, user.doctor.email) == (wanted, wanted)
    assert told(user.doctor) == [("doctor.updated", 2)]
    address = EmailAddress.objects.get()
    assert (address.email, address.primary, address.verified) == (wanted, True, True)


def test_an_email_of_another_record_is_refused_with_a_word(client: Client) -> None:
    user, wanted = with_a_verified_email(client), unseen_email()
    before = user.email
    make_doctor(email=wanted)

    page = confirm(client, wanted)

    assert f"{wanted} belongs to another account" in page
    user.refresh_from_db()
    assert user.doctor is not None
    assert (user.email, user.doctor.email) == (before, before)
    assert EmailAddress.objects.get(verified=True).email == before


def test_an_email_confirmed_by_another_account_meanwhile_is_refused(client: Client) -> None:
    user, wanted = with_a_verified_email(client), unseen_email()
    EmailAddress.objects.create(user=make_user(), email=wanted, verified=True)

    page = confirm(client, wanted)

    assert f"{wanted} could not be confirmed." in page
    assert user.doctor is not None
    assert nothing_happened(user.doctor)


@pytest.mark.parametrize("permissions", [["manage_schedule"], BOTH])
def test_a_receptionist_gets_exactly_these_rights_on_this_doctor(permissions: list[str]) -> None:
    doctor, other = make_doctor(), make_doctor()

    receptionist = delegate(doctor, permissions, "Desk@Example.org")

    assert (receptionist.email, receptionist.role) == ("desk@example.org", "DELEGATE")
    assert receptionist.doctor == doctor
    assert not receptionist.has_usable_password()
    assert rights(receptionist, doctor) == permissions
    assert rights(receptionist, other) == []
    assert recorded(doctor) == ["doctor.delegated"]
    assert AuditLog.objects.get().metadata == {
        "receptionist_id": str(receptionist.pk),
        "permissions": sorted(permissions),
    }


def test_rights_given_anew_replace_those_held() -> None:
    doctor = make_doctor()
    receptionist = delegate(doctor, ["manage_schedule"])

    again = delegate(doctor, ["manage_appointments"])

    assert again == receptionist
    assert rights(receptionist, doctor) == ["manage_appointments"]
    assert recorded(doctor) == ["doctor.delegated"] * 2


def test_the_same_rights_again_leave_no_trace() -> None:
    doctor = make_doctor()
    delegate(doctor, BOTH)

    delegate(doctor, BOTH)

    assert recorded(doctor) == ["doctor.delegated"]


def test_a_receptionists_phone_is_kept_sealed_until_another_is_given() -> None:
    doctor = make_doctor()
    delegate(doctor, BOTH, phone="+919845012345")
    with connection.cursor() as cursor:
        cursor.execute("SELECT phone FROM users WHERE role = 'DELEGATE'")
        sealed = bytes(cursor.fetchone()[0])

    again = delegate(doctor, BOTH)
    kept = User.objects.get(pk=again.pk).phone
    delegate(doctor, BOTH, phone="+919845054321")

    assert b"45012345" not in sealed
    assert kept == "+919845012345"
    assert User.objects.get(pk=again.pk).phone == "+919845054321"
    assert recorded(doctor) == ["doctor.delegated"] * 2
    assert "+9198450" not in str(list(AuditLog.objects.values_list("metadata", flat=True)))


def test_a_receptionists_phone_goes_with_the_last_right() -> None:
    doctor = make_doctor()
    receptionist = delegate(doctor, BOTH, phone="+919845012345")

    delegate(doctor, [])

    assert User.objects.get(pk=receptionist.pk).phone is None


def test_no_rights_take_all_away() -> None:
    doctor = make_doctor()
    receptionist = delegate(doctor, BOTH)

    delegate(doctor, [])

    assert rights(receptionist, doctor) == []


@pytest.mark.parametrize("kind", ["a doctor", "an admin", "another doctor's receptionist"])
def test_an_account_of_another_kind_is_refused(kind: str) -> None:
    doctor = make_doctor()
    given: dict[str, dict[str, Any]] = {
        "a doctor": {"doctor": doctor},
        "an admin": {"role": "ADMIN"},
        "another doctor's receptionist": {"role": "DELEGATE"},
    }
    make_user(email="desk@example.org", **given[kind])

    with pytest.raises(actions.AlreadyHasAccount):
        delegate(doctor, BOTH, "DESK@example.org")

    assert nothing_happened(doctor)


def test_another_broken_rule_is_no_refusal_but_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(User, "set_unusable_password", lambda user: setattr(user, "theme", "x"))

    with pytest.raises(IntegrityError, match="user_theme_known"):
        delegate(make_doctor(), BOTH)


def test_an_inactive_receptionist_has_no_rights() -> None:
    doctor = make_doctor()
    receptionist = delegate(doctor, BOTH)

    User.objects.filter(pk=receptionist.pk).update(is_active=False)

    assert rights(receptionist, doctor) == []


def test_a_new_receptionist_sets_a_password_by_mail(client: Client) -> None:
    receptionist = delegate(make_doctor(), BOTH, unseen_email())

    client.post(reverse("account_reset_password"), {"email": receptionist.email})
    link = next(word for word in mail.outbox[0].body.split() if "/password/reset/key/" in word)
    form = client.get(link, follow=True)
    client.post(form.request["PATH_INFO"], {"password1": PASSWORD, "password2": PASSWORD})

    assert client.login(email=receptionist.email, password=PASSWORD)


def test_createsuperuser_makes_an_admin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)

    call_command("createsuperuser", "--noinput", email="root@example.org", stdout=StringIO())

    admin = User.objects.get()
    assert (admin.role, admin.is_superuser, admin.is_staff) == ("ADMIN", True, True)
    assert admin.check_password(PASSWORD)


def test_createsuperuser_refuses_an_email_twice() -> None:
    make_admin(email="root@example.org")

    with pytest.raises(CommandError, match="already"):
        call_command("createsuperuser", "--noinput", email="root@example.org", stdout=StringIO())


def test_the_look_of_the_pages_is_kept_and_recorded() -> None:
    user = make_user()

    actions.set_theme(user=user, theme="dark", at=NOW)

    user.refresh_from_db()
    assert user.theme == "dark"
    assert recorded(user) == ["user.theme_set"]


def test_the_same_look_again_leaves_no_trace() -> None:
    user = make_user(theme="dark")

    actions.set_theme(user=user, theme="dark", at=NOW)

    assert recorded(user) == []


def test_a_look_that_does_not_exist_changes_nothing() -> None:
    user = make_user()

    with pytest.raises(ValueError, match="pink"):
        actions.set_theme(user=user, theme="pink", at=NOW)

    assert recorded(user) == []
