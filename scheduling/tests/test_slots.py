from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from scheduling import slots
from scheduling.slots import (
    Closure,
    Extra,
    Reason,
    Schedule,
    Taken,
    Terms,
    Window,
)
from scheduling.tests.schedules import (
    AT_9,
    CLINIC,
    FROM,
    HALF_HOURS,
    HOSPITAL,
    HOUR,
    INDIA,
    LONDON,
    MINUTE,
    MORNING,
    NOW,
    TUESDAY,
    of_day,
    starts,
    wall,
)


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
        Taken(AT_9, AT_9 + HOUR / 2, TUESDAY, CLINIC, lane=0),
        Taken(AT_9, AT_9 + 40 * MINUTE, TUESDAY, CLINIC, lane=1),
        Taken(AT_9 + HOUR, AT_9 + 2 * HOUR, TUESDAY, CLINIC, lane=0),
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
    others = tuple(Taken(AT_9, AT_9 + HOUR / 2, TUESDAY, CLINIC, lane) for lane in taken)

    (slot,) = of_day(Schedule(windows=(window,), taken=others))

    assert slot.free_lanes == free
    assert slot.reasons == (() if free else (Reason.TAKEN,))


def test_a_doctor_who_has_a_patient_elsewhere_has_no_place_for_others() -> None:
    terms = Terms(CLINIC, INDIA, slot_minutes=30, capacity=2)
    window = Window(1, time(9), time(10, 30), FROM, None, terms)
    at_the_hospital = Taken(AT_9 + 20 * MINUTE, AT_9 + 40 * MINUTE, TUESDAY, HOSPITAL, lane=3)
    schedule = Schedule(windows=(window,), taken=(at_the_hospital,))

    assert [slot.free_lanes for slot in of_day(schedule)] == [(), (), (0, 1)]
    (day,) = slots.open_days(schedule, first=TUESDAY, last=TUESDAY)
    assert (day.first_free_at, day.free) == (AT_9 + HOUR, 2)


def test_a_long_appointment_does_not_outlive_itself() -> None:
    first = Window(1, time(9), time(13), FROM, None, Terms(CLINIC, INDIA, slot_minutes=240))
    elsewhere = Window(1, time(9), time(10), FROM, None, Terms(HOSPITAL, INDIA, slot_minutes=60))
    taken = (Taken(AT_9 + 2 * HOUR, AT_9 + 3 * HOUR, TUESDAY, CLINIC),)

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


def test_a_pause_between_slots_stays_one_when_extra_hours_lie_over_it() -> None:
    pauses = Terms(CLINIC, INDIA, slot_minutes=15, buffer_minutes=45)
    weekly = Window(1, time(9), time(11), FROM, None, pauses)
    extra = Extra(AT_9 - HOUR, AT_9 + 3 * HOUR, Terms(HOSPITAL, INDIA))

    found = of_day(Schedule(windows=(weekly,), extras=(extra,)))

    assert starts(found) == [
        *["08:00", "08:15", "08:30", "08:45", "09:00", "10:00"],
        *["10:15", "10:30", "10:45", "11:00", "11:15", "11:30", "11:45"],
    ]


def test_extra_hours_that_last_for_months_are_cut_where_asked() -> None:
    extra = Extra(AT_9 - timedelta(days=300), AT_9 + timedelta(days=300), HALF_HOURS)

    assert len(of_day(Schedule(extras=(extra,)))) == 48


def test_open_days_say_what_is_free_when() -> None:
    twos = Window(1, time(17), time(18), FROM, None, replace(HALF_HOURS, capacity=2))
    by_phone = replace(HALF_HOURS, mode="TELE")
    taken = (
        Taken(AT_9, AT_9 + HOUR / 2, TUESDAY, CLINIC),
        Taken(AT_9 + 8 * HOUR, AT_9 + 9 * HOUR, TUESDAY, CLINIC, lane=1),
    )
    schedule = Schedule(
        windows=(MORNING, twos, Window(1, time(20), time(20, 30), FROM, None, by_phone)),
        closures=(Closure(AT_9 + HOUR, AT_9 + HOUR + MINUTE),),
        taken=taken,
        rules=slots.Rules(timedelta(days=30), timedelta(0)),
        closed_places=frozenset({CLINIC}),
        credential_until=NOW,
        is_consented=False,
    )

    in_person, tele = slots.open_days(schedule, first=TUESDAY, last=TUESDAY)

    assert in_person[:6] == (
        *(CLINIC, "IN_PERSON", TUESDAY),
        *(AT_9 + HOUR / 2, AT_9 + 8.5 * HOUR, 4),
    )
    # At 9:30, 10:30, 17:00 and 17:30.
    assert (in_person.step_minutes, in_person.starts) == (30, 0b11000000000000101)
    assert (in_person.slot_minutes, in_person.capacity) == (None, None)
    assert tele == (
        *(CLINIC, "TELE", TUESDAY, AT_9 + 11 * HOUR, AT_9 + 11 * HOUR),
        *(1, 30, 1, 30, 1),
    )


def test_open_days_say_what_slots_are_like_when_all_that_are_free_are_alike() -> None:
    def alike(*taken: Taken, **later: Any) -> tuple[int | None, int | None]:
        evening = Window(1, time(17), time(18), FROM, None, replace(HALF_HOURS, **later))
        (day,) = slots.open_days(
            Schedule(windows=(MORNING, evening), taken=taken), first=TUESDAY, last=TUESDAY
        )
        return day.slot_minutes, day.capacity

    morning = Taken(AT_9, AT_9 + 2 * HOUR, TUESDAY, HOSPITAL)

    assert alike(buffer_minutes=10) == (30, 1)
    assert alike(slot_minutes=20) == (None, None)
    assert alike(slot_minutes=20, buffer_minutes=10) == (None, None)
    assert alike(capacity=2) == (None, None)
    assert alike(morning, slot_minutes=20, capacity=2) == (20, 2)


def test_a_full_day_and_one_on_leave_are_not_open() -> None:
    taken = (Taken(AT_9, AT_9 + HOUR / 2, TUESDAY, CLINIC),)
    schedule = Schedule(windows=(MORNING,), taken=taken, rules=slots.Rules(most_per_day=1))
    on_leave = Schedule(windows=(MORNING,), closures=(Closure(AT_9, AT_9 + 2 * HOUR),))

    assert slots.open_days(schedule, first=TUESDAY, last=TUESDAY) == []
    assert slots.open_days(on_leave, first=TUESDAY, last=TUESDAY) == []
