"""Which deliveries go next: in order, so many at once, and nobody at another's cost.

Of each subject the oldest unfinished event goes first. Once it has failed three times, a newer one
may pass it while it waits for its next attempt, so that one event that an endpoint cannot take does
not stop all that comes after. The passed one keeps its own schedule; `subject_version` tells its
receiver that it is late.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from integrations.actions.drain import FAILING_AT_ONCE, MOST_AT_ONCE
from registry.statements import prepared

PASSED_AFTER = 3
# After so many failures in a row an endpoint is sent one delivery at a time.
OPENS_AFTER = 5
# The first words of the types whose events carry the whole state: a link to the doctor, the hours
# or the appointment as it is now, or all that a consent says. Who has the newest misses nothing
# that an older one of the same word and subject would have told. A type that counts or adds
# something would not belong here, and would wait for those before it.
WHOLE_STATE = ("appointment", "availability", "consent", "doctor")
# A lease that is lost as the database dies is no loss: what was sent is sent once more. So nobody
# waits for the disk.
_LOCK = """
    SELECT set_config('synchronous_commit', 'off', true),
        pg_advisory_xact_lock(hashtextextended('docport.webhooks', 0))
"""

# What is due goes first itself. While an endpoint takes nothing at all no event is the culprit, so
# that after an outage everything comes in order. OFFSET 0 has the older ones looked up by the index
# for one delivery after the other: joined, all that waits is compared with all that waits.
_IN_ORDER = """NOT EXISTS (
    SELECT FROM webhook_deliveries AS older
    WHERE older.endpoint_id = delivery.endpoint_id AND older.status = 'PENDING'
          AND older.subject = delivery.subject AND older.feed_entry_id < delivery.feed_entry_id
          AND NOT (
              older.attempts >= %(passed_after)s AND older.lease_until IS NULL
              AND older.next_attempt_at > %(at)s AND endpoint.failures < %(opens_after)s
              AND split_part(delivery.event_type, '.', 1) = ANY(%(whole_state)s)
          )
    OFFSET 0
)"""
_UNHELD = """status = 'PENDING' AND next_attempt_at <= %(at)s
    AND (lease_until IS NULL OR lease_until <= %(at)s)"""
_NEXT = f"""
    SELECT delivery.id FROM webhook_deliveries AS delivery
    WHERE endpoint.status = 'ENABLED' AND delivery.endpoint_id = endpoint.id AND {_UNHELD}
          AND {_IN_ORDER}
    ORDER BY delivery.next_attempt_at, delivery.feed_entry_id
"""  # noqa: S608  Conditions of ours.
_CHALLENGE = f"""
    SELECT id FROM webhook_deliveries
    WHERE endpoint.status = 'PENDING' AND endpoint_id = endpoint.id AND {_UNHELD}
          AND subject = 'webhook_endpoint/' || endpoint.id AND event_type = 'endpoint.challenge'
"""  # noqa: S608  A condition of ours.
# Every endpoint gets a first place before any gets a second, and the lock keeps the most at once
# true for all workers. Endpoints whose last attempt failed, or that have not answered yet to one
# that began a while ago or to their challenge, have only a share of the sends between them all. One
# that took nothing for some time is probed by one at a time, when its pause is over. A challenge
# comes alone, and at once. No more endpoints are looked at, by chance, than there is room for.
_DUE = f"""
    WITH held AS MATERIALIZED (
        SELECT endpoint_id, count(*) AS sends, bool_or(lease_until <= %(slow)s) AS is_slow
        FROM webhook_deliveries WHERE status = 'PENDING' AND lease_until > %(at)s
        GROUP BY endpoint_id
    ), endpoint AS MATERIALIZED (
        SELECT id, status, failures, coalesce(sends, 0) AS sends,
            status = 'PENDING' OR failing_since IS NOT NULL OR coalesce(is_slow, false)
                AS is_failing,
            CASE
                WHEN status = 'PENDING' THEN 1
                WHEN held_until > %(at)s THEN 0
                WHEN failures >= %(opens_after)s THEN 1 - coalesce(sends, 0)
                ELSE %(most_at_once)s - coalesce(sends, 0)
            END AS free
        FROM webhook_endpoints LEFT JOIN held ON held.endpoint_id = id
        WHERE status IN ('ENABLED', 'PENDING')
    ), share AS (
        SELECT greatest(%(failing_at_once)s - coalesce(sum(sends), 0), 0) AS of_failing
        FROM endpoint WHERE is_failing
    ), first AS MATERIALIZED (
        (
            SELECT endpoint.*, next_one.id AS delivery
            FROM (SELECT * FROM endpoint WHERE free > 0 AND NOT is_failing ORDER BY random())
                AS endpoint
            CROSS JOIN LATERAL ({_NEXT} LIMIT 1) AS next_one
            LIMIT %(room)s
        ) UNION ALL (
            SELECT endpoint.*, next_one.id AS delivery
            FROM (SELECT * FROM endpoint WHERE free > 0 AND is_failing ORDER BY random())
                AS endpoint
            CROSS JOIN LATERAL (({_NEXT} LIMIT 1) UNION ALL ({_CHALLENGE} LIMIT 1)) AS next_one
            LIMIT (SELECT of_failing FROM share)
        )
    ), due AS (
        SELECT delivery, is_failing, 1 AS place FROM first
        UNION ALL
        SELECT others.id, is_failing, others.place
        FROM first AS endpoint
        CROSS JOIN LATERAL (
            SELECT id, row_number() OVER () + 1 AS place FROM (
                {_NEXT} OFFSET 1 LIMIT %(most_at_once)s - 1
            ) AS behind_the_first
        ) AS others
        WHERE (SELECT count(*) FROM first) < %(room)s AND others.place <= endpoint.free
    ), ranked AS (
        SELECT delivery, is_failing, place,
               row_number() OVER (PARTITION BY is_failing ORDER BY place, random()) AS rank
        FROM due
    ), chosen AS MATERIALIZED (
        SELECT delivery FROM ranked
        WHERE NOT is_failing OR rank <= (SELECT of_failing FROM share)
        ORDER BY place, random()
        LIMIT %(room)s
    )
    SELECT delivery.id, delivery.endpoint_id, delivery.feed_entry_id, delivery.event_type
    FROM webhook_deliveries AS delivery
    WHERE delivery.id IN (SELECT delivery FROM chosen) AND {_UNHELD}
    ORDER BY delivery.feed_entry_id
    FOR UPDATE SKIP LOCKED
"""  # noqa: S608  Conditions of ours.


class Due(NamedTuple):
    """A delivery that may be sent now; DocPort's own word is no entry of a feed."""

    delivery: UUID
    endpoint: UUID
    entry: int | None
    event_type: str


def lock() -> None:
    """Keep other leases out until the caller's transaction ends."""
    with prepared() as cursor:
        cursor.execute(_LOCK, {})


def find(*, room: int, at: datetime, slow: datetime) -> list[Due]:
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
    # Planned with its values: without them it would not know how few rows it is to give.
    with connection.cursor() as cursor:
        cursor.execute(_DUE, given)
        return list(map(Due._make, cursor.fetchall()))
