from collections import defaultdict
from datetime import date, datetime, timedelta
from itertools import chain
from math import gcd
from typing import NamedTuple
from uuid import UUID

from scheduling.slots.lanes import Lanes, full, with_lanes
from scheduling.slots.plan import Sitting, sittings
from scheduling.slots.reasons import full_days, slots_on_leave
from scheduling.slots.values import Closure, OpenDay, Schedule, check_dates

_MINUTE = timedelta(minutes=1)


class _Free(NamedTuple):
    """What is free of a sitting: a bit for each slot from its first one on, and all places."""

    sitting: Sitting
    slots: int
    places: int

    @property
    def first(self) -> int:
        """Give the number of the first free slot."""
        return (self.slots & -self.slots).bit_length() - 1

    @property
    def last(self) -> int:
        """Give the number of the last one."""
        return self.slots.bit_length() - 1


def open_days(schedule: Schedule, *, first: date, last: date) -> list[OpenDay]:
    """Sum up what is free on the local dates from `first` to `last`, both included.

    Lead time, horizon, credential, consent and places not in use are left aside: they change
    with the clock or elsewhere, and whoever asks for slots asks for them then.

    Raises:
        BadRange: the dates are out of order, more than `MAX_DATES` or not of our time.
    """
    check_dates(first, last)
    full_up = full_days(schedule)
    days: dict[tuple[UUID, str, date], list[_Free]] = defaultdict(list)
    for sitting, lanes in with_lanes(sittings(schedule, first, last), schedule.taken):
        free = _free(sitting, lanes, schedule.closures)
        if free.slots and sitting.local_date not in full_up:
            days[sitting.terms.location_id, sitting.terms.mode, sitting.local_date].append(free)
    return [_open_day(*day, free) for day, free in days.items()]


def _free(sitting: Sitting, lanes: Lanes, closures: tuple[Closure, ...]) -> _Free:
    shut = full(sitting, lanes)
    if closures:
        shut |= slots_on_leave(sitting, closures)
    slots = (1 << sitting.size) - 1
    for number in shut:
        slots ^= 1 << number
    had = sum([len(busy) for number, busy in lanes.items() if number not in shut])
    return _Free(sitting, slots, slots.bit_count() * sitting.terms.capacity - had)


def _open_day(location_id: UUID, mode: str, local_date: date, free: list[_Free]) -> OpenDay:
    first = min([one.sitting.start_of(one.first) for one in free])
    last = max([one.sitting.start_of(one.last) for one in free])
    step, starts = _one_grid(free[0]) if len(free) == 1 else _joint_grid(free, first)
    places = sum([one.places for one in free])
    return OpenDay(location_id, mode, local_date, first, last, places, step, starts, *_alike(free))


def _alike(free: list[_Free]) -> tuple[int, int] | tuple[None, None]:
    """Give the length and the capacity of all free slots if they are the same."""
    kinds = {(one.sitting.terms.slot_minutes, one.sitting.terms.capacity) for one in free}
    return kinds.pop() if len(kinds) == 1 else (None, None)


def _one_grid(free: _Free) -> tuple[int, int]:
    """Give the step of one sitting, and a bit for each free start from the first one on."""
    return free.sitting.terms.step_minutes, free.slots >> free.first


def _joint_grid(free: list[_Free], first: datetime) -> tuple[int, int]:
    """Give the widest step that holds the free starts of all sittings, and a bit for each."""
    # For each sitting, the minutes from the first free slot to its own first one, and its step.
    grids = [
        ((one.sitting.starts_at - first) // _MINUTE, one.sitting.terms.step_minutes) for one in free
    ]
    step = gcd(*chain.from_iterable(grids))
    starts = 0
    for (offset, apart), one in zip(grids, free, strict=True):
        begin = offset // step
        slots = _spread(one.slots, apart // step)
        # What is before the first free start are slots that are not free.
        starts |= slots << begin if begin >= 0 else slots >> -begin
    return step, starts


def _spread(slots: int, stride: int) -> int:
    """Move bits that are one apart so far apart."""
    if stride == 1:
        return slots
    return sum(1 << number * stride for number in range(slots.bit_length()) if slots >> number & 1)
