from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import chain, islice
from typing import NamedTuple
from uuid import UUID

from scheduling.slots.values import (
    LONGEST_SLOT,
    MAX_SLOTS,
    Extra,
    Schedule,
    Terms,
    TooManySlots,
    Window,
)

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


class Planned(NamedTuple):
    """A slot before anybody asks whether it is free."""

    starts_at: datetime
    ends_at: datetime
    local_date: date
    terms: Terms


def planned_slots(schedule: Schedule, starts_at: datetime, ends_at: datetime) -> list[Planned]:
    """List slots in the order of time, from before the local day that holds `starts_at`.

    The days before it are there so that each day in the period has all its tokens counted.
    """
    limit = MAX_SLOTS + 1
    weekly = [
        _weekly(
            window,
            starts_at.astimezone(window.terms.zone).date() - _DAY,
            ends_at.astimezone(window.terms.zone).date(),
        )
        for window in schedule.windows
    ]
    slots = sorted(islice(chain.from_iterable(weekly), limit), key=_place_in_time)
    extra = list(islice(_extras(schedule.extras, starts_at - 2 * _DAY, ends_at), limit))
    if len(slots) + len(extra) > MAX_SLOTS:
        raise TooManySlots(f"At most {MAX_SLOTS} slots at once: ask for a shorter period.")
    apart = [slot for slot in extra if not _meets(slot, slots)]
    return sorted([*slots, *apart], key=_place_in_time) if apart else slots


def _place_in_time(slot: Planned) -> tuple[datetime, UUID]:
    return slot.starts_at, slot.terms.location_id


def _weekly(window: Window, first: date, last: date) -> Iterator[Planned]:
    terms = window.terms
    length, step = terms.length, terms.step
    for day in window.dates(first, last):
        wall, closes = window.on(day)
        while wall + length <= closes:
            starts_at = wall.replace(tzinfo=terms.zone).astimezone(UTC)
            last_minute = (starts_at + length - _MINUTE).astimezone(terms.zone)
            # Later on the wall than counted means that the clock skipped some of its minutes.
            if last_minute.replace(tzinfo=None) <= wall + length - _MINUTE:
                yield Planned(starts_at, starts_at + length, wall.date(), terms)
            wall += step


def _extras(extras: tuple[Extra, ...], first: datetime, last: datetime) -> Iterator[Planned]:
    """Cut extra hours into slots; where two overlap, the one that begins first stands."""
    in_order = sorted(extras, key=lambda extra: (extra.starts_at, extra.ends_at))
    for number, extra in enumerate(in_order):
        length, step = extra.terms.length, extra.terms.step
        skipped = max(0, (first - extra.starts_at) // step)
        starts_at = extra.starts_at.astimezone(UTC) + skipped * step
        while starts_at + length <= extra.ends_at and starts_at < last:
            ends_at = starts_at + length
            if not any(
                other.starts_at < ends_at and starts_at < other.ends_at
                for other in in_order[:number]
            ):
                day = starts_at.astimezone(extra.terms.zone).date()
                yield Planned(starts_at, ends_at, day, extra.terms)
            starts_at += step


def _meets(slot: Planned, others: list[Planned]) -> bool:
    """Tell whether a slot shares time with one of `others`, which are in the order of time."""
    nearest = bisect_left(others, slot.starts_at - LONGEST_SLOT, key=lambda one: one.starts_at)
    for other in islice(others, nearest, None):
        if other.starts_at >= slot.ends_at:
            return False
        if other.ends_at > slot.starts_at:
            return True
    return False
