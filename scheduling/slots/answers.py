from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from scheduling.slots.lanes import Lanes, free_lanes, full, with_lanes
from scheduling.slots.plan import Sitting, sittings
from scheduling.slots.reasons import Against, Limits
from scheduling.slots.values import (
    MAX_SLOTS,
    Reason,
    Schedule,
    Slot,
    Terms,
    TooManySlots,
    check_instants,
    check_range,
)

_INSTANT = timedelta.resolution
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_NO_TIME = timedelta(0)
_NOWHERE = UUID(int=0)


class _Asked(NamedTuple):
    """The slots of one sitting that are asked for, by their numbers, and what is known of them."""

    sitting: Sitting
    numbers: range
    lanes: Lanes
    against: Against
    first_token: int

    def slots(self, *, without: Container[int]) -> Iterator[Slot]:
        """Give the slots, except those of some numbers."""
        _, _, local_date, _, terms = self.sitting
        numbers, lanes, against, first_token = self[1:]
        capacity, length, step = terms.capacity, terms.length, terms.step
        every_lane = tuple(range(capacity))
        starts_at = self.sitting.start_of(numbers.start)
        for number in numbers:
            if number not in without:
                busy = lanes.get(number)
                yield Slot(
                    starts_at,
                    starts_at + length,
                    local_date,
                    terms,
                    first_token + number * capacity,
                    free_lanes(capacity, busy) if busy else every_lane,
                    against.get(number, ()),
                )
            starts_at += step


def slots_between(
    schedule: Schedule, *, starts_at: datetime, ends_at: datetime, at: datetime
) -> list[Slot]:
    """List all slots that start in `[starts_at, ends_at)`, each with what is against it.

    Args:
        at: aware instant of the question; lead time and horizon count from it.

    Raises:
        BadRange: the period is naive, empty, longer than `MAX_RANGE` or not of our time.
        TooManySlots: it holds more than `MAX_SLOTS`.
    """
    found: list[Slot] = []
    for asked in _asked(schedule, starts_at, ends_at, at):
        found += asked.slots(without=())
    return _in_time(found)


def free_slots(
    schedule: Schedule, *, starts_at: datetime, ends_at: datetime, at: datetime
) -> list[Slot]:
    """List the slots that start in `[starts_at, ends_at)` and can be booked at the instant `at`.

    Raises:
        BadRange, TooManySlots: as `slots_between`.
    """
    found: list[Slot] = []
    for asked in _asked(schedule, starts_at, ends_at, at):
        found += asked.slots(without=asked.against)
    return _in_time(found)


def _asked(
    schedule: Schedule, starts_at: datetime, ends_at: datetime, at: datetime
) -> Iterator[_Asked]:
    check_range(starts_at, ends_at, at)
    limits = Limits.at(schedule, at)
    patients_before: Counter[tuple[UUID, date]] = Counter()
    for sitting, lanes in with_lanes(_sittings(schedule, starts_at, ends_at), schedule.taken):
        day = sitting.terms.location_id, sitting.local_date
        numbers = range(sitting.begun_before(starts_at), sitting.begun_before(ends_at))
        if numbers:
            against = limits.against(sitting, full(sitting, lanes))
            yield _Asked(sitting, numbers, lanes, against, patients_before[day] + 1)
        patients_before[day] += sitting.size * sitting.terms.capacity


def _sittings(schedule: Schedule, starts_at: datetime, ends_at: datetime) -> Iterator[Sitting]:
    """Give the sittings of whole local days, as tokens count from morning."""
    zones = {window.terms.zone for window in schedule.windows}
    zones |= {extra.terms.zone for extra in schedule.extras}
    first = min([starts_at.astimezone(zone).date() for zone in zones], default=date.max)
    last = max([ends_at.astimezone(zone).date() for zone in zones], default=date.min)
    asked = 0
    for sitting in sittings(schedule, first, last):
        if sitting.starts_at < ends_at and starts_at < sitting.ends_at:
            asked += sitting.size
        if asked > MAX_SLOTS:
            raise TooManySlots(f"At most {MAX_SLOTS} slots at once: ask for a shorter period.")
        yield sitting


def _in_time(found: list[Slot]) -> list[Slot]:
    """Sort slots when some sittings of two places meet; else they are in the order of time."""
    if all(one.starts_at < other.starts_at for one, other in pairwise(found)):
        return found
    return sorted(found, key=lambda slot: (slot.starts_at, slot.location_id))


