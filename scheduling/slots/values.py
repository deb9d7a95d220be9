from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

MAX_RANGE = timedelta(days=62)
MAX_SLOTS = 5_000
# Of days that are summed up, for which no list of slots is made.
MAX_DATES = 70
LONGEST_SLOT = timedelta(minutes=240)
# Outside these years zone rules are unknown and dates run out.
YEARS = range(2000, 2200)

_DAY = timedelta(days=1)


class Reason(StrEnum):
    """Why a time cannot be booked; the values are the API's."""

    OUTSIDE_HOURS = "outside_hours"
    BETWEEN_SLOTS = "between_slots"
    ON_LEAVE = "on_leave"
    PLACE_CLOSED = "place_closed"
    WRONG_MODE = "wrong_mode"
    TAKEN = "taken"
    DAY_FULL = "day_full"
    TOO_SOON = "too_soon"
    BEYOND_HORIZON = "beyond_horizon"
    CREDENTIAL_EXPIRED = "credential_expired"
    NOT_CONSENTED = "not_consented"


class BadRange(ValueError):
    """The period asked for is naive, empty, too long, or not of our time."""


class TooManySlots(ValueError):
    """The period asked for holds more slots than one call computes; ask for a shorter one."""


@dataclass(frozen=True)
class Terms:
    """Where open time is, and how it is cut into slots; `capacity` patients share a slot.

    Raises:
        ValueError: no slots can be cut like this.
    """

    location_id: UUID
    zone: ZoneInfo
    slot_minutes: int = 15
    buffer_minutes: int = 0
    capacity: int = 1
    mode: str = "IN_PERSON"

    def __post_init__(self) -> None:
        longest = LONGEST_SLOT // timedelta(minutes=1)
        if not (1 <= self.slot_minutes <= longest and self.buffer_minutes >= 0):
            raise ValueError("A slot takes 1 to 240 minutes, and the pause after it 0 or more.")
        if self.capacity < 1:
            raise ValueError("At least one patient comes to a slot.")

    @cached_property
    def length(self) -> timedelta:
        """Give how long one slot lasts."""
        return timedelta(minutes=self.slot_minutes)

    @cached_property
    def step(self) -> timedelta:
        """Give the time from one slot's start to the next one's."""
        return timedelta(minutes=self.step_minutes)

    @property
    def step_minutes(self) -> int:
        """Give the minutes from one slot's start to the next one's."""
        return self.slot_minutes + self.buffer_minutes


def wall_period(day: date, start: time, end: time) -> tuple[datetime, datetime]:
    """Give wall start and end of a period that begins on `day`; its end may be on the next."""
    next_day = _DAY if end <= start else timedelta(0)
    return datetime.combine(day, start), datetime.combine(day, end) + next_day


class Window(NamedTuple):
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
        return wall_period(day, self.start, self.end)

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


class Taken(NamedTuple):
    """One patient's place that somebody has; meanwhile the doctor is at no other place.

    `local_date` is the date at its own place: most a day counts by it.
    """

    starts_at: datetime
    ends_at: datetime
    local_date: date
    location_id: UUID
    lane: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """How early and how far ahead a doctor can be booked, and how many patients a day at most."""

    lead_time: timedelta = timedelta(0)
    horizon: timedelta = timedelta(days=60)
    most_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything that decides one doctor's slots in some period.

    `taken` covers whole local days, or `Rules.most_per_day` counts too few. From
    `credential_until` on, the doctor may not practise as far as we know.
    """

    windows: tuple[Window, ...] = ()
    extras: tuple[Extra, ...] = ()
    closures: tuple[Closure, ...] = ()
    taken: tuple[Taken, ...] = ()
    closed_places: frozenset[UUID] = frozenset()
    rules: Rules = Rules()
    credential_until: datetime | None = None
    is_consented: bool = True


class Slot(NamedTuple):
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


class OpenDay(NamedTuple):
    """What is free at one place in one mode on one local date, without its list of slots.

    Bit n of `starts` is set when a free slot starts n times `step_minutes` after `first_free_at`.
    It leaves no start out: a search at noon would find no end of doctors who may be next.
    `free` counts places of patients. `slot_minutes` and `capacity` are those of all free slots,
    or both `None` when these are not all alike.
    """

    location_id: UUID
    mode: str
    local_date: date
    first_free_at: datetime
    last_free_at: datetime
    free: int
    step_minutes: int
    starts: int
    slot_minutes: int | None
    capacity: int | None


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


def check_dates(first: date, last: date) -> None:
    """Refuse dates that no call sums up.

    Raises:
        BadRange: they are out of order, more than `MAX_DATES` or not of our time.
    """
    if not (first.year in YEARS and last.year in YEARS):
        raise BadRange("A date is far from now.")
    if last < first:
        raise BadRange("The last date must not be before the first.")
    if (last - first).days >= MAX_DATES:
        raise BadRange(f"At most {MAX_DATES} dates at once.")
