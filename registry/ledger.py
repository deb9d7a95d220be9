"""The two records of every change: the audit log, and the outbox that insurers hear from.

Both are called inside the action's transaction while it holds the lock of the row that changed,
so that the order within a subject is the order of the commits.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from celery import current_app
from django.db import models, transaction
from kombu.exceptions import KombuError

from registry.models import AuditLog, Doctor, InsuranceProvider, OutboxEvent, User

Actor = User | InsuranceProvider | None
_WAKE_UP = "integrations.tasks.sequence_events"

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
        subject: the row that changed.
        by: a person, an insurer's system, or `None` for DocPort itself.
        at: aware instant of the change.
        metadata: plain JSON values, never patient data.
    """
    context = structlog.contextvars.get_contextvars()
    return AuditLog.objects.create(
        entity_type=entity_type(subject),
        entity_id=subject.pk,
        action=action,
        performed_by=by if isinstance(by, User) else None,
        performed_by_provider=by if isinstance(by, InsuranceProvider) else None,
        timestamp=at,
        metadata=metadata,
        request_id=context.get("request_id", ""),
        ip=context.get("ip"),
    )


def publish(
    event_type: str,
    *,
    subject: models.Model,
    version: int,
    at: datetime,
    doctor: Doctor | UUID,
    provider: InsuranceProvider | UUID | None = None,
    **payload: Any,
) -> OutboxEvent:
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
    event = OutboxEvent.objects.create(
        type=event_type,
        subject=f"{entity_type(subject)}/{subject.pk}",
        subject_version=version,
        doctor_id=getattr(doctor, "pk", doctor),
        insurance_provider_id=getattr(provider, "pk", provider),
        payload=payload,
        occurred_at=at,
    )
    transaction.on_commit(wake_sequencer)
    return event


def wake_sequencer() -> None:
    """Ask a worker to look at the outbox now; the sweep looks a little later without it."""
    try:
        current_app.send_task(_WAKE_UP, ignore_result=True, retry=False)
    except (KombuError, OSError) as error:
        log.warning("wake_up_failed", error=type(error).__name__)
