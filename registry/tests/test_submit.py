from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from registry import actions
from registry.models import Doctor, DoctorCredential
from registry.tests.factories import (
    NOW,
    make_credential,
    make_doctor,
    make_draft_doctor,
    make_location,
    make_user,
)
from registry.tests.pages import signed_in
from registry.tests.traces import nothing_happened, recorded, told

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = reverse("registry:submit")


def complete_draft() -> Doctor:
    doctor = make_doctor(status="DRAFT", attested_at=None)
    make_location(doctor)
    make_credential(doctor)
    return doctor


def submit(doctor: Doctor) -> Doctor:
    return actions.submit(doctor=doctor, by=make_user(doctor=doctor), at=NOW)


def test_a_complete_profile_is_sent_with_the_doctors_word() -> None:
    doctor = complete_draft()

    sent = submit(doctor)

    assert (sent.status, sent.attested_at, sent.version) == ("SUBMITTED", NOW, 2)
    assert DoctorCredential.objects.get().status == "IN_REVIEW"
    assert recorded(doctor) == ["doctor.submitted"]
    assert told(doctor) == [("doctor.updated", 2)]


def test_a_certificate_that_has_run_out_does_not_do() -> None:
    doctor = complete_draft()
    DoctorCredential.objects.update(valid_until=NOW.date() - timedelta(days=1))

    with pytest.raises(actions.Incomplete, match=r"Still missing: a certificate\."):
        submit(doctor)

    assert nothing_happened(doctor)


def test_an_empty_profile_is_refused_and_told_all_it_lacks() -> None:
    doctor = make_draft_doctor()

    with pytest.raises(actions.Incomplete) as refusal:
        submit(doctor)

    assert refusal.value.lacks == [
        "full name",
        "phone",
        "registration number",
        "specialization",
        "a place",
        "a certificate",
    ]
    assert str(refusal.value).endswith("specialization, a place and a certificate.")
    assert nothing_happened(doctor)


def test_a_closed_place_and_a_certificate_to_change_do_not_count() -> None:
    doctor = make_doctor(status="DRAFT")
    make_location(doctor, is_active=False)
    make_credential(doctor, status="NEEDS_CHANGE", reason="Blurred")

    with pytest.raises(actions.Incomplete, match="a place and a certificate"):
        submit(doctor)


@pytest.mark.parametrize("status", ["SUBMITTED", "ACTIVE", "SUSPENDED"])
def test_only_a_draft_is_sent(status: str) -> None:
    doctor = complete_draft()
    Doctor.objects.update(status=status)

    with pytest.raises(actions.AlreadySent):
        submit(doctor)

    assert nothing_happened(doctor)


def test_the_page_sends_what_is_confirmed(client: Client) -> None:
    doctor = complete_draft()
    signed_in(client, doctor)
    assert "Check your answers" in client.get(PAGE).content.decode()

    page = client.post(PAGE, {"attest": "on"}, follow=True).content.decode()

    assert "Sent." in page
    assert "Being checked" in page


def test_the_page_wants_it_confirmed(client: Client) -> None:
    doctor = complete_draft()
    signed_in(client, doctor)

    response = client.post(PAGE, {})

    assert response.status_code == 422
    assert "Confirm that everything is true" in response.content.decode()
    assert nothing_happened(doctor)


def test_the_page_says_what_is_missing_before_and_after(client: Client) -> None:
    doctor = make_draft_doctor()
    signed_in(client, doctor)

    before = client.get(PAGE).content.decode()
    response = client.post(PAGE, {"attest": "on"})

    assert "Still missing: full name" in before
    assert response.status_code == 422
    assert "Still missing: full name" in response.content.decode()
    assert nothing_happened(doctor)


def test_sending_twice_says_that_it_was_sent(client: Client) -> None:
    doctor = complete_draft()
    signed_in(client, doctor)
    client.post(PAGE, {"attest": "on"})

    page = client.post(PAGE, {"attest": "on"}, follow=True).content.decode()

    assert "already sent" in page
    assert "already sent" in client.get(PAGE).content.decode()
    assert told(doctor) == [("doctor.updated", 2)]
