"""Consents and requests, as the insurer concerned sees them."""

from datetime import datetime

from consent.models import Consent, ConsentRequest
from integrations.representations.values import Json, instant
from registry.models import Doctor


def consent(consent: Consent, *, at: datetime) -> Json:
    """Show a consent as it stands at the aware instant `at`; nobody but its insurer may see it.

    Its doctor should be loaded.
    """
    return {
        "id": str(consent.pk),
        "doctor_id": str(consent.doctor_id),
        "status": consent.status_at(at).value,
        "not_visible_because": _not_visible_because(consent, at),
        "data_classes": sorted(consent.data_classes),
        "purpose": consent.purpose,
        "notice_version": consent.notice_version,
        "granted_at": instant(consent.granted_at),
        "expires_at": _instant(consent.expires_at),
        "revoked_at": _instant(consent.revoked_at),
        "erase_by": _instant(consent.erase_by_at(at)),
        "erasure_acknowledged_at": _instant(consent.erasure_acknowledged_at),
        "erased_at": _instant(consent.erased_at),
        "version": consent.version,
        "created_at": instant(consent.created_at),
        "updated_at": instant(consent.updated_at),
    }


def _not_visible_because(consent: Consent, at: datetime) -> str | None:
    """Say why the doctor is not to be seen, as far as the insurer may know."""
    status = consent.status_at(at)
    if status != Consent.Status.ACTIVE:
        withdrawn = status == Consent.Status.REVOKED
        return "consent_withdrawn" if withdrawn else "consent_expired"
    # Why they are is their own matter.
    is_seen = consent.doctor.status == Doctor.Status.ACTIVE
    return None if is_seen else "doctor_unavailable"


def consent_request(request: ConsentRequest) -> Json:
    """Show a request to the insurer that made it, without anything of its answer."""
    return {
        "registration_number": request.registration_number,
        "data_classes": sorted(request.data_classes),
        "message": request.message or None,
        "asked_at": instant(request.asked_at),
        "answer_by": instant(request.answer_by),
        "ask_again_from": instant(request.ask_again_from),
    }


def _instant(value: datetime | None) -> str | None:
    return None if value is None else instant(value)
