from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from time import process_time
from typing import Any

import pytest

from scheduling import slots
from scheduling.slots import (
    Extra,
    Schedule,
    Terms,
    Window,
)
from scheduling.tests.schedules import (
    AT_9,
    CLINIC,
    FROM,
    HALF_HOURS,
    INDIA,
    MINUTE,
    MORNING,
    NOW,
    TUESDAY,
    why,
)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (TUESDAY, TUESDAY - timedelta(days=1)),
        (TUESDAY, TUESDAY + timedelta(days=70)),
        (TUESDAY, date.max),
        (date.min, TUESDAY),
    ],
)
def test_dates_that_make_no_sense_are_refused(first: date, last: date) -> None:
    with pytest.raises(slots.BadRange):
        slots.open_days(Schedule(), first=first, last=last)


@pytest.mark.parametrize(
    "terms",
    [
        {"slot_minutes": 0},
        {"slot_minutes": -15},
        {"slot_minutes": 241},
        {"buffer_minutes": -15},
        {"capacity": 0},
    ],
)
def test_terms_that_cut_no_slots_cannot_be_made(terms: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="slot"):
        Terms(CLINIC, INDIA, **terms)


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


def round_the_clock(slot_minutes: int) -> Schedule:
    terms = Terms(CLINIC, INDIA, slot_minutes)
    midnight = time(0)
    return Schedule(
        windows=tuple(Window(day, midnight, midnight, FROM, None, terms) for day in range(7))
    )


@pytest.mark.parametrize(
    ("schedule", "days"),
    [
        (round_the_clock(5), 31),
        (round_the_clock(1), 62),
        (Schedule(extras=(Extra(NOW, NOW + timedelta(days=900), HALF_HOURS),) * 3), 62),
        (
            Schedule(
                extras=(Extra(NOW, NOW + timedelta(days=900), Terms(CLINIC, INDIA, 1)),),
            ),
            62,
        ),
    ],
)
def test_no_call_computes_more_than_its_share(schedule: Schedule, days: int) -> None:
    started = process_time()

    with suppress(slots.TooManySlots):
        found = slots.free_slots(
            schedule, starts_at=NOW, ends_at=NOW + timedelta(days=days), at=NOW
        )
        assert len(found) <= slots.MAX_SLOTS

    assert process_time() - started < 0.2


def test_too_many_slots_are_refused() -> None:
    fortnight = {"starts_at": NOW, "at": NOW}

    with pytest.raises(slots.TooManySlots, match="shorter period"):
        slots.slots_between(round_the_clock(5), ends_at=NOW + timedelta(days=18), **fortnight)
    most = slots.slots_between(round_the_clock(5), ends_at=NOW + timedelta(days=16), **fortnight)
    assert len(most) == 16 * 24 * 12


def test_open_days_of_a_doctor_who_never_rests_are_summed_up() -> None:
    last = TUESDAY + timedelta(days=69)

    found = slots.open_days(round_the_clock(5), first=TUESDAY, last=last)

    assert [day.free for day in found] == [24 * 12] * 70
