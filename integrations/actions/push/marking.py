"""What came of an attempt, noted in the pair."""

import random
from datetime import timedelta
from http import HTTPStatus

from django.db import transaction

from integrations.actions import accesses
from integrations.actions.accesses import Reader
from integrations.actions.push.sending import Outcome
from integrations.models import Access, ProviderDoctorSync

# How long after each failure in a row the next attempt comes; the last goes on for ever.
WAITS = (
    timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=30),
    timedelta(hours=2), timedelta(hours=6),
)  # fmt: skip
_JITTER = 0.2
_Status = ProviderDoctorSync.Status


@transaction.atomic(durable=True)
def mark(*, outcome: Outcome) -> None:
    """Note one attempt: in step, to be tried again, or stopped because the insurer said 410.

    What comes after the lease has ended changes nothing: somebody else has the pair.
    """
    job = outcome.job
    _note_access(outcome)
    standing = ProviderDoctorSync.objects.select_for_update().get(pk=job.sync.pk)
    if standing.lease_until != job.sync.lease_until:
        return
    standing.lease_until, standing.last_error = None, outcome.error
    standing.sent_to = job.base_url
    # After a failure nobody knows what the insurer holds: half a state may have arrived.
    standing.state_hash = "" if outcome.error else job.state.hash
    if not outcome.error:
        _note_in_step(standing, outcome)
    elif not standing.attempts:
        # Somebody made the pair due afresh during the send, so it is as due as it was.
        pass
    elif outcome.status == HTTPStatus.GONE:
        standing.sync_status, standing.failing_since = _Status.STOPPED, None
    else:
        standing.sync_status = _Status.FAILING
        standing.failing_since = standing.failing_since or outcome.at
        standing.next_attempt_at = outcome.at + _wait(standing.attempts, outcome)
    standing.save()


def _note_access(outcome: Outcome) -> None:
    # Whatever its system answered, it has been sent; an erasure shows nothing.
    job = outcome.job
    was_sent = not (outcome.error and outcome.status is None) and not job.changes_nothing
    if was_sent and job.state.documents:
        provider = job.sync.insurance_provider_id
        reader = Reader(Access.Reader.PUSH, provider, provider)
        doctor = (job.sync.doctor_id, job.state.data_classes)
        accesses.note(reader, Access.Call.PUSH, [doctor], at=outcome.at)


def _note_in_step(standing: ProviderDoctorSync, outcome: Outcome) -> None:
    job = outcome.job
    changed_meanwhile = standing.wanted != job.sync.wanted
    standing.sync_status = _Status.PENDING if changed_meanwhile else _Status.IN_STEP
    # What changed meanwhile makes its own way.
    standing.is_backfill = standing.is_backfill and changed_meanwhile
    standing.sent, standing.attempts, standing.failing_since = job.sync.wanted, 0, None
    standing.next_attempt_at = outcome.at
    if not job.changes_nothing:
        standing.last_profile_sync = standing.last_availability_sync = outcome.at
        standing.version_sent = job.state.version


def _wait(attempts: int, outcome: Outcome) -> timedelta:
    planned = WAITS[min(attempts, len(WAITS)) - 1] * random.uniform(1, 1 + _JITTER)  # noqa: S311  No secret.
    return max(planned, outcome.retry_after or planned)
