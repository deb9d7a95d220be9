"""When a doctor can be booked: plain values and an instant go in, slots come out.

Nothing here reads a clock or a database. Weekly hours are wall time in the zone of their place;
everything else is an instant. A slot exists when every wall minute of it does, so it never spans
a clock change forward; a wall time that comes twice counts the first time.
"""

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import chain, islice
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

MAX_RANGE = timedelta(days=62)
MAX_SLOTS = 5_000
LONGEST_SLOT = timedelta(minutes=240)
# Outside these years zone rules are unknown and dates run out.
YEARS = range(2000, 2200)

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


class Reason(StrEnum):
    """Why a time cannot be booked; the values are the API's."""

    OUTSIDE_HOURS = "outside_hours"
    BETWEEN_SLOTS = "between_slots"
    ON_LEAVE = "on_leave"
    PLACE_CLOSED = "place_closed"
    WRONG_MODE = "wrong_mode"
    TAKEN = "taken"
    TOO_SOON = "too_soon"
    BEYOND_HORIZON = "beyond_horizon"


class BadRange(ValueError):
    """The period asked for is naive, empty, too long, or not of our time."""


class TooManySlots(ValueError):
    """The period asked for holds more slots than one call computes; ask for a shorter one."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Where open time is, and how it is cut into slots; `capacity` patients share a slot."""

    location_id: UUID
    zone: ZoneInfo
    slot_minutes: int = 15
    buffer_minutes: int = 0
    capacity: int = 1
    mode: str = "IN_PERSON"

    @property
    def length(self) -> timedelta:
        """Give how long one slot lasts."""
        return timedelta(minutes=self.slot_minutes)

    @property
    def step(self) -> timedelta:
        """Give the time from one slot's start to the next one's."""
        return timedelta(minutes=self.slot_minutes + self.buffer_minutes)


@dataclass(frozen=True, slots=True)
class Window:
    """Open time each week, on local dates in `[valid_from, valid_to)`.

    An end that is not after the start is on the next day. `weekday` counts from Monday, 0.
    """

    weekday: int
    start: time
    end: time
    valid_from: date
    valid_to: date | None
    terms: Terms

    def on(self, day: date) -> tuple[datetime, datetime]:
        """Give wall start and end of the window that begins on `day`."""
        next_day = _DAY if self.end <= self.start else timedelta(0)
        return datetime.combine(day, self.start), datetime.combine(day, self.end) + next_day

    def dates(self, first: date, last: date) -> Iterator[date]:
        """Give the local dates from `first` to `last`, both included, on which it begins."""
        day = max(first, self.valid_from)
        day += timedelta(days=(self.weekday - day.weekday()) % 7)
        while day <= last and (self.valid_to is None or day < self.valid_to):
            yield day
            day += timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Extra:
    """Open time once, in instants; weekly hours that it overlaps stand."""

    starts_at: datetime
    ends_at: datetime
    terms: Terms


@dataclass(frozen=True, slots=True)
class Closure:
    """Time off once, in instants, at one place or (`None`) all; it closes extra hours too."""

    starts_at: datetime
    ends_at: datetime
    location_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """One patient's place that somebody has; lanes count across all places of a doctor."""

    starts_at: datetime
    ends_at: datetime
    lane: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """How early and how far ahead a doctor can be booked."""

    lead_time: timedelta = timedelta(0)
    horizon: timedelta = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything that decides one doctor's slots in some period."""

    windows: tuple[Window, ...] = ()
    extras: tuple[Extra, ...] = ()
    closures: tuple[Closure, ...] = ()
    taken: tuple[Taken, ...] = ()
    closed_places: frozenset[UUID] = frozenset()
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True, slots=True)
class Slot:
    """A time a patient could come, `[starts_at, ends_at)` in UTC, free when no reason is against.

    `local_date` is the date at its place. Tokens run through that place's day, one for each
    patient, in the order of time: the same slot and lane always have the same number.
    """

    starts_at: datetime
    ends_at: datetime
    local_date: date
    terms: Terms
    first_token: int
    free_lanes: tuple[int, ...]
    reasons: tuple[Reason, ...]

    @property
    def location_id(self) -> UUID:
        """Give the place."""
        return self.terms.location_id

    @property
    def mode(self) -> str:
        """Give how doctor and patient meet."""
        return self.terms.mode

    @property
    def capacity(self) -> int:
        """Give how many patients share the slot."""
        return self.terms.capacity

    @property
    def free(self) -> int:
        """Give how many more patients can come."""
        return len(self.free_lanes)

    def token(self, lane: int) -> int:
        """Give the number of the patient in `lane`."""
        return self.first_token + lane


