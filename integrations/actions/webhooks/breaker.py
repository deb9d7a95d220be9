"""An endpoint that takes nothing is tried seldom; once it takes something, everything goes on.

After so many failures in a row, whichever events they were for, what waits there is not tried one
by one: one delivery at a time goes, with growing pauses. What is held back uses up none of its
attempts, so that only what was tried to the end of its schedule is ever parked. The first success
makes due what was tried in vain meanwhile, so that the oldest of each subject goes first.
"""

import random
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from integrations.actions.webhooks.due import OPENS_AFTER
from integrations.actions.webhooks.sending import Outcome
from integrations.models import WebhookEndpoint

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=5)
_JITTER = 0.2
# The attempt that comes early is not counted.
_GO_ON = """
    UPDATE webhook_deliveries
    SET attempts = attempts - 1, next_attempt_at = %(at)s, updated_at = %(at)s
    WHERE id IN (
        SELECT id FROM webhook_deliveries
        WHERE endpoint_id = %(endpoint)s AND status = 'PENDING' AND next_attempt_at > %(at)s
              AND attempts > 0
        FOR UPDATE SKIP LOCKED
    )
"""
_FIELDS = ("failing_since", "failures", "held_until", "warned_percent", "warn_at", "version")


def note(outcomes: Iterable[Outcome], *, failing: Container[UUID]) -> None:
    """Note what came of attempts.

    Part of a transaction of the caller.

    Args:
        failing: the endpoints that failed until now.
    """
    of_endpoint = defaultdict[UUID, list[Outcome]](list)
    for outcome in outcomes:
        of_endpoint[outcome.job.endpoint].append(outcome)
    # Of an endpoint that is well, and still is, nothing is written.
    concerned = [
        endpoint
        for endpoint, outcomes_there in of_endpoint.items()
        if endpoint in failing or any(outcome.error for outcome in outcomes_there)
    ]
    if not concerned:
        return
    locked = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk__in=concerned)
    for endpoint in locked.order_by("pk"):
        _note(endpoint, sorted(of_endpoint[endpoint.pk], key=_ended_at))


def _ended_at(outcome: Outcome) -> datetime:
    return outcome.ended_at


def _note(endpoint: WebhookEndpoint, outcomes: Sequence[Outcome]) -> None:
    was_failing = endpoint.failing_since is not None
    was_open = endpoint.failures >= OPENS_AFTER
    # What an old address says is not said of the new one.
    for outcome in outcomes:
        if outcome.job.url == endpoint.url:
            _fail(endpoint, outcome) if outcome.error else _recover(endpoint, outcome)
    if was_failing != (endpoint.failing_since is not None):
        endpoint.warned_percent, endpoint.warn_at = 0, None
        endpoint.version += 1
    endpoint.save(update_fields=[*_FIELDS, "updated_at"])
    if was_open and endpoint.failures < OPENS_AFTER:
        with connection.cursor() as cursor:
            cursor.execute(_GO_ON, {"endpoint": endpoint.pk, "at": outcomes[-1].ended_at})


def _fail(endpoint: WebhookEndpoint, outcome: Outcome) -> None:
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or outcome.ended_at
    pause = outcome.retry_after or timedelta()
    if endpoint.failures >= OPENS_AFTER:
        pause = max(pause, _pause(endpoint.failures))
    if pause:
        until = outcome.ended_at + pause
        endpoint.held_until = max(endpoint.held_until or until, until)


def _pause(failures: int) -> timedelta:
    # More doublings than these are not needed, and would not fit.
    doublings = min(failures - OPENS_AFTER, 10)
    planned = min(_FIRST_PAUSE * (1 << doublings), _LONGEST_PAUSE)
    return planned * random.uniform(1, 1 + _JITTER)  # noqa: S311  No secret.


def _recover(endpoint: WebhookEndpoint, outcome: Outcome) -> None:
    asked = endpoint.held_until
    # One that was under way when the endpoint asked to wait does not say that it may be called.
    is_asked_to_wait = endpoint.failures < OPENS_AFTER and asked and asked > outcome.started_at
    endpoint.held_until = asked if is_asked_to_wait else None
    endpoint.failures, endpoint.failing_since = 0, None
