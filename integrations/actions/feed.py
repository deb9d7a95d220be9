"""The sequencer: turns outbox rows into the insurers' feeds, numbered without gaps.

It looks for rows that no feed has yet, never for rows after a cursor, so that an event whose
transaction commits late is not passed over. One sequencer works at a time, under a lock that
the database drops with the connection; a killed one leaves nothing half done.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from integrations.actions.recipients import WITHDRAWN, Consents
from integrations.models import FeedEntry, FeedHead, WebhookDelivery, WebhookEndpoint
from registry.models import OutboxEvent

BATCH = 500
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('docport.sequencer', 0))"
_EDITS = {"doctor.updated", "availability.updated"}
_CONSENT_STEPS = {"consent.granted", "consent.changed", "consent.revoked", WITHDRAWN}

# An edit waits its turn behind a failure. Insurers without an address are not pushed to.
_MARK_DUE = """
    INSERT INTO provider_doctor_sync AS sync (
        id, doctor_id, insurance_provider_id, sync_status, wanted, sent, version_sent, state_hash,
        sent_to, last_error, attempts, next_attempt_at, created_at, updated_at
    )
    SELECT gen_random_uuid(), pair.doctor_id, pair.provider_id, 'PENDING', 1, 0, 0, '', '', '', 0,
           %(at)s, %(at)s, %(at)s
    FROM unnest(%(doctors)s::uuid[], %(providers)s::uuid[]) AS pair (doctor_id, provider_id)
    JOIN insurance_providers AS provider ON provider.id = pair.provider_id
    WHERE provider.api_base_url <> ''
    ON CONFLICT (doctor_id, insurance_provider_id) DO UPDATE SET
        wanted = sync.wanted + 1,
        sync_status = CASE sync.sync_status WHEN 'IN_STEP' THEN 'PENDING'
                      ELSE sync.sync_status END,
        next_attempt_at = CASE sync.sync_status WHEN 'IN_STEP' THEN %(at)s
                          ELSE sync.next_attempt_at END,
        updated_at = %(at)s
"""
# A step of the consent changes what an insurer must hold, so it waits behind no failure, and it
# reopens what the insurer stopped.
_REOPEN = """
    UPDATE provider_doctor_sync AS sync
    SET sync_status = CASE sync.sync_status WHEN 'STOPPED' THEN 'PENDING'
                      ELSE sync.sync_status END,
        attempts = 0, next_attempt_at = %(at)s, updated_at = %(at)s
    FROM unnest(%(doctors)s::uuid[], %(providers)s::uuid[]) AS pair (doctor_id, provider_id)
    WHERE sync.doctor_id = pair.doctor_id AND sync.insurance_provider_id = pair.provider_id
"""


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
    events = list(OutboxEvent.objects.unsequenced()[:BATCH])
    if not events:
        return 0
    moment = max(at, *(event.occurred_at for event in events))
    entries = _append(events, moment)
    _add_deliveries(entries, moment)
    _mark_due([e for e in entries if e.event.type in _EDITS | _CONSENT_STEPS], moment)
    OutboxEvent.objects.filter(pk__in=[event.pk for event in events]).update(sequenced_at=moment)
    return len(events)


def _append(events: list[OutboxEvent], at: datetime) -> list[FeedEntry]:
    consents = Consents((event.doctor_id for event in events), at=at)
    copies = [
        FeedEntry(event=event, insurance_provider_id=provider, consent_id=consent, created_at=at)
        for event in events
        for provider, consent in consents.recipients(event).items()
    ]
    heads = _locked_heads({copy.insurance_provider_id for copy in copies})
    for copy in copies:
        head = heads[copy.insurance_provider_id]
        head.head += 1
        copy.feed_seq = head.head
    FeedHead.objects.bulk_update(heads.values(), ["head"])
    return FeedEntry.objects.bulk_create(copies)


def _locked_heads(providers: set[UUID]) -> dict[UUID, FeedHead]:
    missing = [FeedHead(insurance_provider_id=provider) for provider in providers]
    FeedHead.objects.bulk_create(missing, ignore_conflicts=True)
    rows = FeedHead.objects.select_for_update().filter(pk__in=providers)
    return {row.insurance_provider_id: row for row in rows}


def _add_deliveries(entries: list[FeedEntry], at: datetime) -> None:
    providers = {entry.insurance_provider_id for entry in entries}
    endpoints: defaultdict[UUID, list[WebhookEndpoint]] = defaultdict(list)
    # What comes while an endpoint is disabled waits for it.
    for endpoint in WebhookEndpoint.objects.filter(insurance_provider__in=providers):
        endpoints[endpoint.insurance_provider_id].append(endpoint)
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            endpoint=endpoint, feed_entry=entry, subject=entry.event.subject, next_attempt_at=at
        )
        for entry in entries
        for endpoint in endpoints[entry.insurance_provider_id]
        if endpoint.wants(entry.event.type)
    )


def _mark_due(entries: list[FeedEntry], at: datetime) -> None:
    _for_pairs(_MARK_DUE, entries, at)
    _for_pairs(_REOPEN, (e for e in entries if e.event.type in _CONSENT_STEPS), at)


def _for_pairs(sql: str, entries: Iterable[FeedEntry], at: datetime) -> None:
    pairs = sorted(
        {(e.event.doctor_id, e.insurance_provider_id) for e in entries if e.event.doctor_id}
    )
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {"at": at, "doctors": [p[0] for p in pairs], "providers": [p[1] for p in pairs]},
        )
