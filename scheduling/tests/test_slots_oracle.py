"""The slot function against a slow one that looks at every minute."""

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling import slots
from scheduling.slots import Closure, Extra, OpenDay, Reason, Rules, Schedule, Taken, Terms, Window

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
CLINIC, HOSPITAL, ABROAD = PLACES = [UUID(int=1), UUID(int=2), UUID(int=3)]
# A date on which the clocks of the first zone change, or an ordinary one; the third place is in
# the second zone.
CHANGES = [
    ("Asia/Kolkata", "Europe/London", date(2026, 11, 24)),
    ("Europe/London", "Asia/Kolkata", date(2026, 3, 29)),
    ("Europe/London", "Asia/Kolkata", date(2026, 10, 25)),
    ("America/New_York", "Pacific/Auckland", date(2026, 3, 8)),
    ("America/New_York", "Australia/Lord_Howe", date(2026, 11, 1)),
    ("Australia/Lord_Howe", "America/St_Johns", date(2026, 4, 5)),
    ("Australia/Lord_Howe", "Asia/Kathmandu", date(2026, 10, 4)),
    ("Africa/Cairo", "Asia/Kolkata", date(2026, 4, 24)),
    ("Africa/Cairo", "Asia/Kolkata", date(2026, 10, 29)),
    ("Asia/Kolkata", "America/New_York", date(2028, 2, 29)),
]


class Question(NamedTuple):
    schedule: Schedule
    starts_at: datetime
    ends_at: datetime
    at: datetime
    middle: date


class Planned(NamedTuple):
    starts_at: datetime
    place: UUID
    local_date: date
    terms: Terms


@dataclass(frozen=True)
class Found:
    starts_at: datetime
    ends_at: datetime
    local_date: date
    place: UUID
    token: int
    free: tuple[int, ...]
    reasons: tuple[Reason, ...]


@lru_cache(maxsize=100)
def clock(zone: ZoneInfo, middle: date) -> dict[datetime, datetime]:
    """Give when each wall minute within five days comes first; one that is skipped is left out."""
    instant_of: dict[datetime, datetime] = {}
    first = datetime.combine(middle - 5 * DAY, time(0), tzinfo=UTC)
    for instant in minutes(first, first + 11 * DAY):
        instant_of.setdefault(instant.astimezone(zone).replace(tzinfo=None), instant)
    return instant_of


