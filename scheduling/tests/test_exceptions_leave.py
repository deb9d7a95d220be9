from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from registry.models import AuditLog, OutboxEvent
from registry.tests.factories import NOW, make_doctor, make_location
from registry.tests.traces import told
from scheduling import actions
from scheduling.models import AvailabilityException, OpenDay
from scheduling.tests.factories import TUESDAY_AT_9, make_exception
from scheduling.tests.office import DAY, HOUR, Office, actions_on, nothing_changes

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
INDIA = ZoneInfo("Asia/Kolkata")
TODAY = datetime(2026, 11, 23, tzinfo=INDIA)
TUESDAY = datetime(2026, 11, 24, tzinfo=INDIA)


@pytest.fixture
def office() -> Office:
    return Office()


def test_leave_closes_the_time_and_tells_insurers(office: Office) -> None:
    saved = office.leave(location=office.place, reason="Surgery")

    leave = AvailabilityException.objects.get()
    assert (saved.exception, saved.merged) == (leave, [])
    assert (leave.kind, leave.location, leave.reason) == ("CLOSED", office.place, "Surgery")
    assert (leave.starts_at, leave.ends_at) == (TUESDAY_AT_9, TUESDAY_AT_9 + HOUR)
    assert told(office.doctor) == [("availability.updated", 2)]
    assert office.free() == 4
    assert office.open_days_are_right()


def test_leave_is_recorded_without_its_reason(office: Office) -> None:
    leave = office.leave(reason="Surgery").exception

    log = AuditLog.objects.get()
    assert (log.action, log.entity_id, log.performed_by) == ("leave.added", leave.pk, office.user)
    assert log.doctor == office.doctor
    assert log.metadata == {
        "location_id": None,
        "starts_at": "2026-11-24T03:30:00+00:00",
        "ends_at": "2026-11-24T04:30:00+00:00",
        "kept": [],
        "cancelled": [],
    }
    assert OutboxEvent.objects.get().payload == {"doctor_id": str(office.doctor.pk)}


def test_whole_days_and_ranges_close_everything_in_them(office: Office) -> None:
    office.leave(TUESDAY, 8 * DAY)

    days = OpenDay.objects.filter(doctor=office.doctor)
    assert days.earliest("local_date").local_date == date(2026, 12, 8)
    assert office.open_days_are_right()


def test_seconds_are_left_out(office: Office) -> None:
    office.leave(TUESDAY_AT_9 + timedelta(seconds=31), HOUR)

    assert office.standing() == [(TUESDAY_AT_9, HOUR, "")]


def test_leave_that_overlaps_becomes_one(office: Office) -> None:
    early = office.leave(TUESDAY_AT_9 - HOUR, 2 * HOUR, reason="Surgery").exception
    late = office.leave(TUESDAY_AT_9 + 2 * HOUR, HOUR, reason="Travel").exception

    saved = office.leave(TUESDAY_AT_9, 5 * HOUR / 2, reason="Surgery")

    assert office.standing() == [(TUESDAY_AT_9 - HOUR, 4 * HOUR, "Surgery; Travel")]
    assert saved.merged == [early, late]
    assert [one.ends_at for one in saved.merged] == [early.ends_at, late.ends_at]
    assert actions_on(early) == ["leave.added", "leave.joined"]
    assert AuditLog.objects.about(early).latest("id").metadata["into"] == str(saved.exception.pk)
    assert office.open_days_are_right()


def test_leave_that_touches_stays_apart(office: Office) -> None:
    office.leave()

    saved = office.leave(TUESDAY_AT_9 + HOUR)

    assert saved.merged == []
    assert len(office.standing()) == 2


def test_leave_of_another_place_or_doctor_stays_apart(office: Office) -> None:
    office.leave(location=office.place)
    office.leave(location=make_location(office.doctor))
    make_exception(make_doctor())

    saved = office.leave(location=None)

    assert saved.merged == []
    assert AvailabilityException.objects.count() == 4


