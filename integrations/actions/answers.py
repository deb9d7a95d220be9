"""Answer a write once: effect, outbox and the stored answer commit together."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction

from integrations.models import IdempotencyRecord
from registry.models import InsuranceProvider

KEPT_FOR = timedelta(hours=72)
_TRIES = 3
_SERIALIZATION_FAILURE, _DEADLOCK = "40001", "40P01"


@dataclass(frozen=True)
class Answer:
    """What an insurer is told, and whether it had been told before."""

    status: int
    body: dict[str, Any]
    doctor_id: UUID | None = None
    replayed: bool = False


class Refused(Exception):
    """The effect must not happen; what it wrote is undone and its answer is kept."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class StillRunning(Exception):
    """The first request with this key has not ended; nothing was done."""


class KeyReused(Exception):
    """The key belongs to a request with another body; nothing was done."""


class TooBusy(Exception):
    """Others kept changing the same rows; nothing was done, and trying again can help."""


def answer_once(
    *,
    provider: InsuranceProvider,
    method: str,
    route: str,
    key: str,
    fingerprint: str,
    at: datetime,
    effect: Callable[[], Answer],
) -> Answer:
    """Run `effect` in one durable transaction with its answer, or give the answer it gave before.

    Args:
        route: the path without ids of this request, so that a key may be used once on each route.
        key: the insurer's, without quotes.
        fingerprint: SHA-256 over method, path, query and body.
        effect: changes rows and answers, or raises `Refused`; it may run again after a deadlock.

    Raises:
        KeyReused: this key was used with another fingerprint.
        StillRunning: another process is working on this key.
        TooBusy: the database gave up on a deadlock each time.
    """
    for _ in range(_TRIES):
        try:
            return _answer(
                provider=provider,
                method=method,
                route=route,
                key=key,
                fingerprint=fingerprint,
                at=at,
                effect=effect,
            )
        except OperationalError as error:
            if not _may_pass(error):
                raise
    raise TooBusy


@transaction.atomic(durable=True)
def forget_answers(*, at: datetime) -> int:
    """Delete the answers that have been kept long enough; give how many."""
    return IdempotencyRecord.objects.filter(expires_at__lte=at).delete()[0]


@transaction.atomic(durable=True)
def _answer(
    *,
    provider: InsuranceProvider,
    method: str,
    route: str,
    key: str,
    fingerprint: str,
    at: datetime,
    effect: Callable[[], Answer],
) -> Answer:
    place = {"insurance_provider": provider, "method": method, "route": route, "key": key}
    if not _take_lock(f"{provider.pk} {method} {route} {key}"):
        raise StillRunning
    record = IdempotencyRecord.objects.filter(**place).first()
    if record is not None and at < record.expires_at:
        if record.fingerprint != fingerprint:
            raise KeyReused
        return Answer(record.status_code, json.loads(record.body), record.doctor_id, replayed=True)
    if record is not None:
        record.delete()
    answer = _take_effect(effect)
    IdempotencyRecord.objects.create(
        **place,
        fingerprint=fingerprint,
        status_code=answer.status,
        body=json.dumps(answer.body),
        doctor_id=answer.doctor_id,
        created_at=at,
        expires_at=at + KEPT_FOR,
    )
    return replace(answer, replayed=False)


def _take_effect(effect: Callable[[], Answer]) -> Answer:
    try:
        with transaction.atomic():
            return effect()
    except Refused as refusal:
        return refusal.answer


def lock_number(name: str) -> int:
    """Give the number by which the database knows a lock."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def _take_lock(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock_number(name)])
        row = cursor.fetchone()
    assert row is not None
    return bool(row[0])


def _may_pass(error: OperationalError) -> bool:
    state = getattr(error.__cause__, "sqlstate", None)
    return state in {_SERIALIZATION_FAILURE, _DEADLOCK}
