from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry import ledger
from registry.actions import versions
from registry.actions.refusals import Refused, constraint_of, sentence
from registry.models import Doctor, DoctorCredential, DoctorLocation, User
from registry.reference import canonical_registration

PROFILE_FIELDS = frozenset(
    {
        "full_name",
        "phone",
        "registration_council",
        "registration_number",
        "hpr_id",
        "specialization",
        "languages",
        "years_of_experience",
        "fee",
        "timezone",
    }
)
PLACE_FIELDS = frozenset(
    {
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
    }
)
# An admin compared these with the papers; insurers take them for verified.
PROVEN_FIELDS = frozenset({"full_name", "registration_council", "registration_number", "hpr_id"})
_UNIQUE = {
    "doctors_phone_key": "phone",
    "doctors_registration_number_key": "registration_number",
    "doctors_hpr_id_key": "hpr_id",
}
_WORDS = {
    "phone": _("phone number"),
    "registration_number": _("registration number"),
    "hpr_id": _("HPR ID"),
}


class AlreadyTaken(Refused):
    """Another doctor has this phone, registration number or HPR ID."""

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(
            gettext(
                "Another doctor already has this %(number)s. "
                "Check it, and write to us if it is yours."
            )
            % {"number": _WORDS[field]}
        )


class ZoneKept(Refused):
    """The place has hours or appointments, which another zone would move; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(
            gettext(
                "This place has hours or appointments in its time zone. Add a new place instead."
            )
        )


class Incomplete(Refused):
    """The profile lacks what an admin needs; `lacks` names it."""

    def __init__(self, lacks: list[str]) -> None:
        self.lacks = lacks
        super().__init__(gettext("Still missing: %(sentence)s.") % {"sentence": sentence(lacks)})


class AlreadySent(Refused):
    """The profile is not a draft, so there is nothing to send."""

    def __init__(self) -> None:
        super().__init__(gettext("Your profile was already sent."))


@transaction.atomic(durable=True)
def update_profile(*, doctor: Doctor, changes: Mapping[str, Any], by: User, at: datetime) -> Doctor:
    """Change parts of a profile; insurers who may see the doctor are told.

    An active doctor who changes name, council, registration number or HPR ID goes back to
    SUBMITTED and out of insurers' sight until an admin has compared them with the papers again:
    an insurer must never take an unverified number for a verified one. The page says so before
    the doctor saves. Where nothing differs, nothing is written.

    Args:
        changes: new values by field, among `PROFILE_FIELDS`; council and number come together,
            the number as written on the certificate or canonical.

    Raises:
        AlreadyTaken: the database settled it; nothing was changed.
        Incomplete: an active profile cannot lose what made it complete.
    """
    return _update_profile(doctor, changes, by=by, at=at)


@contextmanager
def as_if_updated(
    *, doctor: Doctor, changes: Mapping[str, Any], by: User, at: datetime
) -> Iterator[Doctor]:
    """Let a block see the profile as `update_profile` would leave it; nothing of it stays.

    The change is really made, by every rule, and taken back when the block ends. Others who change
    the record wait meanwhile.

    Raises:
        AlreadyTaken, Incomplete: as `update_profile` would.
    """
    with transaction.atomic(durable=True):
        yield _update_profile(doctor, changes, by=by, at=at)
        transaction.set_rollback(True)


def _update_profile(
    doctor: Doctor, changes: Mapping[str, Any], *, by: User, at: datetime
) -> Doctor:
    standing = versions.lock(doctor)
    changed = _apply(standing, _canonical(changes), PROFILE_FIELDS)
    if not changed:
        return standing
    was_active = standing.status == Doctor.Status.ACTIVE
    if was_active and standing.lacks:
        raise Incomplete(standing.lacks)
    unproven = was_active and not PROVEN_FIELDS.isdisjoint(changed)
    if unproven:
        standing.status = Doctor.Status.SUBMITTED
    try:
        versions.stamp(standing, by=by, at=at, fields=[*changed, "status"])
    except IntegrityError as error:
        if field := _UNIQUE.get(constraint_of(error)):
            raise AlreadyTaken(field) from error
        raise
    ledger.record(
        "doctor.updated", subject=standing, by=by, at=at, changed=changed, check_again=unproven
    )
    versions.tell("doctor.withdrawn" if unproven else "doctor.updated", standing, at=at)
    return standing


@transaction.atomic(durable=True)
def add_place(
    *, doctor: Doctor, values: Mapping[str, Any], by: User, at: datetime
) -> DoctorLocation:
    """Add a place where the doctor sees patients.

    Args:
        values: by field, among `PLACE_FIELDS`; the phone is E.164 or empty.
    """
    standing = versions.lock(doctor)
    place = DoctorLocation(doctor=standing)
    _apply(place, values, PLACE_FIELDS)
    place.save()
    _changed_place("place.added", place, by=by, at=at)
    return place


@transaction.atomic(durable=True)
def update_place(
    *, location: DoctorLocation, changes: Mapping[str, Any], by: User, at: datetime
) -> DoctorLocation:
    """Change a place; where nothing differs, nothing is written.

    A place that is no longer active offers no times; booked appointments stay as they are.

    Args:
        changes: new values by field, among `PLACE_FIELDS`.

    Raises:
        ZoneKept: it has hours or appointments, or will have; the database settled it.
    """
    doctor = versions.lock(location.doctor)
    standing = DoctorLocation.objects.select_for_update().get(pk=location.pk)
    standing.doctor = doctor
    changed = _apply(standing, changes, PLACE_FIELDS)
    if changed:
        _save_place(standing, changed)
        _changed_place("place.updated", standing, by=by, at=at, changed=changed)
    return standing


@transaction.atomic(durable=True)
def submit(*, doctor: Doctor, by: User, at: datetime) -> Doctor:
    """Send a draft profile to be checked, with the doctor's word that it is true.

    Raises:
        AlreadySent: nothing was changed.
        Incomplete: nothing was changed; `lacks` names what to add.
    """
    standing = versions.lock(doctor)
    if standing.status != Doctor.Status.DRAFT:
        raise AlreadySent
    if lacks := standing.lacks_to_submit(standing.day_at(at)):
        raise Incomplete(lacks)
    standing.status, standing.attested_at = Doctor.Status.SUBMITTED, at
    DoctorCredential.objects.filter(
        doctor=standing, status=DoctorCredential.Status.UPLOADED
    ).update(status=DoctorCredential.Status.IN_REVIEW, updated_at=at)
    versions.stamp(standing, by=by, at=at, fields=["status", "attested_at"])
    ledger.record("doctor.submitted", subject=standing, by=by, at=at)
    versions.tell("doctor.updated", standing, at=at)
    return standing


def _canonical(changes: Mapping[str, Any]) -> dict[str, Any]:
    if "registration_number" not in changes:
        return dict(changes)
    council, number = changes["registration_council"], changes["registration_number"]
    return {**changes, "registration_number": canonical_registration(council, number or "")}


def _apply(row: models.Model, values: Mapping[str, Any], allowed: frozenset[str]) -> list[str]:
    """Set what differs and name it."""
    if unknown := values.keys() - allowed:
        raise TypeError(f"{sorted(unknown)} cannot be changed here")
    changed = []
    for name, value in values.items():
        column: models.Field[Any, Any] = row._meta.get_field(name)  # type: ignore[assignment]  # What is allowed is columns.
        new = column.to_python(value)
        new = None if new == "" and column.null else new
        if getattr(row, name) != new:
            setattr(row, name, new)
            changed.append(name)
    return sorted(changed)


def _save_place(place: DoctorLocation, changed: list[str]) -> None:
    try:
        place.save(update_fields=changed)
    except IntegrityError as error:
        if constraint_of(error) == "place_keeps_its_zone":
            raise ZoneKept from error
        raise


def _changed_place(
    action: str, place: DoctorLocation, *, by: User, at: datetime, **metadata: Any
) -> None:
    versions.stamp(place.doctor, by=by, at=at)
    ledger.record(action, subject=place, by=by, at=at, **metadata)
    versions.tell("doctor.updated", place.doctor, at=at)