class _Planned(NamedTuple):
    starts_at: datetime
    ends_at: datetime
    local_date: date
    terms: Terms


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
    check_range(starts_at, ends_at, at)
    tokens: Counter[tuple[UUID, date]] = Counter()
    slots = []
    for planned, lanes in _with_lanes(_planned(schedule, starts_at, ends_at), schedule.taken):
        terms = planned.terms
        day = (terms.location_id, planned.local_date)
        if starts_at <= planned.starts_at < ends_at:
            free = tuple(lane for lane in range(terms.capacity) if lane not in lanes)
            reasons = tuple(_reasons(schedule, planned, at))
            slots.append(
                Slot(
                    *planned,
                    first_token=tokens[day] + 1,
                    free_lanes=free,
                    reasons=reasons if free else _in_order({*reasons, Reason.TAKEN}),
                )
            )
        tokens[day] += terms.capacity
    return slots


def free_slots(
    schedule: Schedule, *, starts_at: datetime, ends_at: datetime, at: datetime
) -> list[Slot]:
    """List the slots that start in `[starts_at, ends_at)` and can be booked at the instant `at`.

    Raises:
        BadRange, TooManySlots: as `slots_between`.
    """
    every = slots_between(schedule, starts_at=starts_at, ends_at=ends_at, at=at)
    return [slot for slot in every if not slot.reasons]


def slot_at(
    schedule: Schedule, *, starts_at: datetime, at: datetime, location_id: UUID | None = None
) -> Slot | None:
    """Give the slot that starts at an instant, at one place or (`None`) at whichever is best.

    Raises:
        BadRange: the instant is naive or not of our time.
    """
    check_instants(starts_at)
    found = [
        slot
        for slot in slots_between(schedule, starts_at=starts_at, ends_at=starts_at + _MINUTE, at=at)
        if slot.starts_at == starts_at and location_id in {None, slot.location_id}
    ]
    return min(found, key=lambda slot: len(slot.reasons), default=None)


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
    slot = slot_at(schedule, starts_at=starts_at, at=at, location_id=location_id)
    if slot is not None:
        wrong_mode = {Reason.WRONG_MODE} if mode not in {None, slot.mode} else set()
        return _in_order({*slot.reasons, *wrong_mode})
    against = set(_reasons_of_time(schedule.rules, starts_at, at))
    open_then = _is_open(schedule, starts_at, location_id)
    against.add(Reason.BETWEEN_SLOTS if open_then else Reason.OUTSIDE_HOURS)
    if location_id in schedule.closed_places:
        against.add(Reason.PLACE_CLOSED)
    if any(
        closure.starts_at <= starts_at < closure.ends_at
        for closure in schedule.closures
        if location_id is None or closure.location_id in {None, location_id}
    ):
        against.add(Reason.ON_LEAVE)
    return _in_order(against)


def check_instants(*instants: datetime) -> None:
    """Refuse instants that nothing can be computed from.

    Raises:
        BadRange: one is naive or not of our time.
    """
    for instant in instants:
        if instant.utcoffset() is None:
            raise BadRange("A time needs its offset from UTC.")
        if instant.year not in YEARS:
            raise BadRange("A time is far from now.")


