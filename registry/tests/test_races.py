"""What the database settles when two people press the button at the same moment."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from registry import actions
from registry.models import AuditLog, AuditSeal, Doctor, DoctorRevision, OutboxEvent, User
from registry.tests.factories import NOW, make_admin, make_doctor, make_draft_doctor, make_user
from registry.tests.papers import pdf
from registry.tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def post_of(doctor: Doctor) -> Callable[[], int]:
    client = Client()
    client.force_login(make_user(doctor=doctor))
    sent = {"registration_council": "KMC", "registration_number": "45123"}
    path = reverse("registry:profile_edit", args=["registration"])
    return lambda: client.post(path, sent).status_code


def test_of_two_doctors_with_one_registration_number_one_is_refused_whole() -> None:
    posts = [post_of(make_draft_doctor()) for _ in range(2)]

    statuses = at_once(*posts)

    assert sorted(map(str, statuses)) == ["302", "422"]
    assert Doctor.objects.filter(registration_number="KMC-45123").count() == 1
    assert sorted(Doctor.objects.values_list("version", flat=True)) == [1, 2]
    assert DoctorRevision.objects.count() == 1
    assert AuditLog.objects.filter(action="doctor.updated").count() == 1
    assert OutboxEvent.objects.count() == 1


def test_two_edits_of_one_doctor_both_count() -> None:
    doctor = make_doctor()
    user = make_user(doctor=doctor)

    def update(**changes: object) -> Callable[[], object]:
        return lambda: actions.update_profile(doctor=doctor, changes=changes, by=user, at=NOW)

    at_once(update(fee="1"), update(specialization="ent"))

    doctor.refresh_from_db()
    assert (doctor.version, doctor.fee, doctor.specialization) == (3, Decimal(1), "ent")


def test_the_same_file_uploaded_twice_at_once_is_kept_once(tmp_path: object) -> None:
    doctor = make_draft_doctor()
    user = make_user(doctor=doctor)
    content = pdf()

    def upload() -> object:
        return actions.add_credential(
            doctor=doctor,
            kind="DEGREE",
            degree="MBBS",
            institution="BMC",
            year=2008,
            content=content,
            file_name="a.pdf",
            by=user,
            at=NOW,
        )

    answers = at_once(upload, upload)

    assert sum(isinstance(answer, actions.AlreadyUploaded) for answer in answers) == 1


def test_one_receptionist_added_twice_at_once_has_one_account() -> None:
    doctor, admin = make_doctor(), make_admin()

    def delegate() -> object:
        return actions.delegate(
            doctor=doctor, email="desk@x.org", permissions=["manage_schedule"], by=admin, at=NOW
        )

    answers = at_once(delegate, delegate)

    assert all(isinstance(answer, User) for answer in answers)
    assert User.objects.filter(email="desk@x.org").count() == 1


def test_one_email_given_by_two_doctors_at_once_goes_to_one() -> None:
    admin = make_admin()

    def delegate(doctor: Doctor) -> Callable[[], object]:
        return lambda: actions.delegate(
            doctor=doctor, email="desk@x.org", permissions=["manage_schedule"], by=admin, at=NOW
        )

    answers = at_once(delegate(make_doctor()), delegate(make_doctor()))

    assert sum(isinstance(answer, actions.AlreadyHasAccount) for answer in answers) == 1
    assert User.objects.filter(email="desk@x.org").count() == 1


def test_two_sealers_at_once_make_one_chain() -> None:
    doctor = make_doctor()
    user = make_user(doctor=doctor)
    for fee in range(20):
        actions.update_profile(doctor=doctor, changes={"fee": fee}, by=user, at=NOW)

    counts = at_once(*[lambda: actions.seal_audit(at=NOW)] * 3)

    assert sum(int(str(count)) for count in counts) == 20
    assert list(AuditSeal.objects.values_list("position", flat=True)) == list(range(1, 21))
