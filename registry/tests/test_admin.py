import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin as django_admin
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from registry import actions, ledger
from registry.models import AuditLog, Doctor, DoctorCredential, User
from registry.tests.factories import (
    NOW,
    make_admin,
    make_credential,
    make_doctor,
    make_draft_doctor,
    make_location,
    make_provider,
    make_user,
    make_verified_credential,
)
from registry.tests.papers import pdf
from registry.tests.traces import nothing_happened, recorded

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


@pytest.fixture
def admin(client: Client) -> User:
    user = make_admin()
    client.force_login(user)
    return user


def page_of(doctor: Doctor) -> str:
    return reverse("admin:registry_doctor_change", args=[doctor.pk])


def decision(name: str, row: Doctor | DoctorCredential) -> str:
    return reverse(f"admin:registry_{name}", args=[row.pk])


def press(client: Client, doctor: Doctor, path: str) -> str:
    """Open the doctor's page and press the button that leads to `path`."""
    form = client.get(page_of(doctor)).content.decode().split(f'action="{path}"')[1]
    seen = re.search(r'name="version" value="([0-9]+)"', form.split("</form>")[0])
    assert seen is not None
    return client.post(path, {"version": seen[1]}, follow=True).content.decode()


def uploaded(doctor: Doctor) -> DoctorCredential:
    return actions.add_credential(
        doctor=doctor,
        kind="DEGREE",
        degree="MBBS",
        institution="BMC",
        year=2008,
        content=pdf(),
        file_name="mbbs.pdf",
        by=make_user(doctor=doctor),
        at=NOW,
    )


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
    uploaded(doctor)
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
    apps_shown = {model._meta.label for model in django_admin.site._registry}  # noqa: SLF001

    assert not apps_shown & {"auth.Group", "account.EmailAddress", "account.EmailConfirmation"}


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
    credential = uploaded(doctor)
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


def test_the_whole_way_from_certificate_to_active_doctor(client: Client, admin: User) -> None:
    doctor = make_doctor(status="SUBMITTED")
    credential = uploaded(doctor)

    opened = client.get(decision("credential_file", credential))
    verified = press(client, doctor, decision("credential_verify", credential))
    activated = press(client, doctor, decision("doctor_activate", doctor))

    assert opened.content.startswith(b"%PDF-")
    assert opened["Content-Type"] == "application/pdf"
    assert opened["Cache-Control"].startswith("private, no-store")
    assert recorded(credential) == [
        "credential.added",
        "credential.opened",
        "credential.verified",
    ]
    assert "is verified" in verified
    assert "is active and can now opt in" in activated
    doctor.refresh_from_db()
    assert doctor.status == Doctor.Status.ACTIVE
    assert AuditLog.objects.about(doctor)[0].performed_by == admin
    assert not LogEntry.objects.exists()


def test_a_refusal_says_why(client: Client, admin: User) -> None:
    doctor = make_doctor(status="SUBMITTED")

    page = press(client, doctor, decision("doctor_activate", doctor))

    assert "This doctor cannot be activated. Still missing: a verified certificate." in page
    assert nothing_happened(doctor)


@pytest.mark.parametrize("name", ["doctor_activate", "credential_verify"])
@pytest.mark.parametrize("version", ["1", "", "x", "9" * 5000])
def test_what_changed_after_the_page_was_opened_is_not_decided(
    client: Client, admin: User, name: str, version: str
) -> None:
    doctor = make_doctor(status="SUBMITTED", version=2)
    make_verified_credential(doctor, verified_by=admin)
    credential = make_credential(doctor)
    path = decision(name, doctor if name == "doctor_activate" else credential)

    page = client.post(path, {"version": version}, follow=True).content.decode()

    assert "changed since you opened this page" in page
    assert nothing_happened(doctor)


def test_a_certificate_on_another_site_is_a_link(client: Client, admin: User) -> None:
    doctor = make_doctor()
    credential = make_credential(doctor)

    assert credential.certificate_url in client.get(page_of(doctor)).content.decode()
    assert client.get(decision("credential_file", credential)).status_code == 404
    assert recorded(credential) == []


def test_a_change_is_asked_for_with_a_reason(client: Client, admin: User) -> None:
    doctor = make_doctor(status="SUBMITTED")
    credential = make_credential(doctor)
    path = decision("credential_change", credential)
    assert "Ask for a change" in client.get(path).content.decode()

    page = client.post(path, {"reason": "Blurred"}, follow=True).content.decode()

    assert "is asked to change" in page
    credential.refresh_from_db()
    assert (credential.status, credential.reason) == ("NEEDS_CHANGE", "Blurred")


def test_a_doctor_is_suspended_with_a_reason(client: Client, admin: User) -> None:
    doctor = make_doctor()
    path = decision("doctor_suspend", doctor)
    assert "Suspend" in client.get(path).content.decode()

    page = client.post(path, {"reason": "Lapsed"}, follow=True).content.decode()

    assert "is suspended. No insurer sees them any more." in page
    doctor.refresh_from_db()
    assert doctor.status == Doctor.Status.SUSPENDED


