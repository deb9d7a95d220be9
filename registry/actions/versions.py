"""What every change of a doctor's record leaves behind: a version, a snapshot, an event."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from registry import ledger
from registry.models import (
    Doctor,
    DoctorCredential,
    DoctorLocation,
    DoctorRevision,
    User,
)

_PROFILE = [
    "full_name",
    "email",
    "phone",
    "registration_council",
    "registration_number",
    "hpr_id",
    "specialization",
    "languages",
    "years_of_experience",
    "fee",
    "timezone",
    "status",
    "attested_at",
]
_PLACE = [
    "id",
    "name",
    "address",
    "city",
    "state",
    "pin",
    "latitude",
    "longitude",
    "timezone",
    "phone",
    "is_active",
]
_CREDENTIAL = [
    "id",
    "kind",
    "degree",
    "institution",
    "year",
    "sha256",
    "status",
    "reason",
    "valid_until",
    "verified_at",
    "replaced_by_id",
]


def lock(doctor: Doctor) -> Doctor:
    """Read the doctor anew and keep others from changing the record until the commit."""
    return Doctor.objects.select_for_update(no_key=True).get(pk=doctor.pk)


def stamp(doctor: Doctor, *, by: User | None, at: datetime, fields: Iterable[str] = ()) -> None:
    """Save a locked doctor as the next version and keep the whole record as it now stands.

    Args:
        fields: which columns of the doctor changed besides the version.
    """
    doctor.version += 1
    doctor.save(update_fields=[*fields, "version"])
    keep(doctor, by=by, at=at)


def keep(doctor: Doctor, *, by: User | None, at: datetime) -> None:
    """Keep the record as it stands at the doctor's version."""
    DoctorRevision.objects.create(
        doctor=doctor,
        version=doctor.version,
        snapshot=_snapshot(doctor),
        changed_by=by,
        changed_at=at,
    )


def tell(event_type: str, doctor: Doctor, *, at: datetime) -> None:
    """Publish an event of the doctor at the version just stamped."""
    ledger.publish(
        event_type,
        subject=doctor,
        version=doctor.version,
        at=at,
        doctor=doctor,
        doctor_id=str(doctor.pk),
    )


def _snapshot(doctor: Doctor) -> dict[str, Any]:
    rows = {
        "profile": Doctor.objects.filter(pk=doctor.pk).values(*_PROFILE).get(),
        "places": list(
            DoctorLocation.objects.filter(doctor=doctor).order_by("created_at").values(*_PLACE)
        ),
        "credentials": list(
            DoctorCredential.objects.filter(doctor=doctor)
            .order_by("created_at")
            .values(*_CREDENTIAL)
        ),
    }
    plain: dict[str, Any] = json.loads(json.dumps(rows, cls=DjangoJSONEncoder))
    return plain