def test_joined_reasons_that_are_too_long_are_cut(office: Office) -> None:
    office.leave(reason="a" * actions.LONGEST_REASON)

    office.leave(TUESDAY_AT_9 + MINUTE, reason="b")

    [(_, _, reason)] = office.standing()
    assert reason == "a" * actions.LONGEST_REASON


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "refusal"),
    [
        (TUESDAY_AT_9, TUESDAY_AT_9, actions.EndsBeforeStart),
        (TUESDAY_AT_9, TUESDAY_AT_9 - DAY, actions.EndsBeforeStart),
        (TUESDAY_AT_9, TUESDAY_AT_9 + timedelta(seconds=20), actions.EndsBeforeStart),
        (TODAY - MINUTE, TODAY + DAY, actions.BeginsBeforeToday),
        (TODAY, NOW - MINUTE, actions.IsOver),
        (TUESDAY_AT_9, TUESDAY_AT_9 + 366 * DAY + MINUTE, actions.LastsTooLong),
        (NOW + 700 * DAY, NOW + actions.MOST_AHEAD + MINUTE, actions.TooFarAhead),
        (
            datetime(2100, 1, 1, tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
            actions.TooFarAhead,
        ),
    ],
)
def test_leave_of_an_absurd_time_is_refused(
    office: Office,
    starts_at: datetime,
    ends_at: datetime,
    refusal: type[actions.PeriodRefused],
) -> None:
    with nothing_changes(), pytest.raises(refusal) as refused:
        office.leave(starts_at, ends_at - starts_at)

    assert refused.value.field in {"starts_at", "ends_at"}


def test_leave_may_begin_earlier_today_and_last_a_year(office: Office) -> None:
    office.leave(TODAY, 366 * DAY)

    assert office.standing() == [(TODAY, 366 * DAY, "")]


def test_today_is_todays_date_at_the_place(office: Office) -> None:
    dubai = make_location(office.doctor, timezone="Asia/Dubai")
    # 1am on Tuesday in India is 11:30pm on Monday in Dubai.
    at = datetime(2026, 11, 23, 19, 30, tzinfo=UTC)

    with pytest.raises(actions.BeginsBeforeToday):
        office.leave(at - 2 * HOUR, DAY, at=at)

    office.leave(at - 2 * HOUR, DAY, at=at, location=dubai)

    assert office.standing() == [(at - 2 * HOUR, DAY, "")]


def test_joined_leave_may_not_last_longer_than_one(office: Office) -> None:
    office.leave(TODAY, 300 * DAY)

    with nothing_changes(), pytest.raises(actions.LastsTooLong):
        office.leave(TODAY + 200 * DAY, 200 * DAY)


def test_leave_needs_a_place_in_use_of_ones_own(office: Office) -> None:
    closed = make_location(office.doctor, is_active=False)

    for place in (closed, make_location(make_doctor())):
        with nothing_changes(), pytest.raises(actions.PlaceClosed):
            office.leave(location=place)


def test_a_reason_that_cannot_be_kept_is_refused(office: Office) -> None:
    with nothing_changes(), pytest.raises(actions.ReasonTooLong):
        office.leave(reason="a" * (actions.LONGEST_REASON + 1))


def test_leave_can_be_changed(office: Office) -> None:
    leave = office.leave(reason="Surgery").exception

    saved = office.change_leave(
        leave, starts_at=TUESDAY_AT_9 + HOUR, ends_at=TUESDAY_AT_9 + 2 * HOUR, location=office.place
    )

    assert (saved.exception, saved.merged) == (leave, [])
    assert office.standing() == [(TUESDAY_AT_9 + HOUR, HOUR, "Surgery")]
    assert saved.exception.location == office.place
    assert actions_on(leave) == ["leave.added", "leave.changed"]
    assert told(office.doctor)[-1] == ("availability.updated", 3)
    assert office.open_days_are_right()


def test_leave_can_be_moved_far_away(office: Office) -> None:
    leave = office.leave().exception

    office.change_leave(
        leave, starts_at=TUESDAY_AT_9 + 14 * DAY, ends_at=TUESDAY_AT_9 + 14 * DAY + HOUR
    )

    assert office.free() == 8
    assert office.open_days_are_right()


def test_changed_leave_becomes_one_with_what_it_overlaps(office: Office) -> None:
    leave = office.leave(reason="Surgery").exception
    other = office.leave(TUESDAY_AT_9 + 2 * HOUR, reason="Travel").exception

    saved = office.change_leave(leave, ends_at=TUESDAY_AT_9 + 5 * HOUR / 2)

    assert (saved.exception, saved.merged) == (leave, [other])
    assert office.standing() == [(TUESDAY_AT_9, 3 * HOUR, "Surgery; Travel")]


