from datetime import timedelta
from hashlib import sha256

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError, connection

from registry import actions, ledger
from registry.certificates import CertificateRefused
from registry.models import AuditLog, DoctorCredential
from registry.models.doctors import DoctorCredentialQuerySet
from registry.tests.factories import (
    NOW,
    make_admin,
    make_credential,
    make_doctor,
    make_draft_doctor,
    make_user,
    make_verified_credential,
)
from registry.tests.papers import add_paper, pdf
from registry.tests.traces import nothing_happened, recorded, told

pytestmark = pytest.mark.django_db(transaction=True)

TODAY = NOW.date()

YESTERDAY = TODAY - timedelta(days=1)


def stored_files() -> list[str]:
    return default_storage.listdir("certificates")[1] if default_storage.exists("") else []


def test_a_certificate_is_kept_sealed_and_its_change_is_told() -> None:
    doctor = make_draft_doctor()
    content = pdf(title="Bachelor of Medicine")

    credential = add_paper(doctor, content)

    kept = DoctorCredential.objects.get()
    assert kept == credential
    assert (kept.status, kept.verified, kept.content_type) == (
        "UPLOADED",
        False,
        "application/pdf",
    )
    assert (kept.sha256, kept.size_bytes) == (sha256(content).hexdigest(), len(content))
    assert kept.certificate.name == f"certificates/{kept.pk}"
    with kept.certificate.open("rb") as file:
        sealed = file.read()
    assert b"%PDF" not in sealed
    assert b"Bachelor" not in sealed
    assert recorded(kept) == ["credential.added"]
    assert AuditLog.objects.get().doctor == doctor
    assert told(doctor) == [("doctor.updated", 2)]


@pytest.mark.parametrize("status", ["SUBMITTED", "ACTIVE"])
def test_after_the_profile_was_sent_a_new_certificate_waits_for_its_check(status: str) -> None:
    assert add_paper(make_doctor(status=status)).status == "IN_REVIEW"


def test_a_long_file_name_keeps_its_end() -> None:
    assert add_paper(make_doctor(), file_name="x" * 300 + ".pdf").file_name.endswith("x.pdf")


def test_what_is_no_certificate_leaves_no_file() -> None:
    doctor = make_draft_doctor()

    with pytest.raises(CertificateRefused):
        add_paper(doctor, b"MZ a program")

    assert nothing_happened(doctor)
    assert not default_storage.exists("certificates")


def test_the_same_file_is_taken_once() -> None:
    doctor = make_draft_doctor()
    content = pdf()
    user = make_user(doctor=doctor)
    kept = add_paper(doctor, content, by=user)

    with pytest.raises(actions.AlreadyUploaded, match="MBBS, Bangalore Medical College"):
        add_paper(doctor, content, by=user, degree="MD")

    assert DoctorCredential.objects.get() == kept
    assert stored_files() == [str(kept.pk)]
    assert told(doctor) == [("doctor.updated", 2)]


def test_wrong_details_are_corrected_with_the_same_file() -> None:
    doctor = make_doctor(status="SUBMITTED")
    content = pdf()
    user, admin = make_user(doctor=doctor), make_admin()
    wrong = add_paper(doctor, content, by=user, year=2021)
    actions.ask_for_change(credential=wrong, reason="The year is 2012", by=admin, at=NOW)

    right = add_paper(doctor, content, by=user, year=2012, replaces=wrong)
    actions.ask_for_change(credential=right, reason="2021 after all", by=admin, at=NOW)
    again = add_paper(doctor, content, by=user, year=2021, replaces=right)

    assert list(DoctorCredential.objects.current()) == [again]
    assert [paper.sha256 for paper in (wrong, right)] == [again.sha256] * 2


def test_a_replacement_may_not_repeat_another_certificate() -> None:
    doctor = make_doctor(status="SUBMITTED")
    content, user = pdf(), make_user(doctor=doctor)
    kept = add_paper(doctor, content, by=user)
    old = make_credential(doctor, status="NEEDS_CHANGE", reason="Blurred", degree="MD")

    with pytest.raises(actions.AlreadyUploaded):
        add_paper(doctor, content, by=user, replaces=old)

    assert set(DoctorCredential.objects.current()) == {kept, old}
    assert stored_files() == [str(kept.pk)]


