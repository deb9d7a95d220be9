from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import chain
from math import gcd
from uuid import UUID

from scheduling.slots.lanes import Lanes, full, with_lanes
from scheduling.slots.plan import Sitting, sittings
from scheduling.slots.reasons import full_days, slots_on_leave
from scheduling.slots.values import Closure, OpenDay, Schedule, check_dates

_MINUTE = timedelta(minutes=1)
# A sitting, the numbers of its slots that a patient can have, and for how many patients they are.
_Free = tuple[Sitting, Sequence[int], int]


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
        if free[1] and sitting.local_date not in full_up:
            days[sitting.terms.location_id, sitting.terms.mode, sitting.local_date].append(free)
    return [_open_day(*day, free) for day, free in days.items()]


def _free(sitting: Sitting, lanes: Lanes, closures: tuple[Closure, ...]) -> _Free:
    every = range(sitting.size)
    shut = full(sitting, lanes) | slots_on_leave(sitting, closures)
    numbers = [number for number in every if number not in shut] if shut else every
    had = sum([len(busy) for number, busy in lanes.items() if number not in shut])
    return sitting, numbers, len(numbers) * sitting.terms.capacity - had


def _open_day(location_id: UUID, mode: str, local_date: date, free: list[_Free]) -> OpenDay:
    first = min([sitting.start_of(numbers[0]) for sitting, numbers, _ in free])
    last = max([sitting.start_of(numbers[-1]) for sitting, numbers, _ in free])
    step, starts = _one_grid(free[0]) if len(free) == 1 else _joint_grid(free, first)
    places = sum([places for _, _, places in free])
    return OpenDay(location_id, mode, local_date, first, last, places, step, starts)


def _one_grid(free: _Free) -> tuple[int, int]:
    """Give the step of one sitting, and a bit for each free start from the first one on."""
    sitting, numbers, _ = free
    first, starts = numbers[0], 0
    for number in numbers:
        starts |= 1 << number - first
    return sitting.terms.step_minutes, starts


def _joint_grid(free: list[_Free], first: datetime) -> tuple[int, int]:
    """Give the widest step that holds the free starts of all sittings, and a bit for each."""
    # For each sitting, the minutes from the first free slot to its own first one, and its step.
    grids = [
        ((sitting.starts_at - first) // _MINUTE, sitting.terms.step_minutes)
        for sitting, _, _ in free
    ]
    step = gcd(*chain.from_iterable(grids))
    starts = 0
    for (offset, apart), (_, numbers, _) in zip(grids, free, strict=True):
        begin, stride = offset // step, apart // step
        for number in numbers:
            starts |= 1 << begin + number * stride
    return step, starts
