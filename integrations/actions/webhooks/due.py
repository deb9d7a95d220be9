"""Which deliveries go next: in order, so many at once, and nobody at another's cost.

Of each subject the oldest unfinished event goes first. Once it has failed three times, a newer one
may pass it while it waits for its next attempt, so that one event that an endpoint cannot take does
not stop all that comes after. The passed one keeps its own schedule; `subject_version` tells its
receiver that it is late.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from integrations.actions.drain import FAILING_AT_ONCE, MOST_AT_ONCE

PASSED_AFTER = 3
# After so many failures in a row an endpoint is sent one delivery at a time.
OPENS_AFTER = 5
# The first words of the types whose events carry the whole state: a link to the doctor, the hours
# or the appointment as it is now, or all that a consent says. Who has the newest misses nothing
# that an older one of the same word and subject would have told. A type that counts or adds
# something would not belong here, and would wait for those before it.
WHOLE_STATE = ("appointment", "availability", "consent", "doctor")
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('docport.webhooks', 0))"

# What is due goes first itself. While an endpoint takes nothing at all no event is the culprit, so
# that after an outage everything comes in order.
_IN_ORDER = """NOT EXISTS (
    SELECT FROM webhook_deliveries AS older
    WHERE older.endpoint_id = delivery.endpoint_id AND older.status = 'PENDING'
          AND older.subject = delivery.subject AND older.feed_entry_id < delivery.feed_entry_id
          AND NOT (
              older.attempts >= %(passed_after)s AND older.lease_until IS NULL
              AND older.next_attempt_at > %(at)s AND endpoint.failures < %(opens_after)s
              AND split_part(delivery.event_type, '.', 1) = ANY(%(whole_state)s)
          )
)"""
# Every endpoint gets a first place before any gets a second, and the lock keeps the most at once
# true for all workers. Endpoints whose last attempt failed, or that have not answered yet to one
# that began a while ago or to their challenge, have only a share of the sends between them all. One
# that took nothing for some time is probed by one at a time, when its pause is over. A challenge
# comes alone, and at once.
_DUE = f"""
    WITH endpoint AS MATERIALIZED (
        SELECT id, status, failures, status = 'PENDING' OR failing_since IS NOT NULL OR EXISTS (
            SELECT FROM webhook_deliveries AS slow
            WHERE slow.endpoint_id = webhook_endpoints.id AND slow.status = 'PENDING'
                  AND slow.lease_until > %(at)s AND slow.lease_until <= %(slow)s
        ) AS is_failing, (
            SELECT count(*) FROM webhook_deliveries AS held
            WHERE held.endpoint_id = webhook_endpoints.id AND held.status = 'PENDING'
                  AND held.lease_until > %(at)s
        ) AS sends, CASE
            WHEN held_until > %(at)s THEN 0
            WHEN failures >= %(opens_after)s THEN 1
            ELSE %(most_at_once)s
        END AS most
        FROM webhook_endpoints WHERE status IN ('ENABLED', 'PENDING')
    ), due AS MATERIALIZED (
        SELECT next_one.id, next_one.place, endpoint.is_failing
        FROM endpoint
        CROSS JOIN LATERAL (
            SELECT id, row_number() OVER () AS place FROM (
                SELECT delivery.id FROM webhook_deliveries AS delivery
                WHERE endpoint.status = 'ENABLED'
                      AND delivery.endpoint_id = endpoint.id AND delivery.status = 'PENDING'
                      AND delivery.next_attempt_at <= %(at)s
                      AND (delivery.lease_until IS NULL OR delivery.lease_until <= %(at)s)
                      AND {_IN_ORDER}
                ORDER BY delivery.next_attempt_at, delivery.feed_entry_id
                LIMIT greatest(endpoint.most - endpoint.sends, 0)
                FOR UPDATE SKIP LOCKED
            ) AS unheld
            UNION ALL
            SELECT id, 1 FROM (
                SELECT challenge.id FROM webhook_deliveries AS challenge
                WHERE endpoint.status = 'PENDING'
                      AND challenge.endpoint_id = endpoint.id AND challenge.status = 'PENDING'
                      AND challenge.subject = 'webhook_endpoint/' || endpoint.id
                      AND challenge.event_type = 'endpoint.challenge'
                      AND challenge.next_attempt_at <= %(at)s
                      AND (challenge.lease_until IS NULL OR challenge.lease_until <= %(at)s)
                LIMIT 1
                FOR UPDATE SKIP LOCKED
            ) AS unanswered
        ) AS next_one
    ), ranked AS (
        SELECT id, is_failing, place,
               row_number() OVER (PARTITION BY is_failing ORDER BY place, random()) AS rank
        FROM due
    )
    SELECT id FROM ranked
    WHERE NOT is_failing
          OR rank <= %(failing_at_once)s - (SELECT sum(sends) FROM endpoint WHERE is_failing)
    ORDER BY place, random()
    LIMIT %(room)s
"""  # noqa: S608  A condition of ours.


def lock() -> None:
    """Keep other leases out until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)


def find(*, room: int, at: datetime, slow: datetime) -> list[UUID]:
    """Give at most `room` deliveries that may be sent now, locked; the caller holds `lock`.

    Args:
        at: aware instant.
        slow: a lease that ends by then began so long ago that its endpoint is slow.
    """
    given: dict[str, Any] = {
        "at": at,
        "slow": slow,
        "room": room,
        "most_at_once": MOST_AT_ONCE,
        "failing_at_once": FAILING_AT_ONCE,
        "opens_after": OPENS_AFTER,
        "passed_after": PASSED_AFTER,
        "whole_state": list(WHOLE_STATE),
    }
    with connection.cursor() as cursor:
        cursor.execute(_DUE, given)
        return [delivery for (delivery,) in cursor.fetchall()]
