"""Tell endpoints now and then how far their insurers' feeds have come.

Who hears nothing else knows by it that the way is open, and by the number that nothing is missing.
A failing endpoint has no pile of them: one waits at most, and it is the newest.
"""

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from integrations.models import HEARTBEAT, WebhookEndpoint
from registry import ledger
from registry.ids import UUID7

# One that still waits is as good as new, unless it is being sent just now.
_SEND = f"""
    INSERT INTO webhook_deliveries AS waiting (
        id, endpoint_id, event_type, subject, status, attempts, next_attempt_at, last_error,
        created_at, updated_at
    )
    SELECT {UUID7}, id, %(type)s, 'webhook_endpoint/' || id, 'PENDING', 0, %(at)s, '', %(at)s,
        %(at)s
    FROM webhook_endpoints WHERE status = %(enabled)s
    ORDER BY id
    ON CONFLICT (endpoint_id) WHERE status = 'PENDING' AND event_type = 'heartbeat'
        DO UPDATE SET attempts = 0, next_attempt_at = excluded.next_attempt_at,
            created_at = excluded.created_at, updated_at = excluded.updated_at
        WHERE NOT EXISTS (
            SELECT FROM webhook_leases WHERE delivery_id = waiting.id AND until > %(at)s
        )
"""  # noqa: S608  An expression of ours.


@transaction.atomic(durable=True)
def send(*, at: datetime) -> int:
    """Have a heartbeat sent to each enabled endpoint; give how many are sent."""
    given: dict[str, Any] = {"type": HEARTBEAT, "enabled": WebhookEndpoint.Status.ENABLED, "at": at}
    with connection.cursor() as cursor:
        cursor.execute(_SEND, given)
        sent: int = cursor.rowcount
    if sent:
        transaction.on_commit(ledger.wake_sequencer)
    return sent
