"""Push sync: bring each insurer's system in step with what it may see of each doctor.

It sends states, not changes: ten edits become one send, and a lost message cannot matter. A
lease ends by itself, so what a killed worker held is sent again.
"""

from collections.abc import Callable
from datetime import datetime

from integrations.actions.drain import Line, one_by_one
from integrations.actions.push.again import (
    NothingWaits,
    retry,
    retry_failing,
    retry_insurer,
    send_all_again,
    try_now,
    try_others,
)
from integrations.actions.push.leasing import BACKFILLS_AT_ONCE, LEASE, lease
from integrations.actions.push.marking import WAITS, mark
from integrations.actions.push.sending import Outcome, attempt, partner_of
from integrations.actions.push.states import ERASED, Job, State, hash_of, prepare, shown_at
from integrations.outgoing import Session

__all__ = [
    "BACKFILLS_AT_ONCE",
    "ERASED",
    "LEASE",
    "WAITS",
    "Job",
    "NothingWaits",
    "Outcome",
    "State",
    "attempt",
    "hash_of",
    "lease",
    "line",
    "mark",
    "partner_of",
    "prepare",
    "retry",
    "retry_failing",
    "retry_insurer",
    "send_all_again",
    "shown_at",
    "try_now",
    "try_others",
]


def line(session: Session, clock: Callable[[], datetime]) -> Line[Job, Outcome]:
    """Give the three steps of bringing a pair in step."""
    return Line(
        lease=lambda room: prepare(lease(room=room, at=clock()), at=clock()),
        send=lambda job: attempt(job, session=session, clock=clock),
        mark=one_by_one(_mark),
    )


def _mark(outcome: Outcome) -> None:
    mark(outcome=outcome)
    if outcome.is_recovery:
        try_others(provider=outcome.job.sync.insurance_provider_id, at=outcome.at)