def test_two_doctors_may_upload_the_same_bytes() -> None:
    content = pdf()

    assert add_paper(make_doctor(), content).sha256 == add_paper(make_doctor(), content).sha256


def test_a_failed_transaction_removes_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    doctor = make_draft_doctor()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(ledger, "publish", fail)
    with pytest.raises(RuntimeError):
        add_paper(doctor)

    assert nothing_happened(doctor)
    assert not DoctorCredential.objects.exists()
    assert stored_files() == []


def test_a_commit_whose_answer_was_lost_keeps_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    doctor = make_draft_doctor()
    user = make_user(doctor=doctor)
    commit = connection.commit

    def commit_and_lose_the_answer() -> None:
        commit()
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "commit", commit_and_lose_the_answer)
        with pytest.raises(OperationalError):
            add_paper(doctor, by=user)

    credential = DoctorCredential.objects.get()
    assert stored_files() == [str(credential.pk)]


def test_a_file_stays_while_nobody_can_tell_whether_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("the database went away")

    monkeypatch.setattr(ledger, "publish", fail)
    monkeypatch.setattr(DoctorCredentialQuerySet, "exists", fail)
    with pytest.raises(OperationalError):
        add_paper(make_draft_doctor())

    assert len(stored_files()) == 1


def test_a_better_upload_replaces_and_keeps_the_old_one() -> None:
    doctor = make_doctor(status="SUBMITTED")
    old = make_credential(doctor, status="NEEDS_CHANGE", reason="Blurred")

    new = add_paper(doctor, replaces=old)

    old.refresh_from_db()
    assert (old.replaced_by, old.status) == (new, "NEEDS_CHANGE")
    assert AuditLog.objects.get().metadata["replaces"] == str(old.pk)
    assert list(DoctorCredential.objects.current()) == [new]


@pytest.mark.parametrize("case", ["good as it is", "another doctor's", "replaced before"])
def test_only_ones_own_stale_certificate_can_be_replaced(case: str) -> None:
    doctor = make_doctor()
    owner = make_doctor() if case == "another doctor's" else doctor
    stale = {} if case == "good as it is" else {"status": "NEEDS_CHANGE", "reason": "Blurred"}
    old = make_credential(owner, **stale)
    if case == "replaced before":
        old.replaced_by = make_credential(doctor)
        old.save()

    with pytest.raises(actions.CannotBeReplaced):
        add_paper(doctor, replaces=old)

    assert nothing_happened(doctor)
    assert stored_files() == []


def test_querysets_and_rows_agree_on_what_can_be_replaced() -> None:
    doctor = make_doctor()
    newest = make_credential(doctor)
    make_credential(doctor, status="NEEDS_CHANGE", reason="Blurred", replaced_by=newest)
    make_credential(doctor, status="NEEDS_CHANGE", reason="Blurred")
    make_credential(doctor, status="EXPIRED")
    make_verified_credential(doctor, valid_until=YESTERDAY)
    make_verified_credential(doctor, valid_until=YESTERDAY, replaced_by=make_credential(doctor))
    make_verified_credential(doctor, valid_until=TODAY)

    found = set(DoctorCredential.objects.replaceable_on(TODAY))

    assert len(found) == 3
    assert found == {row for row in DoctorCredential.objects.all() if row.can_be_replaced_on(TODAY)}
    current = DoctorCredential.objects.current()
    assert found == {row for row in current.judged_on(TODAY) if vars(row)["must_change"]}
    assert found == set(current) - set(DoctorCredential.objects.usable_on(TODAY))


def test_a_certificate_that_has_run_out_is_renewed() -> None:
    doctor = make_doctor()
    old = make_verified_credential(doctor, valid_until=YESTERDAY)

    new = add_paper(doctor, replaces=old, valid_until=TODAY)

    old.refresh_from_db()
    assert (old.replaced_by, old.status) == (new, "VERIFIED")
