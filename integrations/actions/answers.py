"""Answer a write once: effect, outbox and the stored answer commit together."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from integrations.models import IdempotencyRecord
from registry import rows
from registry.actions.transactions import TooBusy, lock_number, tried_again
from registry.models import InsuranceProvider
from registry.statements import ask, together

__all__ = [
    "KEPT_FOR",
    "Answer",
    "KeyReused",
    "Refused",
    "StillRunning",
    "TooBusy",
    "answer_once",
    "forget_answers",
]
KEPT_FOR = timedelta(hours=72)
_TAKE_LOCK = "SELECT pg_try_advisory_xact_lock(%s)"
_LOOK = """
    SELECT id FROM idempotency_records
    WHERE insurance_provider_id = %s AND method = %s AND route = %s AND key = %s
"""


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
    call = _Call(provider, method, route, key, fingerprint, at)
    try:
        return tried_again(lambda: _answer(call, effect))
    except Refused as refusal:
        # What the effect wrote is gone with its transaction. The answer is kept in the next one.
        answer = refusal.answer
    return tried_again(lambda: _answer(call, lambda: answer))


@transaction.atomic(durable=True)
def forget_answers(*, at: datetime) -> int:
    """Delete the answers that have been kept long enough; give how many."""
    return IdempotencyRecord.objects.filter(expires_at__lte=at).delete()[0]


@dataclass(frozen=True)
class _Call:
    """One try of a request; `provider`, `method`, `route` and `key` say which request it is."""

    provider: InsuranceProvider
    method: str
    route: str
    key: str
    fingerprint: str
    at: datetime

    def kept(self) -> IdempotencyRecord | None:
        """Give the record of an earlier try; where there is none, let no other run beside this one.

        Raises:
            StillRunning: another one is running.
        """
        call = (self.provider.pk, self.method, self.route, self.key)
        with together():
            lock = ask(_TAKE_LOCK, [lock_number(" ".join(map(str, call)))])
            # Not in one statement: it would not see what was committed before the lock was had.
            kept = ask(_LOOK, call)
        is_alone, found = lock.fetchone() == (True,), kept.fetchone()
        record = IdempotencyRecord.objects.filter(pk=found[0]).first() if found else None
        # What has been answered can be told, also while somebody else is told it.
        if not is_alone and (record is None or record.expires_at <= self.at):
            raise StillRunning
        return record

    def keep(self, answer: Answer) -> None:
        """Keep the answer in the transaction of its effect."""
        record = IdempotencyRecord(
            insurance_provider=self.provider,
            method=self.method,
            route=self.route,
            key=self.key,
            fingerprint=self.fingerprint,
            status_code=answer.status,
            body=json.dumps(answer.body),
            doctor_id=answer.doctor_id,
            created_at=self.at,
            expires_at=self.at + KEPT_FOR,
        )
        rows.insert(record)


def _answer(call: _Call, effect: Callable[[], Answer]) -> Answer:
    record = call.kept()
    if record is not None and call.at < record.expires_at:
        if record.fingerprint != call.fingerprint:
            raise KeyReused
        return Answer(record.status_code, json.loads(record.body), record.doctor_id, replayed=True)
    if record is not None:
        record.delete()
    answer = replace(effect(), replayed=False)
    call.keep(answer)
    return answer
