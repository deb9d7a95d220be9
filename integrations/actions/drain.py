"""Send what is due, many at once, until nothing is left or the time is up.

Only the calling thread speaks to the database. The threads of the pool speak to insurers, with
no transaction open anywhere.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

WIDTH = 16  # Sends under way at once, for each line.
MOST_AT_ONCE = 4  # For one insurer, over all workers, so that a slow one cannot take them all.
# For all insurers that fail or are slow to answer, over all workers, for the same reason.
FAILING_AT_ONCE = WIDTH // 2
SLOW_AFTER = timedelta(seconds=1)
_LOOK_AGAIN_SECONDS = 0.2
# After so many looks in vain all that is under way is slow, so others must not wait for it.
_LOOKS_WITHOUT_ROOM = 6

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Line(Generic[Job, Outcome]):
    """One kind of sending, in its three steps."""

    # Gives at most so many jobs, which nobody else takes meanwhile.
    lease: Callable[[int], Sequence[Job]]
    # Runs in a thread and returns whatever happens.
    send: Callable[[Job], Outcome]
    # Notes what came of sends.
    mark: Callable[[Sequence[Outcome]], None]


def one_by_one(mark: Callable[[Outcome], object]) -> Callable[[Iterable[Outcome]], None]:
    """Make what notes one outcome note many, each in a transaction of its own."""

    def mark_each(outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            mark(outcome)

    return mark_each


def drain(
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
        look_first: makes work for the lines and tells how much; runs before each look.
        seconds: how long it looks; then it only finishes what is under way. Where slow sends take
            all its room it stops looking sooner.
        time_is_up: called once when it stops looking for that reason, before it finishes.
        clock: gives seconds that only grow.
    """
    handled = 0
    under_way: dict[Future[Any], Line[Any, Any]] = {}
    looks, until, in_vain = True, clock() + seconds, 0
    with ThreadPoolExecutor(WIDTH * len(lines), thread_name_prefix="send") as pool:
        while True:
            if looks and (in_vain >= _LOOKS_WITHOUT_ROOM or clock() >= until):
                looks = False
                time_is_up()
            made = look_first() if looks else 0
            for line in lines if looks else ():
                room = _room(line, under_way)
                jobs = line.lease(room) if room else []
                under_way.update({pool.submit(line.send, job): line for job in jobs})
            if not under_way and not made:
                return handled
            done, _ = wait(under_way, timeout=_LOOK_AGAIN_SECONDS, return_when=FIRST_COMPLETED)
            for line in lines:
                ended = [future for future in done if under_way[future] is line]
                if ended:
                    line.mark([future.result() for future in ended])
            for future in done:
                del under_way[future]
            handled += len(done)
            is_full = not done and not all(_room(line, under_way) for line in lines)
            in_vain = in_vain + 1 if is_full else 0


def _room(line: Line[Any, Any], under_way: Mapping[Future[Any], Line[Any, Any]]) -> int:
    return WIDTH - sum(busy is line for busy in under_way.values())
