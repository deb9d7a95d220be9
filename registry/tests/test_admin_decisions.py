import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from registry.models import AuditLog, Doctor, DoctorCredential, User
from registry.tests.factories import (
    make_credential,
    make_doctor,
    make_verified_credential,
)
from registry.tests.pages import decision, page_of
from registry.tests.papers import add_paper
from registry.tests.traces import nothing_happened, recorded

pytestmark = pytest.mark.django_db(transaction=True)


def press(client: Client, doctor: Doctor, path: str) -> str:
    """Open the doctor's page and press the button that leads to `path`."""
    form = client.get(page_of(doctor)).content.decode().split(f'action="{path}"')[1]
    seen = re.search(r'name="version" value="([0-9]+)"', form.split("</form>")[0])
    assert seen is not None
    return client.post(path, {"version": seen[1]}, follow=True).content.decode()


def test_the_whole_way_from_certificate_to_active_doctor(client: Client, admin: User) -> None:
    doctor = make_doctor(status="SUBMITTED")
    credential = add_paper(doctor)

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

    page = client.post(path, sent | {"phone": "98450 12345"}, follow=True).content.decode()

    assert "Receptionist desk@example.org may now work for" in page
    assert "desk@example.org, +919845012345: Change hours and leave of this doctor" in page
    assert User.objects.get(email="desk@example.org").has_perm("registry.manage_schedule", doctor)


def test_a_receptionist_with_another_account_is_refused(client: Client, admin: User) -> None:
    doctor = make_doctor()
    sent = {"email": admin.email, "permissions": ["manage_schedule"]}

    page = client.post(decision("doctor_delegate", doctor), sent, follow=True).content.decode()

    assert "already has an account of another kind" in page


def test_a_receptionists_phone_that_is_none_is_a_form_error(client: Client, admin: User) -> None:
    sent = {"email": "desk@example.org", "permissions": ["manage_schedule"], "phone": "12"}

    response = client.post(decision("doctor_delegate", make_doctor()), sent)

    assert response.status_code == 422
    assert b"Enter a full phone number" in response.content
    assert b'value="12"' in response.content
    assert not User.objects.filter(email="desk@example.org").exists()


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
