"""Look for work that is due, now. Rows hold what is owed; these may run twice, late or not at all.

A wake-up comes after each commit. The sweep finds, a little later, what no wake-up told of.
"""

import structlog
from celery import shared_task
from django.core.mail import EmailMessage
from django.utils.timezone import now

from integrations import outgoing
from integrations.actions import (
    accesses,
    answers,
    clients,
    conformance,
    deliveries,
    drift,
    failing,
    heartbeats,
)
from integrations.actions.reconcile import reconcile
from integrations.actions.relay import relay
from integrations.mail import about_failures

log = structlog.get_logger(__name__)


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
    found = 0
    while count := reconcile(at=now()):
        found += count
    return found


@shared_task
def check_drift() -> int:
    """Go on with the nightly checks of what insurers hold; give how many steps there were."""
    return drift.check(clock=now)


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


@shared_task
def forget_accesses() -> int:
    """Delete what the access ledger has kept for a year; give how many rows."""
    at, forgotten = now(), 0
    while count := accesses.forget(at=at):
        forgotten += count
    return forgotten


@shared_task
def send_heartbeats() -> int:
    """Tell each endpoint how far its insurer's feed has come; give how many are told."""
    return heartbeats.send(at=now())


@shared_task
def watch_endpoints() -> int:
    """Disable endpoints that have failed for too long, and tell insurers; give how many were told.

    A failure to mail ends the run, so that a mail server that is away holds no worker.
    """
    failing.give_up(at=now())
    told = 0
    while (warned := failing.take_warning(at=now())) is not None:
        try:
            is_mailed = _mail(warned)
        # Those of smtplib are among them.
        except OSError as error:
            log.warning("endpoint_mail_failed", error=type(error).__name__)
            break
        failing.note_warned(warned=warned, is_mailed=is_mailed, at=now())
        told += 1
    return told


@shared_task
def check_conformance() -> int:
    """Go through the checks of insurers' systems that somebody asked for; give how many."""
    checked = 0
    with outgoing.new_session() as session:
        while conformance.carry_out_next(session=session, clock=now) is not None:
            checked += 1
    return checked


def _mail(warned: failing.Warned) -> bool:
    letter = about_failures(warned.endpoint, ends_at=warned.ends_at)
    # An insurer that has named no contact can still read it by API.
    if letter.to:
        EmailMessage(letter.subject, letter.text, to=[letter.to]).send()
    return bool(letter.to)
