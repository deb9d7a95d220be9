"""Receipts: what a consent said after one step, signed so that anybody can check it offline.

Fields follow ISO/IEC TS 27560, the artefact follows ABDM's with the doctor in the patient's place.
`settings.RECEIPT_KEYS` is a JWK set, oldest key first. The newest private key signs; older ones
stay in the set, with or without their private part, so that old receipts stay valid.
"""

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import rfc8785
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import OKPKey

from consent.models import ERASE_WITHIN, Consent, ConsentEvent
from consent.notices import Notice
from registry.models import Doctor, InsuranceProvider

SCHEMA = "ISO/IEC TS 27560:2023"
RECEIPT_SCHEMA = "docport-consent-receipt/1"
ALGORITHM = "EdDSA"
_PUBLIC_MEMBERS = ("kty", "crv", "x", "kid", "use")

# RFC 9864 renames EdDSA to Ed25519, which few libraries read yet; a receipt must verify everywhere.
warnings.filterwarnings("ignore", message="EdDSA is deprecated", category=SecurityWarning)


class ReceiptNotGenuine(Exception):
    """The signature does not belong to these words, or to no key of ours."""


@dataclass(frozen=True)
class Said:
    """What holds between a doctor and an insurer after a step, and in which record it stands."""

    record_id: UUID
    doctor: Doctor
    provider: InsuranceProvider
    state: str
    data_classes: list[str]
    purpose: str
    language: str
    granted_at: datetime | None = None
    ends_at: datetime | None = None
    erase_by: datetime | None = None


def said_by(consent: Consent) -> Said:
    """Give what a consent says as it stands."""
    return Said(
        record_id=consent.pk,
        doctor=consent.doctor,
        provider=consent.insurance_provider,
        state=consent.consent_status,
        data_classes=consent.data_classes,
        purpose=consent.purpose,
        language=consent.language,
        granted_at=consent.granted_at,
        ends_at=min(filter(None, (consent.revoked_at, consent.expires_at)), default=None),
        erase_by=consent.erase_by,
    )