def minutes(starts_at: datetime, ends_at: datetime) -> list[datetime]:
    return [starts_at + count * MINUTE for count in range((ends_at - starts_at) // MINUTE)]


def weekly_slots(window: Window, day: date, instant_of: dict[datetime, datetime]) -> list[Planned]:
    valid = window.valid_from <= day and (window.valid_to is None or day < window.valid_to)
    if day.weekday() != window.weekday or not valid:
        return []
    terms = window.terms
    opens = datetime.combine(day, window.start)
    open_minutes = 1
    while (opens + open_minutes * MINUTE).time() != window.end:
        open_minutes += 1
    found = []
    for phase in range(open_minutes):
        if phase % (terms.slot_minutes + terms.buffer_minutes) == 0:
            start = opens + phase * MINUTE
            wall = minutes(start, start + terms.slot_minutes * MINUTE)
            ends_inside = phase + terms.slot_minutes <= open_minutes
            if ends_inside and all(minute in instant_of for minute in wall):
                found.append(Planned(instant_of[start], terms.location_id, start.date(), terms))
    return found


def extra_slots(extra: Extra, spoken_for: set[datetime]) -> list[Planned]:
    terms = extra.terms
    found = []
    for phase, start in enumerate(minutes(extra.starts_at, extra.ends_at)):
        if phase % (terms.slot_minutes + terms.buffer_minutes) == 0:
            end = start + terms.slot_minutes * MINUTE
            if end <= extra.ends_at and not spoken_for.intersection(minutes(start, end)):
                day = start.astimezone(terms.zone).date()
                found.append(Planned(start, terms.location_id, day, terms))
    return found


def planned(schedule: Schedule, middle: date) -> list[Planned]:
    found: list[Planned] = []
    spoken_for: set[datetime] = set()
    for window in schedule.windows:
        instant_of = clock(window.terms.zone, middle)
        for day in (middle + count * DAY for count in range(-4, 5)):
            of_the_day = weekly_slots(window, day, instant_of)
            if of_the_day:
                last = of_the_day[-1].starts_at + window.terms.slot_minutes * MINUTE
                spoken_for.update(minutes(of_the_day[0].starts_at, last))
            found += of_the_day
    for extra in sorted(schedule.extras, key=lambda one: (one.starts_at, one.ends_at)):
        found += extra_slots(extra, spoken_for)
        spoken_for.update(minutes(extra.starts_at, extra.ends_at))
    return sorted(found, key=lambda slot: (slot.starts_at, slot.place))


def patients_by_minute(taken: tuple[Taken, ...]) -> dict[datetime, list[Taken]]:
    patients: dict[datetime, list[Taken]] = defaultdict(list)
    for one in taken:
        for minute in minutes(one.starts_at, one.ends_at):
            patients[minute].append(one)
    return patients


def closed_minutes(closures: tuple[Closure, ...]) -> dict[UUID, set[datetime]]:
    closed: dict[UUID, set[datetime]] = {place: set() for place in PLACES}
    for closure in closures:
        for place in PLACES if closure.location_id is None else [closure.location_id]:
            closed[place].update(minutes(closure.starts_at, closure.ends_at))
    return closed


def oracle(question: Question) -> list[Found]:
    schedule, starts_at, ends_at, at, middle = question
    rules, until = schedule.rules, schedule.credential_until
    patients_at, closed = patients_by_minute(schedule.taken), closed_minutes(schedule.closures)
    tokens: dict[tuple[UUID, date], int] = defaultdict(int)
    found = []
    for start, place, day, terms in planned(schedule, middle):
        end = start + terms.slot_minutes * MINUTE
        lasts = minutes(start, end)
        there = [one for minute in lasts for one in patients_at[minute]]
        is_elsewhere = any(one.location_id != place for one in there)
        busy = {one.lane for one in there}
        free: list[int] = []
        for lane in range(terms.capacity):
            if not is_elsewhere and lane not in busy and len(busy) + len(free) < terms.capacity:
                free.append(lane)
        patients = sum(one.local_date == day for one in schedule.taken)
        against = {
            Reason.ON_LEAVE: any(minute in closed[place] for minute in lasts),
            Reason.PLACE_CLOSED: place in schedule.closed_places,
            Reason.TAKEN: not free,
            Reason.DAY_FULL: rules.most_per_day is not None and patients >= rules.most_per_day,
            Reason.TOO_SOON: start < at + rules.lead_time,
            Reason.BEYOND_HORIZON: start >= at + rules.horizon,
            Reason.CREDENTIAL_EXPIRED: until is not None and start >= until,
            Reason.NOT_CONSENTED: not schedule.is_consented,
        }
        if starts_at <= start < ends_at:
            reasons = tuple(reason for reason, holds in against.items() if holds)
            token = tokens[place, day] + 1
            found.append(Found(start, end, day, place, token, tuple(free), reasons))
        tokens[place, day] += terms.capacity
    return found


# Around midnight and a clock change, which comes at night, more often than elsewhere.
STARTS = st.sampled_from([0, 0, 15, 30, 75, 120, 540, 1260, 1380]) | st.integers(0, 24 * 60 - 1)
LASTS = st.sampled_from([240, 300, 360, 225]) | st.integers(15, 1439)
ODD = st.integers(-2160, 2160)


@st.composite
def periods(draw: st.DrawFn, middle: date, longest: int) -> tuple[datetime, datetime]:
    """Draw a period of at most `longest` minutes within 36 hours of the middle."""
    noon = datetime.combine(middle, time(12), tzinfo=UTC)
    # Often such that it touches slots without meeting them.
    start = noon + draw(st.integers(-144, 144).map(lambda count: 15 * count) | ODD) * MINUTE
    return start, start + draw(st.sampled_from([15, 30, 60]) | st.integers(1, longest)) * MINUTE


@st.composite
def terms_at(draw: st.DrawFn, zones: dict[UUID, ZoneInfo]) -> Terms:
    place = draw(st.sampled_from(PLACES))
    return Terms(
        place,
        zones[place],
        slot_minutes=draw(st.sampled_from([5, 7, 15, 20, 30, 45, 60, 90, 240])),
        buffer_minutes=draw(st.sampled_from([0, 0, 5, 13])),
        capacity=draw(st.integers(1, 3)),
        mode=draw(st.sampled_from(["IN_PERSON", "TELE"])),
    )


@st.composite
def weekly(draw: st.DrawFn, middle: date, zones: dict[UUID, ZoneInfo]) -> tuple[Window, ...]:
    windows: list[Window] = []
    for day in draw(st.lists(st.sampled_from([0, 0, -1, -1, -2, 1]), min_size=1, max_size=5)):
        start = draw(STARTS)
        window = Window(
            (middle.weekday() + day) % 7,
            time(*divmod(start, 60)),
            time(*divmod((start + draw(LASTS)) % (24 * 60), 60)),
            middle + draw(st.sampled_from([-100, -100, -100, -1, 0])) * DAY,
            middle + draw(st.integers(0, 3)) * DAY if draw(st.booleans()) else None,
            draw(terms_at(zones)),
        )
        if not any(share_time(window, other) for other in windows):
            windows.append(window)
    return tuple(windows)


def share_time(one: Window, other: Window) -> bool:
    """Tell whether two windows meet in some week, as the database would."""
    week = 7 * 24 * 60

    def wall_minutes(window: Window) -> set[int]:
        opens, closes = window.on(date(2026, 11, 23) + timedelta(days=window.weekday))
        offset = (opens - datetime(2026, 11, 23)) // MINUTE  # noqa: DTZ001  Wall time.
        return {(offset + count) % week for count in range((closes - opens) // MINUTE)}

    return bool(wall_minutes(one) & wall_minutes(other))


@st.composite
def visits_of(draw: st.DrawFn, slot: Planned) -> tuple[datetime, datetime, UUID]:
    """Draw the time of a slot, or one just before or after it, mostly at its place."""
    starts_at = slot.starts_at + draw(st.sampled_from([0, 0, -1, 1])) * slot.terms.length
    place = draw(st.sampled_from([slot.place, slot.place, slot.place, *PLACES]))
    return starts_at, starts_at + slot.terms.length, place


@st.composite
def questions(draw: st.DrawFn) -> Question:
    zone, zone_abroad, middle = draw(st.sampled_from(CHANGES))
    zones = {CLINIC: ZoneInfo(zone), HOSPITAL: ZoneInfo(zone), ABROAD: ZoneInfo(zone_abroad)}
    noon = datetime.combine(middle, time(12), tzinfo=UTC)
    near_noon = st.integers(-1440, 1440).map(lambda count: noon + count * MINUTE)
    extras, closures, stays = (
        draw(st.lists(periods(middle, longest), max_size=3)) for longest in (600, 900, 240)
    )
    visits = [(*period, draw(st.sampled_from(PLACES))) for period in stays]
    hours = Schedule(
        windows=draw(weekly(middle, zones)),
        extras=tuple(Extra(*period, draw(terms_at(zones))) for period in extras),
    )
    there = planned(hours, middle)
    if there:
        visits += [
            draw(visits_of(slot)) for slot in draw(st.lists(st.sampled_from(there), max_size=5))
        ]
    schedule = replace(
        hours,
        closures=tuple(
            Closure(*period, draw(st.sampled_from([*PLACES, None]))) for period in closures
        ),
        taken=tuple(
            Taken(
                starts_at,
                ends_at,
                middle + draw(st.integers(-1, 1)) * DAY,
                place,
                draw(st.integers(0, 3)),
            )
            for starts_at, ends_at, place in visits
        ),
        closed_places=frozenset(draw(st.sampled_from([[], [], [CLINIC], [HOSPITAL, ABROAD]]))),
        rules=Rules(
            draw(st.sampled_from([0, 0, 90, 3000])) * MINUTE,
            draw(st.sampled_from([60, 60, 5])) * DAY,
            draw(st.sampled_from([None, None, 1, 2])),
        ),
        credential_until=draw(st.none() | near_noon),
        is_consented=draw(st.sampled_from([True, True, True, False])),
    )
    # Mostly all of the day on which the clocks change; else any minutes near it.
    day_before = st.sampled_from([-36 * 60, -30 * 60, -24 * 60])
    starts_at = noon + draw(day_before | day_before | st.integers(0, 1439)) * MINUTE
    two_days = st.sampled_from([36 * 60, 48 * 60])
    ends_at = starts_at + draw(two_days | two_days | st.integers(1, 40 * 60)) * MINUTE
    some_time = st.sampled_from([noon - 5 * DAY, noon - 60 * DAY, starts_at, noon + 7 * MINUTE])
    return Question(schedule, starts_at, ends_at, draw(some_time), middle)


def asked(question: Question, schedule: Schedule) -> list[slots.Slot]:
    return slots.slots_between(
        schedule, starts_at=question.starts_at, ends_at=question.ends_at, at=question.at
    )


@settings(max_examples=120, deadline=None)
@given(questions())
def test_slots_are_what_looking_at_every_minute_finds(question: Question) -> None:
    found = asked(question, question.schedule)

    assert [
        Found(
            slot.starts_at,
            slot.ends_at,
            slot.local_date,
            slot.location_id,
            slot.first_token,
            slot.free_lanes,
            slot.reasons,
        )
        for slot in found
    ] == oracle(question)
    for slot in found:
        assert slot.local_date == slot.starts_at.astimezone(slot.terms.zone).date()


@settings(max_examples=50, deadline=None)
@given(questions())
def test_a_time_is_free_exactly_when_no_reason_is_against_it(question: Question) -> None:
    schedule, starts_at, ends_at, at, _ = question

    free = slots.free_slots(schedule, starts_at=starts_at, ends_at=ends_at, at=at)

    every = asked(question, schedule)
    assert free == [slot for slot in every if not slot.reasons]
    bookable = {slot.starts_at for slot in free}
    begins = {slot.starts_at for slot in every}
    for minute in sorted(begins)[:20] + minutes(starts_at, min(ends_at, starts_at + HOUR)):
        reasons = slots.why_not_free(schedule, starts_at=minute, at=at)
        assert (minute in bookable) == (reasons == ())
        assert (minute in begins) != bool({Reason.OUTSIDE_HOURS, Reason.BETWEEN_SLOTS} & {*reasons})


@settings(max_examples=80, deadline=None)
@given(questions(), st.integers(-1, 1), st.integers(0, 1))
def test_open_days_sum_up_what_the_slots_of_each_date_say(
    question: Question, first_day: int, more_days: int
) -> None:
    first = question.middle + first_day * DAY
    last = first + more_days * DAY
    noon = datetime.combine(question.middle, time(12), tzinfo=UTC)
    lasting = replace(
        question.schedule,
        rules=Rules(most_per_day=question.schedule.rules.most_per_day),
        closed_places=frozenset(),
        credential_until=None,
        is_consented=True,
    )
    # No date of these, wherever it is, reaches further; and that is when nothing is too soon.
    widest = Question(lasting, noon - 3 * DAY, noon + 3 * DAY, noon - 3 * DAY, question.middle)
    free = defaultdict(list)
    for slot in asked(widest, lasting):
        if not slot.reasons and first <= slot.local_date <= last:
            free[slot.location_id, slot.mode, slot.local_date].append(slot)

    found = slots.open_days(question.schedule, first=first, last=last)

    assert Counter(day[:6] for day in found) == Counter(
        (*day, of_day[0].starts_at, of_day[-1].starts_at, sum(slot.free for slot in of_day))
        for day, of_day in free.items()
    )
    for day in found:
        of_day = free[day.location_id, day.mode, day.local_date]
        assert starts_of(day) == [slot.starts_at for slot in of_day]
        kinds = {(slot.terms.slot_minutes, slot.capacity) for slot in of_day}
        alike = kinds.pop() if len(kinds) == 1 else (None, None)
        assert (day.slot_minutes, day.capacity) == alike


def starts_of(day: OpenDay) -> list[datetime]:
    return [
        day.first_free_at + count * day.step_minutes * MINUTE
        for count in range(day.starts.bit_length())
        if day.starts >> count & 1
    ]
