from datetime import timedelta
from typing import Any

import pytest

from registry import actions
from registry.models import AuditLog, Doctor, DoctorCredential, User
from registry.tests.factories import (
    NOW,
    make_admin,
    make_credential,
    make_doctor,
    make_draft_doctor,
    make_verified_credential,
)
from registry.tests.traces import nothing_happened, recorded, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin() -> User:
    return make_admin()


@pytest.mark.parametrize(
    "state", [{}, {"status": "IN_REVIEW"}, {"status": "NEEDS_CHANGE", "reason": "Blurred"}]
)
def test_an_admin_vouches_for_a_certificate(admin: User, state: dict[str, Any]) -> None:
    doctor = make_doctor(status="SUBMITTED")
    credential = make_credential(doctor, **state)

    verified = actions.verify_credential(credential=credential, by=admin, at=NOW)

    assert (verified.status, verified.verified, verified.reason) == ("VERIFIED", True, "")
    assert (verified.verified_by, verified.verified_at) == (admin, NOW)
    assert recorded(credential) == ["credential.verified"]
    assert AuditLog.objects.get().doctor == doctor
    assert told(doctor) == [("doctor.updated", 2)]


def test_nothing_is_verified_twice_or_after_its_end(admin: User) -> None:
    doctor = make_doctor()
    verified = make_verified_credential(doctor, verified_by=admin)
    expired = make_credential(doctor, status="EXPIRED")

    with pytest.raises(actions.AlreadyChecked, match="already verified"):
        actions.verify_credential(credential=verified, by=admin, at=NOW)
    with pytest.raises(actions.AlreadyChecked, match="already expired"):
        actions.verify_credential(credential=expired, by=admin, at=NOW)

    assert nothing_happened(doctor)


def test_a_replaced_certificate_is_out_of_review(admin: User) -> None:
    doctor = make_doctor()
    old = make_credential(doctor, replaced_by=make_credential(doctor))

    with pytest.raises(actions.AlreadyChecked, match="newer upload"):
        actions.verify_credential(credential=old, by=admin, at=NOW)
    with pytest.raises(actions.AlreadyChecked, match="newer upload"):
        actions.ask_for_change(credential=old, reason="Blurred", by=admin, at=NOW)

    assert nothing_happened(doctor)


def test_an_admin_asks_for_a_change_with_a_reason(admin: User) -> None:
    doctor = make_doctor(status="SUBMITTED")
    credential = make_credential(doctor)

    asked = actions.ask_for_change(credential=credential, reason="Blurred", by=admin, at=NOW)

    assert (asked.status, asked.reason, asked.verified) == ("NEEDS_CHANGE", "Blurred", False)
    assert recorded(credential) == ["credential.change_asked"]
    assert AuditLog.objects.get().metadata["reason"] == "Blurred"
    assert told(doctor) == [("doctor.updated", 2)]


def test_the_same_change_is_asked_for_once(admin: User) -> None:
    doctor = make_doctor()
    credential = make_credential(doctor, status="NEEDS_CHANGE", reason="Blurred")

    with pytest.raises(actions.AlreadyChecked, match="already asked"):
        actions.ask_for_change(credential=credential, reason="Blurred", by=admin, at=NOW)

    assert nothing_happened(doctor)


def test_undoing_the_last_verification_takes_an_active_doctor_out_of_sight(admin: User) -> None:
    doctor = make_doctor()
    credential = make_verified_credential(doctor, verified_by=admin)

    asked = actions.ask_for_change(credential=credential, reason="Forged", by=admin, at=NOW)

    doctor.refresh_from_db()
    assert doctor.status == Doctor.Status.SUBMITTED
    assert (asked.verified_by, asked.verified_at) == (None, None)
    assert told(doctor) == [("doctor.withdrawn", 2)]


