from collections import deque
from collections.abc import Iterable, Iterator
from operator import attrgetter

from scheduling.slots.plan import Sitting
from scheduling.slots.values import Taken

# The lanes that somebody has, by the number of the slot; slots that nobody has are left out.
Lanes = dict[int, set[int]]


def with_lanes(
    sittings: Iterable[Sitting], taken: Iterable[Taken]
) -> Iterator[tuple[Sitting, Lanes]]:
    """Give each sitting, in the order of time, with the lanes that somebody has in it."""
    waiting = deque(sorted(taken, key=attrgetter("starts_at")))
    near: list[Taken] = []
    for sitting in sorted(sittings, key=lambda one: (one.starts_at, one.terms.location_id)):
        while waiting and waiting[0].starts_at < sitting.ends_at:
            near.append(waiting.popleft())
        near = [one for one in near if one.ends_at > sitting.starts_at]
        yield sitting, _lanes(sitting, near)


def _lanes(sitting: Sitting, near: Iterable[Taken]) -> Lanes:
    lanes: Lanes = {}
    for one in near:
        for number in sitting.touched_by(one.starts_at, one.ends_at):
            lanes.setdefault(number, set()).add(one.lane)
    return lanes


def full(sitting: Sitting, lanes: Lanes) -> set[int]:
    """Give the numbers of the slots that take no more patients."""
    return {number for number, busy in lanes.items() if len(busy) >= sitting.terms.capacity}


def free_lanes(capacity: int, busy: set[int]) -> tuple[int, ...]:
    """Give the lowest lanes that can still be had.

    Not more than there are places left: after the capacity was lowered, somebody may have a lane
    above it, and a low lane that is empty is then no place.
    """
    left = max(0, capacity - len(busy))
    return tuple([lane for lane in range(capacity) if lane not in busy][:left]) if left else ()
