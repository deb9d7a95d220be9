"""How a consent ends, and how the insurer says that it has erased what it held.

Nothing is needed for a consent to stop when its period is over: `active_at` compares times, so it
stops at that instant with no job. What is written down later is the receipt, and the news for the
insurer.
"""

from datetime import datetime

from django.db import transaction

from consent import receipts
from consent.actions.refusals import AlreadyWithdrawn, ErasedAtImpossibleTime, StillInForce
from consent.actions.steps import add_step, given_notice, last_event, lock, not_before, publish
from consent.models import ERASE_WITHIN, Consent
from registry import ledger
from registry.models import InsuranceProvider, User


@transaction.atomic(durable=True)
def withdraw(*, consent: Consent, by: User, at: datetime) -> Consent:
    """Withdraw a consent; the insurer loses sight of the doctor with the commit.

    Args:
        at: aware instant from which it holds; the insurer must erase within 30 days of it.

    Raises:
        AlreadyWithdrawn: it has ended; nothing was changed and nothing was recorded.

    Source: docs/adr/0004-consent-is-checked-at-one-place.md
    """
    standing = lock(consent)
    previous = last_event(standing)
    at = not_before(at, previous)
    if not standing.is_active_at(at):
        raise AlreadyWithdrawn
    standing.consent_status = Consent.Status.REVOKED
    standing.revoked_at, standing.erase_by = at, at + ERASE_WITHIN
    notice = given_notice(standing, previous)
    add_step(standing, "withdrawn", notice, by=by, at=at, previous=previous)
    _tell(standing, "consent_withdrawn", at=at)
    return standing


@transaction.atomic(durable=True)
def expire(*, consent: Consent, at: datetime) -> bool:
    """Write down that the period of a consent is over, and tell the insurer to erase.

    Args:
        at: aware instant of the look; what is written down is the end itself.

    Returns:
        Whether there was anything to write down: another worker may have done it.
    """
    return write_end(lock(consent), at=at)


def write_end(standing: Consent, *, at: datetime) -> bool:
    """Do what `expire` does in a transaction of the caller, which holds the lock."""
    if not standing.is_over_at(at):
        return False
    ended_at = standing.expires_at
    assert ended_at is not None
    previous = last_event(standing)
    standing.consent_status = Consent.Status.EXPIRED
    standing.erase_by = ended_at + ERASE_WITHIN
    notice = given_notice(standing, previous)
    add_step(standing, "expired", notice, by=None, at=ended_at, previous=previous)
    _tell(standing, "consent_expired", at=ended_at)
    return True


@transaction.atomic(durable=True)
def acknowledge_erasure(
    *, consent: Consent, erased_at: datetime | None, by: InsuranceProvider, at: datetime
) -> Consent:
    """Note that the insurer knows it must erase, and when it has; what is noted stays as it is.

    Args:
        erased_at: aware instant; `None` while it is still to be done.

    Raises:
        StillInForce: nothing was changed and nothing was recorded.
        ErasedAtImpossibleTime: before the consent ended, or in the future; nothing was changed.
    """
    standing = lock(consent)
    write_end(standing, at=at)
    if standing.consent_status == Consent.Status.ACTIVE:
        raise StillInForce
    ended_at = standing.revoked_at or standing.expires_at
    assert ended_at is not None
    if erased_at is not None and not ended_at <= erased_at <= at:
        raise ErasedAtImpossibleTime
    if standing.erasure_acknowledged_at is None:
        standing.erasure_acknowledged_at = at
        _note("consent.erasure_acknowledged", standing, by=by, at=at)
    if standing.erased_at is None and erased_at is not None:
        standing.erased_at = erased_at
        _note("consent.erased", standing, by=by, at=at, erased_at=receipts.utc(erased_at))
    return standing


def _tell(consent: Consent, reason: str, *, at: datetime) -> None:
    erase_by = receipts.utc(consent.erase_by)
    publish("consent.revoked", consent, at=at, reason=reason, erase_by=erase_by)


def _note(
    action: str, consent: Consent, *, by: InsuranceProvider, at: datetime, **metadata: str | None
) -> None:
    consent.save(update_fields=["erasure_acknowledged_at", "erased_at"])
    ledger.record(action, subject=consent, by=by, at=at, **metadata)
