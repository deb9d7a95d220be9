"""Look for work that is due, now. Rows hold what is owed; these may run twice, late or not at all.

A wake-up comes after each commit. The sweep finds, a little later, what no wake-up told of.
"""

from celery import shared_task
from django.utils.timezone import now

from integrations.actions import answers, clients, deliveries
from integrations.actions.reconcile import reconcile
from integrations.actions.relay import relay


@shared_task
def sequence_events() -> int:
    """Bring new events to the insurers at once; give how many sends there were."""
    return relay(clock=now, hand_over=sequence_events.delay)


@shared_task
def sweep() -> int:
    """Do the same for retries, ended leases and lost wake-ups."""
    return relay(clock=now, hand_over=sequence_events.delay)


@shared_task
def reconcile_pairs() -> int:
    """Find pairs that should be sent though no event says so; the sweep sends them."""
    return reconcile(at=now())


@shared_task
def forget_ended() -> int:
    """Delete stored answers, tokens and assertions that are of no use any more; give how many."""
    at = now()
    return answers.forget_answers(at=at) + clients.forget_ended(at=at)


@shared_task
def forget_deliveries() -> int:
    """Delete deliveries that have been kept long enough, with their attempts; give how many."""
    at, forgotten = now(), 0
    while count := deliveries.forget(at=at):
        forgotten += count
    return forgotten
