from datetime import timedelta
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin as django_admin
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from registry import actions, ledger
from registry.models import Doctor, User
from registry.tests.factories import (
    NOW,
    make_admin,
    make_credential,
    make_doctor,
    make_draft_doctor,
    make_location,
    make_user,
)
from registry.tests.pages import decision, page_of
from registry.tests.papers import add_paper

pytestmark = pytest.mark.django_db(transaction=True)

DOCTORS = reverse("admin:registry_doctor_changelist")

READ_ONLY = [
    "user",
    "doctor",
    "doctorcredential",
    "doctorlocation",
    "doctorrevision",
    "auditlog",
    "auditseal",
    "outboxevent",
]


def test_strangers_sign_in_on_the_one_page(client: Client) -> None:
    for path in (DOCTORS, reverse("admin:login") + f"?next={DOCTORS}"):
        response = client.get(path)
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("account_login"))
        assert response["Location"].endswith(f"?next={DOCTORS}")
    assert client.get(reverse("admin:login"))["Location"].endswith("?next=/admin/")


@pytest.mark.parametrize("role", ["DOCTOR", "DELEGATE", "INSURER"])
def test_for_everybody_else_there_is_no_admin(client: Client, role: str) -> None:
    client.force_login(make_user(role=role, is_superuser=True))

    assert client.get(DOCTORS, follow=True).status_code == 404
    assert client.get(reverse("admin:login")).status_code == 404


def test_an_admin_without_superuser_rights_sees_everything_too(client: Client) -> None:
    client.force_login(make_admin(is_superuser=False))

    assert client.get(reverse("admin:login"))["Location"] == reverse("admin:index")
    assert b"Doctor credentials" in client.get(reverse("admin:index")).content
    assert client.get(DOCTORS).status_code == 200


def test_sign_out_and_password_stand_on_the_usual_pages(client: Client, admin: User) -> None:
    assert client.post(reverse("admin:logout"))["Location"] == reverse("account_logout")
    password = client.get(reverse("admin:password_change"))
    assert password["Location"] == reverse("account_change_password")


@pytest.mark.parametrize("name", READ_ONLY)
def test_admin_shows_and_never_writes(client: Client, admin: User, name: str) -> None:
    doctor = make_doctor()
    make_location(doctor)
    add_paper(doctor)
    actions.seal_audit(at=NOW)
    model = apps.get_model("registry", name)
    row = model.objects.first()
    assert row is not None
    change = reverse(f"admin:registry_{name}_change", args=[row.pk])

    assert client.get(reverse(f"admin:registry_{name}_changelist")).status_code == 200
    assert client.get(reverse(f"admin:registry_{name}_changelist") + "?q=a").status_code == 200
    assert client.get(change).status_code == 200
    assert client.get(reverse(f"admin:registry_{name}_add")).status_code == 403
    assert client.post(change, {"status": "ACTIVE"}).status_code == 403
    delete = reverse(f"admin:registry_{name}_delete", args=[row.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403


def test_no_other_table_can_be_changed_in_admin() -> None:
    tables = [
        apps.get_model(name)
        for name in (
            "auth.Group",
            "account.EmailAddress",
            "account.EmailConfirmation",
            "mfa.Authenticator",
            "allauth_idp_oidc.Client",
            "allauth_idp_oidc.Token",
        )
    ]

    assert not any(django_admin.site.is_registered(table) for table in tables)


def test_no_page_shows_a_password(client: Client, admin: User) -> None:
    path = reverse("admin:registry_user_change", args=[admin.pk])

    assert admin.password not in client.get(path).content.decode()


def test_doctors_to_check_stand_first_the_longest_waiting_on_top(
    client: Client, admin: User
) -> None:
    make_doctor(full_name="Dr Active")
    for days, name in ((1, "Dr Newer"), (2, "Dr Older")):
        make_doctor(full_name=name, status="SUBMITTED", attested_at=NOW - timedelta(days=days))

    page = client.get(DOCTORS).content.decode()

    places = [page.index(name) for name in ("Dr Older", "Dr Newer", "Dr Active")]
    assert places == sorted(places)


@pytest.mark.parametrize("term", ["Asha Iyer", "asha@example.org", "KMC-777"])
def test_a_doctor_is_found_by_name_email_or_number(client: Client, admin: User, term: str) -> None:
    make_doctor(full_name="Asha Iyer", email="asha@example.org", registration_number="KMC-777")
    make_doctor(full_name="Ravi Menon")

    page = client.get(DOCTORS, {"q": term}).content.decode()

    assert "Asha Iyer" in page
    assert "Ravi Menon" not in page


@pytest.mark.parametrize("name", ["doctor", "doctorcredential", "auditlog", "user"])
def test_lists_take_the_same_queries_for_many(
    client: Client,
    admin: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    name: str,
) -> None:
    for _ in range(30):
        doctor = make_doctor()
        make_credential(doctor)
        ledger.record("x", subject=doctor, by=make_user(doctor=doctor), at=NOW)

    with django_assert_max_num_queries(6):
        client.get(reverse(f"admin:registry_{name}_changelist"))


def test_the_doctors_page_has_every_decision_as_a_button(client: Client, admin: User) -> None:
    doctor = make_doctor(status="SUBMITTED")
    credential = add_paper(doctor)
    make_location(doctor)

    page = client.get(page_of(doctor)).content.decode()

    for path in (
        decision("doctor_activate", doctor),
        decision("doctor_suspend", doctor),
        decision("doctor_delegate", doctor),
        decision("credential_file", credential),
        decision("credential_verify", credential),
        decision("credential_change", credential),
        reverse("admin:registry_doctor_history", args=[doctor.pk]),
    ):
        assert f'"{path}"' in page
    assert "Jayanagar Clinic" in page
    assert "HPR ID:" in page
    assert "style=" not in page
    assert "<script>" not in page


def test_a_page_without_anything_says_so(client: Client, admin: User) -> None:
    page = client.get(page_of(make_draft_doctor())).content.decode()

    assert "has not uploaded a certificate" in page
    assert "Still missing in the profile: full name" in page


def test_an_unknown_doctor_has_no_page(client: Client, admin: User) -> None:
    unknown = Doctor(pk=uuid4())

    assert client.get(page_of(unknown)).status_code == 302
    assert client.get(decision("doctor_suspend", unknown)).status_code == 404
    assert client.post(decision("doctor_activate", unknown)).status_code == 404


def test_the_history_of_a_row_is_the_audit_log(client: Client, admin: User) -> None:
    doctor = make_doctor()

    response = client.get(reverse("admin:registry_doctor_history", args=[doctor.pk]))

    assert response["Location"] == f"{reverse('admin:registry_auditlog_changelist')}?q={doctor.pk}"
