from datetime import datetime

from django.db import transaction

from consent.actions.steps import (
    add_step,
    given_notice,
    last_event,
    lock_doctor,
    locked_consents,
    not_before,
    publish,
)
from consent.models import Consent
from consent.notices import Outdated


@transaction.atomic(durable=True)
def ask_again(*, consent: Consent, outdated: Outdated, at: datetime) -> bool:
    """Ask a doctor to confirm a consent under a newer notice, or it ends when the grace is over.

    Until then it holds as it was. Its end is brought forward, so nothing else has to know of it:
    what decides, expires, reminds and tells the insurer reads the end.

    Args:
        at: aware instant at which the grace begins.

    Returns:
        Whether it was asked: it may be withdrawn, confirmed or asked again meanwhile.

    Source: docs/adr/0020-asking-again-brings-the-end-forward.md
    """
    lock_doctor(consent.doctor_id)
    standing = locked_consents().filter(pk=consent.pk)
    ends_at = at + outdated.grace
    found = standing.to_ask_again(outdated.versions, ends_at=ends_at, at=at).first()
    if found is None:
        return False
    previous = last_event(found)
    at = not_before(at, previous)
    found.asked_again_at = at
    found.chosen_expires_at, found.expires_at = found.expires_at, ends_at
    notice = given_notice(found, previous)
    add_step(found, "asked_again", notice, by=None, at=at, previous=previous)
    publish("consent.changed", found, at=at)
    return True
