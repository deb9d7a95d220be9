"""Waiting for what is not there yet, without keeping others from being served.

A call that waits keeps a thread of its process, but no connection to the database. Only some of
the threads may wait at once; a call that finds all of these taken is answered at once.
"""

import time
from collections.abc import Callable
from threading import BoundedSemaphore
from typing import TypeVar

from django.db import connection

MOST_WAITING = 4
_LOOK_SECONDS = 0.25

_Found = TypeVar("_Found")
_places = BoundedSemaphore(MOST_WAITING)


def wait_for(
    look: Callable[[], _Found], *, seconds: float, until: Callable[[_Found], bool]
) -> _Found:
    """Look until something is there or the time is up, and give what was found last.

    Args:
        look: asks the database.
        seconds: how long at most.
        until: tells whether what was found is worth an answer.
    """
    found = look()
    if seconds <= 0 or until(found) or not _places.acquire(blocking=False):
        return found
    try:
        deadline = time.monotonic() + seconds
        while not until(found) and (left := deadline - time.monotonic()) > 0:
            _give_connection_back()
            time.sleep(min(left, _LOOK_SECONDS))
            found = look()
    finally:
        _places.release()
    return found


def _give_connection_back() -> None:
    if not connection.in_atomic_block:
        connection.close()
