"""Doctors as an insurer comes to see them, what it asks of them, and how it loses sight of them."""

from datetime import timedelta
from typing import Any

from consent.models import Consent
from consent.tests.factories import make_consent
from integrations.tests.insurers import Caller
from registry.models import Doctor
from registry.tests.factories import NOW, make_doctor
from scheduling.tests.factories import make_window


def share(caller: Caller, doctor: Doctor | None = None, **given: Any) -> Doctor:
    """Let a doctor opt in to the caller."""
    doctor = doctor or make_doctor()
    make_consent(doctor=doctor, insurance_provider=caller.provider, **given)
    return doctor


def open_on_tuesdays(caller: Caller, **given: Any) -> Doctor:
    """Let a doctor who opts in to the caller keep hours on Tuesdays."""
    doctor = share(caller, **given)
    make_window(doctor)
    return doctor


def wanted(doctor: Doctor, **given: Any) -> dict[str, Any]:
    """Give the body that asks for the first time of the doctor's Tuesday."""
    return {
        "doctor_id": str(doctor.pk),
        "start": "2026-11-24T09:00:00+05:30",
        "external_appointment_id": "V-1",
        "patient_reference": "member-7731",
    } | given


def withdraw(doctor: Doctor) -> None:
    """Let a doctor opt out everywhere."""
    Consent.objects.filter(doctor=doctor).update(
        consent_status=Consent.Status.REVOKED,
        revoked_at=NOW,
        erase_by=NOW + timedelta(days=30),
    )
