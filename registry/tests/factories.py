"""Rows for tests; each function fills what the caller leaves out."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from registry.models import (
    Doctor,
    DoctorCredential,
    DoctorLocation,
    InsuranceProvider,
    User,
)

# A Monday, 9:00 in India.
NOW = datetime(2026, 11, 23, 3, 30, tzinfo=UTC)
PASSWORD = "correct horse battery"

_numbers = count(1)


def make_doctor(**given: Any) -> Doctor:
    """Add a verified, synthetic doctor in India."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "full_name": f"Asha Rao {number}",
        "email": f"doctor{number}@example.org",
        "phone": f"+9198{number:08d}",
        "registration_council": "KMC",
        "registration_number": f"KMC-{number:06d}",
        "specialization": "general_medicine",
        "languages": ["en", "kn"],
        "years_of_experience": 12,
        "fee": "600.00",
        "is_sandbox": True,
        "status": Doctor.Status.ACTIVE,
        "attested_at": NOW,
    }
    return Doctor.objects.create(**(values | given))


def make_draft_doctor(**given: Any) -> Doctor:
    """Add a doctor who has just signed up and filled in nothing."""
    empty: dict[str, Any] = {
        "full_name": "",
        "phone": None,
        "registration_council": "",
        "registration_number": None,
        "specialization": "",
        "languages": [],
        "years_of_experience": None,
        "fee": None,
        "status": Doctor.Status.DRAFT,
        "attested_at": None,
    }
    return make_doctor(**(empty | given))


def make_user(**given: Any) -> User:
    """Add a doctor's account; `doctor=` chooses whose."""
    role = given.get("role", User.Role.DOCTOR)
    needs_doctor = role in {User.Role.DOCTOR, User.Role.DELEGATE}
    if needs_doctor and "doctor" not in given:
        given["doctor"] = make_doctor()
    if role == User.Role.INSURER and "insurance_provider" not in given:
        given["insurance_provider"] = make_provider()
    values: dict[str, Any] = {"email": f"user{next(_numbers)}@example.org", "role": role}
    user = User(**(values | given))
    user.set_password(PASSWORD)
    user.save()
    return user


def make_admin(**given: Any) -> User:
    """Add an admin who may do everything."""
    return make_user(**({"role": User.Role.ADMIN, "is_superuser": True} | given))


def make_location(doctor: Doctor, **given: Any) -> DoctorLocation:
    """Add a place in Bengaluru."""
    values: dict[str, Any] = {
        "name": "Jayanagar Clinic",
        "address": "12, 4th Block",
        "city": "Bengaluru",
        "state": "KA",
        "pin": "560011",
    }
    return DoctorLocation.objects.create(doctor=doctor, **(values | given))


def make_credential(doctor: Doctor, **given: Any) -> DoctorCredential:
    """Add a degree whose certificate is on somebody else's server."""
    values: dict[str, Any] = {
        "degree": "MBBS",
        "institution": "Bangalore Medical College",
        "year": 2008,
        "certificate_url": "https://example.org/certificate.pdf",
    }
    return DoctorCredential.objects.create(doctor=doctor, **(values | given))


def make_verified_credential(doctor: Doctor, **given: Any) -> DoctorCredential:
    """Add a degree that an admin has verified."""
    if "verified_by" not in given:
        given["verified_by"] = make_admin()
    verified: dict[str, Any] = {
        "status": DoctorCredential.Status.VERIFIED,
        "verified": True,
        "verified_at": NOW,
    }
    return make_credential(doctor, **(verified | given))


def as_status(status: str) -> dict[str, Any]:
    """Give what an insurer of a status has; a live one was brought there by a reason."""
    if status != InsuranceProvider.Status.LIVE:
        return {"integration_status": status}
    return {"integration_status": status, "live_at": NOW, "live_reason": "Brought live by a test."}


def make_provider(**given: Any) -> InsuranceProvider:
    """Add an insurer in the sandbox, which sees synthetic doctors."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "name": f"Insurer {number}",
        "slug": f"insurer-{number}",
        "information_use": "To show you to our members and to book their visits.",
    }
    values |= as_status(given.get("integration_status", InsuranceProvider.Status.SANDBOX))
    return InsuranceProvider.objects.create(**(values | given))
