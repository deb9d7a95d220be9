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
    """Walk along the slots and those who have a place, both in the order of time.

    Whoever has one elsewhere has every lane: a doctor is at one place at a time.
    """
    lanes: Lanes = {}
    starts_at, _, _, size, terms = sitting
    length, step = terms.length, terms.step
    ends_at = starts_at + length
    first = 0
    for taken_from, taken_until, _, location_id, lane in near:
        theirs = (lane,) if location_id == terms.location_id else range(terms.capacity)
        while ends_at <= taken_from:
            first, starts_at, ends_at = first + 1, starts_at + step, ends_at + step
        number, starts_then = first, starts_at
        while starts_then < taken_until and number < size:
            lanes.setdefault(number, set()).update(theirs)
            number, starts_then = number + 1, starts_then + step
    return lanes


def full(sitting: Sitting, lanes: Lanes) -> set[int]:
    """Give the numbers of the slots that take no more patients."""
    return {number for number, busy in lanes.items() if len(busy) >= sitting.terms.capacity}


def free_lanes(capacity: int, busy: set[int]) -> tuple[int, ...]:
    """Give the lowest lanes that can still be had.

    Not more than there are places left: after the capacity was lowered, somebody may have a lane
    above it, and a low lane that is empty is then no place.
    """
    left = capacity - len(busy)
    if left <= 0:
        return ()
    return tuple([lane for lane in range(capacity) if lane not in busy][:left])
