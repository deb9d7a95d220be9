"""Doctors and their credentials, loaded in one statement however many they are."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from consent.models import SHOWS, DataClass
from integrations.representations.values import Json, instant
from registry.models import Doctor, InsuranceProvider
from registry.statements import prepared

CURRENCY = "INR"

# PostgreSQL makes one JSON of a doctor's places and one of the credentials: hundreds of rows come
# faster so than one by one. What is not shared is not even read.
_SEEN = f"""
    SELECT
        d.id, d.version, d.updated_at, c.id, c.data_classes,
        d.full_name, d.registration_council, d.registration_number, d.hpr_id, d.specialization,
        d.languages, d.years_of_experience, d.fee, d.email, d.phone, d.timezone,
        CASE WHEN c.data_classes @> '{{profile}}' THEN (
            SELECT json_agg(json_build_array(
                id, name, address, city, state, pin, latitude, longitude, timezone, phone
            ) ORDER BY name, id)::text
            FROM doctor_locations WHERE doctor_id = d.id AND is_active
        ) END,
        CASE WHEN c.data_classes @> '{{credentials}}' THEN (
            SELECT json_agg(json_build_array(
                id, kind, degree, institution, year, verified, verified_at, valid_until
            ) ORDER BY year DESC, id)::text
            FROM doctor_credentials
            WHERE doctor_id = d.id AND verified AND replaced_by_id IS NULL
                AND (valid_until IS NULL OR valid_until >= %(today)s)
        ) END
    FROM doctors AS d
    JOIN doctor_insurance_consent AS c ON c.doctor_id = d.id
    CROSS JOIN (VALUES (%(status)s)) AS p (integration_status)
    WHERE d.id = ANY(%(doctors)s) AND c.insurance_provider_id = %(provider)s AND {SHOWS}
"""  # noqa: S608  Our own condition.

# The same for a consent that is not given yet.
_SUPPOSED = """JOIN (VALUES (
        %(consent)s::uuid, %(doctor)s::uuid, %(provider)s::uuid, 'ACTIVE', %(at)s::timestamptz,
        NULL::timestamptz, %(data_classes)s::varchar[]
    )) AS c (
        id, doctor_id, insurance_provider_id, consent_status, granted_at, expires_at, data_classes
    )"""
_SEEN_IF = _SEEN.replace("JOIN doctor_insurance_consent AS c", _SUPPOSED)


class Row(NamedTuple):
    """A doctor as the database gives it: all that an insurer could be shown."""

    doctor_id: UUID
    version: int
    updated_at: datetime
    consent_id: UUID
    data_classes: list[str]
    full_name: str
    registration_council: str
    registration_number: str
    hpr_id: str | None
    specialization: str
    languages: list[str]
    years_of_experience: int | None
    fee: Decimal | None
    email: str
    phone: str
    timezone: str
    places: str | None
    credentials: str | None


def doctors_as_seen(
    doctor_ids: Sequence[UUID], *, provider: InsuranceProvider, at: datetime
) -> list[Json]:
    """Show doctors in the order given, each with what it shares with the insurer and no more.

    A doctor whom the insurer may not see at the aware instant `at` is left out, and a data class
    that was not granted has no key.
    """
    rows = _load(doctor_ids, provider, at)
    return [shown_of(rows[doctor_id]) for doctor_id in doctor_ids if doctor_id in rows]


def doctor_if_shared(
    doctor: Doctor,
    *,
    provider: InsuranceProvider,
    consent_id: UUID,
    data_classes: Sequence[str],
    at: datetime,
) -> Json:
    """Show a doctor as the insurer would see it if these data classes were what is shared.

    Empty where something else than the consent stands against it.
    """
    supposed = {
        "consent": consent_id, "doctor": doctor.pk, "data_classes": list(data_classes)
    }  # fmt: skip
    row = _load([doctor.pk], provider, at, **supposed).get(doctor.pk)
    return {} if row is None else shown_of(row)


def credentials_as_seen(doctor: Doctor, *, provider: InsuranceProvider, at: datetime) -> Json:
    """Show a doctor's verified credentials; without the data class there is no `items`."""
    row = _load([doctor.pk], provider, at).get(doctor.pk)
    if row is None:
        return {}
    shown: Json = {"doctor_id": str(doctor.pk), "version": row.version}
    if DataClass.CREDENTIALS in row.data_classes:
        shown["items"] = _credentials(row)
    return shown


def _load(
    doctor_ids: Sequence[UUID], provider: InsuranceProvider, at: datetime, **supposed: Any
) -> dict[UUID, Row]:
    given: dict[str, Any] = {
        **supposed,
        "doctors": list(doctor_ids),
        "provider": provider.pk,
        "status": provider.integration_status,
        "at": at,
        "today": at.date(),
    }
    with prepared() as cursor:
        cursor.execute(_SEEN_IF if supposed else _SEEN, given)
        rows = [Row(*values) for values in cursor.fetchall()]
    return {row.doctor_id: row for row in rows}


def shown_of(row: Row) -> Json:
    """Show what of a doctor is shared; a data class that was not granted has no key."""
    shown: Json = {
        "id": str(row.doctor_id),
        "version": row.version,
        "updated_at": instant(row.updated_at),
        "consent_id": str(row.consent_id),
        "data_classes": sorted(row.data_classes),
    }
    if DataClass.PROFILE in row.data_classes:
        shown |= _profile(row)
    if DataClass.CREDENTIALS in row.data_classes:
        shown["credentials"] = _credentials(row)
    return shown


def _profile(row: Row) -> Json:
    return {
        "full_name": row.full_name,
        "registration_council": row.registration_council,
        "registration_number": row.registration_number,
        "hpr_id": row.hpr_id,
        "specialization": row.specialization,
        "languages": row.languages,
        "years_of_experience": row.years_of_experience,
        "fee": _money(row.fee),
        "email": row.email,
        "phone": row.phone,
        "timezone": row.timezone,
        "locations": [_place(*values) for values in orjson.loads(row.places or "[]")],
    }


def _place(
    place_id: str,
    name: str,
    address: str,
    city: str,
    state: str,
    pin: str,
    latitude: float | None,
    longitude: float | None,
    timezone: str,
    phone: str,
) -> Json:
    return {
        "id": place_id,
        "name": name,
        "address": address,
        "city": city,
        "state": state,
        "pin": pin,
        "latitude": latitude,
        "longitude": longitude,
        "timezone": timezone,
        "phone": phone or None,
    }


def _credentials(row: Row) -> list[Json]:
    return [_credential(*values) for values in orjson.loads(row.credentials or "[]")]


def _credential(
    credential_id: str,
    kind: str,
    degree: str,
    institution: str,
    year: int,
    verified: bool,  # noqa: FBT001  A column in its place.
    verified_at: str,
    valid_until: str | None,
) -> Json:
    return {
        "id": credential_id,
        "kind": kind,
        "degree": degree,
        "institution": institution,
        "year": year,
        "verified": verified,
        "verified_at": instant(datetime.fromisoformat(verified_at)),
        "valid_until": valid_until,
    }


def _money(amount: Decimal | None) -> Json | None:
    return None if amount is None else {"amount": f"{amount:.2f}", "currency": CURRENCY}
