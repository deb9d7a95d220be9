from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from consent.actions.ending import write_end
from consent.actions.refusals import (
    AlreadyGiven,
    DataClassesRefused,
    DoctorNotActive,
    EndsInPast,
    NothingToChange,
    NoticeChanged,
    NotInForce,
    ProviderSuspended,
    WrongMode,
)
from consent.actions.requests import accept
from consent.actions.steps import (
    add_step,
    last_event,
    lock,
    lock_doctor,
    locked_consents,
    not_before,
    publish,
)
from consent.models import Consent, DataClass
from consent.notices import PURPOSE, Notice, notice_for
from registry.models import Doctor, InsuranceProvider, User


@transaction.atomic(durable=True)
def give(
    *,
    doctor: Doctor,
    provider: InsuranceProvider,
    data_classes: Iterable[str],
    expires_at: datetime | None,
    language: str,
    by: User,
    at: datetime,
    notice_sha256: str | None = None,
) -> Consent:
    """Let an insurer see a doctor from now on, for the first time or again.

    What the insurer asks of the doctor is answered by it.

    Args:
        data_classes: what to share; the profile must be among it.
        expires_at: aware instant at which it ends by itself; `None` holds until withdrawn.
        language: of the page that was read.
        at: aware instant from which it holds.
        notice_sha256: hash of the notice that was read; `None` takes the one of now.

    Raises:
        DoctorNotActive, ProviderSuspended, WrongMode, DataClassesRefused, EndsInPast,
        NoticeChanged, AlreadyGiven: nothing was changed and nothing was recorded.
    """
    doctor = lock_doctor(doctor.pk)
    provider = InsuranceProvider.objects.get(pk=provider.pk)
    consent = locked_consents().filter(doctor=doctor, insurance_provider=provider).first()
    consent = consent or Consent(doctor=doctor, insurance_provider=provider, version=0)
    write_end(consent, at=at)
    previous = last_event(consent)
    at = not_before(at, previous)
    _check_may_meet(doctor, provider)
    if consent.is_active_at(at):
        raise AlreadyGiven
    notice = _read_notice(provider, language, notice_sha256)
    _set_terms(consent, data_classes, expires_at, notice, at)
    consent.consent_status = Consent.Status.ACTIVE
    consent.granted_at, consent.revoked_at, consent.erase_by = at, None, None
    consent.erasure_acknowledged_at, consent.erased_at = None, None
    request = accept(doctor=doctor, provider=provider, by=by, at=at)
    answers = {"request_id": str(request.pk)} if request else {}
    add_step(consent, "given", notice, by=by, at=at, previous=previous, **answers)
    publish("consent.granted", consent, at=at)
    return consent


@transaction.atomic(durable=True)
def change(
    *,
    consent: Consent,
    data_classes: Iterable[str],
    expires_at: datetime | None,
    language: str,
    by: User,
    at: datetime,
    notice_sha256: str | None = None,
) -> Consent:
    """Share other data classes, or for another period, under the notice of now.

    Where the doctor was asked again it is their answer, though it may change nothing else.

    Args:
        data_classes: all that is shared from `at` on; the profile must be among it.
        expires_at: aware instant at which it ends by itself; `None` holds until withdrawn.
        language: of the page that was read.
        at: aware instant of the change.
        notice_sha256: hash of the notice that was read; `None` takes the one of now.

    Raises:
        NotInForce, DataClassesRefused, EndsInPast, NoticeChanged, NothingToChange: nothing was
            changed and nothing was recorded.
    """
    standing = lock(consent)
    previous = last_event(standing)
    at = not_before(at, previous)
    if not standing.is_active_at(at):
        raise NotInForce
    notice = _read_notice(standing.insurance_provider, language, notice_sha256)
    kind = "confirmed" if standing.asked_again_at else "changed"
    before = _terms(standing)
    _set_terms(standing, data_classes, expires_at, notice, at)
    if _terms(standing) == before:
        raise NothingToChange
    add_step(standing, kind, notice, by=by, at=at, previous=previous)
    publish("consent.changed", standing, at=at)
    return standing


def _check_may_meet(doctor: Doctor, provider: InsuranceProvider) -> None:
    if doctor.status != Doctor.Status.ACTIVE:
        raise DoctorNotActive
    if provider.integration_status == InsuranceProvider.Status.SUSPENDED:
        raise ProviderSuspended
    if doctor.is_sandbox != provider.sees_sandbox:
        raise WrongMode


def _read_notice(provider: InsuranceProvider, language: str, read_sha256: str | None) -> Notice:
    notice = notice_for(
        insurer=provider.name, information_use=provider.information_use, language=language
    )
    if read_sha256 not in {None, notice.sha256}:
        raise NoticeChanged
    return notice


def _terms(consent: Consent) -> tuple[object, ...]:
    return (
        consent.data_classes,
        consent.expires_at,
        consent.notice_version,
        consent.asked_again_at,
    )


def _set_terms(
    consent: Consent,
    data_classes: Iterable[str],
    expires_at: datetime | None,
    notice: Notice,
    at: datetime,
) -> None:
    wanted = set(data_classes)
    if DataClass.PROFILE not in wanted or not wanted <= set(DataClass.values):
        raise DataClassesRefused
    if expires_at is not None and expires_at <= at:
        raise EndsInPast
    consent.data_classes = [code for code in DataClass.values if code in wanted]
    consent.expires_at = expires_at
    consent.asked_again_at = consent.chosen_expires_at = None
    consent.purpose, consent.notice_version = PURPOSE, notice.version
    consent.language = notice.language
