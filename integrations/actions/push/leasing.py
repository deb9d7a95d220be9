"""Which pairs are sent next, so that nobody else sends them meanwhile."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from integrations.actions.drain import FAILING_AT_ONCE, MOST_AT_ONCE, SLOW_AFTER
from integrations.models import ProviderDoctorSync

LEASE = timedelta(seconds=90)
# Of the sends to one insurer at once, so that others find a place.
BACKFILLS_AT_ONCE = MOST_AT_ONCE // 2
# A worker that looks only every few seconds may catch up on so much of a backfill.
BACKFILL_CATCHES_UP = timedelta(seconds=10)
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('docport.push', 0))"

# Every insurer gets a first place before any gets a second; the lock keeps the most at once true.
# Insurers with a failing pair, or that have not answered yet to a send that began a while ago, have
# only a share of the sends between them all. What doctors do goes before backfills, which have a
# place only as often in a minute as their insurer wants it.
_DUE = """
    WITH provider AS MATERIALIZED (
        SELECT insurer.id, EXISTS (
            SELECT FROM provider_doctor_sync AS failing
            WHERE failing.insurance_provider_id = insurer.id AND failing.sync_status = 'FAILING'
        ) OR EXISTS (
            SELECT FROM provider_doctor_sync AS slow
            WHERE slow.insurance_provider_id = insurer.id AND slow.lease_until > %(at)s
                  AND slow.lease_until <= %(slow)s
        ) AS is_failing, held.sends, %(backfills_at_once)s - held.backfills AS backfills,
        1 + floor(
            extract(epoch FROM %(at)s - greatest(push.next_backfill_at, %(earliest)s))
            * insurer.backfill_per_minute / 60
        ) AS backfills_by_rate
        FROM insurance_providers AS insurer
        LEFT JOIN provider_push AS push ON push.insurance_provider_id = insurer.id
        CROSS JOIN LATERAL (
            SELECT count(*) AS sends, count(*) FILTER (WHERE is_backfill) AS backfills
            FROM provider_doctor_sync AS sync
            WHERE sync.insurance_provider_id = insurer.id AND sync.lease_until > %(at)s
        ) AS held
        WHERE insurer.api_base_url <> ''
    ), due AS MATERIALIZED (
        SELECT next_one.*, provider.is_failing
        FROM provider
        CROSS JOIN LATERAL (
            SELECT id, false AS is_backfill, row_number() OVER () AS place FROM (
                SELECT sync.id FROM provider_doctor_sync AS sync
                WHERE sync.insurance_provider_id = provider.id AND NOT sync.is_backfill
                      AND sync.sync_status IN ('PENDING', 'FAILING')
                      AND sync.next_attempt_at <= %(at)s
                      AND (sync.lease_until IS NULL OR sync.lease_until <= %(at)s)
                ORDER BY sync.next_attempt_at
                LIMIT greatest(%(most_at_once)s - provider.sends, 0)
                FOR UPDATE SKIP LOCKED
            ) AS own
            UNION ALL
            SELECT id, true, row_number() OVER () FROM (
                SELECT sync.id FROM provider_doctor_sync AS sync
                WHERE sync.insurance_provider_id = provider.id AND sync.is_backfill
                      AND sync.sync_status IN ('PENDING', 'FAILING')
                      AND sync.next_attempt_at <= %(at)s
                      AND (sync.lease_until IS NULL OR sync.lease_until <= %(at)s)
                ORDER BY sync.next_attempt_at
                LIMIT greatest(least(provider.backfills, provider.backfills_by_rate), 0)
                FOR UPDATE SKIP LOCKED
            ) AS backfill
        ) AS next_one
    ), ranked AS (
        SELECT id, is_backfill, is_failing, place,
               row_number() OVER (
                   PARTITION BY is_failing ORDER BY is_backfill, place, random()
               ) AS rank
        FROM due
    )
    SELECT id FROM ranked
    WHERE NOT is_failing
          OR rank <= %(failing_at_once)s - (SELECT sum(sends) FROM provider WHERE is_failing)
    ORDER BY is_backfill, place, random()
    LIMIT %(room)s
"""
_COUNT_BACKFILLS = """
    INSERT INTO provider_push AS push
        (insurance_provider_id, next_backfill_at, created_at, updated_at)
    SELECT insurer.id, %(earliest)s + taken.number * interval '1 minute' / backfill_per_minute,
        %(at)s, %(at)s
    FROM (
        SELECT insurance_provider_id, count(*) AS number FROM provider_doctor_sync
        WHERE id = ANY(%(taken)s) AND is_backfill GROUP BY insurance_provider_id
    ) AS taken
    JOIN insurance_providers AS insurer ON insurer.id = taken.insurance_provider_id
    ON CONFLICT (insurance_provider_id) DO UPDATE SET next_backfill_at =
        greatest(push.next_backfill_at, %(earliest)s) + (excluded.next_backfill_at - %(earliest)s),
        updated_at = %(at)s
"""


@transaction.atomic(durable=True)
def lease(*, room: int, at: datetime) -> list[ProviderDoctorSync]:
    """Take at most `room` pairs that are due, so that nobody else sends them meanwhile.

    Args:
        at: aware instant; the lease runs for a minute and a half from it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
        due = _due(cursor, room, at)
    if not due:
        return []
    pairs = ProviderDoctorSync.objects.filter(pk__in=due)
    pairs.update(attempts=F("attempts") + 1, lease_until=at + LEASE, updated_at=at)
    return list(pairs.select_related("insurance_provider", "doctor").order_by("next_attempt_at"))


def _due(cursor: Any, room: int, at: datetime) -> Sequence[UUID]:
    earliest = at - BACKFILL_CATCHES_UP
    cursor.execute(
        _DUE,
        {
            "at": at,
            "most_at_once": MOST_AT_ONCE,
            "failing_at_once": FAILING_AT_ONCE,
            "backfills_at_once": BACKFILLS_AT_ONCE,
            "earliest": earliest,
            "slow": at + LEASE - SLOW_AFTER,
            "room": room,
        },
    )
    due = [row[0] for row in cursor.fetchall()]
    if due:
        cursor.execute(_COUNT_BACKFILLS, {"taken": due, "earliest": earliest, "at": at})
    return due
