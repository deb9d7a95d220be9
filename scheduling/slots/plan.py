"""Open time cut into sittings: slots one after another, before anybody asks whether they are free.

A sitting is a few numbers however many slots it has, and a date of a window is cut in the same
way for every doctor, so that both are cheap to keep and to compare.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from scheduling.slots.values import Extra, Schedule, Terms, wall_period

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_NO_DAY = timedelta(0)
_Period = tuple[datetime, datetime]


class Sitting(NamedTuple):
    """Slots of one place and local date, each one step after the one before; numbered from 0."""

    starts_at: datetime
    ends_at: datetime
    local_date: date
    size: int
    terms: Terms

    def start_of(self, number: int) -> datetime:
        """Give when a slot starts."""
        return self.starts_at + number * self.terms.step if number else self.starts_at

    def begun_before(self, instant: datetime) -> int:
        """Count the slots that start before an instant."""
        # Rounded up: the first one starts at once.
        begun = -((self.starts_at - instant) // self.terms.step)
        return min(max(0, begun), self.size)

    def touched_by(self, starts_at: datetime, ends_at: datetime) -> range:
        """Give the numbers of the slots that share time with `[starts_at, ends_at)`."""
        terms = self.terms
        ended = (starts_at - self.starts_at - terms.length) // terms.step + 1
        begun = -((self.starts_at - ends_at) // terms.step)
        return range(ended if ended > 0 else 0, begun if begun < self.size else self.size)


class _Run(NamedTuple):
    """A sitting of whatever place."""

    starts_at: datetime
    ends_at: datetime
    local_date: date
    size: int


def sittings(schedule: Schedule, first: date, last: date) -> Iterator[Sitting]:
    """Give the sittings of the local dates from `first` to `last`; those of a window in order.

    Extra hours yield to each date of a window, from its first slot to its last, and to the extra
    hours that begin before them.
    """
    spoken_for: list[_Period] = []
    # A night may begin the day before; and where extra hours yield, a window of another zone may
    # have another date than they.
    before, after = (2 * _DAY, _DAY) if schedule.extras else (_DAY, _NO_DAY)
    for window in schedule.windows:
        shape = window.terms.zone, window.start, window.end, window.terms.length, window.terms.step
        for day in window.dates(first - before, last + after):
            runs = _cut(*shape, day)
            if runs:
                spoken_for.append((runs[0].starts_at, runs[-1].ends_at))
            for run in runs:
                if first <= run.local_date <= last:
                    yield Sitting(*run, window.terms)
    for extra in sorted(schedule.extras, key=lambda extra: (extra.starts_at, extra.ends_at)):
        for run in _cut_extra(extra, spoken_for, first, last):
            yield Sitting(*run, extra.terms)
        spoken_for.append((extra.starts_at, extra.ends_at))


# About 400 bytes each: what most doctors share, two months ahead.
@lru_cache(maxsize=2**15)
def _cut(
    zone: ZoneInfo, start: time, end: time, length: timedelta, step: timedelta, day: date
) -> tuple[_Run, ...]:
    """Cut one date of a window; what is skipped on the wall starts a new run."""
    wall, closes = wall_period(day, start, end)
    starts = []
    while wall + length <= closes:
        starts_at = wall.replace(tzinfo=zone).astimezone(UTC)
        last_minute = (starts_at + length - _MINUTE).astimezone(zone)
        # Later on the wall than counted means that the clock skipped some of its minutes.
        if last_minute.replace(tzinfo=None) <= wall + length - _MINUTE:
            starts.append((starts_at, wall.date()))
        wall += step
    return tuple(_runs(starts, length, step))


def _cut_extra(extra: Extra, spoken_for: list[_Period], first: date, last: date) -> Iterator[_Run]:
    """Cut extra hours on the local dates from `first` to `last`, around what is spoken for."""
    zone, length, step = extra.terms.zone, extra.terms.length, extra.terms.step
    starts_at = extra.starts_at.astimezone(UTC)
    count = (extra.ends_at - starts_at - length) // step + 1
    whole = Sitting(starts_at, extra.ends_at, first, count, extra.terms)
    asked = range(
        whole.begun_before(datetime.combine(first, time(0), tzinfo=zone)),
        whole.begun_before(datetime.combine(last + _DAY, time(0), tzinfo=zone)),
    )
    left = set(asked).difference(*(whole.touched_by(*period) for period in spoken_for))
    starts = (starts_at + number * step for number in sorted(left))
    return _runs(((start, start.astimezone(zone).date()) for start in starts), length, step)


def _runs(
    starts: Iterable[tuple[datetime, date]], length: timedelta, step: timedelta
) -> Iterator[_Run]:
    """Join the starts of slots, with their local dates, that follow one another on one date."""
    # As long as each is one step after the one before, this difference stays the same.
    series = groupby(enumerate(starts), key=lambda slot: (slot[1][1], slot[1][0] - slot[0] * step))
    for (local_date, _), slots in series:
        every = [starts_at for _, (starts_at, _) in slots]
        yield _Run(every[0], every[-1] + length, local_date, len(every))
