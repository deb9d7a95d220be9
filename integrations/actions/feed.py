"""The sequencer: turns outbox rows into the insurers' feeds, numbered without gaps.

It looks for rows that no feed has yet, never for rows after a cursor, so that an event whose
transaction commits late is not passed over. One sequencer works at a time, under a lock that
the database drops with the connection; a killed one leaves nothing half done.
"""

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from integrations.actions.recipients import REACHES, WITHDRAWN
from registry.ids import UUID7
from registry.models import OutboxEvent

BATCH = 1000
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('docport.sequencer', 0))"
_CONSENT_STEPS = ["consent.granted", "consent.changed", "consent.revoked", WITHDRAWN]
_EDITS = ["doctor.updated", "availability.updated", *_CONSENT_STEPS]

# The heads have come to their new numbers; the last event of a batch has the highest.
_APPEND = f"""
    WITH event AS (
        SELECT * FROM outbox_events WHERE id = ANY(%(events)s)
    ), copy AS (
        SELECT event.id, event.insurance_provider_id AS provider_id, c.id AS consent_id
        FROM event
        LEFT JOIN doctor_insurance_consent AS c ON c.doctor_id = event.doctor_id
            AND c.insurance_provider_id = event.insurance_provider_id
        WHERE event.insurance_provider_id IS NOT NULL
        UNION ALL
        SELECT event.id, c.insurance_provider_id, c.id
        FROM event
        JOIN doctor_insurance_consent AS c ON c.doctor_id = event.doctor_id
        JOIN doctors AS d ON d.id = c.doctor_id
        JOIN insurance_providers AS p ON p.id = c.insurance_provider_id
        WHERE event.insurance_provider_id IS NULL AND {REACHES}
    ), head AS (
        INSERT INTO feed_heads (insurance_provider_id, head)
        SELECT provider_id, count(*) FROM copy GROUP BY provider_id ORDER BY provider_id
        ON CONFLICT (insurance_provider_id)
            DO UPDATE SET head = feed_heads.head + excluded.head
        RETURNING insurance_provider_id, head
    )
    INSERT INTO feed_entries (insurance_provider_id, feed_seq, event_id, consent_id, created_at)
    SELECT copy.provider_id,
        head.head + 1 - row_number() OVER (PARTITION BY copy.provider_id ORDER BY copy.id DESC),
        copy.id, copy.consent_id, %(at)s
    FROM copy JOIN head ON head.insurance_provider_id = copy.provider_id
    ORDER BY copy.id
    RETURNING id
"""  # noqa: S608  Our own condition.
# What comes while an endpoint is disabled, or has not answered its challenge, waits for it.
_DELIVER = f"""
    INSERT INTO webhook_deliveries (
        id, endpoint_id, feed_entry_id, event_type, subject, status, attempts, next_attempt_at,
        last_error, created_at, updated_at
    )
    SELECT {UUID7}, endpoint.id, entry.id, event.type, event.subject, 'PENDING', 0, %(at)s,
        '', %(at)s, %(at)s
    FROM feed_entries AS entry
    JOIN outbox_events AS event ON event.id = entry.event_id
    JOIN webhook_endpoints AS endpoint
        ON endpoint.insurance_provider_id = entry.insurance_provider_id
        AND endpoint.status <> 'DELETED'
        AND (endpoint.event_types = '{{}}' OR event.type = ANY(endpoint.event_types))
    WHERE entry.id = ANY(%(entries)s)
    ORDER BY entry.id
"""  # noqa: S608  An expression of ours.
_PAIRS = """(
    SELECT DISTINCT event.doctor_id, entry.insurance_provider_id AS provider_id
    FROM feed_entries AS entry JOIN outbox_events AS event ON event.id = entry.event_id
    WHERE entry.id = ANY(%(entries)s) AND event.type = ANY(%(types)s)
        AND event.doctor_id IS NOT NULL
    ORDER BY event.doctor_id, entry.insurance_provider_id
) AS pair"""
# An edit waits its turn behind a failure, and behind no backfill. Insurers without an address are
# not pushed to.
_MARK_DUE = f"""
    INSERT INTO provider_doctor_sync AS sync (
        id, doctor_id, insurance_provider_id, sync_status, wanted, sent, version_sent, state_hash,
        sent_to, last_error, attempts, next_attempt_at, created_at, updated_at
    )
    SELECT gen_random_uuid(), pair.doctor_id, pair.provider_id, 'PENDING', 1, 0, 0, '', '', '', 0,
           %(at)s, %(at)s, %(at)s
    FROM {_PAIRS}
    JOIN insurance_providers AS provider ON provider.id = pair.provider_id
    WHERE provider.api_base_url <> ''
    ON CONFLICT (doctor_id, insurance_provider_id) DO UPDATE SET
        wanted = sync.wanted + 1,
        sync_status = CASE sync.sync_status WHEN 'IN_STEP' THEN 'PENDING'
                      ELSE sync.sync_status END,
        next_attempt_at = CASE sync.sync_status WHEN 'IN_STEP' THEN %(at)s
                          ELSE sync.next_attempt_at END,
        is_backfill = false,
        updated_at = %(at)s
"""  # noqa: S608  Our own subquery.
# A step of the consent changes what an insurer must hold, so it waits behind no failure, and it
# reopens what the insurer stopped.
_REOPEN = f"""
    UPDATE provider_doctor_sync AS sync
    SET sync_status = CASE sync.sync_status WHEN 'STOPPED' THEN 'PENDING'
                      ELSE sync.sync_status END,
        attempts = 0, next_attempt_at = %(at)s, updated_at = %(at)s
    FROM {_PAIRS}
    WHERE sync.doctor_id = pair.doctor_id AND sync.insurance_provider_id = pair.provider_id
"""  # noqa: S608  Our own subquery.


@transaction.atomic(durable=True)
def sequence(*, at: datetime) -> int:
    """Give every insurer concerned its copy of the next events; tell how many events there were.

    Who may hear of an event is decided here, not when it happened. The number of queries does
    not grow with the batch. Zero means that nothing is left.

    Args:
        at: aware instant; waiting for another sequencer may make it older than the events.
    """
    if not OutboxEvent.objects.unsequenced().exists():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
        found = OutboxEvent.objects.unsequenced().values_list("pk", "occurred_at")[:BATCH]
        events = dict(found)
        if events:
            _sequence(cursor, list(events), max(at, *events.values()))
    return len(events)


def _sequence(cursor: Any, events: list[int], at: datetime) -> None:
    cursor.execute(_APPEND, {"events": events, "at": at})
    given = {"at": at, "entries": [entry_id for (entry_id,) in cursor.fetchall()]}
    cursor.execute(_DELIVER, given)
    cursor.execute(_MARK_DUE, given | {"types": _EDITS})
    cursor.execute(_REOPEN, given | {"types": _CONSENT_STEPS})
    OutboxEvent.objects.filter(pk__in=events).update(sequenced_at=at)
