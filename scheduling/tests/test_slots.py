from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from scheduling import slots
from scheduling.slots import (
    Closure,
    Extra,
    Reason,
    Schedule,
    Slot,
    Taken,
    Terms,
    Window,
)

CLINIC = UUID(int=1)
HOSPITAL = UUID(int=2)
INDIA = ZoneInfo("Asia/Kolkata")
LONDON = ZoneInfo("Europe/London")
# Monday 23 November 2026, 9:00 in India.
NOW = datetime(2026, 11, 23, 3, 30, tzinfo=UTC)
TUESDAY = date(2026, 11, 24)
FROM = date(2026, 1, 1)
HALF_HOURS = Terms(CLINIC, INDIA, slot_minutes=30)
MORNING = Window(1, time(9), time(11), FROM, None, HALF_HOURS)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def wall(day: date, at: time, zone: ZoneInfo = INDIA) -> datetime:
    return datetime.combine(day, at, tzinfo=zone)


AT_9 = wall(TUESDAY, time(9))


def of_day(schedule: Schedule, day: date = TUESDAY, zone: ZoneInfo = INDIA) -> list[Slot]:
    midnight = wall(day, time(0), zone)
    return slots.slots_between(
        schedule, starts_at=midnight, ends_at=midnight + timedelta(days=1), at=NOW
    )


def starts(found: list[Slot], zone: ZoneInfo = INDIA) -> list[str]:
    return [f"{slot.starts_at.astimezone(zone):%H:%M}" for slot in found]


def why(schedule: Schedule, starts_at: datetime, **asked: object) -> tuple[Reason, ...]:
    return slots.why_not_free(schedule, starts_at=starts_at, at=NOW, **asked)  # type: ignore[arg-type]


def test_a_window_is_cut_into_slots_that_end_inside_it() -> None:
    terms = Terms(CLINIC, INDIA, slot_minutes=50, mode="TELE", capacity=2)
    found = of_day(Schedule(windows=(Window(1, time(9), time(11), FROM, None, terms),)))

    assert starts(found) == ["09:00", "09:50"]
    assert found[1].ends_at == wall(TUESDAY, time(10, 40))
    assert (found[0].location_id, found[0].mode) == (CLINIC, "TELE")
    assert (found[0].capacity, found[0].free) == (2, 2)


def test_a_buffer_lies_between_slots_and_not_after_the_last() -> None:
    terms = Terms(CLINIC, INDIA, slot_minutes=30, buffer_minutes=15)

    found = of_day(Schedule(windows=(Window(1, time(9), time(11), FROM, None, terms),)))

    assert starts(found) == ["09:00", "09:45", "10:30"]


def test_validity_is_half_open_in_local_dates() -> None:
    ended = Window(1, time(9), time(10), FROM, TUESDAY, HALF_HOURS)
    begun = Window(1, time(10), time(11), TUESDAY, TUESDAY + timedelta(days=1), HALF_HOURS)

    schedule = Schedule(windows=(ended, begun))

    assert starts(of_day(schedule)) == ["10:00", "10:30"]
    assert of_day(schedule, TUESDAY + timedelta(days=7)) == []
    assert starts(of_day(schedule, TUESDAY - timedelta(days=7))) == ["09:00", "09:30"]


def test_a_night_runs_into_the_next_day() -> None:
    night = Window(1, time(23), time(1), FROM, None, HALF_HOURS)

    schedule = Schedule(windows=(night,))

    assert starts(of_day(schedule)) == ["23:00", "23:30"]
    assert starts(of_day(schedule, TUESDAY + timedelta(days=1))) == ["00:00", "00:30"]


