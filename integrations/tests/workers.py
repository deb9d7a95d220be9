"""The workers that send, by a clock that only a test moves."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from django.db import connection

from integrations import outgoing
from integrations.actions import push, webhooks
from integrations.actions.drain import drain
from registry.tests.factories import NOW


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


def push_due(clock: Clock) -> int:
    """Push whatever is due; give how many pairs were tried."""
    with outgoing.new_session() as session:
        return drain(push.line(session, clock))


def send_due(clock: Clock) -> int:
    """Send the webhooks that are due; give how many were tried."""
    with outgoing.new_session() as session:
        return drain(webhooks.line(session, clock))


def all_at_once(work: Callable[[], object], *, workers: int) -> None:
    """Let several workers do the same work at once; return when all have ended."""

    def run(_: int) -> None:
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, range(workers)))
