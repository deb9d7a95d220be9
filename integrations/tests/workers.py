"""The workers that send, by a clock that only a test moves."""

from datetime import datetime

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
        return drain(session, push.line(session, clock))


def send_due(clock: Clock) -> int:
    """Send the webhooks that are due; give how many were tried."""
    with outgoing.new_session() as session:
        return drain(session, webhooks.line(session, clock))
