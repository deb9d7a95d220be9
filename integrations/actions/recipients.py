"""Which insurer hears of which event: asked when the feed is written and again before sending.

An event with an insurer of its own is about the dealings of that insurer with the doctor, so it
goes there whatever the consent. That a doctor left goes to all who were consented. Every other
event is about the doctor, and only those who may see the doctor hear it.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from consent.models import SHOWS

WITHDRAWN = "doctor.withdrawn"

# Whom an event without an insurer of its own reaches: of its doctor's consents `c`, with doctor
# `d` and insurer `p`. The second line is `ConsentQuerySet.active_at`.
REACHES = f"""CASE event.type
    WHEN '{WITHDRAWN}' THEN c.consent_status = 'ACTIVE' AND c.granted_at <= %(at)s
        AND (c.expires_at IS NULL OR c.expires_at > %(at)s)
    WHEN 'availability.updated' THEN c.data_classes @> '{{availability}}' AND {SHOWS}
    ELSE {SHOWS}
END"""
# Whether an `entry` of a feed, with its `event`, may not be sent to its insurer any more. That a
# doctor left is news for who could see them then, so it is not asked again.
IS_WITHHELD = f"""(
    event.insurance_provider_id IS NULL AND event.type <> '{WITHDRAWN}' AND NOT EXISTS (
        SELECT FROM doctor_insurance_consent AS c
        JOIN doctors AS d ON d.id = c.doctor_id
        JOIN insurance_providers AS p ON p.id = c.insurance_provider_id
        WHERE c.doctor_id = event.doctor_id
            AND c.insurance_provider_id = entry.insurance_provider_id AND {REACHES}
    )
)"""
_WITHHELD = f"""
    SELECT entry.id
    FROM feed_entries AS entry JOIN outbox_events AS event ON event.id = entry.event_id
    WHERE entry.id = ANY(%(entries)s) AND {IS_WITHHELD}
"""  # noqa: S608  Our own conditions.


def withheld(entries: Iterable[int], *, at: datetime) -> set[int]:
    """Give those of some feed entries that may not be sent to their insurers any more."""
    with connection.cursor() as cursor:
        cursor.execute(_WITHHELD, {"entries": list(entries), "at": at})
        return {entry_id for (entry_id,) in cursor.fetchall()}