@pytest.mark.parametrize("name", ["doctor_suspend", "credential_change"])
def test_without_a_reason_nothing_happens(client: Client, admin: User, name: str) -> None:
    doctor = make_doctor()
    credential = make_credential(doctor)
    path = decision(name, doctor if name == "doctor_suspend" else credential)

    response = client.post(path, {"reason": ""})

    assert response.status_code == 422
    assert b"required" in response.content
    assert nothing_happened(doctor)


def test_a_receptionist_is_added_with_rights(client: Client, admin: User) -> None:
    doctor = make_doctor()
    path = decision("doctor_delegate", doctor)
    assert client.get(path).content.count(b"checked") == 2
    sent = {"email": "desk@example.org", "permissions": ["manage_schedule"]}

    page = client.post(path, sent, follow=True).content.decode()

    assert "Receptionist desk@example.org may now work for" in page
    assert "desk@example.org: Change hours and leave of this doctor" in page
    assert User.objects.get(email="desk@example.org").has_perm("registry.manage_schedule", doctor)


def test_a_receptionist_with_another_account_is_refused(client: Client, admin: User) -> None:
    doctor = make_doctor()
    sent = {"email": admin.email, "permissions": ["manage_schedule"]}

    page = client.post(decision("doctor_delegate", doctor), sent, follow=True).content.decode()

    assert "already has an account of another kind" in page


def test_a_receptionist_without_rights_is_a_form_error(client: Client, admin: User) -> None:
    response = client.post(
        decision("doctor_delegate", make_doctor()), {"email": "desk@example.org"}
    )

    assert response.status_code == 422
    assert b'value="desk@example.org"' in response.content


@pytest.mark.parametrize("name", ["doctor_activate", "credential_verify"])
def test_decisions_are_no_links(client: Client, admin: User, name: str) -> None:
    doctor = make_doctor()
    credential = make_credential(doctor)
    row = doctor if name == "doctor_activate" else credential

    assert client.get(decision(name, row)).status_code == 405


def choose(client: Client, name: str, action: str, *rows: Doctor | DoctorCredential) -> str:
    path = reverse(f"admin:registry_{name}_changelist")
    sent = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(path, sent, follow=True).content.decode()


@pytest.mark.parametrize(
    ("name", "action"), [("doctor", "activate_chosen"), ("doctorcredential", "verify_chosen")]
)
def test_no_list_decides_about_what_nobody_looked_at(
    client: Client, admin: User, name: str, action: str
) -> None:
    doctor = make_doctor(status="SUBMITTED")
    make_verified_credential(doctor, verified_by=admin)
    credential = make_credential(doctor)

    choose(client, name, action, doctor if name == "doctor" else credential)

    assert nothing_happened(doctor)


@pytest.mark.parametrize(
    ("action", "asks"),
    [("suspend_chosen", "Suspend Asha"), ("delegate_chosen", "Add a receptionist of Asha")],
)
def test_what_needs_words_is_asked_for_one_doctor(
    client: Client, admin: User, action: str, asks: str
) -> None:
    doctors = [make_doctor() for _ in range(2)]

    assert asks in choose(client, "doctor", action, doctors[0])
    assert "Choose one doctor." in choose(client, "doctor", action, *doctors)


def test_a_change_is_asked_for_one_certificate(client: Client, admin: User) -> None:
    papers = [make_credential(make_doctor()) for _ in range(2)]
    action = "ask_for_change_of_chosen"

    assert "What is wrong" in choose(client, "doctorcredential", action, papers[0])
    assert "Choose one certificate" in choose(client, "doctorcredential", action, *papers)


@pytest.mark.parametrize("by", ["person", "insurer", "action", "entity", "doctor", "request"])
def test_the_audit_log_is_searched_by_what_an_auditor_knows(
    client: Client, admin: User, by: str
) -> None:
    doctor = make_doctor()
    person, insurer = make_user(doctor=doctor), make_provider(name="Acme Health")
    ledger.record("doctor.updated", subject=make_doctor(), by=make_admin(), at=NOW)
    credential = make_credential(doctor)
    actor = insurer if by == "insurer" else person
    wanted = ledger.record(
        "credential.added", subject=credential, by=actor, at=NOW, doctor_id=str(doctor.pk)
    )
    terms = {
        "person": person.email,
        "insurer": "Acme",
        "action": "credential.added",
        "entity": str(credential.pk),
        "doctor": str(doctor.pk),
        "request": "0f" * 16,
    }
    if by == "request":
        wanted = AuditLog.objects.create(
            entity_type="doctor",
            entity_id=doctor.pk,
            action="doctor.activated",
            timestamp=NOW,
            request_id=terms[by],
        )

    page = client.get(reverse("admin:registry_auditlog_changelist"), {"q": terms[by]})

    assert list(page.context["cl"].queryset) == [wanted]


def test_the_history_of_a_row_is_the_audit_log(client: Client, admin: User) -> None:
    doctor = make_doctor()

    response = client.get(reverse("admin:registry_doctor_history", args=[doctor.pk]))

    assert response["Location"] == f"{reverse('admin:registry_auditlog_changelist')}?q={doctor.pk}"
