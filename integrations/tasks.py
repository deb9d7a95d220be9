"""Look for work that is due, now. Rows hold what is owed; these may run twice, late or not at all.

Each drains what it finds. One wakes the next after its commit; when the broker is away, the
sweep finds the same work a little later.
"""

import structlog
from celery import Task, shared_task
from django.utils.timezone import now
from kombu.exceptions import KombuError

from integrations.actions import feed, push, webhooks

log = structlog.get_logger(__name__)


@shared_task
def sequence_events() -> int:
    """Bring new events into the insurers' feeds and wake the senders; give how many there were."""
    handled = 0
    while count := feed.sequence(at=now()):
        handled += count
        _wake(send_webhooks)
        _wake(push_doctors)
    return handled


@shared_task
def send_webhooks() -> int:
    """Send every webhook that is due; give the number of attempts."""
    return webhooks.send_due(clock=now)


@shared_task
def push_doctors() -> int:
    """Bring every insurer that lags behind in step; give the number of attempts."""
    return push.push_due(clock=now)


@shared_task
def sweep() -> int:
    """Do all three, for what no wake-up told of: retries, ended leases, lost wake-ups."""
    return sequence_events() + send_webhooks() + push_doctors()


def _wake(task: "Task[[], int]") -> None:
    try:
        task.apply_async(ignore_result=True, retry=False)
    except (KombuError, OSError) as error:
        log.warning("wake_up_failed", error=type(error).__name__)