def test_with_another_verified_certificate_an_active_doctor_stays(admin: User) -> None:
    doctor = make_doctor()
    credential = make_verified_credential(doctor, verified_by=admin)
    make_verified_credential(doctor, verified_by=admin, degree="MD")

    actions.ask_for_change(credential=credential, reason="Blurred", by=admin, at=NOW)

    doctor.refresh_from_db()
    assert doctor.status == Doctor.Status.ACTIVE
    assert told(doctor) == [("doctor.updated", 2)]


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED", "SUSPENDED"])
def test_a_complete_doctor_with_a_verified_certificate_becomes_active(
    admin: User, status: str
) -> None:
    doctor = make_doctor(status=status)
    make_verified_credential(doctor, verified_by=admin)

    active = actions.activate(doctor=doctor, by=admin, at=NOW)

    assert (active.status, active.version) == ("ACTIVE", 2)
    assert recorded(doctor) == ["doctor.activated"]
    assert told(doctor) == [("doctor.updated", 2)]


@pytest.mark.parametrize(
    "certificate",
    [
        {},
        {"status": "IN_REVIEW"},
        {"status": "VERIFIED", "verified": True, "valid_until": NOW.date() - timedelta(days=1)},
    ],
)
def test_no_doctor_becomes_active_without_a_certificate_that_holds(
    admin: User, certificate: dict[str, Any]
) -> None:
    doctor = make_doctor(status="SUBMITTED")
    if certificate.get("verified"):
        certificate = certificate | {"verified_by": admin, "verified_at": NOW}
    if certificate:
        make_credential(doctor, **certificate)

    with pytest.raises(actions.NotReady, match=r"Still missing: a verified certificate\."):
        actions.activate(doctor=doctor, by=admin, at=NOW)

    assert nothing_happened(doctor)


def test_a_refused_activation_names_all_that_is_missing(admin: User) -> None:
    doctor = make_draft_doctor()

    with pytest.raises(actions.NotReady) as refusal:
        actions.activate(doctor=doctor, by=admin, at=NOW)

    assert refusal.value.lacks[0] == "full name"
    assert refusal.value.lacks[-1] == "a verified certificate"


def test_what_the_admin_saw_can_be_activated(admin: User) -> None:
    doctor = make_doctor(status="SUBMITTED", version=7)
    make_verified_credential(doctor, verified_by=admin)

    assert actions.activate(doctor=doctor, seen_version=7, by=admin, at=NOW).status == "ACTIVE"


def test_nothing_is_decided_about_a_record_that_changed_since(admin: User) -> None:
    doctor = make_doctor(status="SUBMITTED", version=8)
    make_verified_credential(doctor, verified_by=admin)
    credential = make_credential(doctor)

    with pytest.raises(actions.ChangedSince, match="changed since you opened this page"):
        actions.activate(doctor=doctor, seen_version=7, by=admin, at=NOW)
    with pytest.raises(actions.ChangedSince, match="look again"):
        actions.verify_credential(credential=credential, seen_version=7, by=admin, at=NOW)

    assert nothing_happened(doctor)
    credential.refresh_from_db()
    assert not credential.verified


def test_an_active_doctor_is_not_activated_again(admin: User) -> None:
    doctor = make_doctor()

    with pytest.raises(actions.AlreadyActive, match="already active"):
        actions.activate(doctor=doctor, by=admin, at=NOW)

    assert nothing_happened(doctor)


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED", "ACTIVE"])
def test_a_suspended_doctor_is_out_of_sight_with_a_reason(admin: User, status: str) -> None:
    doctor = make_doctor(status=status)

    suspended = actions.suspend(doctor=doctor, reason="Lapsed", by=admin, at=NOW)

    assert suspended.status == Doctor.Status.SUSPENDED
    assert recorded(doctor) == ["doctor.suspended"]
    assert AuditLog.objects.get().metadata == {"reason": "Lapsed"}
    assert told(doctor) == [("doctor.withdrawn", 2)]


def test_a_suspended_doctor_is_not_suspended_again(admin: User) -> None:
    doctor = make_doctor(status="SUSPENDED")

    with pytest.raises(actions.AlreadySuspended):
        actions.suspend(doctor=doctor, reason="Lapsed", by=admin, at=NOW)

    assert nothing_happened(doctor)


def test_opening_a_certificate_is_recorded_and_changes_nothing(admin: User) -> None:
    doctor = make_doctor()
    credential = make_credential(doctor)

    actions.record_opening(credential=credential, by=admin, at=NOW)

    assert recorded(credential) == ["credential.opened"]
    assert AuditLog.objects.get().performed_by == admin
    assert told(doctor) == []
    assert DoctorCredential.objects.get().status == "UPLOADED"