def test_wall_times_that_a_clock_change_skips_do_not_exist() -> None:
    terms = Terms(CLINIC, LONDON, slot_minutes=45)
    spring = date(2026, 3, 29)
    window = Window(6, time(0, 15), time(4), FROM, None, terms)
    midnight = wall(spring, time(0), LONDON)

    found = slots.slots_between(
        Schedule(windows=(window,)),
        starts_at=midnight,
        ends_at=midnight + timedelta(hours=6),
        at=midnight,
    )

    # 1:00 to 2:00 is skipped; 1:45 would begin in it, and 0:15 ends as it begins.
    assert starts(found, LONDON) == ["00:15", "02:30", "03:15"]
    assert [slot.ends_at - slot.starts_at for slot in found] == [timedelta(minutes=45)] * 3


def test_wall_times_that_come_twice_are_taken_the_first_time() -> None:
    autumn = date(2026, 10, 25)
    window = Window(6, time(0), time(3), FROM, None, Terms(CLINIC, LONDON, slot_minutes=60))
    midnight = wall(autumn, time(0), LONDON)

    found = slots.slots_between(
        Schedule(windows=(window,)),
        starts_at=midnight,
        ends_at=midnight + timedelta(hours=6),
        at=midnight,
    )

    assert [slot.starts_at for slot in found] == [
        datetime(2026, 10, 24, 23, tzinfo=UTC),
        datetime(2026, 10, 25, 0, tzinfo=UTC),
        datetime(2026, 10, 25, 2, tzinfo=UTC),
    ]


def test_leap_days_are_days() -> None:
    leap_day = date(2028, 2, 29)
    at = wall(leap_day, time(0))

    found = slots.free_slots(
        Schedule(windows=(MORNING,)), starts_at=at, ends_at=at + timedelta(days=1), at=at
    )

    assert found[0].local_date == leap_day


def test_a_slot_is_taken_when_every_lane_is() -> None:
    two_at_once = Terms(CLINIC, INDIA, slot_minutes=30, capacity=2)
    window = Window(1, time(9), time(10), FROM, None, two_at_once)
    # The second reaches into the slot at 9:30, the third touches it.
    taken = (
        Taken(AT_9, AT_9 + HOUR / 2, TUESDAY, lane=0),
        Taken(AT_9, AT_9 + 40 * MINUTE, TUESDAY, lane=1),
        Taken(AT_9 + HOUR, AT_9 + 2 * HOUR, TUESDAY, lane=0),
    )

    first, second = of_day(Schedule(windows=(window,), taken=taken))

    assert (first.free_lanes, first.reasons) == ((), (Reason.TAKEN,))
    assert (second.free_lanes, second.reasons) == ((0,), ())


@pytest.mark.parametrize(
    ("capacity", "taken", "free"),
    [(1, [1], ()), (2, [2], (0,)), (2, [1, 2], ()), (3, [0, 3], (1,)), (1, [1, 2, 3], ())],
)
def test_lanes_above_a_lowered_capacity_use_up_places(
    capacity: int, taken: list[int], free: tuple[int, ...]
) -> None:
    terms = Terms(CLINIC, INDIA, slot_minutes=30, capacity=capacity)
    window = Window(1, time(9), time(9, 30), FROM, None, terms)
    others = tuple(Taken(AT_9, AT_9 + HOUR / 2, TUESDAY, lane) for lane in taken)

    (slot,) = of_day(Schedule(windows=(window,), taken=others))

    assert slot.free_lanes == free
    assert slot.reasons == (() if free else (Reason.TAKEN,))


def test_a_long_appointment_does_not_outlive_itself() -> None:
    first = Window(1, time(9), time(13), FROM, None, Terms(CLINIC, INDIA, slot_minutes=240))
    elsewhere = Window(1, time(9), time(10), FROM, None, Terms(HOSPITAL, INDIA, slot_minutes=60))
    taken = (Taken(AT_9 + 2 * HOUR, AT_9 + 3 * HOUR, TUESDAY),)

    found = of_day(Schedule(windows=(first, elsewhere), taken=taken))

    assert {slot.location_id: slot.free for slot in found} == {CLINIC: 0, HOSPITAL: 1}


