"""What consent does on a schedule; the times stand in `docport/celery.py`."""

from datetime import datetime

import structlog
from celery import shared_task
from django.core.mail import EmailMessage
from django.utils.timezone import now

from consent import actions, notices
from consent.mail import letter
from consent.models import Consent, ConsentMail
from registry.models import Doctor

ASKED_IN_A_RUN = 1000

log = structlog.get_logger(__name__)


@shared_task
def expire_consents() -> int:
    """Write down the ends that have come, and give their number."""
    at = now()
    over = Consent.objects.over_at(at).order_by("expires_at")
    return sum(actions.expire(consent=consent, at=at) for consent in over)


@shared_task
def ask_consents_again() -> int:
    """Ask again where a newer notice needs it, and give the number of consents asked.

    A run takes no more than a minute's work; the next one goes on.
    """
    at, outdated = now(), notices.outdated(notices.EDITIONS)
    waiting = Consent.objects.to_ask_again(outdated.versions, ends_at=at + outdated.grace, at=at)
    return sum(
        actions.ask_again(consent=consent, outdated=outdated, at=at)
        for consent in waiting[:ASKED_IN_A_RUN]
    )


@shared_task
def send_consent_mails() -> int:
    """Send the mails that are owed, those of earlier failures too, and give their number.

    A failure ends the run, so that a mail server that is away holds no worker; the next run goes
    on with the others.
    """
    actions.owe_mails(at=now())
    sent = 0
    while (mail := actions.take_mail(at=now())) is not None:
        try:
            sent += _send(mail, at=now())
        # Those of smtplib are among them.
        except OSError as error:
            log.warning("consent_mail_failed", mail=str(mail.pk), error=type(error).__name__)
            break
    return sent


def _send(mail: ConsentMail, *, at: datetime) -> bool:
    doctor = _addressee(mail, at=at)
    if doctor is None:
        actions.drop_mail(mail=mail)
        return False
    written = letter(mail, doctor)
    EmailMessage(written.subject, written.text, to=[written.to]).send()
    actions.note_sent(mail=mail, at=at)
    return True


def _addressee(mail: ConsentMail, *, at: datetime) -> Doctor | None:
    """Give the doctor for whom the mail is still news."""
    if mail.request is not None:
        return mail.request.addressee_at(at)
    assert mail.consent is not None
    is_news = mail.consent.is_active_at(at) and mail.consent.expires_at == mail.ends_at
    return mail.consent.doctor if is_news else None
