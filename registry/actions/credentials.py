from datetime import date, datetime
from hashlib import sha256

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import Error, transaction
from django.utils.translation import gettext

from registry import certificates, ledger
from registry.actions import versions
from registry.actions.refusals import Refused
from registry.encryption import encrypt
from registry.models import Doctor, DoctorCredential, User

_LONGEST_NAME = 160


class AlreadyUploaded(Refused):
    """The doctor has uploaded the very same file before."""

    def __init__(self, earlier: DoctorCredential) -> None:
        super().__init__(
            gettext("You have already uploaded this file, as “%(earlier)s”.") % {"earlier": earlier}
        )


class CannotBeReplaced(Refused):
    """Only what needs a change or has run out can be replaced, once, by its own doctor."""

    def __init__(self) -> None:
        super().__init__(gettext("This certificate does not need to be replaced."))


def add_credential(
    *,
    doctor: Doctor,
    kind: str,
    degree: str,
    institution: str,
    year: int,
    content: bytes,
    file_name: str,
    by: User,
    at: datetime,
    valid_until: date | None = None,
    replaces: DoctorCredential | None = None,
) -> DoctorCredential:
    """Add a degree or registration with its certificate, sealed before it touches the disk.

    The file is written before the transaction, so that no lock waits for the disk, and removed
    when the transaction has failed and nobody needs it.

    The same file may come again for the credential that it replaces: a doctor who gave a wrong
    year corrects it so.

    Args:
        kind: one of `DoctorCredential.Kind`.
        content: the certificate in plain.
        file_name: what the doctor called it; shown to people, never trusted.
        valid_until: last day of a renewable registration; `None` where it does not end.
        replaces: a credential that needs a change or has run out; it stays, marked as replaced.

    Raises:
        CertificateRefused: it is no certificate that DocPort keeps; nothing was written.
        AlreadyUploaded: nothing was changed.
        CannotBeReplaced: nothing was changed.
    """
    credential = DoctorCredential(
        kind=kind,
        degree=degree,
        institution=institution,
        year=year,
        valid_until=valid_until,
        file_name=file_name[-_LONGEST_NAME:],
        content_type=certificates.inspect(content),
        size_bytes=len(content),
        sha256=sha256(content).hexdigest(),
    )
    sealed = ContentFile(encrypt(content, context=credential.encryption_context))
    path = credential.certificate.field.generate_filename(credential, file_name)
    credential.certificate.name = default_storage.save(path, sealed)
    try:
        return _add(doctor, credential, replaces=replaces, by=by, at=at)
    except BaseException:
        _remove_unless_kept(credential)
        raise


def _remove_unless_kept(credential: DoctorCredential) -> None:
    """Remove the file of a failed transaction, which may yet stand if only its answer was lost."""
    try:
        is_kept = DoctorCredential.objects.filter(pk=credential.pk).exists()
    except Error:
        # Nobody can tell now. A file without a row harms nobody; a row without its file does.
        return
    if not is_kept:
        default_storage.delete(credential.certificate.name or "")


@transaction.atomic(durable=True)
def _add(
    doctor: Doctor,
    credential: DoctorCredential,
    *,
    replaces: DoctorCredential | None,
    by: User,
    at: datetime,
) -> DoctorCredential:
    standing = versions.lock(doctor)
    same = DoctorCredential.objects.current().filter(doctor=standing, sha256=credential.sha256)
    if replaces is not None:
        same = same.exclude(pk=replaces.pk)
    if earlier := same.first():
        raise AlreadyUploaded(earlier)
    credential.doctor = standing
    if standing.status != Doctor.Status.DRAFT:
        credential.status = DoctorCredential.Status.IN_REVIEW
    credential.save()
    if replaces is not None:
        _replace(replaces, credential, standing.day_at(at))
    versions.stamp(standing, by=by, at=at)
    ledger.record(
        "credential.added",
        subject=credential,
        by=by,
        at=at,
        sha256=credential.sha256,
        replaces=str(replaces.pk) if replaces else None,
    )
    versions.tell("doctor.updated", standing, at=at)
    return credential


def _replace(old: DoctorCredential, new: DoctorCredential, day: date) -> None:
    standing = DoctorCredential.objects.select_for_update().get(pk=old.pk)
    if standing.doctor_id != new.doctor_id or not standing.can_be_replaced_on(day):
        raise CannotBeReplaced
    standing.replaced_by = new
    standing.save(update_fields=["replaced_by"])


@transaction.atomic(durable=True)
def record_opening(*, credential: DoctorCredential, by: User, at: datetime) -> None:
    """Record that an admin opens a certificate; nothing else changes."""
    ledger.record("credential.opened", subject=credential, by=by, at=at)
