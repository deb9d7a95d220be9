"""The slot function against a slow one that looks at every minute."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling import slots
from scheduling.slots import Closure, Extra, Reason, Schedule, Taken, Terms, Window

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
PLACES = [UUID(int=1), UUID(int=2)]
# A zone and a date on which its clocks change, or an ordinary one.
CHANGES = [
    ("Asia/Kolkata", date(2026, 11, 24)),
    ("Europe/London", date(2026, 3, 29)),
    ("Europe/London", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Africa/Cairo", date(2026, 4, 24)),
    ("Asia/Kolkata", date(2028, 2, 29)),
]


@dataclass
class Clock:
    """Every minute around some days: which wall minute it is, and when that one comes first."""

    zone: ZoneInfo
    first: datetime
    last: datetime
    instant_of: dict[datetime, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        instant = self.first
        while instant < self.last:
            wall = instant.astimezone(self.zone).replace(tzinfo=None)
            self.instant_of.setdefault(wall, instant)
            instant += MINUTE


@dataclass(frozen=True)
class Found:
    starts_at: datetime
    place: UUID
    token: int
    free: tuple[int, ...]
    reasons: frozenset[Reason]


def minutes(starts_at: datetime, ends_at: datetime) -> list[datetime]:
    return [starts_at + count * MINUTE for count in range((ends_at - starts_at) // MINUTE)]


def weekly_starts(window: Window, clock: Clock, days: list[date]) -> list[tuple[datetime, date]]:
    found = []
    terms = window.terms
    for day in days:
        valid = window.valid_from <= day and (window.valid_to is None or day < window.valid_to)
        if day.weekday() != window.weekday or not valid:
            continue
        opens = datetime.combine(day, window.start)
        open_minutes = 0
        while (opens + open_minutes * MINUTE).time() != window.end or open_minutes == 0:
            open_minutes += 1
        for phase in range(open_minutes):
            start = opens + phase * MINUTE
            wall = minutes(start, start + terms.slot_minutes * MINUTE)
            if (
                phase % (terms.slot_minutes + terms.buffer_minutes) == 0
                and phase + terms.slot_minutes <= open_minutes
                and all(minute in clock.instant_of for minute in wall)
            ):
                found.append((clock.instant_of[start], start.date()))
    return found


def planned(
    schedule: Schedule, first: datetime, last: datetime
) -> list[tuple[datetime, UUID, date, Terms]]:
    slots_found: list[tuple[datetime, UUID, date, Terms]] = []
    spoken_for: set[datetime] = set()
    clocks = {
        zone: Clock(zone, first, last)
        for zone in {window.terms.zone for window in schedule.windows}
    }
    for window in schedule.windows:
        clock = clocks[window.terms.zone]
        days = sorted({wall.date() for wall in clock.instant_of})[1:-1]
        for start, day in weekly_starts(window, clock, days):
            slots_found.append((start, window.terms.location_id, day, window.terms))
            spoken_for.update(minutes(start, start + window.terms.length))
    for extra in sorted(schedule.extras, key=lambda one: (one.starts_at, one.ends_at)):
        for phase, start in enumerate(minutes(extra.starts_at, extra.ends_at)):
            lasts = set(minutes(start, start + extra.terms.length))
            begins = phase % (extra.terms.step // MINUTE) == 0
            if begins and max(lasts) < extra.ends_at and not lasts & spoken_for:
                day = start.astimezone(extra.terms.zone).date()
                slots_found.append((start, extra.terms.location_id, day, extra.terms))
        spoken_for.update(minutes(extra.starts_at, extra.ends_at))
    return sorted(slots_found, key=lambda slot: slot[:2])


def lanes_by_minute(taken: tuple[Taken, ...]) -> dict[datetime, set[int]]:
    lanes: dict[datetime, set[int]] = defaultdict(set)
    for one in taken:
        for minute in minutes(one.starts_at, one.ends_at):
            lanes[minute].add(one.lane)
    return lanes


def closed_minutes(closures: tuple[Closure, ...]) -> dict[UUID, set[datetime]]:
    closed: dict[UUID, set[datetime]] = {place: set() for place in PLACES}
    for closure in closures:
        for place in PLACES if closure.location_id is None else [closure.location_id]:
            closed[place].update(minutes(closure.starts_at, closure.ends_at))
    return closed


def oracle(schedule: Schedule, starts_at: datetime, ends_at: datetime, at: datetime) -> list[Found]:
    lanes, closed = lanes_by_minute(schedule.taken), closed_minutes(schedule.closures)
    tokens: dict[tuple[UUID, date], int] = defaultdict(int)
    found = []
    for start, place, day, terms in planned(schedule, starts_at - 3 * DAY, ends_at + 2 * DAY):
        lasts = minutes(start, start + terms.length)
        busy = {lane for minute in lasts for lane in lanes[minute]}
        free: list[int] = []
        for lane in range(terms.capacity):
            if lane not in busy and len(busy) + len(free) < terms.capacity:
                free.append(lane)
        against = {
            Reason.TAKEN: not free,
            Reason.ON_LEAVE: any(minute in closed[place] for minute in lasts),
            Reason.TOO_SOON: start < at,
            Reason.BEYOND_HORIZON: start >= at + timedelta(days=60),
        }
        if starts_at <= start < ends_at:
            reasons = frozenset(reason for reason, holds in against.items() if holds)
            found.append(Found(start, place, tokens[place, day] + 1, tuple(free), reasons))
        tokens[place, day] += terms.capacity
    return found


@st.composite
def questions(draw: st.DrawFn) -> tuple[Schedule, datetime, datetime, datetime]:
    zone_name, middle = draw(st.sampled_from(CHANGES))
    zone = ZoneInfo(zone_name)
    noon = datetime.combine(middle, time(12), tzinfo=UTC)
    odd_minutes = st.integers(0, 24 * 60 - 1)
    terms = st.builds(
        Terms,
        location_id=st.sampled_from(PLACES),
        zone=st.just(zone),
        slot_minutes=st.sampled_from([5, 7, 15, 20, 30, 45, 60, 90, 240]),
        buffer_minutes=st.sampled_from([0, 0, 5, 13]),
        capacity=st.integers(1, 3),
    )
    # Around a clock change, which comes at night, more often than elsewhere.
    starts = st.sampled_from([0, 0, 15, 30, 60, 75, 120, 540, 1320]) | odd_minutes
    lasts = st.sampled_from([240, 300, 360, 225]) | st.integers(15, 1439)
    windows: list[Window] = []
    for day in draw(st.lists(st.sampled_from([0, 0, 0, -1, 1]), min_size=1, max_size=5)):
        start = draw(starts)
        window = Window(
            (middle.weekday() + day) % 7,
            time(*divmod(start, 60)),
            time(*divmod((start + draw(lasts)) % (24 * 60), 60)),
            middle + draw(st.sampled_from([-100, -100, -1, 0, 1])) * DAY,
            middle + draw(st.integers(2, 4)) * DAY if draw(st.booleans()) else None,
            draw(terms),
        )
        if not any(share_time(window, other) for other in windows):
            windows.append(window)

    def around(build: object, lasts: int) -> st.SearchStrategy[list[object]]:
        """Periods of at most `lasts` minutes within two days of the middle."""
        return st.lists(
            st.builds(
                build,  # type: ignore[arg-type]
                st.tuples(st.integers(-2880, 2880), st.integers(1, lasts)),
            ),
            max_size=4,
        )

    def ends(period: tuple[int, int]) -> tuple[datetime, datetime]:
        return noon + period[0] * MINUTE, noon + sum(period) * MINUTE

    place = st.sampled_from([*PLACES, None])
    schedule = Schedule(
        windows=tuple(windows),
        extras=tuple(Extra(*ends(one), draw(terms)) for one in draw(around(tuple, 600))[:2]),  # type: ignore[arg-type]
        closures=tuple(Closure(*ends(one), draw(place)) for one in draw(around(tuple, 900))),  # type: ignore[arg-type]
        taken=tuple(
            Taken(*ends(one), middle, draw(st.integers(0, 3)))  # type: ignore[arg-type]
            for one in draw(around(tuple, 240))
        ),
    )
    # Mostly all of the day on which the clocks change; else any minutes near it.
    day_before = st.sampled_from([-36 * 60, -30 * 60, -24 * 60])
    starts_at = noon + draw(day_before | day_before | odd_minutes) * MINUTE
    two_days = st.sampled_from([36 * 60, 48 * 60])
    lasts_for = draw(two_days | two_days | st.integers(1, 40 * 60))
    at = draw(st.sampled_from([noon - 5 * DAY, noon - 60 * DAY, starts_at, noon + 7 * MINUTE]))
    return schedule, starts_at, starts_at + lasts_for * MINUTE, at


def share_time(one: Window, other: Window) -> bool:
    """Tell whether two windows meet in some week, as the database would."""
    week = 7 * 24 * 60

    def wall_minutes(window: Window) -> set[int]:
        opens, closes = window.on(date(2026, 11, 23) + timedelta(days=window.weekday))
        offset = (opens - datetime(2026, 11, 23)) // MINUTE  # noqa: DTZ001  Wall time.
        return {(offset + count) % week for count in range((closes - opens) // MINUTE)}

    return bool(wall_minutes(one) & wall_minutes(other))


@settings(max_examples=80, deadline=None)
@given(questions())
def test_slots_are_what_looking_at_every_minute_finds(
    question: tuple[Schedule, datetime, datetime, datetime],
) -> None:
    schedule, starts_at, ends_at, at = question

    found = slots.slots_between(schedule, starts_at=starts_at, ends_at=ends_at, at=at)

    assert [
        Found(
            slot.starts_at,
            slot.location_id,
            slot.first_token,
            slot.free_lanes,
            frozenset(slot.reasons),
        )
        for slot in found
    ] == oracle(schedule, starts_at, ends_at, at)
    for slot in found:
        assert slot.ends_at - slot.starts_at == slot.terms.length
        assert slot.local_date == slot.starts_at.astimezone(slot.terms.zone).date()


@settings(max_examples=50, deadline=None)
@given(questions())
def test_a_time_is_free_exactly_when_no_reason_is_against_it(
    question: tuple[Schedule, datetime, datetime, datetime],
) -> None:
    schedule, starts_at, ends_at, at = question

    free = slots.free_slots(schedule, starts_at=starts_at, ends_at=ends_at, at=at)

    bookable = {slot.starts_at for slot in free}
    for minute in minutes(starts_at, min(ends_at, starts_at + 3 * 60 * MINUTE)):
        reasons = slots.why_not_free(schedule, starts_at=minute, at=at)
        assert (minute in bookable) == (reasons == ())
