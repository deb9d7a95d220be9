"""What an admin decides about a doctor and the doctor's papers."""

from datetime import datetime

from django.db import transaction

from registry import ledger
from registry.actions import versions
from registry.actions.refusals import Refused, sentence
from registry.models import Doctor, DoctorCredential, User

Status = DoctorCredential.Status


class AlreadyChecked(Refused):
    """The certificate is not waiting for this decision, or a newer upload replaced it."""


class NotReady(Refused):
    """The doctor lacks what an active one must have; `lacks` names it."""

    def __init__(self, lacks: list[str]) -> None:
        self.lacks = lacks
        super().__init__(f"This doctor cannot be activated. Still missing: {sentence(lacks)}.")


class AlreadyActive(Refused):
    """There is nothing to activate."""

    def __init__(self) -> None:
        super().__init__("This doctor is already active.")


class AlreadySuspended(Refused):
    """There is nothing to suspend."""

    def __init__(self) -> None:
        super().__init__("This doctor is already suspended.")


class ChangedSince(Refused):
    """The doctor's record is no longer what the admin who decides has seen."""

    def __init__(self) -> None:
        super().__init__("This doctor's record changed since you opened this page: look again.")


@transaction.atomic(durable=True)
def verify_credential(
    *, credential: DoctorCredential, by: User, at: datetime, seen_version: int | None = None
) -> DoctorCredential:
    """Vouch that a certificate is genuine and says what the doctor says.

    Args:
        seen_version: version of the doctor that the admin compared it with; `None` where nobody
            looked at a page.

    Raises:
        AlreadyChecked: it is verified, has run out or was replaced; nothing was changed.
        ChangedSince: the doctor has another version by now; nothing was changed.
    """
    doctor, standing = _lock(credential)
    if standing.status in {Status.VERIFIED, Status.EXPIRED}:
        raise AlreadyChecked(
            f"This certificate is already {standing.get_status_display().lower()}."
        )
    _same_as_seen(doctor, seen_version)
    standing.status, standing.verified, standing.reason = Status.VERIFIED, True, ""
    standing.verified_by, standing.verified_at = by, at
    standing.save(update_fields=["status", "verified", "reason", "verified_by", "verified_at"])
    ledger.record("credential.verified", subject=standing, by=by, at=at)
    versions.stamp(doctor, by=by, at=at)
    versions.tell("doctor.updated", doctor, at=at)
    return standing


@transaction.atomic(durable=True)
def ask_for_change(
    *, credential: DoctorCredential, reason: str, by: User, at: datetime
) -> DoctorCredential:
    """Send a certificate back to the doctor.

    It can also undo a verification. An active doctor left without any verified certificate goes
    back to SUBMITTED and out of insurers' sight.

    Args:
        reason: what is wrong and what helps, in words the doctor reads.

    Raises:
        AlreadyChecked: it was replaced, or the doctor was already asked for the same change;
            nothing was changed.
    """
    doctor, standing = _lock(credential)
    if standing.status == Status.NEEDS_CHANGE and standing.reason == reason:
        raise AlreadyChecked("The doctor was already asked for this change.")
    standing.status, standing.verified, standing.reason = Status.NEEDS_CHANGE, False, reason
    standing.verified_by, standing.verified_at = None, None
    standing.save(update_fields=["status", "verified", "reason", "verified_by", "verified_at"])
    ledger.record("credential.change_asked", subject=standing, by=by, at=at, reason=reason)
    unproven = doctor.status == Doctor.Status.ACTIVE and not _is_proven(doctor, at)
    if unproven:
        doctor.status = Doctor.Status.SUBMITTED
    versions.stamp(doctor, by=by, at=at, fields=["status"])
    versions.tell("doctor.withdrawn" if unproven else "doctor.updated", doctor, at=at)
    return standing


@transaction.atomic(durable=True)
def activate(*, doctor: Doctor, by: User, at: datetime, seen_version: int | None = None) -> Doctor:
    """Let a doctor opt in to insurers, whether new, sent to be checked, or suspended before.

    Args:
        seen_version: version of the doctor that the admin compared with the papers; `None` where
            nobody looked at a page.

    Raises:
        AlreadyActive: nothing was changed.
        ChangedSince: the doctor has another version by now; nothing was changed.
        NotReady: nothing was changed; `lacks` names what is missing.
    """
    standing = versions.lock(doctor)
    if standing.status == Doctor.Status.ACTIVE:
        raise AlreadyActive
    _same_as_seen(standing, seen_version)
    lacks = standing.lacks
    if not _is_proven(standing, at):
        lacks = [*lacks, "a verified certificate"]
    if lacks:
        raise NotReady(lacks)
    return _move(standing, Doctor.Status.ACTIVE, "doctor.activated", by=by, at=at)


@transaction.atomic(durable=True)
def suspend(*, doctor: Doctor, reason: str, by: User, at: datetime) -> Doctor:
    """Take a doctor out of every insurer's sight, from the commit on.

    Args:
        reason: why, in words the doctor reads.

    Raises:
        AlreadySuspended: nothing was changed.
    """
    standing = versions.lock(doctor)
    if standing.status == Doctor.Status.SUSPENDED:
        raise AlreadySuspended
    return _move(standing, Doctor.Status.SUSPENDED, "doctor.suspended", by=by, at=at, reason=reason)


def _move(
    doctor: Doctor, status: str, action: str, *, by: User, at: datetime, **metadata: str
) -> Doctor:
    doctor.status = status
    versions.stamp(doctor, by=by, at=at, fields=["status"])
    ledger.record(action, subject=doctor, by=by, at=at, **metadata)
    event = "doctor.updated" if status == Doctor.Status.ACTIVE else "doctor.withdrawn"
    versions.tell(event, doctor, at=at)
    return doctor


def _same_as_seen(doctor: Doctor, seen_version: int | None) -> None:
    if seen_version is not None and seen_version != doctor.version:
        raise ChangedSince


def _is_proven(doctor: Doctor, at: datetime) -> bool:
    return DoctorCredential.objects.filter(doctor=doctor).valid_on(at.date()).exists()


def _lock(credential: DoctorCredential) -> tuple[Doctor, DoctorCredential]:
    doctor = versions.lock(credential.doctor)
    standing = DoctorCredential.objects.select_for_update().get(pk=credential.pk)
    if standing.replaced_by_id is not None:
        raise AlreadyChecked("A newer upload replaces this certificate.")
    return doctor, standing