def slot_and_reasons(
    schedule: Schedule,
    *,
    starts_at: datetime,
    at: datetime,
    location_id: UUID | None = None,
    mode: str | None = None,
) -> tuple[Slot | None, tuple[Reason, ...]]:
    """Give the slot that starts at an instant, and everything against booking it.

    Args:
        location_id: one place; `None` takes the slot with the least against it.
        mode: how they meet; `None` takes the slot's.

    Raises:
        BadRange: the instant is naive or not of our time.
    """
    check_instants(starts_at)
    then = slots_between(schedule, starts_at=starts_at, ends_at=starts_at + _INSTANT, at=at)
    found = [
        (slot, _with_mode(slot, mode)) for slot in then if location_id in {None, slot.location_id}
    ]
    if not found:
        return None, _without_slot(schedule, starts_at, at, location_id)
    return min(found, key=lambda one: len(one[1]))


def slot_at(
    schedule: Schedule, *, starts_at: datetime, at: datetime, location_id: UUID | None = None
) -> Slot | None:
    """Give the slot that starts at an instant, at one place or (`None`) at whichever is best.

    Raises:
        BadRange: the instant is naive or not of our time.
    """
    return slot_and_reasons(schedule, starts_at=starts_at, at=at, location_id=location_id)[0]


def why_not_free(
    schedule: Schedule,
    *,
    starts_at: datetime,
    at: datetime,
    location_id: UUID | None = None,
    mode: str | None = None,
) -> tuple[Reason, ...]:
    """Name everything against a booking that starts at an instant; nothing when it is free.

    Raises:
        BadRange: the instant is naive or not of our time.
    """
    return slot_and_reasons(
        schedule, starts_at=starts_at, at=at, location_id=location_id, mode=mode
    )[1]


def _with_mode(slot: Slot, mode: str | None) -> tuple[Reason, ...]:
    if mode in {None, slot.mode}:
        return slot.reasons
    return _in_order({*slot.reasons, Reason.WRONG_MODE})


def _without_slot(
    schedule: Schedule, starts_at: datetime, at: datetime, location_id: UUID | None
) -> tuple[Reason, ...]:
    """Name what is against a time at which no slot starts, at a place that is open then if any."""
    every = [*(one.terms for one in schedule.windows), *(one.terms for one in schedule.extras)]
    against = [
        _at_place(schedule, starts_at, at, terms)
        for terms in {terms.location_id: terms for terms in every}.values()
        if location_id in {None, terms.location_id}
    ]
    if not against:
        nowhere = Terms(location_id or _NOWHERE, ZoneInfo("UTC"))
        against = [_at_place(schedule, starts_at, at, nowhere)]
    return min(against, key=lambda reasons: (Reason.OUTSIDE_HOURS in reasons, len(reasons)))


def _at_place(
    schedule: Schedule, starts_at: datetime, at: datetime, terms: Terms
) -> tuple[Reason, ...]:
    """Name what would be against a slot of a minute."""
    day = starts_at.astimezone(terms.zone).date()
    minute = Sitting(starts_at, starts_at + _MINUTE, day, 1, replace(terms, slot_minutes=1))
    open_then = any(_left_open(schedule, starts_at, terms.location_id))
    against = Limits.at(schedule, at).against(minute, full=())
    return (Reason.BETWEEN_SLOTS if open_then else Reason.OUTSIDE_HOURS, *against.get(0, ()))


def _in_order(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=list(Reason).index))


def is_open(
    schedule: Schedule, *, starts_at: datetime, ends_at: datetime, location_id: UUID | None
) -> bool:
    """Tell whether all of a time is in the weekly or extra hours, whatever closes them."""
    while starts_at < ends_at:
        left = max(_left_open(schedule, starts_at, location_id), default=_NO_TIME)
        if not left:
            return False
        starts_at += left
    return True


def _left_open(
    schedule: Schedule, instant: datetime, location_id: UUID | None
) -> Iterator[timedelta]:
    """Give how much longer each period goes on that is open at an instant."""
    for window in schedule.windows:
        if location_id in {None, window.terms.location_id}:
            wall = instant.astimezone(window.terms.zone).replace(tzinfo=None)
            for day in window.dates(wall.date() - _DAY, wall.date()):
                opens, closes = window.on(day)
                if opens <= wall < closes:
                    yield closes - wall
    for extra in schedule.extras:
        is_there = location_id in {None, extra.terms.location_id}
        if is_there and extra.starts_at <= instant < extra.ends_at:
            yield extra.ends_at - instant
