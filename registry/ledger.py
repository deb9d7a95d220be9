"""The two records of every change: the audit log, and the outbox that insurers hear from.

Both are called inside the action's transaction while it holds the lock of the row that changed,
so that the order within a subject is the order of the commits.
"""

import atexit
import os
from datetime import datetime
from threading import Event, Lock, Thread
from time import sleep
from typing import Any
from uuid import UUID

import structlog
from celery import current_app
from django.db import models, transaction
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from registry import rows
from registry.models import AuditLog, Doctor, InsuranceProvider, OutboxEvent, User

Actor = User | InsuranceProvider | None
_WAKE_UP = "integrations.tasks.sequence_events"
_APART = 0.05

log = structlog.get_logger(__name__)


def entity_type(row: models.Model) -> str:
    """Give the word that audit log and event subjects use for a row, such as `doctor`."""
    name = row._meta.model_name
    assert name is not None
    return name


def record(
    action: str, *, subject: models.Model, by: Actor, at: datetime, **metadata: Any
) -> AuditLog:
    """Add one line to the audit log.

    Args:
        action: dotted, past tense, such as `consent.withdrawn`.
        subject: the row that changed; the line is about its doctor, if it has one.
        by: a person, an insurer's system, or `None` for DocPort itself.
        at: aware instant of the change.
        metadata: plain JSON values, never patient data.
    """
    context = structlog.contextvars.get_contextvars()
    line = AuditLog(
        entity_type=entity_type(subject),
        entity_id=subject.pk,
        doctor_id=subject.pk
        if isinstance(subject, Doctor)
        else getattr(subject, "doctor_id", None),
        action=action,
        performed_by=by if isinstance(by, User) else None,
        performed_by_provider=by if isinstance(by, InsuranceProvider) else None,
        timestamp=at,
        metadata=metadata,
        request_id=context.get("request_id", ""),
        ip=context.get("ip"),
    )
    rows.insert(line)
    return line


def _whose(row: models.Model) -> UUID | None:
    return row.pk if isinstance(row, Doctor) else getattr(row, "doctor_id", None)


def publish(
    event_type: str,
    *,
    subject: models.Model,
    version: int,
    at: datetime,
    doctor: Doctor | UUID,
    provider: InsuranceProvider | UUID | None = None,
    **payload: Any,
) -> None:
    """Add one event to the outbox and wake the sequencer after the commit.

    Args:
        event_type: one of the types in `docs/glossary.md`, such as `doctor.updated`.
        subject: the row whose state changed, locked by the caller.
        version: the subject's version after the change.
        at: aware instant of the change.
        doctor: whom it is about.
        provider: the one insurer to tell; `None` tells every insurer who may see the doctor.
        payload: ids, versions and links; never patient data.
    """
    event = OutboxEvent(
        type=event_type,
        subject=f"{entity_type(subject)}/{subject.pk}",
        subject_version=version,
        doctor_id=getattr(doctor, "pk", doctor),
        insurance_provider_id=getattr(provider, "pk", provider),
        payload=payload,
        occurred_at=at,
    )
    rows.insert(event)
    transaction.on_commit(wake_sequencer)


class _Waker:
    """Wakes the workers from a thread of its own, so that no request waits for the broker.

    However many ask, a process sends one wake-up in `_APART` seconds, and one after the last.
    """

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew, as in a forked process: its thread is gone, its locks are as they were."""
        self._wanted = Event()
        self._starting, self._sending = Lock(), Lock()
        self._thread: Thread | None = None
        self._is_away = False

    def wake(self) -> None:
        """Have one wake-up sent soon; costs no more than setting a flag."""
        self._wanted.set()
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="wake-up", daemon=True)
                self._thread.start()

    def finish(self) -> None:
        """Send what is still wanted, once what is being sent is gone."""
        with self._sending:
            self._send()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            with self._sending:
                self._send()
            sleep(_APART)

    def _send(self) -> None:
        if not self._wanted.is_set():
            return
        # Before it is sent: what is committed from here on asks again.
        self._wanted.clear()
        try:
            current_app.send_task(_WAKE_UP, ignore_result=True, retry=False)
        # Kombu lets some of the broker's own errors through, such as that its memory is full.
        except (KombuError, RedisError, OSError) as error:
            if not self._is_away:
                log.warning("wake_up_failed", error=type(error).__name__)
            self._is_away = True
        else:
            self._is_away = False


_waker = _Waker()


def wake_sequencer() -> None:
    """Ask a worker to look at the outbox soon; the sweep looks a little later without it."""
    _waker.wake()


def finish_waking() -> None:
    """Send the wake-up that was asked for and not yet sent, such as before the process ends."""
    _waker.finish()


os.register_at_fork(after_in_child=_waker.renew)
atexit.register(finish_waking)
