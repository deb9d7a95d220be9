from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

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
    MINUTE,
    MORNING,
    NOW,
    TUESDAY,
    of_day,
    wall,
    why,
)


def test_what_is_free_is_neither_past_nor_too_far_ahead() -> None:
    schedule = Schedule(windows=(MORNING,), rules=slots.Rules(lead_time=30 * MINUTE))
    at = AT_9 + MINUTE
    last = AT_9 + timedelta(days=56)

    found = slots.free_slots(schedule, starts_at=AT_9, ends_at=AT_9 + timedelta(days=62), at=at)

    assert found[0].starts_at == AT_9 + HOUR
    assert found[-1].local_date == last.date()
    soon = slots.slot_at(schedule, starts_at=AT_9 + 30 * MINUTE, at=at)
    assert soon is not None
    assert soon.reasons == (Reason.TOO_SOON,)


def test_a_slot_that_starts_now_can_be_booked() -> None:
    assert slots.why_not_free(Schedule(windows=(MORNING,)), starts_at=AT_9, at=AT_9) == ()


def test_all_reasons_are_named_at_once() -> None:
    schedule = Schedule(
        windows=(MORNING,),
        closures=(Closure(AT_9, AT_9 + HOUR),),
        taken=(Taken(AT_9, AT_9 + HOUR, TUESDAY, CLINIC),),
        closed_places=frozenset({CLINIC}),
        rules=slots.Rules(timedelta(days=3), timedelta(0), most_per_day=1),
        credential_until=AT_9,
        is_consented=False,
    )

    assert why(schedule, AT_9, mode="TELE") == (
        Reason.ON_LEAVE,
        Reason.PLACE_CLOSED,
        Reason.WRONG_MODE,
        Reason.TAKEN,
        Reason.DAY_FULL,
        Reason.TOO_SOON,
        Reason.BEYOND_HORIZON,
        Reason.CREDENTIAL_EXPIRED,
        Reason.NOT_CONSENTED,
    )
    assert why(schedule, AT_9 + MINUTE) == (
        Reason.BETWEEN_SLOTS,
        Reason.ON_LEAVE,
        Reason.PLACE_CLOSED,
        Reason.DAY_FULL,
        Reason.TOO_SOON,
        Reason.BEYOND_HORIZON,
        Reason.CREDENTIAL_EXPIRED,
        Reason.NOT_CONSENTED,
    )


def test_a_day_is_full_by_the_dates_of_the_appointments() -> None:
    tokyo = Terms(HOSPITAL, ZoneInfo("Asia/Tokyo"), slot_minutes=30)
    # Half past midnight on Wednesday in Tokyo is nine in the evening of Tuesday in India.
    night = Window(2, time(0, 30), time(1), FROM, None, tokyo)
    evening = Window(1, time(20), time(20, 30), FROM, None, HALF_HOURS)
    at_night = wall(TUESDAY + timedelta(days=1), time(0, 30), ZoneInfo("Asia/Tokyo"))
    taken = Taken(at_night, at_night + HOUR / 2, TUESDAY + timedelta(days=1), CLINIC)
    rules = slots.Rules(most_per_day=1)

    found = of_day(Schedule(windows=(MORNING, evening, night), taken=(taken,), rules=rules))

    assert [slot.reasons for slot in found] == [(), (), (), (), (), (Reason.TAKEN, Reason.DAY_FULL)]


def test_a_day_is_full_at_the_number_that_the_rules_name() -> None:
    taken = tuple(Taken(AT_9, AT_9 + HOUR / 2, TUESDAY, CLINIC, lane) for lane in range(2))
    schedule = Schedule(windows=(MORNING,), taken=taken, rules=slots.Rules(most_per_day=2))
    one_more = replace(schedule, rules=slots.Rules(most_per_day=3))

    assert slots.why_not_free(schedule, starts_at=AT_9 + HOUR, at=NOW) == (Reason.DAY_FULL,)
    assert slots.why_not_free(one_more, starts_at=AT_9 + HOUR, at=NOW) == ()


def test_nobody_is_booked_once_the_credential_has_ended() -> None:
    schedule = Schedule(windows=(MORNING,), credential_until=AT_9 + HOUR)

    assert [slot.reasons for slot in of_day(schedule)] == [
        *[(), (), (Reason.CREDENTIAL_EXPIRED,), (Reason.CREDENTIAL_EXPIRED,)],
    ]


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


def test_of_two_places_at_one_instant_the_one_in_the_right_mode_answers() -> None:
    by_phone = Terms(HOSPITAL, INDIA, mode="TELE")
    schedule = Schedule(windows=(MORNING, Window(1, time(9), time(10), FROM, None, by_phone)))

    slot, reasons = slots.slot_and_reasons(schedule, starts_at=AT_9, at=NOW, mode="TELE")

    assert slot is not None
    assert (slot.location_id, reasons) == (HOSPITAL, ())


def test_of_two_places_without_a_slot_the_open_one_answers() -> None:
    hospital = Window(2, time(9), time(10), FROM, None, Terms(HOSPITAL, INDIA))
    closed = Closure(AT_9, AT_9 + HOUR)

    schedule = Schedule(windows=(hospital, MORNING), closures=(closed,))

    assert why(schedule, AT_9 + MINUTE) == (Reason.BETWEEN_SLOTS, Reason.ON_LEAVE)
