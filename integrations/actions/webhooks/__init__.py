"""The dispatcher of webhooks: lease what is due, send it with no transaction open, mark it.

A lease ends by itself: what a killed worker held is sent again, with the same `webhook-id`.
"""

from collections.abc import Callable
from datetime import datetime

from integrations.actions.drain import Line
from integrations.actions.webhooks.leasing import LEASE, Job, lease, secrets_in_force
from integrations.actions.webhooks.marking import WAITS, mark
from integrations.actions.webhooks.sending import Outcome, attempt
from integrations.outgoing import Session

# Leasing and marking take about as long for many as for one.
WIDTH = 64

__all__ = [
    "LEASE",
    "WAITS",
    "Job",
    "Outcome",
    "attempt",
    "lease",
    "line",
    "mark",
    "secrets_in_force",
]


def line(session: Session, clock: Callable[[], datetime]) -> Line[Job, Outcome]:
    """Give the three steps of sending a webhook."""
    return Line(
        lease=lambda room: lease(room=room, at=clock()),
        send=lambda job: attempt(job, session=session, clock=clock),
        mark=lambda outcomes: mark(outcomes=outcomes),
        width=WIDTH,
    )
