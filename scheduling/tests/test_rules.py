from datetime import date, timedelta
from typing import Any

import pytest

from registry.models import AuditLog, OutboxEvent
from registry.tests.factories import NOW
from registry.tests.traces import told
from scheduling import actions, diary
from scheduling.models import BookingRules, OpenDayHead
from scheduling.slots import Rules
from scheduling.tests.factories import TUESDAY_AT_9
from scheduling.tests.office import DAY, HOUR, Office, everything, nothing_changes

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def office() -> Office:
    return Office()


def set_rules(
    office: Office,
    lead_time: timedelta = timedelta(0),
    horizon: timedelta = 60 * DAY,
    most_per_day: int | None = None,
) -> BookingRules:
    return actions.set_booking_rules(
        doctor=office.doctor,
        lead_time=lead_time,
        horizon=horizon,
        most_per_day=most_per_day,
        by=office.user,
        at=NOW,
    )


def test_rules_hold_for_the_next_booking(office: Office) -> None:
    set_rules(office, 25 * HOUR, 14 * DAY, 6)

    assert diary.rules_of(office.doctor) == Rules(25 * HOUR, 14 * DAY, 6)
    with pytest.raises(actions.SlotRefused, match="too_soon"):
        office.book()
    with pytest.raises(actions.SlotRefused, match="beyond_horizon"):
        office.book(TUESDAY_AT_9 + 14 * DAY)


def test_setting_rules_records_and_publishes(office: Office) -> None:
    rules = set_rules(office, 90 * MINUTE, 14 * DAY, 6)

    assert rules == BookingRules.objects.get()
    assert told(office.doctor) == [("availability.updated", 2)]
    assert OutboxEvent.objects.get().payload == {"doctor_id": str(office.doctor.pk)}
    log = AuditLog.objects.get()
    assert (log.action, log.entity_id) == ("booking_rules.changed", office.doctor.pk)
    assert log.performed_by == office.user
    assert log.metadata == {"lead_time_minutes": 90, "horizon_days": 14, "most_per_day": 6}


def test_rules_can_be_changed_back(office: Office) -> None:
    set_rules(office, HOUR, 14 * DAY, 6)

    set_rules(office)

    rules = BookingRules.objects.get()
    assert (rules.lead_time_minutes, rules.horizon_days, rules.most_per_day) == (0, 60, None)
    assert len(told(office.doctor)) == 2


def test_the_usual_rules_need_no_row(office: Office) -> None:
    before = everything()

    set_rules(office)

    assert everything() == before
    assert not BookingRules.objects.exists()


def test_rules_saved_as_they_are_leave_no_trace(office: Office) -> None:
    set_rules(office, HOUR)
    before = everything()

    set_rules(office, HOUR)

    assert everything() == before


def test_open_days_reach_as_far_as_the_horizon(office: Office) -> None:
    set_rules(office, horizon=180 * DAY, most_per_day=3)

    assert OpenDayHead.objects.get().covers_to >= date(2026, 11, 23) + 180 * DAY
    assert office.open_days_are_right()


def test_a_day_that_is_full_is_no_open_day(office: Office) -> None:
    office.book()

    set_rules(office, most_per_day=1)

    assert office.free() == 0


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"lead_time": -MINUTE}, ["lead_time"]),
        ({"lead_time": 30 * DAY + MINUTE}, ["lead_time"]),
        ({"lead_time": timedelta(seconds=90)}, ["lead_time"]),
        ({"lead_time": timedelta.max, "horizon": timedelta.max}, ["lead_time", "horizon"]),
        ({"horizon": timedelta(0)}, ["horizon"]),
        ({"horizon": 181 * DAY}, ["horizon"]),
        ({"horizon": 36 * HOUR}, ["horizon"]),
        ({"lead_time": 2 * DAY, "horizon": 2 * DAY}, ["horizon"]),
        ({"most_per_day": 0}, ["most_per_day"]),
        ({"most_per_day": actions.MOST_A_DAY + 1}, ["most_per_day"]),
        ({"horizon": timedelta(0), "most_per_day": -1}, ["horizon", "most_per_day"]),
    ],
)
def test_rules_that_cannot_be_are_all_named(
    office: Office, given: dict[str, Any], wrong: list[str]
) -> None:
    with nothing_changes(), pytest.raises(actions.RulesRefused) as refused:
        set_rules(office, **given)

    assert list(refused.value.problems) == wrong


@pytest.mark.parametrize(
    ("lead_time", "horizon", "most"),
    [(30 * DAY, 31 * DAY, 1), (timedelta(0), DAY, actions.MOST_A_DAY), (HOUR, 180 * DAY, None)],
)
def test_rules_at_their_bounds_are_kept(
    office: Office, lead_time: timedelta, horizon: timedelta, most: int | None
) -> None:
    set_rules(office, lead_time, horizon, most)

    assert diary.rules_of(office.doctor) == Rules(lead_time, horizon, most)
