"""Send what is due, several at once, until nothing is left; shared by webhooks and push.

Only the calling thread speaks to the database. The threads of the pool speak to insurers, with
no transaction open anywhere.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

WIDTH = 16
MOST_AT_ONCE = 4  # For one insurer, over all workers, so that a slow one cannot take them all.
_LOOK_AGAIN_SECONDS = 0.2

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")


def drain(
    *,
    lease: Callable[[int], Sequence[Job]],
    send: Callable[[Job], Outcome],
    mark: Callable[[Outcome], None],
) -> int:
    """Keep sends going until nothing is due and nothing is under way; tell how many there were.

    While a slow send is under way it looks again for others, so that it holds up none of them.

    Args:
        lease: gives at most so many jobs, which nobody else takes meanwhile.
        send: runs in a thread and returns whatever happens.
        mark: notes what came of a send.
    """
    handled = 0
    under_way: set[Future[Outcome]] = set()
    with ThreadPoolExecutor(WIDTH, thread_name_prefix="send") as pool:
        while True:
            if (room := WIDTH - len(under_way)) > 0:
                under_way |= {pool.submit(send, job) for job in lease(room)}
            if not under_way:
                return handled
            done, under_way = wait(
                under_way, timeout=_LOOK_AGAIN_SECONDS, return_when=FIRST_COMPLETED
            )
            for future in done:
                mark(future.result())
            handled += len(done)
