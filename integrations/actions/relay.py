"""From the outbox to the insurers, all the way."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime

from integrations import outgoing
from integrations.actions import feed, push, webhooks
from integrations.actions.drain import drain

LOOK_SECONDS = 10.0

# In each process one looks at a time. Whoever comes meanwhile asks it to look once more.
_turn = threading.Lock()
_asked = threading.Event()


def relay(
    *,
    clock: Callable[[], datetime],
    hand_over: Callable[[], object] = lambda: None,
    seconds: float = LOOK_SECONDS,
) -> int:
    """Sequence what is new and send what is due until nothing is left; tell how many sends.

    Any number of these may run at once, in any number of processes. None of them lasts: when its
    time is up another must take over, while this one waits for the sends that it has under way.

    Args:
        clock: gives the aware instant that it is.
        hand_over: has another relay started soon; called when the time is up.
        seconds: how long it looks.
    """
    handled = 0
    _asked.set()
    while _asked.is_set() and _turn.acquire(blocking=False):
        _asked.clear()
        handled += _take_turn(clock, hand_over, seconds)
    return handled


def _take_turn(
    clock: Callable[[], datetime], hand_over: Callable[[], object], seconds: float
) -> int:
    with ExitStack() as turn, outgoing.new_session() as session:
        turn.callback(_turn.release)

        def pass_on() -> None:
            turn.close()
            hand_over()

        return drain(
            session,
            webhooks.line(session, clock),
            push.line(session, clock),
            look_first=lambda: feed.sequence(at=clock()),
            seconds=seconds,
            time_is_up=pass_on,
        )