def test_tokens_run_through_the_day_of_a_place() -> None:
    threes = Terms(CLINIC, INDIA, slot_minutes=30, capacity=3)
    windows = (
        Window(1, time(17), time(18), FROM, None, threes),
        MORNING,
        Window(1, time(14), time(15), FROM, None, Terms(HOSPITAL, INDIA, slot_minutes=30)),
    )
    schedule = Schedule(windows=windows)
    noon = wall(TUESDAY, time(12))

    of_evening = slots.slots_between(
        schedule, starts_at=noon, ends_at=noon + timedelta(hours=8), at=NOW
    )

    assert [slot.first_token for slot in of_day(schedule)] == [1, 2, 3, 4, 1, 2, 5, 8]
    assert [slot.first_token for slot in of_evening] == [1, 2, 5, 8]
    assert of_evening[-1].token(2) == 10


def test_leave_closes_slots_that_it_touches_everywhere_or_at_one_place() -> None:
    at_9_15 = AT_9 + 15 * MINUTE
    hospital = Closure(AT_9 - HOUR, AT_9 + 5 * HOUR, HOSPITAL)

    found = of_day(
        Schedule(windows=(MORNING,), closures=(Closure(at_9_15, at_9_15 + 15 * MINUTE), hospital))
    )

    assert [slot.reasons for slot in found] == [(Reason.ON_LEAVE,), (), (), ()]
    assert found[0].free == 1


def test_extra_hours_open_a_closed_day_and_leave_closes_them() -> None:
    extra = Extra(AT_9, AT_9 + HOUR, HALF_HOURS)
    schedule = Schedule(extras=(extra,))

    assert starts(of_day(schedule)) == ["09:00", "09:30"]
    closed = Schedule(extras=(extra,), closures=(Closure(AT_9, AT_9 + HOUR),))
    assert [slot.reasons for slot in of_day(closed)] == [(Reason.ON_LEAVE,)] * 2


def test_extra_hours_yield_to_weekly_hours_and_to_earlier_extra_hours() -> None:
    around = Extra(AT_9 - 45 * MINUTE, AT_9 + 3 * HOUR, HALF_HOURS)
    inside = Extra(AT_9 + 150 * MINUTE, AT_9 + 4 * HOUR, HALF_HOURS)

    found = of_day(Schedule(windows=(MORNING,), extras=(inside, around)))

    # 8:45 would meet the weekly slot at 9:00; the second extra begins once the first has ended.
    assert starts(found) == [
        *["08:15", "09:00", "09:30", "10:00", "10:30", "11:15", "12:00", "12:30"],
    ]


def test_extra_hours_that_last_for_months_are_cut_where_asked() -> None:
    extra = Extra(AT_9 - timedelta(days=300), AT_9 + timedelta(days=300), HALF_HOURS)

    assert len(of_day(Schedule(extras=(extra,)))) == 48


def test_what_is_free_is_neither_past_nor_too_far_ahead() -> None:
    schedule = Schedule(windows=(MORNING,), rules=slots.Rules(lead_time=30 * MINUTE))
    at = AT_9 + MINUTE
    last = AT_9 + timedelta(days=56)

    found = slots.free_slots(schedule, starts_at=AT_9, ends_at=AT_9 + timedelta(days=62), at=at)

    assert found[0].starts_at == AT_9 + HOUR
    assert found[-1].local_date == last.date()
    assert slots.slot_at(schedule, starts_at=AT_9 + 30 * MINUTE, at=at).reasons == (  # type: ignore[union-attr]
        Reason.TOO_SOON,
    )


def test_a_slot_that_starts_now_can_be_booked() -> None:
    assert slots.why_not_free(Schedule(windows=(MORNING,)), starts_at=AT_9, at=AT_9) == ()


