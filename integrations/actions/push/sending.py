"""One attempt to bring an insurer's system in step; no transaction is open meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from integrations import outgoing
from integrations.actions.push.states import CONNECTOR, Job
from integrations.connectors import Partner
from integrations.connectors.webhooks import mapping as webhooks
from integrations.outgoing import Session

_NO_SECRET = "no_signing_secret"  # noqa: S105  A reason, not a secret.
_INTERNAL_ERROR = "internal_error"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt; no `error` means that the insurer is in step."""

    job: Job
    at: datetime
    status: int | None = None
    error: str = ""
    retry_after: timedelta | None = None

    @property
    def is_recovery(self) -> bool:
        """Tell whether a system has taken what it did not take before."""
        was_sent = not self.error and not self.job.changes_nothing
        return was_sent and self.job.sync.failing_since is not None


async def attempt(job: Job, *, session: Session, clock: Callable[[], datetime]) -> Outcome:
    """Send one state and tell what came of it; touches no database and raises nothing."""
    if job.changes_nothing:
        return Outcome(job, clock())
    if not job.secrets:
        return Outcome(job, clock(), error=_NO_SECRET)
    try:
        await _send(job, partner_of(job, session=session, clock=clock))
    except outgoing.PartnerUnavailable as failure:
        asked = outgoing.wait_asked(failure.retry_after, at=clock())
        return Outcome(job, clock(), failure.status, failure.reason, asked)
    except outgoing.PartnerRefused as failure:
        return Outcome(job, clock(), failure.status, failure.reason)
    except Exception:
        log.exception("push_attempt_broke", sync=str(job.sync.pk))
        return Outcome(job, clock(), error=_INTERNAL_ERROR)
    return Outcome(job, clock())


async def _send(job: Job, partner: Partner) -> None:
    state, doctor = job.state, job.sync.doctor_id
    if state.erasure:
        await CONNECTOR.erase(partner, doctor, state.erasure, version=state.version)
        return
    for document in state.documents:
        await CONNECTOR.put(partner, doctor, document, version=state.version)


def partner_of(job: Job, *, session: Session, clock: Callable[[], datetime]) -> Partner:
    """Give the system of a job's insurer; what is sent to it is signed by the insurer's secrets."""

    def sign(part: str, body: bytes) -> dict[str, str]:
        message_id = f"sync_{job.sync.pk.hex}_{job.sync.wanted}_{part}"
        return webhooks.headers(message_id, int(clock().timestamp()), body, keys=job.secrets)

    return Partner(session, job.base_url, sign)
