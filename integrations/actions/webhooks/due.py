"""Which deliveries go next: in order, so many at once, and nobody at another's cost.

Of each subject the oldest unfinished event goes first. Once it has failed three times, a newer one
may pass it while it waits for its next attempt, so that one event that an endpoint cannot take does
not stop all that comes after. The passed one keeps its own schedule; `subject_version` tells its
receiver that it is late.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from integrations.actions.drain import FAILING_AT_ONCE, MOST_AT_ONCE
from registry.statements import ask

PASSED_AFTER = 3
# After so many failures in a row an endpoint is sent one delivery at a time.
OPENS_AFTER = 5
# The first words of the types whose events carry the whole state: a link to the doctor, the hours
# or the appointment as it is now, or all that a consent says. Who has the newest misses nothing
# that an older one of the same word and subject would have told. A type that counts or adds
# something would not belong here, and would wait for those before it.
WHOLE_STATE = ("appointment", "availability", "consent", "doctor")
# A lease that is lost as the database dies is no loss: what was sent is sent once more. So nobody
# waits for the disk. To compile what takes some milliseconds would take some hundred.
_LOCK = """
    SELECT set_config('synchronous_commit', 'off', true), set_config('jit', 'off', true),
        pg_advisory_xact_lock(hashtextextended('docport.webhooks', 0))
"""

# What is due, or being sent, goes first itself. While an endpoint takes nothing at all no event is
# the culprit, so that after an outage everything comes in order. OFFSET 0 has the older ones looked
# up by the index for one delivery after the other: joined, all that waits is compared with all that
# waits.
_IN_ORDER = """NOT EXISTS (
    SELECT FROM webhook_deliveries AS older
    WHERE older.endpoint_id = delivery.endpoint_id AND older.status = 'PENDING'
          AND older.subject = delivery.subject AND older.feed_entry_id < delivery.feed_entry_id
          AND NOT (
              older.attempts >= %(passed_after)s AND older.next_attempt_at > %(at)s
              AND older.id <> ALL(endpoint.held) AND endpoint.failures < %(opens_after)s
              AND split_part(delivery.event_type, '.', 1) = ANY(%(whole_state)s)
          )
    OFFSET 0
)"""
_WAITS = "status = 'PENDING' AND next_attempt_at <= %(at)s"
_NEXT = f"""
    SELECT delivery.ctid FROM webhook_deliveries AS delivery
    WHERE endpoint.status = 'ENABLED' AND delivery.endpoint_id = endpoint.id AND {_WAITS}
          AND delivery.id <> ALL(endpoint.held) AND {_IN_ORDER}
    ORDER BY delivery.next_attempt_at, delivery.feed_entry_id
"""  # noqa: S608  Conditions of ours.
_CHALLENGE = f"""
    SELECT ctid FROM webhook_deliveries
    WHERE endpoint.status = 'PENDING' AND endpoint_id = endpoint.id AND {_WAITS}
          AND webhook_deliveries.id <> ALL(endpoint.held)
          AND subject = 'webhook_endpoint/' || endpoint.id AND event_type = 'endpoint.challenge'
