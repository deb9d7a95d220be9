"""Send one delivery and tell what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from integrations import outgoing
from integrations.actions.webhooks.leasing import Job
from integrations.connectors.webhooks import client, mapping
from integrations.outgoing import Session

_NOT_ANSWERED = "challenge_not_answered"
_INTERNAL_ERROR = "internal_error"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt; no `error` means that it was delivered."""

    job: Job
    started_at: datetime
    ended_at: datetime
    status: int | None
    error: str = ""
    retry_after: timedelta | None = None


async def attempt(job: Job, *, session: Session, clock: Callable[[], datetime]) -> Outcome:
    """Send one delivery and tell what came of it; touches no database and raises nothing."""
    started_at = clock()
    status, error, retry_after = None, "", None
    try:
        signed = mapping.headers(
            job.message_id, int(started_at.timestamp()), job.body, keys=job.secrets
        )
        answer = await client.post(session, job.url, body=job.body, headers=signed)
        status = answer.status
        if job.challenge and not mapping.repeats(answer.body, job.challenge):
            error = _NOT_ANSWERED
    except outgoing.PartnerUnavailable as failure:
        status, error = failure.status, failure.reason
        retry_after = outgoing.wait_asked(failure.retry_after, at=clock())
    except outgoing.PartnerRefused as failure:
        status, error = failure.status, failure.reason
    except Exception:
        log.exception("webhook_attempt_broke", delivery=str(job.delivery))
        error = _INTERNAL_ERROR
    return Outcome(job, started_at, clock(), status, error, retry_after)
