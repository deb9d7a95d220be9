"""What an insurer asks, and a doctor's no; the yes is `give`.

An insurer never learns whether a number is a doctor's here. So nothing that `ask` does or gives
back depends on doctors: it reads and writes the insurer's own requests, and no others.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction

from consent.actions.refusals import NotAsked, TooManyRequests
from consent.actions.steps import add_event, lock_doctor
from consent.models import (
    ANSWER_WITHIN,
    QUIET_AFTER,
    ConsentEvent,
    ConsentRequest,
    ConsentRequestQuerySet,
    ConsentStatus,
    DataClass,
)
from consent.notices import PURPOSE, notice_for
from consent.receipts import Said
from registry import ledger
from registry.actions.transactions import joining, lock_number
from registry.models import Doctor, InsuranceProvider, User

MOST_OPEN = 1000
MOST_A_DAY = 100
_LIMITS = ((timedelta(days=1), MOST_A_DAY), (ANSWER_WITHIN, MOST_OPEN))
_ASK_ONE_BY_ONE = "SELECT pg_advisory_xact_lock(%s)"


@joining
def ask(
    *,
    provider: InsuranceProvider,
    registration_number: str,
    data_classes: Iterable[str],
    message: str,
    at: datetime,
) -> ConsentRequest:
    """Ask whoever has a registration number for consent, and give the request that now stands.

    A number is asked once in 120 days: 30 to answer, and 90 of quiet after a no or none. Asking
    again meanwhile gives the request of before, whatever became of it.

    Args:
        registration_number: canonical, of a doctor here or of nobody.
        data_classes: all that is asked for; the profile must be among it.
        message: for the doctor to read; may be empty.

    Raises:
        TooManyRequests: nothing was changed and nothing was recorded.

    Source: docs/adr/0012-requests-leave-no-trace-in-a-consent.md
    """
    wanted = set(data_classes)
    with connection.cursor() as cursor:
        cursor.execute(_ASK_ONE_BY_ONE, [lock_number(f"requests of {provider.pk}")])
    asked = ConsentRequest.objects.filter(insurance_provider=provider)
    standing = asked.filter(registration_number=registration_number, ask_again_from__gt=at).first()
    if standing is not None:
        return standing
    _check_limits(asked, at)
    request = ConsentRequest.objects.create(
        insurance_provider=provider,
        registration_number=registration_number,
        data_classes=[code for code in DataClass.values if code in wanted],
        message=message,
        asked_at=at,
        answer_by=at + ANSWER_WITHIN,
        ask_again_from=at + ANSWER_WITHIN + QUIET_AFTER,
    )
    ledger.record(
        "consent.requested", subject=request, by=provider, at=at, data_classes=request.data_classes
    )
    return request


@transaction.atomic(durable=True)
def decline(*, request: ConsentRequest, doctor: Doctor, by: User, at: datetime) -> ConsentEvent:
    """Say no to an insurer that asked; it is not told, so it never learns who has an account.

    Args:
        at: aware instant of the answer.

    Raises:
        NotAsked: nothing was changed and nothing was recorded.
    """
    doctor = lock_doctor(doctor.pk)
    waiting = ConsentRequest.objects.put_to(doctor, at=at).select_for_update(of=("self",))
    standing = waiting.select_related("insurance_provider").filter(pk=request.pk).first()
    if standing is None:
        raise NotAsked
    _close(standing, ConsentRequest.Answer.DECLINED, doctor=doctor, by=by, at=at)
    provider = standing.insurance_provider
    notice = notice_for(
        insurer=provider.name, information_use=provider.information_use, language=by.language
    )
    said = Said(
        record_id=standing.pk,
        doctor=doctor,
        provider=provider,
        state=ConsentStatus.DECLINED,
        data_classes=standing.data_classes,
        purpose=PURPOSE,
        language=notice.language,
    )
    event = ConsentEvent(request=standing, version=1, kind="declined", at=at, by=by)
    add_event(event, said=said, notice=notice, previous=None)
    return event


def accept(
    *, doctor: Doctor, provider: InsuranceProvider, by: User, at: datetime
) -> ConsentRequest | None:
    """Note that a consent just given answers what the insurer asks; `None` when it asks nothing.

    Part of a transaction of the caller, which holds the doctor's lock.
    """
    waiting = ConsentRequest.objects.open_at(at).select_for_update()
    request = waiting.filter(
        insurance_provider=provider, registration_number=doctor.registration_number
    ).first()
    if request is not None:
        _close(request, ConsentRequest.Answer.ACCEPTED, doctor=doctor, by=by, at=at)
    return request


def _check_limits(asked: ConsentRequestQuerySet, at: datetime) -> None:
    # What doctors answered must not count: an insurer could tell from what it may still ask.
    for period, most in _LIMITS:
        newest_first = asked.filter(asked_at__gt=at - period).order_by("-asked_at")
        last = newest_first.values_list("asked_at", flat=True)[most - 1 : most]
        if last:
            raise TooManyRequests(again_at=last[0] + period)


def _close(request: ConsentRequest, answer: str, *, doctor: Doctor, by: User, at: datetime) -> None:
    request.answer, request.doctor = ConsentRequest.Answer(answer), doctor
    request.answered_at, request.answered_by = at, by
    request.save(update_fields=["answer", "doctor", "answered_at", "answered_by"])