def test_all_reasons_are_named_at_once() -> None:
    schedule = Schedule(
        windows=(MORNING,),
        closures=(Closure(AT_9, AT_9 + HOUR),),
        taken=(Taken(AT_9, AT_9 + HOUR, TUESDAY),),
        closed_places=frozenset({CLINIC}),
        rules=slots.Rules(lead_time=timedelta(days=3), horizon=timedelta(0)),
    )

    assert why(schedule, AT_9, mode="TELE") == (
        Reason.ON_LEAVE,
        Reason.PLACE_CLOSED,
        Reason.WRONG_MODE,
        Reason.TAKEN,
        Reason.TOO_SOON,
        Reason.BEYOND_HORIZON,
    )


def test_a_time_that_starts_no_slot_has_reasons_too() -> None:
    schedule = Schedule(
        windows=(MORNING,),
        extras=(Extra(AT_9 + 5 * HOUR, AT_9 + 6 * HOUR, HALF_HOURS),),
        closures=(Closure(AT_9, AT_9 + HOUR, CLINIC),),
        closed_places=frozenset({CLINIC}),
    )

    between = (Reason.BETWEEN_SLOTS, Reason.ON_LEAVE, Reason.PLACE_CLOSED)
    assert why(schedule, AT_9 + MINUTE) == between
    assert why(schedule, AT_9 + MINUTE, location_id=CLINIC) == between
    assert why(schedule, AT_9 + MINUTE, location_id=HOSPITAL) == (Reason.OUTSIDE_HOURS,)
    assert why(replace(schedule, closed_places=frozenset()), AT_9 + 5 * HOUR + MINUTE) == (
        Reason.BETWEEN_SLOTS,
    )
    assert why(Schedule(windows=(MORNING,)), NOW - HOUR) == (Reason.OUTSIDE_HOURS, Reason.TOO_SOON)
    assert why(Schedule(), NOW + timedelta(days=399)) == (
        Reason.OUTSIDE_HOURS,
        Reason.BEYOND_HORIZON,
    )


def test_of_two_places_at_one_instant_the_freer_answers() -> None:
    hospital = Window(1, time(9), time(10), FROM, None, Terms(HOSPITAL, INDIA))
    schedule = Schedule(windows=(MORNING, hospital), closed_places=frozenset({CLINIC}))

    assert why(schedule, AT_9) == ()
    assert why(schedule, AT_9, location_id=CLINIC) == (Reason.PLACE_CLOSED,)


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        (AT_9.replace(tzinfo=None), AT_9),
        (AT_9, AT_9.replace(tzinfo=None)),
        (AT_9, AT_9),
        (AT_9, AT_9 - MINUTE),
        (AT_9, AT_9 + timedelta(days=62, microseconds=1)),
        (AT_9, datetime.max.replace(tzinfo=UTC)),
        (datetime.min.replace(tzinfo=UTC), AT_9),
    ],
)
def test_periods_that_make_no_sense_are_refused(starts_at: datetime, ends_at: datetime) -> None:
    with pytest.raises(slots.BadRange):
        slots.slots_between(Schedule(), starts_at=starts_at, ends_at=ends_at, at=NOW)


@pytest.mark.parametrize("starts_at", [AT_9.replace(tzinfo=None), datetime.max.replace(tzinfo=UTC)])
def test_instants_that_make_no_sense_are_refused(starts_at: datetime) -> None:
    with pytest.raises(slots.BadRange):
        why(Schedule(windows=(MORNING,)), starts_at)


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(
            windows=tuple(
                Window(day, time(0), time(0), FROM, None, Terms(CLINIC, INDIA, slot_minutes=5))
                for day in range(7)
            )
        ),
        Schedule(
            extras=(Extra(NOW, NOW + timedelta(days=900), Terms(CLINIC, INDIA, slot_minutes=5)),)
        ),
    ],
)
def test_no_call_computes_more_than_its_share(schedule: Schedule) -> None:
    with pytest.raises(slots.TooManySlots):
        slots.free_slots(schedule, starts_at=NOW, ends_at=NOW + timedelta(days=62), at=NOW)
