from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError

from registry import actions
from registry.models import AuditLog, Doctor, DoctorRevision, OutboxEvent, User
from registry.tests.factories import (
    NOW,
    make_credential,
    make_doctor,
    make_draft_doctor,
    make_location,
    make_user,
)
from registry.tests.traces import nothing_happened, recorded, told

pytestmark = pytest.mark.django_db(transaction=True)


def update(doctor: Doctor, by: User | None = None, **changes: Any) -> Doctor:
    by = by or make_user(doctor=doctor)
    return actions.update_profile(doctor=doctor, changes=changes, by=by, at=NOW)


def test_a_change_moves_the_version_and_leaves_its_traces() -> None:
    doctor = make_doctor(fee="600.00")
    user = make_user(doctor=doctor)

    saved = update(doctor, user, fee=Decimal("650"), years_of_experience=12)

    assert (saved.fee, saved.version, saved.status) == (Decimal("650"), 2, "ACTIVE")
    assert recorded(doctor) == ["doctor.updated"]
    assert AuditLog.objects.get().metadata == {"changed": ["fee"], "check_again": False}
    assert AuditLog.objects.get().performed_by == user
    assert told(doctor) == [("doctor.updated", 2)]
    assert OutboxEvent.objects.get().payload == {"doctor_id": str(doctor.pk)}
    revision = DoctorRevision.objects.get()
    assert (revision.version, revision.changed_by, revision.changed_at) == (2, user, NOW)
    assert revision.snapshot["profile"]["fee"] == "650.00"


def test_a_revision_keeps_places_and_credentials_too() -> None:
    doctor = make_doctor()
    make_location(doctor, name="City Clinic")
    make_credential(doctor, degree="MD")

    update(doctor, fee="1")

    snapshot = DoctorRevision.objects.get().snapshot
    assert [place["name"] for place in snapshot["places"]] == ["City Clinic"]
    assert [paper["degree"] for paper in snapshot["credentials"]] == ["MD"]


def test_where_nothing_differs_nothing_is_written() -> None:
    doctor = make_doctor(fee="600.00", hpr_id=None)

    update(doctor, fee=Decimal("600"), full_name=doctor.full_name, hpr_id="")

    assert nothing_happened(doctor)


@pytest.mark.parametrize(
    "change",
    [
        {"full_name": "Asha Iyer"},
        {"registration_council": "DMC", "registration_number": "9"},
        {"hpr_id": "21152138283227"},
    ],
)
def test_an_active_doctor_who_changes_what_was_checked_leaves_insurers_sight(
    change: dict[str, Any],
) -> None:
    doctor = make_doctor()

    saved = update(doctor, **change)

    assert saved.status == Doctor.Status.SUBMITTED
    assert told(doctor) == [("doctor.withdrawn", 2)]
    assert AuditLog.objects.get().metadata["check_again"] is True


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED", "SUSPENDED"])
def test_only_an_active_doctor_changes_status_by_an_edit(status: str) -> None:
    doctor = make_doctor(status=status)

    saved = update(doctor, full_name="Asha Iyer")

    assert saved.status == status
    assert told(doctor) == [("doctor.updated", 2)]


def test_an_active_profile_cannot_become_incomplete() -> None:
    doctor = make_doctor()

    with pytest.raises(actions.Incomplete, match=r"Still missing: phone\.") as refusal:
        update(doctor, phone="")

    assert refusal.value.lacks == ["phone"]
    assert nothing_happened(doctor)


def test_a_draft_may_empty_what_it_filled_in() -> None:
    doctor = make_doctor(status="DRAFT")

    saved = update(doctor, phone="", registration_council="", registration_number=None)

    assert (saved.phone, saved.registration_number) == (None, None)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("45123", "KMC-45123"),
        ("kmc 45123", "KMC-45123"),
        ("KMC-45123", "KMC-45123"),
        ("KMC/ 2011/08/12a", "KMC-2011/08/12A"),
        ("KMCA7", "KMC-KMCA7"),
    ],
)
def test_a_registration_number_has_one_spelling(written: str, stored: str) -> None:
    doctor = make_draft_doctor()

    saved = update(doctor, registration_council="KMC", registration_number=written)

    assert saved.registration_number == stored


@pytest.mark.parametrize(
    ("field", "words", "change"),
    [
        ("phone", "phone number", {"phone": "+919845012345"}),
        ("hpr_id", "HPR ID", {"hpr_id": "21152138283227"}),
        (
            "registration_number",
            "registration number",
            {"registration_council": "KMC", "registration_number": "KMC-77"},
        ),
    ],
)
def test_what_another_doctor_has_is_refused(field: str, words: str, change: dict[str, Any]) -> None:
    make_doctor(**change)
    doctor = make_draft_doctor()

    with pytest.raises(actions.AlreadyTaken, match=words) as refusal:
        update(doctor, **change)

    assert refusal.value.field == field
    assert nothing_happened(doctor)


def test_another_broken_rule_is_no_refusal_but_an_error() -> None:
    with pytest.raises(IntegrityError, match="doctor_fee_not_negative"):
        update(make_doctor(), fee=-1)


def test_status_and_version_are_not_part_of_the_profile() -> None:
    doctor = make_draft_doctor()

    with pytest.raises(TypeError, match="status"):
        update(doctor, status="ACTIVE")

    assert nothing_happened(doctor)


@pytest.mark.parametrize(
    ("name", "addressed"),
    [
        ("Asha Rao", "Dr Asha Rao"),
        ("Drishti Sharma", "Dr Drishti Sharma"),
        ("Dr Asha Rao", "Dr Asha Rao"),
        ("Dr. Asha Rao", "Dr. Asha Rao"),
        ("", "asha@example.org"),
    ],
)
def test_everybody_is_addressed_with_one_title(name: str, addressed: str) -> None:
    assert Doctor(full_name=name, email="asha@example.org").addressed_as == addressed
