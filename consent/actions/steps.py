"""What every step of a consent does: lock, save with the next version, sign, record, publish.

Locks are taken doctor first, then consent, so steps on one pair queue up and each sees the one
before.
"""

from datetime import datetime
from uuid import UUID

from consent import receipts
from consent.models import Consent, ConsentEvent, ConsentQuerySet
from consent.notices import Notice, notice_for
from consent.receipts import Said
from registry import ledger
from registry.models import Doctor, User


def lock_doctor(doctor_id: UUID) -> Doctor:
    """Lock a doctor; a row that only points at the doctor can still be added."""
    return Doctor.objects.select_for_update(no_key=True).get(pk=doctor_id)


def locked_consents() -> ConsentQuerySet:
    """Give consents whose rows are locked as they are read, after their doctors."""
    return Consent.objects.select_for_update(of=("self",), no_key=True).select_related(
        "doctor", "insurance_provider"
    )


def lock(consent: Consent) -> Consent:
    """Lock a consent, its doctor first, and give it as it stands."""
    lock_doctor(consent.doctor_id)
    return locked_consents().get(pk=consent.pk)


def last_event(consent: Consent) -> ConsentEvent | None:
    """Give the step before; `None` when this is the first."""
    return ConsentEvent.objects.filter(consent_id=consent.pk).order_by("version").last()


def not_before(at: datetime, previous: ConsentEvent | None) -> datetime:
    """Keep the history in order of time: who waited for a lock read the clock before it."""
    return at if previous is None else max(at, previous.at)


def given_notice(consent: Consent, previous: ConsentEvent | None) -> Notice:
    """Make the notice of the step before again: ending a consent shows no new one."""
    provider = consent.insurance_provider
    read = previous.receipt["processing"]["notice"] if previous else {}
    return notice_for(
        insurer=read.get("insurer", provider.name),
        information_use=read.get("information_use", provider.information_use),
        language=consent.language,
        version=consent.notice_version,
    )


def add_step(
    consent: Consent,
    kind: str,
    notice: Notice,
    *,
    by: User | None,
    at: datetime,
    previous: ConsentEvent | None,
    **metadata: str,
) -> None:
    """Save the consent with its next version, the event with its receipt, and the audit line."""
    consent.version += 1
    consent.save()
    event = ConsentEvent(consent=consent, version=consent.version, kind=kind, at=at, by=by)
    add_event(event, said=receipts.said_by(consent), notice=notice, previous=previous, **metadata)


def add_event(
    event: ConsentEvent,
    *,
    said: Said,
    notice: Notice,
    previous: ConsentEvent | None,
    **metadata: str,
) -> None:
    """Save an event with its signed receipt and the audit line.

    Args:
        metadata: more for the audit line.
    """
    event.receipt = receipts.build(event, said=said, notice=notice, previous=previous)
    event.receipt_sha256 = receipts.sha256(event.receipt)
    event.signature = receipts.sign(event.receipt)
    event.save(force_insert=True)
    ledger.record(
        f"consent.{event.kind}",
        subject=event.about,
        by=event.by,
        at=event.at,
        insurance_provider_id=str(said.provider.pk),
        data_classes=said.data_classes,
        receipt=str(event.pk),
        **metadata,
    )


def publish(event_type: str, consent: Consent, *, at: datetime, **payload: str | None) -> None:
    """Tell the insurer of the consent, and no other."""
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