def utc(at: datetime | None) -> str | None:
    """Write an instant as ISO 8601 UTC with `Z`."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def canonical(receipt: dict[str, Any]) -> bytes:
    """Give the bytes that are hashed and signed: canonical JSON (RFC 8785)."""
    return rfc8785.dumps(receipt)


def sha256(receipt: dict[str, Any]) -> str:
    """Give the hash that a receipt is known by."""
    return hashlib.sha256(canonical(receipt)).hexdigest()


def build(
    event: ConsentEvent, *, said: Said, notice: Notice, previous: ConsentEvent | None
) -> dict[str, Any]:
    """Say in JSON what holds after this step.

    Args:
        event: the step, not yet saved.
        notice: what the doctor read.
        previous: the step before, whose hash ties the history together.
    """
    return {
        "receipt": {"schema_version": RECEIPT_SCHEMA, "receipt_id": str(event.pk)},
        "record": {
            "schema_version": SCHEMA,
            "record_id": str(said.record_id),
            "principal_id": str(said.doctor.pk),
            "version": event.version,
            "previous_receipt_sha256": previous and previous.receipt_sha256,
        },
        "processing": _processing(said, notice),
        "parties": _parties(said),
        "event": {
            "time": utc(event.at),
            "type": event.kind,
            "state": said.state,
            "validity": {"from": utc(said.granted_at), "until": utc(said.ends_at)},
            "entity": {"id": str(event.by_id), "type": event.by.role} if event.by else None,
        },
        "artefact": _artefact(said, at=event.at),
    }


def _processing(said: Said, notice: Notice) -> dict[str, Any]:
    detail = reverse("docport:insurer", args=[said.provider.slug])
    return {
        "notice": {
            "version": notice.version,
            "language": notice.language,
            "sha256": notice.sha256,
            "insurer": notice.insurer,
            "information_use": notice.information_use,
        },
        "language": said.language,
        "purpose": {"code": said.purpose, "words": notice.purpose},
        "data_classes": [
            {"code": piece.code, "name": piece.name, "items": [item.words for item in piece.items]}
            for piece in notice.of(said.data_classes)
        ],
        "controllers": ["docport", str(said.provider.pk)],
        "recipients": [str(said.provider.pk)],
        "storage_location": settings.BASE_URL,
        "retention": f"Until the consent ends, then erased within {ERASE_WITHIN.days} days",
        "jurisdiction": "IN",
        "withdrawal_method": f"{settings.BASE_URL}{detail}",
    }


def _parties(said: Said) -> list[dict[str, Any]]:
    doctor, provider = said.doctor, said.provider
    return [
        {
            "id": str(doctor.pk),
            "type": "principal",
            "name": doctor.addressed_as,
            "registration_number": doctor.registration_number,
        },
        {
            "id": "docport",
            "type": "controller",
            "name": "DocPort",
            "address": settings.BASE_URL,
            "contact": settings.DEFAULT_FROM_EMAIL,
        },
        {
            "id": str(provider.pk),
            "type": "recipient",
            "name": provider.name,
            "address": provider.api_base_url,
            "contact": provider.contact_email,
        },
    ]


def _artefact(said: Said, *, at: datetime) -> dict[str, Any]:
    return {
        "consentId": str(said.record_id),
        "createdAt": utc(at),
        "purpose": {"code": said.purpose},
        "doctor": {"id": str(said.doctor.pk)},
        "requester": {"id": str(said.provider.pk), "name": said.provider.name},
        "dataClasses": [code.upper() for code in said.data_classes],
        "permission": {
            "accessMode": "STORE",
            "dateRange": {"from": utc(said.granted_at), "to": utc(said.ends_at)},
            "dataEraseAt": utc(said.erase_by or (said.ends_at and said.ends_at + ERASE_WITHIN)),
            # No limit was agreed on how often the insurer may read.
            "frequency": None,
        },
    }


def sign(receipt: dict[str, Any]) -> str:
    """Sign a receipt with the newest key; gives a compact JWS (RFC 7515) whose payload it is."""
    key = _signing_key()
    header = {"alg": ALGORITHM, "typ": "consent-receipt+jws", "kid": key.kid}
    return jws.serialize_compact(header, canonical(receipt), key, algorithms=[ALGORITHM])


def verify(signature: str) -> bytes:
    """Check a compact JWS with our public keys alone; gives the receipt's canonical JSON.

    Raises:
        ReceiptNotGenuine: something was altered, or the key is not ours.
    """
    known = {jwk["kid"]: jwk for jwk in public_keys()["keys"]}
    try:
        claimed = jws.extract_compact(signature.encode())
        key = OKPKey.import_key(dict(known[claimed.headers()["kid"]]))
        return jws.deserialize_compact(signature, key, algorithms=[ALGORITHM]).payload
    except (JoseError, KeyError, ValueError, TypeError) as error:
        raise ReceiptNotGenuine from error


def read(text: str) -> dict[str, Any]:
    """Check a receipt that somebody kept, and give what was signed.

    Args:
        text: the file that doctors download, or the compact JWS alone.

    Raises:
        ReceiptNotGenuine: it says why, for whoever holds the file.
    """
    kept: Any = {"signature": text}
    if text.startswith("{"):
        try:
            kept = json.loads(text)
        except ValueError as error:
            raise ReceiptNotGenuine("it is no JSON") from error
    try:
        signed = verify(str(kept.get("signature")))
    except ReceiptNotGenuine as error:
        raise ReceiptNotGenuine("the signature is not ours, or not of these words") from error
    receipt: dict[str, Any] = json.loads(signed)
    if kept.get("receipt", receipt) != receipt:
        raise ReceiptNotGenuine("the words differ from the signed ones")
    if kept.get("receipt_sha256", sha256(receipt)) != sha256(receipt):
        raise ReceiptNotGenuine("the hash is not that of the signed words")
    return receipt


def is_genuine(event: ConsentEvent) -> bool:
    """Tell whether a stored receipt is, byte for byte, what was signed."""
    try:
        signed = verify(event.signature)
    except ReceiptNotGenuine:
        return False
    return signed == canonical(event.receipt) and event.receipt_sha256 == sha256(event.receipt)


def public_keys() -> dict[str, list[dict[str, str]]]:
    """Give the JWK set (RFC 7517) that verifies receipts; private members are never copied."""
    return {
        "keys": [
            {name: jwk[name] for name in _PUBLIC_MEMBERS if name in jwk} | {"alg": ALGORITHM}
            for jwk in _configured_keys()
            if jwk.get("kty") == "OKP"
        ]
    }


def check_keys(**_: Any) -> list[CheckMessage]:
    """Refuse to deploy with keys that cannot sign, or whose ids do not tell them apart."""
    try:
        _signing_key()
    except (ImproperlyConfigured, JoseError, ValueError) as error:
        return [Error(f"Receipts cannot be signed: {error}", id="consent.E001")]
    ids = [jwk.get("kid") for jwk in public_keys()["keys"]]
    if None in ids or len(set(ids)) < len(ids):
        return [Error("Each key in RECEIPT_KEYS needs a kid of its own.", id="consent.E002")]
    return []


def _signing_key() -> OKPKey:
    private = [jwk for jwk in _configured_keys() if jwk.get("kty") == "OKP" and "d" in jwk]
    if not private:
        raise ImproperlyConfigured("RECEIPT_KEYS holds no private Ed25519 key to sign with.")
    return OKPKey.import_key(private[-1])


def _configured_keys() -> Sequence[dict[str, Any]]:
    keys: Sequence[dict[str, Any]] = settings.RECEIPT_KEYS.get("keys", [])
    return keys