def test_leave_saved_as_it_is_leaves_no_trace(office: Office) -> None:
    leave = office.leave(location=office.place, reason="Surgery").exception

    with nothing_changes():
        saved = office.change_leave(leave)

    assert saved.exception == leave


def test_another_reason_is_nobody_elses_business(office: Office) -> None:
    leave = office.leave(reason="Surgery").exception

    office.change_leave(leave, reason="Family")

    assert office.standing() == [(TUESDAY_AT_9, HOUR, "Family")]
    assert actions_on(leave) == ["leave.added", "leave.changed"]
    assert len(told(office.doctor)) == 1


def test_of_leave_that_has_begun_only_the_end_changes(office: Office) -> None:
    leave = office.leave(length=2 * HOUR).exception
    at = TUESDAY_AT_9 + HOUR

    for change in (
        {"starts_at": TUESDAY_AT_9 + MINUTE},
        {"starts_at": TUESDAY_AT_9 + 90 * MINUTE},
        {"location": office.place},
    ):
        with nothing_changes(), pytest.raises(actions.HasBegun):
            office.change_leave(leave, **change, at=at)
    with nothing_changes(), pytest.raises(actions.IsOver):
        office.change_leave(leave, ends_at=at - MINUTE, at=at)
    office.change_leave(leave, ends_at=at, at=at + timedelta(seconds=30))

    assert office.standing() == [(TUESDAY_AT_9, HOUR, "")]


def test_leave_that_has_just_begun_keeps_some_length(office: Office) -> None:
    leave = office.leave().exception

    with nothing_changes(), pytest.raises(actions.EndsBeforeStart):
        office.change_leave(leave, ends_at=TUESDAY_AT_9, at=TUESDAY_AT_9)


def test_leave_that_is_over_stays(office: Office) -> None:
    leave = office.leave().exception
    at = leave.ends_at

    with nothing_changes():
        with pytest.raises(actions.IsOver):
            office.change_leave(leave, ends_at=at + HOUR, at=at)
        with pytest.raises(actions.IsOver):
            office.remove_leave(leave, at=at)


def test_leave_at_a_place_that_has_closed_can_still_be_changed(office: Office) -> None:
    leave = office.leave(location=office.place).exception
    office.place.is_active = False
    office.place.save()

    office.change_leave(leave, ends_at=leave.ends_at + HOUR)

    assert office.standing() == [(TUESDAY_AT_9, 2 * HOUR, "")]


def test_leave_to_come_can_be_removed(office: Office) -> None:
    leave = office.leave(reason="Surgery").exception

    assert office.remove_leave(leave) is None

    assert office.standing() == []
    assert actions_on(leave) == ["leave.added", "leave.removed"]
    assert "Surgery" not in str(AuditLog.objects.about(leave).latest("id").metadata)
    assert told(office.doctor)[-1] == ("availability.updated", 3)
    assert office.free() == 8
    assert office.open_days_are_right()


def test_leave_that_has_begun_ends_when_it_is_removed(office: Office) -> None:
    leave = office.leave(length=2 * HOUR).exception

    left = office.remove_leave(leave, at=TUESDAY_AT_9 + HOUR + timedelta(seconds=40))

    assert left == leave
    assert office.standing() == [(TUESDAY_AT_9, HOUR, "")]
    assert actions_on(leave) == ["leave.added", "leave.ended"]
    assert office.free() == 4


def test_leave_of_this_very_minute_is_gone_when_it_is_removed(office: Office) -> None:
    leave = office.leave().exception

    assert office.remove_leave(leave, at=TUESDAY_AT_9 + timedelta(seconds=40)) is None
    assert office.standing() == []


def test_leave_that_is_no_longer_there_is_refused(office: Office) -> None:
    leave = office.leave().exception
    office.leave()

    with nothing_changes():
        with pytest.raises(actions.NoLongerThere):
            office.change_leave(leave, reason="Family")
        with pytest.raises(actions.NoLongerThere):
            office.remove_leave(leave)
