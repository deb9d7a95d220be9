"""Every change of a consent: each is one transaction with its event, receipt and ledger lines.

Nothing ends a consent when its period is over: `active_at` compares times, so it stops at that
instant with no job needed. Locks are taken doctor first, then consent, so steps on one pair queue
up and each sees the one before.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db import models, transaction

from consent import receipts
from consent.models import Consent, ConsentEvent, DataClass
from consent.notices import CURRENT_VERSION, PURPOSE, Notice, notice_for
from registry import ledger
from registry.actions import Refused
from registry.models import Doctor, InsuranceProvider, User


class _Refused(Refused):
    text: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(self.text)


class DoctorNotActive(_Refused):
    """No admin has verified this doctor yet, or one has suspended them."""

    text = "You can turn insurers on once we have verified you."


class ProviderSuspended(_Refused):
    """DocPort has suspended this insurer."""

    text = "This insurer is suspended. You can turn it on when it is back."


class WrongMode(_Refused):
    """A synthetic doctor and a live insurer never meet, nor a real one and a sandbox."""

    text = "This insurer takes no doctors from here."


class DataClassesRefused(_Refused):
    """No data class, an unknown one, or none that says who the doctor is."""

    text = "Choose what to share, the profile among it."


class EndsInPast(_Refused):
    """The period would be over before it begins."""

    text = "Choose an end that is still to come."


class NoticeChanged(_Refused):
    """The words that the doctor read are no longer the notice."""

    text = "The words of this page changed. Please read them again."


class AlreadyGiven(_Refused):
    """This consent is in force; it can be changed or withdrawn."""

    text = "This insurer is already on; nothing was changed."


class NotInForce(_Refused):
    """Only a consent in force can be changed."""

    text = "This consent has ended, so it could not be changed."


class NothingToChange(_Refused):
    """It already says exactly this."""

    text = "It was like this already; nothing was changed."


class AlreadyWithdrawn(_Refused):
    """There is nothing left to withdraw."""

    text = "This consent was already withdrawn."


class NotAsked(_Refused):
    """The insurer has no open question that could be declined."""

    text = "This insurer has not asked, so there is nothing to decline."


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
    doctor = _locked(doctor.pk)
    provider = InsuranceProvider.objects.get(pk=provider.pk)
    consent = _locked_consents().filter(doctor=doctor, insurance_provider=provider).first()
    consent = consent or Consent(doctor=doctor, insurance_provider=provider, version=0)
    previous = _last_event(consent)
    at = _not_before(at, previous)
    _check_may_meet(doctor, provider)
    if consent.is_active_at(at):
        raise AlreadyGiven
    notice = _read_notice(provider, language, notice_sha256)
    _set_terms(consent, data_classes, expires_at, notice, at)
    consent.consent_status = Consent.Status.ACTIVE
    consent.granted_at, consent.revoked_at, consent.erase_by = at, None, None
    _step(consent, "given", notice, by=by, at=at, previous=previous)
    _publish("consent.granted", consent, at=at)
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
    standing = _standing(consent)
    previous = _last_event(standing)
    at = _not_before(at, previous)
    if not standing.is_active_at(at):
        raise NotInForce
    notice = _read_notice(standing.insurance_provider, language, notice_sha256)
    before = _terms(standing)
    _set_terms(standing, data_classes, expires_at, notice, at)
    if _terms(standing) == before:
        raise NothingToChange
    _step(standing, "changed", notice, by=by, at=at, previous=previous)
    _publish("consent.changed", standing, at=at)
    return standing


@transaction.atomic(durable=True)
def withdraw(*, consent: Consent, by: User, at: datetime) -> Consent:
    """Withdraw a consent; the insurer loses sight of the doctor with the commit.

    Args:
        at: aware instant from which it holds; the insurer must erase within 30 days of it.

    Raises:
        AlreadyWithdrawn: nothing was changed and nothing was recorded.

    Source: docs/adr/0004-consent-is-checked-at-one-place.md
    """
    standing = _standing(consent)
    if standing.consent_status != Consent.Status.ACTIVE:
        raise AlreadyWithdrawn
    previous = _last_event(standing)
    at = _not_before(at, previous)
    standing.consent_status = Consent.Status.REVOKED
    standing.revoked_at, standing.erase_by = at, at + receipts.ERASE_WITHIN
    notice = _given_notice(standing, previous)
    _step(standing, "withdrawn", notice, by=by, at=at, previous=previous)
    _publish("consent.revoked", standing, at=at, erase_by=receipts.utc(standing.erase_by))
    return standing


@transaction.atomic(durable=True)
def decline(*, consent: Consent, by: User, at: datetime) -> Consent:
    """Say no to an insurer that asked; it is not told, so it never learns who has an account.

    Args:
        at: aware instant of the answer.

    Raises:
        NotAsked: nothing was changed and nothing was recorded.
    """
    standing = _standing(consent)
    if standing.consent_status != Consent.Status.REQUESTED:
        raise NotAsked
    previous = _last_event(standing)
    at = _not_before(at, previous)
    standing.consent_status = Consent.Status.DECLINED
    notice = _given_notice(standing, previous)
    _step(standing, "declined", notice, by=by, at=at, previous=previous)
    return standing


def _locked(doctor_id: UUID) -> Doctor:
    return Doctor.objects.select_for_update(no_key=True).get(pk=doctor_id)


def _locked_consents() -> models.QuerySet[Consent]:
    return Consent.objects.select_for_update(of=("self",), no_key=True).select_related(
        "doctor", "insurance_provider"
    )


def _standing(consent: Consent) -> Consent:
    _locked(consent.doctor_id)
    return _locked_consents().get(pk=consent.pk)


def _last_event(consent: Consent) -> ConsentEvent | None:
    return ConsentEvent.objects.filter(consent_id=consent.pk).order_by("version").last()


def _not_before(at: datetime, previous: ConsentEvent | None) -> datetime:
    """Keep the history in order of time: who waited for a lock read the clock before it."""
    return at if previous is None else max(at, previous.at)


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


def _given_notice(consent: Consent, previous: ConsentEvent | None) -> Notice:
    """Make the notice of the step before again: ending a consent shows no new one."""
    provider = consent.insurance_provider
    read = previous.receipt["processing"]["notice"] if previous else {}
    return notice_for(
        insurer=read.get("insurer", provider.name),
        information_use=read.get("information_use", provider.information_use),
        language=consent.language,
        version=consent.notice_version,
    )


def _terms(consent: Consent) -> tuple[object, ...]:
    return (consent.data_classes, consent.expires_at, consent.notice_version)


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
    consent.purpose, consent.notice_version = PURPOSE, CURRENT_VERSION
    consent.language = notice.language


def _step(
    consent: Consent,
    kind: str,
    notice: Notice,
    *,
    by: User,
    at: datetime,
    previous: ConsentEvent | None,
) -> None:
    """Save the consent with its next version, the event with its receipt, and the audit line."""
    consent.version += 1
    consent.save()
    event = ConsentEvent(consent=consent, version=consent.version, kind=kind, at=at, by=by)
    event.receipt = receipts.build(event, consent=consent, notice=notice, previous=previous)
    event.receipt_sha256 = receipts.sha256(event.receipt)
    event.signature = receipts.sign(event.receipt)
    event.save(force_insert=True)
    ledger.record(
        f"consent.{kind}",
        subject=consent,
        by=by,
        at=at,
        doctor_id=str(consent.doctor_id),
        insurance_provider_id=str(consent.insurance_provider_id),
        data_classes=consent.data_classes,
        receipt=str(event.pk),
    )


def _publish(event_type: str, consent: Consent, *, at: datetime, **payload: str | None) -> None:
    ledger.publish(
        event_type,
        subject=consent,
        version=consent.version,
        at=at,
        doctor=consent.doctor_id,
        provider=consent.insurance_provider_id,
        doctor_id=str(consent.doctor_id),
        data_classes=consent.data_classes,
        **payload,
    )
