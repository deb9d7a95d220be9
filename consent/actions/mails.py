"""Mails to doctors: what is owed is a row, so each is sent however often the task runs or dies.

Sending is three steps: a short transaction takes a mail that is due, the task sends it with no
transaction open, and another one notes that it was sent.
"""

from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q

from consent.models import Consent, ConsentMail, ConsentRequest
from registry.models import Doctor

_DAY = timedelta(days=1)
# Each with the time before the end from which it is sent, and at which the next one overtakes it.
_REMINDERS = (
    (ConsentMail.Kind.ENDS_IN_30_DAYS, 30 * _DAY, 7 * _DAY),
    (ConsentMail.Kind.ENDS_IN_7_DAYS, 7 * _DAY, 1 * _DAY),
    (ConsentMail.Kind.ENDS_IN_1_DAY, 1 * _DAY, 0 * _DAY),
)
REMINDED_BEFORE = 30 * _DAY
# How long after each attempt the next one comes; the last goes on.
WAITS = (
    timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=30), timedelta(hours=2),
    timedelta(hours=6),
)  # fmt: skip


@transaction.atomic(durable=True)
def owe_mails(*, at: datetime) -> int:
    """Note which mails are owed by now that were not before; tell how many."""
    owed = [*_requests_to_tell(at), *_ends_to_remind_of(at)]
    # Another worker may note the same.
    return len(ConsentMail.objects.bulk_create(owed, ignore_conflicts=True))


@transaction.atomic(durable=True)
def take_mail(*, at: datetime) -> ConsentMail | None:
    """Take a mail that is due; `None` when there is none.

    Its next attempt is set before this one is made, so that a worker that dies over it keeps it
    from nobody, and one that fails has nothing to note.
    """
    due = ConsentMail.objects.due_at(at).select_for_update(skip_locked=True, of=("self",))
    mail = due.select_related("request__insurance_provider", "consent__insurance_provider").first()
    if mail is not None:
        mail.next_attempt_at = at + WAITS[min(mail.attempts, len(WAITS) - 1)]
        mail.attempts += 1
        mail.save(update_fields=["next_attempt_at", "attempts"])
    return mail


@transaction.atomic(durable=True)
def note_sent(*, mail: ConsentMail, at: datetime) -> None:
    """Note that a mail was handed over."""
    mail.status, mail.sent_at = ConsentMail.Status.SENT, at
    mail.save(update_fields=["status", "sent_at"])


@transaction.atomic(durable=True)
def drop_mail(*, mail: ConsentMail) -> None:
    """Give a mail up that would tell nothing new any more."""
    mail.status = ConsentMail.Status.DROPPED
    mail.save(update_fields=["status"])


def _requests_to_tell(at: datetime) -> list[ConsentMail]:
    told = ConsentMail.objects.filter(request=OuterRef("pk"))
    doctors = Doctor.objects.active().filter(registration_number=OuterRef("registration_number"))
    untold = ConsentRequest.objects.open_at(at).filter(~Exists(told), Exists(doctors))
    return [
        ConsentMail(kind=ConsentMail.Kind.ASKED, request=request, next_attempt_at=at)
        for request in untold
        if request.addressee_at(at) is not None
    ]


def _ends_to_remind_of(at: datetime) -> list[ConsentMail]:
    return [
        ConsentMail(consent=consent, kind=kind, ends_at=consent.expires_at, next_attempt_at=at)
        for kind, before, overtaken in _REMINDERS
        for consent in _unreminded(kind, before, overtaken, at)
    ]


def _unreminded(
    kind: str, before: timedelta, overtaken: timedelta, at: datetime
) -> models.QuerySet[Consent]:
    reminded = ConsentMail.objects.filter(
        consent=OuterRef("pk"), ends_at=OuterRef("expires_at"), kind=kind
    )
    # One that was given for a shorter time than that needs no reminder on its first day. To be
    # asked again is news on the first day, however long the grace.
    is_news = Q(granted_at__lte=F("expires_at") - before) | Q(asked_again_at__isnull=False)
    return Consent.objects.ending_within(before, at=at).filter(
        is_news, ~Exists(reminded), expires_at__gt=at + overtaken
    )
