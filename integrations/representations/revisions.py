"""Doctors as they stood at an earlier instant, for a dispute; from the revisions that are kept."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from consent.models import Consent, ConsentEvent
from integrations.representations.doctors import Row, shown_of
from integrations.representations.values import Json
from registry.models import Doctor, DoctorCredential, DoctorRevision

_PROFILE = (
    "full_name", "registration_council", "registration_number", "hpr_id", "specialization",
    "languages", "years_of_experience", "email", "phone", "timezone",
)  # fmt: skip
_PLACE = ("id", "name", "address", "city", "state", "pin")
_CREDENTIAL = ("id", "kind", "degree", "institution", "year")


def doctor_as_of(consent: Consent, as_of: datetime) -> Json | None:
    """Show a doctor as at an aware instant, with what was shared then and is shared still.

    `None` where there was nothing to be seen then. Whether the insurer may see the doctor now, and
    whether the instant lies within the consent's period, is the caller's to check.
    """
    revision = (
        DoctorRevision.objects.filter(doctor=consent.doctor_id, changed_at__lte=as_of)
        .order_by("-version")
        .first()
    )
    step = ConsentEvent.objects.filter(consent=consent, at__lte=as_of).order_by("-version").first()
    if revision is None or step is None:
        return None
    if revision.snapshot["profile"]["status"] != Doctor.Status.ACTIVE:
        return None
    shared_then = {piece["code"] for piece in step.receipt["processing"]["data_classes"]}
    shared = [code for code in consent.data_classes if code in shared_then]
    return shown_of(_row(revision, consent, shared, as_of))


def _row(revision: DoctorRevision, consent: Consent, shared: list[str], as_of: datetime) -> Row:
    kept: dict[str, Any] = revision.snapshot
    profile = kept["profile"]
    return Row(
        doctor_id=revision.doctor_id,
        version=revision.version,
        updated_at=revision.changed_at,
        consent_id=consent.pk,
        data_classes=shared,
        **{name: profile[name] for name in _PROFILE},
        fee=None if profile["fee"] is None else Decimal(profile["fee"]),
        places=orjson.dumps(list(_places(kept["places"]))).decode(),
        credentials=orjson.dumps(list(_credentials(kept["credentials"], as_of))).decode(),
    )


def _places(kept: list[Json]) -> Iterator[list[Any]]:
    for place in sorted(kept, key=lambda place: (place["name"], place["id"])):
        if place["is_active"]:
            point = (place["latitude"], place["longitude"])
            yield [
                *(place[name] for name in _PLACE),
                *(None if degrees is None else float(degrees) for degrees in point),
                place["timezone"],
                place["phone"],
            ]


def _credentials(kept: list[Json], as_of: datetime) -> Iterator[list[Any]]:
    day = as_of.date().isoformat()
    for one in sorted(kept, key=lambda one: (-one["year"], one["id"])):
        is_verified = one["status"] == DoctorCredential.Status.VERIFIED
        has_run_out = one["valid_until"] is not None and one["valid_until"] < day
        if is_verified and one["replaced_by_id"] is None and not has_run_out:
            yield [
                *(one[name] for name in _CREDENTIAL), True, one["verified_at"], one["valid_until"]
            ]  # fmt: skip
