"""Rows for tests; each function fills what the caller leaves out."""

from datetime import datetime, timedelta
from typing import Any

from consent import actions
from consent.models import ANSWER_WITHIN, QUIET_AFTER, Consent, ConsentRequest, DataClass
from registry.models import InsuranceProvider, User
from registry.tests.factories import NOW, make_doctor, make_provider


def make_consent(**given: Any) -> Consent:
    """Add a consent in force since yesterday to everything; `doctor=` and `insurance_provider=`."""
    if "doctor" not in given:
        given["doctor"] = make_doctor()
    if "insurance_provider" not in given:
        given["insurance_provider"] = make_provider()
    values: dict[str, Any] = {
        "consent_status": Consent.Status.ACTIVE,
        "data_classes": DataClass.values,
        "purpose": "opd_network",
        "notice_version": "2026-11",
        "granted_at": NOW - timedelta(days=1),
    }
    return Consent.objects.create(**(values | given))


def make_withdrawn_consent(**given: Any) -> Consent:
    """Add a consent that was withdrawn an hour ago."""
    withdrawn_at = NOW - timedelta(hours=1)
    values: dict[str, Any] = {
        "consent_status": Consent.Status.REVOKED,
        "revoked_at": withdrawn_at,
        "erase_by": withdrawn_at + timedelta(days=30),
    }
    return make_consent(**(values | given))


def make_request(**given: Any) -> ConsentRequest:
    """Add an insurer's open request of `NOW`; `doctor=` chooses whom it asks."""
    doctor = given.pop("doctor", None)
    if "insurance_provider" not in given:
        given["insurance_provider"] = make_provider()
    if "registration_number" not in given:
        given["registration_number"] = (doctor or make_doctor()).registration_number
    asked_at = given.setdefault("asked_at", NOW)
    values: dict[str, Any] = {
        "data_classes": ["profile", "availability"],
        "answer_by": asked_at + ANSWER_WITHIN,
        "ask_again_from": asked_at + ANSWER_WITHIN + QUIET_AFTER,
    }
    return ConsentRequest.objects.create(**(values | given))


def give(user: User, provider: InsuranceProvider, at: datetime = NOW) -> Consent:
    """Let a doctor share their profile with an insurer until they withdraw, with a receipt."""
    assert user.doctor
    return actions.give(
        doctor=user.doctor,
        provider=provider,
        data_classes=["profile"],
        expires_at=None,
        language="en",
        by=user,
        at=at,
    )