"""  # noqa: S608  A condition of ours.
# Every endpoint gets a first place before any gets a second, and the lock keeps the most at once
# true for all workers. Endpoints whose last attempt failed, or that have not answered yet to one
# that began a while ago or to their challenge, have only a share of the sends between them all. One
# that took nothing for some time is probed by one at a time, when its pause is over. A challenge
# comes alone, and at once. Where there are more endpoints than room, no more of them are looked at,
# by chance, than there is room for; what follows their first is looked for only if that left some.
# Who finds a lease that has ended counts the attempt that its worker did not live to note. A row is
# found again by where it lies (`ctid`), which within one statement is the shortest way.
_CLAIM = f"""
    WITH lease AS MATERIALIZED (
        SELECT delivery_id, until > %(at)s AS is_held, until <= %(slow)s AS is_slow
        FROM webhook_leases
    ), held AS MATERIALIZED (
        SELECT endpoint_id, array_agg(id) AS ids, count(*) AS sends, bool_or(is_slow) AS is_slow
        FROM lease JOIN webhook_deliveries ON id = delivery_id
        WHERE is_held GROUP BY endpoint_id
    ), endpoint AS MATERIALIZED (
        SELECT id, status, failures, coalesce(sends, 0) AS sends, coalesce(ids, '{{}}') AS held,
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
    ), many AS MATERIALIZED (
        SELECT count(*) > %(room)s AS are_many FROM endpoint WHERE free > 0
    ), first AS MATERIALIZED (
        (
            SELECT endpoint.*, next_one.ctid AS delivery, next_one.place
            FROM (SELECT * FROM endpoint WHERE free > 0 AND NOT is_failing ORDER BY random())
                AS endpoint
            CROSS JOIN LATERAL (
                SELECT ctid, row_number() OVER () AS place FROM (
                    {_NEXT} LIMIT CASE WHEN (SELECT are_many FROM many) THEN 1 ELSE free END
                ) AS in_order
            ) AS next_one
            LIMIT (SELECT CASE WHEN are_many THEN %(room)s END FROM many)
        ) UNION ALL (
            SELECT endpoint.*, next_one.ctid AS delivery, 1 AS place
            FROM (SELECT * FROM endpoint WHERE free > 0 AND is_failing ORDER BY random())
                AS endpoint
            CROSS JOIN LATERAL (({_NEXT} LIMIT 1) UNION ALL ({_CHALLENGE} LIMIT 1)) AS next_one
            LIMIT (SELECT of_failing FROM share)
        )
    ), due AS (
        SELECT delivery, is_failing, place FROM first
        UNION ALL
        SELECT others.ctid, is_failing, others.place
        FROM first AS endpoint
        CROSS JOIN LATERAL (
            SELECT ctid, row_number() OVER () + 1 AS place FROM (
                {_NEXT} OFFSET 1 LIMIT %(most_at_once)s - 1
            ) AS behind_the_first
        ) AS others
        WHERE (is_failing OR (SELECT are_many FROM many)) AND others.place <= endpoint.free
            AND (SELECT count(*) FROM first) < %(room)s
    ), ranked AS (
        SELECT delivery, is_failing, place,
               row_number() OVER (PARTITION BY is_failing ORDER BY place, random()) AS rank
        FROM due
    ), chosen AS MATERIALIZED (
        SELECT delivery FROM ranked
        WHERE NOT is_failing OR rank <= (SELECT of_failing FROM share)
        ORDER BY place, random()
        LIMIT %(room)s
    ), claimed AS MATERIALIZED (
        SELECT id, endpoint_id, feed_entry_id, event_type, attempts
        FROM chosen JOIN webhook_deliveries ON webhook_deliveries.ctid = delivery
        WHERE {_WAITS}
        FOR UPDATE OF webhook_deliveries SKIP LOCKED
    ), leased AS (
        INSERT INTO webhook_leases (delivery_id, until) SELECT id, %(until)s FROM claimed
        ON CONFLICT (delivery_id) DO UPDATE SET until = excluded.until
    ), lost AS (
        UPDATE webhook_deliveries SET attempts = attempts + 1, updated_at = %(at)s
        WHERE id IN (
            SELECT id FROM claimed WHERE id IN (SELECT delivery_id FROM lease WHERE NOT is_held)
        )
        RETURNING id
    )
    SELECT id, endpoint_id, feed_entry_id, event_type,
        attempts + CASE WHEN id IN (SELECT id FROM lost) THEN 2 ELSE 1 END
    FROM claimed ORDER BY feed_entry_id
"""  # noqa: S608  Conditions of ours.


class Claimed(NamedTuple):
    """A delivery that nobody else sends now; DocPort's own word is no entry of a feed."""

    delivery: UUID
    endpoint: UUID
    entry: int | None
    event_type: str
    attempt: int


@transaction.atomic(durable=True)
def claim(*, room: int, at: datetime, until: datetime, slow: datetime) -> list[Claimed]:
    """Lease at most `room` deliveries that may be sent now, so that nobody else sends them.

    Workers claim one after the other, so this does no more than choose: who may hear of it, and
    what is said, is asked with nobody waiting.

    Args:
        at: aware instant.
        until: when the leases end.
        slow: a lease that ends by then began so long ago that its endpoint is slow.
    """
    given: dict[str, Any] = {
        "at": at,
        "until": until,
        "slow": slow,
        "room": room,
        "most_at_once": MOST_AT_ONCE,
        "failing_at_once": FAILING_AT_ONCE,
        "opens_after": OPENS_AFTER,
        "passed_after": PASSED_AFTER,
        "whole_state": list(WHOLE_STATE),
    }
    ask(_LOCK, {})
    # Planned with its values: without them it would not know how few rows it is to give.
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, given)
        return list(map(Claimed._make, cursor.fetchall()))
