"""Send what is due, many at once, until nothing is left or the time is up.

Only the calling thread speaks to the database. The session's thread speaks to insurers, with no
transaction open anywhere.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from integrations.outgoing import Session

WIDTH = 16  # Sends under way at once, for a line that says no other number.
MOST_AT_ONCE = 4  # For one insurer, over all workers, so that a slow one cannot take them all.
# For all insurers that fail or are slow to answer, over all workers, for the same reason.
FAILING_AT_ONCE = WIDTH // 2
SLOW_AFTER = timedelta(seconds=1)
_LOOK_AGAIN_SECONDS = 0.2
# A look costs about the same for many as for one, so it waits a moment for more sends to end. A
# send that is slow, or that is alone, makes nobody wait for longer.
_GATHER_SECONDS = 0.02
# After so many looks in vain all that is under way is slow, so others must not wait for it.
_LOOKS_WITHOUT_ROOM = 6

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, eq=False)
class Line(Generic[Job, Outcome]):
    """One kind of sending, in its three steps."""

    # Gives at most so many jobs, which nobody else takes meanwhile.
    lease: Callable[[int], Sequence[Job]]
    # Runs beside the others and returns whatever happens.
    send: Callable[[Job], Coroutine[Any, Any, Outcome]]
    # Notes what came of sends.
    mark: Callable[[Sequence[Outcome]], None]
    # How many sends are under way at once.
    width: int = WIDTH


def one_by_one(mark: Callable[[Outcome], object]) -> Callable[[Iterable[Outcome]], None]:
    """Make what notes one outcome note many, each in a transaction of its own."""

    def mark_each(outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            mark(outcome)

    return mark_each


def drain(
    session: Session,
    *lines: Line[Any, Any],
    look_first: Callable[[], int] = lambda: 0,
    seconds: float = math.inf,
    time_is_up: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Keep sends going until nothing is due and nothing is under way; tell how many there were.

    While a slow send is under way it looks again and again for others, of all lines, so that one
    insurer that does not answer holds up nobody, even where this is the only worker.

    Args:
        session: what the lines send with.
        look_first: makes work for the lines and tells how much; runs before each look.
        seconds: how long it looks; then it only finishes what is under way. Where slow sends take
            all its room it stops looking sooner.
        time_is_up: called once when it stops looking for that reason, before it finishes.
        clock: gives seconds that only grow.
    """
    ended: SimpleQueue[tuple[Line[Any, Any], Any]] = SimpleQueue()
    under_way = dict.fromkeys(lines, 0)
    handled, looks, until, in_vain = 0, True, clock() + seconds, 0

    async def send(line: Line[Any, Any], job: Any) -> None:
        ended.put((line, await line.send(job)))

    while True:
        if looks and (in_vain >= _LOOKS_WITHOUT_ROOM or clock() >= until):
            looks = False
            time_is_up()
        made = look_first() if looks else 0
        for line in lines if looks else ():
            room = line.width - under_way[line]
            jobs = line.lease(room) if room else ()
            under_way[line] += len(jobs)
            session.start(send(line, job) for job in jobs)
        if not any(under_way.values()) and not made:
            return handled
        outcomes = _ended(ended, sum(under_way.values())) if any(under_way.values()) else {}
        for line, of_line in outcomes.items():
            line.mark(of_line)
            under_way[line] -= len(of_line)
            handled += len(of_line)
        is_full = not outcomes and any(under_way[line] == line.width for line in lines)
        in_vain = in_vain + 1 if is_full else 0


def _ended(
    ended: "SimpleQueue[tuple[Line[Any, Any], Any]]", under_way: int
) -> dict[Line[Any, Any], list[Any]]:
    """Wait for the first outcome, and a moment for half of all; give those that are there."""
    outcomes = defaultdict[Line[Any, Any], list[Any]](list)
    wait, until = _LOOK_AGAIN_SECONDS, math.inf
    with suppress(Empty):
        for number in range(1, under_way + 1):
            line, outcome = ended.get(timeout=wait)
            outcomes[line].append(outcome)
            until = min(until, time.monotonic() + _GATHER_SECONDS)
            is_half = 2 * number >= under_way
            wait = 0 if is_half else max(until - time.monotonic(), 0)
    return outcomes
