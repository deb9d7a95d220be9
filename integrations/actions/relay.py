"""From the outbox to the insurers, all the way."""

from collections.abc import Callable
from datetime import datetime

from integrations import outgoing
from integrations.actions import feed, push, webhooks
from integrations.actions.drain import drain


def relay(*, clock: Callable[[], datetime]) -> int:
    """Sequence what is new and send what is due until nothing is left; tell how many sends.

    Any number of these may run at once. Each does the whole of the work, so that one whose sends
    hang on a slow insurer still serves all the others.

    Args:
        clock: gives the aware instant that it is.
    """
    with outgoing.new_session() as session:
        return drain(
            webhooks.line(session, clock),
            push.line(session, clock),
            look_first=lambda: feed.sequence(at=clock()),
        )
