"""How a consent ends.

Nothing is needed for a consent to stop when its period is over: `active_at` compares times, so it
stops at that instant with no job.
"""

from datetime import datetime

from django.db import transaction

from consent import receipts
from consent.actions.refusals import AlreadyWithdrawn
from consent.actions.steps import add_step, given_notice, last_event, lock, not_before, publish
from consent.models import Consent
from registry.models import User


@transaction.atomic(durable=True)
def withdraw(*, consent: Consent, by: User, at: datetime) -> Consent:
    """Withdraw a consent; the insurer loses sight of the doctor with the commit.

    Args:
        at: aware instant from which it holds; the insurer must erase within 30 days of it.

    Raises:
        AlreadyWithdrawn: nothing was changed and nothing was recorded.

    Source: docs/adr/0004-consent-is-checked-at-one-place.md
    """
    standing = lock(consent)
    if standing.consent_status != Consent.Status.ACTIVE:
        raise AlreadyWithdrawn
    previous = last_event(standing)
    at = not_before(at, previous)
    standing.consent_status = Consent.Status.REVOKED
    standing.revoked_at, standing.erase_by = at, at + receipts.ERASE_WITHIN
    notice = given_notice(standing, previous)
    add_step(standing, "withdrawn", notice, by=by, at=at, previous=previous)
    publish("consent.revoked", standing, at=at, erase_by=receipts.utc(standing.erase_by))
    return standing
