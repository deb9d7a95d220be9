"""Doctors withdraw while events about them are on their way to the insurer."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.utils.timezone import now

from consent import actions
from faults.finding import Finding
from faults.history import COMMITTED, Change, Withdrew, Wrote, instant
from faults.passing import pass_time
from faults.sink import accept, refuse, slowly
from faults.stage import Stage
from faults.world import Insurer, consent_of
from registry.models import Doctor, OutboxEvent
from registry.tests.factories import make_user

# Slow enough that more happens than can be told: every event waits between feed and delivery.
_SLOW_SECONDS = 0.3
_LEAVING = 5
_LATER = timedelta(hours=1)
_STEPS = 3


def consent_withdrawn(stage: Stage) -> Iterator[Finding]:
    """Withdraw between event and delivery, and between a failed attempt and the next."""
    stage.people(doctors=20)
    stage.start()
    insurer = stage.insurers[0]
    waiting, failing = stage.doctors[:_LEAVING], stage.doctors[_LEAVING : 2 * _LEAVING]
    with stage.load():
        stage.sink.behave(insurer.name, slowly(_SLOW_SECONDS))
        _leave_one_by_one(stage, insurer, waiting)
        stage.sink.behave(insurer.name, refuse)
        _leave_one_by_one(stage, insurer, failing)
    stage.sink.behave(insurer.name, accept)
    for _ in range(_STEPS):
        pass_time(_LATER)
    stage.settle()
    yield Finding.of(
        "consent withdrawn between event and delivery, and during retries",
        "nothing with data leaves after the commit; `consent.revoked` does",
        stage.judge(),
        f"{2 * _LEAVING} doctors left",
    )


def _leave_one_by_one(stage: Stage, insurer: Insurer, doctors: Sequence[Doctor]) -> None:
    for doctor in doctors:
        time.sleep(stage.seconds / (2 * _LEAVING))
        _withdraw(stage, insurer, doctor)


def _withdraw(stage: Stage, insurer: Insurer, doctor: Doctor) -> None:
    consent, began = consent_of(doctor, insurer), instant()
    actions.withdraw(consent=consent, by=make_user(doctor=doctor), at=now())
    at = instant()
    event = OutboxEvent.objects.get(type="consent.revoked", subject=f"consent/{consent.pk}")
    change = Change(event.subject, event.subject_version, event.type)
    stage.history.note(
        Withdrew(insurer.name, str(doctor.pk), at),
        Wrote(change, str(doctor.pk), COMMITTED, began, at, insurer.name, has_data=False),
    )
