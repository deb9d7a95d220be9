"""Rules that hold even when no form and no action stands before the table."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from registry.models import AuditLog, AuditSeal, DoctorRevision, OutboxEvent
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

pytestmark = pytest.mark.django_db
Make = Callable[[], object]


def doctor(**given: Any) -> Make:
    return lambda: make_doctor(**given)


def draft(**given: Any) -> Make:
    return lambda: make_draft_doctor(**given)


def location(**given: Any) -> Make:
    return lambda: make_location(make_doctor(), **given)


def credential(**given: Any) -> Make:
    return lambda: make_credential(make_doctor(), **given)


def verified(**given: Any) -> Make:
    return lambda: make_verified_credential(make_doctor(), **given)


def provider(**given: Any) -> Make:
    return lambda: make_provider(**given)


def user(**given: Any) -> Make:
    return lambda: make_user(**given)


def twice(make: Callable[..., object], **given: Any) -> Make:
    return lambda: (make(**given), make(**given))


def two_credentials_replaced_by_one() -> None:
    owner = make_doctor()
    newer = make_credential(owner)
    make_credential(owner, replaced_by=newer)
    make_credential(owner, replaced_by=newer)


def two_users_of_one_doctor() -> None:
    owner = make_doctor()
    make_user(doctor=owner)
    make_user(doctor=owner)


def two_revisions_of_one_version() -> None:
    owner = make_doctor()
    for _ in range(2):
        DoctorRevision.objects.create(doctor=owner, version=1, snapshot={}, changed_at=NOW)


def audit(**given: Any) -> AuditLog:
    values: dict[str, Any] = {
        "entity_type": "doctor",
        "entity_id": make_doctor().pk,
        "action": "doctor.updated",
        "timestamp": NOW,
    }
    return AuditLog.objects.create(**(values | given))


def two_actors() -> None:
    audit(performed_by=make_admin(), performed_by_provider=make_provider())


def seal_at_zero() -> None:
    AuditSeal.objects.create(position=0, audit_log=audit(), hash="0" * 64, sealed_at=NOW)


def two_seals_of_one_row() -> None:
    row = audit()
    for position in (1, 2):
        AuditSeal.objects.create(position=position, audit_log=row, hash="0" * 64, sealed_at=NOW)


def one_event_twice() -> None:
    for _ in range(2):
        OutboxEvent.objects.create(
            type="doctor.updated", subject="doctor/1", subject_version=1, occurred_at=NOW
        )


def stray_verification() -> None:
    make_credential(make_doctor(), verified_at=NOW, verified_by=make_admin())


@pytest.mark.parametrize(
    ("constraint", "make"),
    [
        ("doctors_email_key", twice(make_doctor, email="a@example.org")),
        ("doctor_email_once", lambda: [make_doctor(email=f"{a}@x.org") for a in ("a", "A")]),
        ("doctors_phone_key", twice(make_doctor, phone="+919845012345")),
        ("doctors_registration_number_key", twice(make_doctor, registration_number="KMC-1")),
        ("doctors_hpr_id_key", twice(make_doctor, hpr_id="21152138283227")),
        ("doctor_status_known", doctor(status="GONE")),
        ("doctor_languages_known", doctor(languages=["en", "xx"])),
        ("doctor_phone_is_e164", doctor(phone="9845012345")),
        ("doctor_registration_canonical", doctor(registration_number="kmc-1")),
        ("doctor_registration_canonical", doctor(registration_number="1")),
        ("doctor_registration_canonical", doctor(registration_council="DMC")),
        ("doctor_registration_canonical", doctor(registration_council="")),
        (
            "doctor_registration_canonical",
            doctor(registration_council="XYZ", registration_number="XYZ-1"),
        ),
        ("doctor_registration_canonical", draft(registration_council="KMC")),
        ("doctor_hpr_id_is_14_digits", doctor(hpr_id="123")),
        ("doctor_specialization_known", doctor(specialization="magic")),
        ("doctor_experience_at_most_80_years", doctor(years_of_experience=81)),
        ("doctor_fee_not_negative", doctor(fee="-1")),
        ("doctor_version_counts_from_1", doctor(version=0)),
        ("doctor_active_is_complete", doctor(full_name="")),
        ("doctor_active_is_complete", doctor(specialization="")),
        ("doctor_active_is_complete", doctor(phone=None)),
        (
            "doctor_active_is_complete",
            doctor(registration_council="", registration_number=None),
        ),
        ("revision_version_once", two_revisions_of_one_version),
        ("credential_status_known", credential(status="LOST")),
        ("credential_kind_known", credential(kind="PRIZE")),
        ("credential_verified_is_its_status", credential(status="VERIFIED")),
        ("credential_verified_is_its_status", verified(status="IN_REVIEW")),
        ("credential_verified_at_a_time", verified(verified_at=None, verified_by=None)),
        ("credential_verified_at_a_time", stray_verification),
        ("credential_verified_pair", verified(verified_by=None)),
        ("credential_file_or_url", credential(certificate_url="")),
        ("credential_file_or_url", credential(certificate="certificates/1")),
        ("credential_file_or_url", credential(certificate="c", certificate_url="")),
        ("credential_change_has_reason", credential(status="NEEDS_CHANGE")),
        ("credential_year_plausible", credential(year=1939)),
        ("credential_year_plausible", credential(year=2101)),
        ("doctor_credentials_replaced_by_id_key", two_credentials_replaced_by_one),
        ("location_state_known", location(state="ZZ")),
        ("location_pin_is_6_digits", location(pin="012345")),
        ("location_pin_is_6_digits", location(pin="56001")),
        ("location_phone_is_e164", location(phone="080 1234")),
        ("location_point_pair", location(latitude="12.9")),
        ("location_point_on_earth", location(latitude="91", longitude="0")),
        ("location_point_on_earth", location(latitude="0", longitude="-181")),
        ("provider_status_known", provider(integration_status="GONE")),
        ("provider_may_book", provider(max_open_bookings_per_day=0)),
        ("provider_hold_1_to_10_minutes", provider(hold_minutes=0)),
        ("provider_hold_1_to_10_minutes", provider(hold_minutes=11)),
        ("provider_is_backfilled", provider(backfill_per_minute=0)),
        ("provider_says_information_use", provider(information_use="")),
        ("insurance_providers_slug_key", twice(make_provider, slug="acme")),
        ("users_email_key", twice(make_admin, email="a@example.org")),
        ("user_email_once", lambda: [make_admin(email=f"{a}@x.org") for a in ("a", "A")]),
        ("user_role_known|user_role_matches_link", user(role="KING")),
        ("user_theme_known", user(theme="pink")),
        ("user_language_known", user(language="xx")),
        ("user_role_matches_link", user(doctor=None)),
        ("user_role_matches_link", lambda: make_admin(doctor=make_doctor())),
        ("user_role_matches_link", user(role="INSURER", insurance_provider=None)),
        ("user_role_matches_link", user(role="DELEGATE", doctor=None)),
        ("user_role_matches_link", lambda: make_user(insurance_provider=make_provider())),
        ("user_phone_of_receptionist", user(phone="+919845012345")),
        ("user_one_per_doctor", two_users_of_one_doctor),
        ("audit_one_actor", two_actors),
        ("seal_position_counts_from_1", seal_at_zero),
        ("audit_seals_audit_log_id_key", two_seals_of_one_row),
        ("outbox_event_once", one_event_twice),
    ],
)
def test_the_database_refuses(constraint: str, make: Make) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        make()