def check_range(starts_at: datetime, ends_at: datetime, at: datetime) -> None:
    """Refuse a period that no call computes, before anything is loaded for it.

    Raises:
        BadRange: it is naive, empty, longer than `MAX_RANGE` or not of our time.
    """
    check_instants(starts_at, ends_at, at)
    if ends_at <= starts_at:
        raise BadRange("The end must be after the start.")
    if ends_at - starts_at > MAX_RANGE:
        raise BadRange(f"At most {MAX_RANGE.days} days at once.")


def _in_order(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=list(Reason).index))


def _reasons(schedule: Schedule, slot: _Planned, at: datetime) -> Iterator[Reason]:
    """Give what is against a slot, its lanes aside, in the order of `Reason`."""
    if any(
        closure.starts_at < slot.ends_at and slot.starts_at < closure.ends_at
        for closure in schedule.closures
        if closure.location_id in {None, slot.terms.location_id}
    ):
        yield Reason.ON_LEAVE
    if slot.terms.location_id in schedule.closed_places:
        yield Reason.PLACE_CLOSED
    yield from _reasons_of_time(schedule.rules, slot.starts_at, at)


def _reasons_of_time(rules: Rules, starts_at: datetime, at: datetime) -> Iterator[Reason]:
    if starts_at < at + rules.lead_time:
        yield Reason.TOO_SOON
    if starts_at >= at + rules.horizon:
        yield Reason.BEYOND_HORIZON


def _is_open(schedule: Schedule, instant: datetime, location_id: UUID | None) -> bool:
    """Tell whether an instant is in the weekly or extra hours, whatever closes them."""
    for window in schedule.windows:
        wall = instant.astimezone(window.terms.zone).replace(tzinfo=None)
        begins = window.dates(wall.date() - _DAY, wall.date())
        periods = (window.on(day) for day in begins)
        if location_id in {None, window.terms.location_id} and any(
            opens <= wall < closes for opens, closes in periods
        ):
            return True
    return any(
        extra.starts_at <= instant < extra.ends_at
        for extra in schedule.extras
        if location_id in {None, extra.terms.location_id}
    )


def _planned(schedule: Schedule, starts_at: datetime, ends_at: datetime) -> list[_Planned]:
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


def _place_in_time(slot: _Planned) -> tuple[datetime, UUID]:
    return slot.starts_at, slot.terms.location_id


def _weekly(window: Window, first: date, last: date) -> Iterator[_Planned]:
    terms = window.terms
    length, step = terms.length, terms.step
    for day in window.dates(first, last):
        wall, closes = window.on(day)
        while wall + length <= closes:
            starts_at = wall.replace(tzinfo=terms.zone).astimezone(UTC)
            last_minute = (starts_at + length - _MINUTE).astimezone(terms.zone)
            # Later on the wall than counted means that the clock skipped some of its minutes.
            if last_minute.replace(tzinfo=None) <= wall + length - _MINUTE:
                yield _Planned(starts_at, starts_at + length, wall.date(), terms)
            wall += step


def _extras(extras: tuple[Extra, ...], first: datetime, last: datetime) -> Iterator[_Planned]:
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
                yield _Planned(starts_at, ends_at, day, extra.terms)
            starts_at += step


def _meets(slot: _Planned, others: list[_Planned]) -> bool:
    """Tell whether a slot shares time with one of `others`, which are in the order of time."""
    nearest = bisect_left(others, slot.starts_at - LONGEST_SLOT, key=lambda one: one.starts_at)
    for other in islice(others, nearest, None):
        if other.starts_at >= slot.ends_at:
            return False
        if other.ends_at > slot.starts_at:
            return True
    return False


def _with_lanes(
    slots: list[_Planned], taken: tuple[Taken, ...]
) -> Iterator[tuple[_Planned, set[int]]]:
    """Give each slot the lanes that somebody has during any of its time."""
    waiting = deque(sorted(taken, key=lambda one: one.starts_at))
    near: list[Taken] = []
    for slot in slots:
        while waiting and waiting[0].starts_at < slot.ends_at:
            near.append(waiting.popleft())
        near = [one for one in near if one.ends_at > slot.starts_at]
        yield slot, {one.lane for one in near if one.starts_at < slot.ends_at}
