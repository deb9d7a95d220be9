from datetime import date, time, timedelta

import pytest
from django.db import IntegrityError

from registry.models import AuditLog
from registry.tests.factories import NOW, make_doctor, make_location, make_user
from registry.tests.traces import told
from scheduling import actions
from scheduling.actions import VisitTerms
from scheduling.models import AvailabilityException, Mode, OpenDay
from scheduling.tests.factories import TUESDAY_AT_9, make_window
from scheduling.tests.office import DAY, HOUR, WEDNESDAY_AT_9, Office, actions_on, nothing_changes

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
WEDNESDAY = date(2026, 11, 25)


@pytest.fixture
def office() -> Office:
    return Office()


def free_on(day: date) -> int:
    return sum(OpenDay.objects.filter(local_date=day).values_list("free", flat=True))


def test_extra_hours_open_a_closed_weekday(office: Office) -> None:
    saved = office.extra(terms=VisitTerms(20, 3, 10, Mode.TELE))

    extra = AvailabilityException.objects.get()
    assert (saved.exception, saved.merged) == (extra, [])
    assert (extra.kind, extra.location) == ("EXTRA", office.place)
    assert (extra.slot_duration_minutes, extra.capacity, extra.buffer_minutes) == (20, 3, 10)
    assert (extra.mode, extra.reason) == ("TELE", "")
    assert told(office.doctor) == [("availability.updated", 2)]
    assert actions_on(extra) == ["extra_hours.added"]
    log = AuditLog.objects.get()
    assert log.doctor == office.doctor
    assert log.metadata == {
        "location_id": str(office.place.pk),
        "starts_at": "2026-11-25T03:30:00+00:00",
        "ends_at": "2026-11-25T04:30:00+00:00",
    }
    assert free_on(WEDNESDAY) == 6
    assert office.open_days_are_right()


def test_extra_hours_of_a_doctor_without_weekly_hours_are_found_at_once() -> None:
    doctor = make_doctor()
    place = make_location(doctor)

    actions.add_extra_hours(
        doctor=doctor,
        location=place,
        starts_at=WEDNESDAY_AT_9,
        ends_at=WEDNESDAY_AT_9 + HOUR,
        terms=VisitTerms(),
        by=make_user(doctor=doctor),
        at=NOW,
    )

    assert free_on(WEDNESDAY) == 4


def test_extra_hours_can_be_booked(office: Office) -> None:
    office.extra()

    assert office.book(WEDNESDAY_AT_9).appointment_time == WEDNESDAY_AT_9


def test_extra_hours_last_into_the_night(office: Office) -> None:
    office.extra(WEDNESDAY_AT_9 + 13 * HOUR, 6 * HOUR)

    assert free_on(WEDNESDAY) == 8
    assert free_on(WEDNESDAY + DAY) == 16
    assert office.open_days_are_right()


def test_extra_hours_that_overlap_become_one(office: Office) -> None:
    early = office.extra().exception
    late = office.extra(WEDNESDAY_AT_9 + 2 * HOUR).exception

    saved = office.extra(WEDNESDAY_AT_9 + 45 * MINUTE, 90 * MINUTE)

    assert saved.merged == [early, late]
    assert office.standing() == [(WEDNESDAY_AT_9, 3 * HOUR, "")]
    assert actions_on(late) == ["extra_hours.added", "extra_hours.joined"]
    assert office.open_days_are_right()


def test_extra_hours_that_touch_stay_apart(office: Office) -> None:
    office.extra()

    assert office.extra(WEDNESDAY_AT_9 + HOUR).merged == []
    assert len(office.standing()) == 2


def test_other_terms_at_the_same_time_are_refused(office: Office) -> None:
    other = office.extra().exception

    for terms in (VisitTerms(30), VisitTerms(capacity=2), VisitTerms(mode=Mode.TELE)):
        with nothing_changes(), pytest.raises(actions.ExtraHoursOverlap) as refused:
            office.extra(terms=terms)

    assert refused.value.other == other
    assert str(refused.value) == (
        "There are other extra hours at this time: Wednesday 25 November, 9am to 10am at "
        "Jayanagar Clinic. Change or remove those first."
    )


def test_another_place_at_the_same_time_is_refused(office: Office) -> None:
    office.extra()

    with nothing_changes(), pytest.raises(actions.ExtraHoursOverlap):
        office.extra(location=make_location(office.doctor))


def test_another_doctors_extra_hours_are_not_in_the_way(office: Office) -> None:
    Office().extra()

    assert office.extra().merged == []


@pytest.mark.parametrize(
    ("length", "terms", "refusal"),
    [
        (timedelta(0), VisitTerms(), actions.EndsBeforeStart),
        (24 * HOUR + MINUTE, VisitTerms(5), actions.DoesNotFit),
        (24 * HOUR + 15 * MINUTE, VisitTerms(), actions.LastsTooLong),
        (10 * MINUTE, VisitTerms(), actions.DoesNotFit),
        (50 * MINUTE, VisitTerms(), actions.DoesNotFit),
        (800 * DAY, VisitTerms(), actions.TooFarAhead),
    ],
)
def test_extra_hours_of_an_absurd_length_are_refused(
    office: Office, length: timedelta, terms: VisitTerms, refusal: type[actions.PeriodRefused]
) -> None:
    with nothing_changes(), pytest.raises(refusal):
        office.extra(length=length, terms=terms)


def test_with_a_break_between_visits_a_rest_may_be_left_over(office: Office) -> None:
    office.extra(length=50 * MINUTE, terms=VisitTerms(buffer_minutes=5))

    assert len(office.standing()) == 1


def test_extra_hours_begin_today_or_later(office: Office) -> None:
    with nothing_changes(), pytest.raises(actions.BeginsBeforeToday):
        office.extra(NOW - DAY, 24 * HOUR)

    office.extra(NOW - HOUR, 2 * HOUR)

    assert len(office.standing()) == 1


def test_joined_extra_hours_may_not_last_longer_than_a_day(office: Office) -> None:
    office.extra(length=20 * HOUR)

    with nothing_changes(), pytest.raises(actions.LastsTooLong):
        office.extra(WEDNESDAY_AT_9 + 19 * HOUR, 20 * HOUR)


def test_extra_hours_need_a_place_in_use_of_ones_own(office: Office) -> None:
    for place in (make_location(office.doctor, is_active=False), make_location(make_doctor())):
        with nothing_changes(), pytest.raises(actions.PlaceClosed):
            office.extra(location=place)


def test_extra_hours_all_within_leave_would_open_nothing(office: Office) -> None:
    leave = office.leave(WEDNESDAY_AT_9 - 9 * HOUR, DAY).exception

    with nothing_changes(), pytest.raises(actions.OpensNothing) as refused:
        office.extra()

    assert refused.value.leave == leave
    assert str(refused.value) == (
        "You are on leave then: Wednesday 25 November, all day. Change the leave first."
    )
    office.extra(WEDNESDAY_AT_9 + 14 * HOUR, 2 * HOUR)

    assert len(office.standing()) == 2


def test_leave_elsewhere_does_not_close_extra_hours(office: Office) -> None:
    office.leave(WEDNESDAY_AT_9, location=make_location(office.doctor))

    office.extra()

    assert len(office.standing()) == 2


def test_extra_hours_can_be_changed(office: Office) -> None:
    extra = office.extra().exception
    other = make_location(office.doctor)

    saved = office.change_extra(
        extra,
        starts_at=TUESDAY_AT_9 + 3 * HOUR,
        ends_at=TUESDAY_AT_9 + 5 * HOUR,
        location=other,
        terms=VisitTerms(30, 2, 0, Mode.TELE),
    )

    extra.refresh_from_db()
    assert (saved.exception, saved.merged) == (extra, [])
    assert office.standing() == [(TUESDAY_AT_9 + 3 * HOUR, 2 * HOUR, "")]
    assert (extra.location, VisitTerms.of(extra)) == (other, VisitTerms(30, 2, 0, Mode.TELE))
    assert actions_on(extra) == ["extra_hours.added", "extra_hours.changed"]
    assert told(office.doctor)[-1] == ("availability.updated", 3)
    assert free_on(WEDNESDAY) == 0
    assert free_on(WEDNESDAY - DAY) == 8 + 8
    assert office.open_days_are_right()


def test_changed_extra_hours_become_one_with_what_they_overlap(office: Office) -> None:
    extra = office.extra().exception
    other = office.extra(WEDNESDAY_AT_9 + 2 * HOUR).exception
    office.book(WEDNESDAY_AT_9 + 2 * HOUR)

    saved = office.change_extra(extra, ends_at=WEDNESDAY_AT_9 + 5 * HOUR / 2)

    assert (saved.exception, saved.merged) == (extra, [other])
    assert office.standing() == [(WEDNESDAY_AT_9, 3 * HOUR, "")]


def test_changed_extra_hours_meet_no_others(office: Office) -> None:
    extra = office.extra().exception
    office.extra(WEDNESDAY_AT_9 + 2 * HOUR, terms=VisitTerms(30))

    with nothing_changes(), pytest.raises(actions.ExtraHoursOverlap):
        office.change_extra(extra, ends_at=WEDNESDAY_AT_9 + 3 * HOUR)


def test_extra_hours_saved_as_they_are_leave_no_trace(office: Office) -> None:
    extra = office.extra().exception

    with nothing_changes():
        assert office.change_extra(extra).exception == extra


def test_of_extra_hours_that_have_begun_only_the_end_changes(office: Office) -> None:
    extra = office.extra(length=2 * HOUR).exception
    at = WEDNESDAY_AT_9 + HOUR

    for change in (
        {"starts_at": WEDNESDAY_AT_9 + 15 * MINUTE},
        {"location": make_location(office.doctor)},
        {"terms": VisitTerms(30)},
    ):
        with nothing_changes(), pytest.raises(actions.HasBegun):
            office.change_extra(extra, **change, at=at)
    office.change_extra(extra, ends_at=at, at=at)

    assert office.standing() == [(WEDNESDAY_AT_9, HOUR, "")]


def test_extra_hours_that_are_over_stay(office: Office) -> None:
    extra = office.extra().exception
    at = extra.ends_at

    with nothing_changes():
        with pytest.raises(actions.IsOver):
            office.change_extra(extra, ends_at=at + HOUR, at=at)
        with pytest.raises(actions.IsOver):
            office.remove_extra(extra, at=at)


def test_extra_hours_to_come_can_be_removed(office: Office) -> None:
    extra = office.extra().exception

    assert office.remove_extra(extra) is None

    assert office.standing() == []
    assert actions_on(extra) == ["extra_hours.added", "extra_hours.removed"]
    assert told(office.doctor)[-1] == ("availability.updated", 3)
    assert free_on(WEDNESDAY) == 0
    assert office.open_days_are_right()


def test_extra_hours_that_have_begun_end_when_they_are_removed(office: Office) -> None:
    extra = office.extra(length=2 * HOUR).exception

    assert office.remove_extra(extra, at=WEDNESDAY_AT_9 + HOUR) == extra

    assert office.standing() == [(WEDNESDAY_AT_9, HOUR, "")]
    assert actions_on(extra) == ["extra_hours.added", "extra_hours.ended"]


def test_leave_and_extra_hours_are_not_taken_for_each_other(office: Office) -> None:
    extra, leave = office.extra().exception, office.leave().exception
    for row in (extra, leave):
        row.kind = {"EXTRA": "CLOSED", "CLOSED": "EXTRA"}[row.kind]

    with nothing_changes():
        with pytest.raises(actions.NoLongerThere):
            office.remove_leave(extra)
        with pytest.raises(actions.NoLongerThere):
            office.remove_extra(leave)


def test_weekly_hours_go_before_extra_hours(office: Office) -> None:
    make_window(
        office.doctor, office.place, day_of_week=2, start_time=time(9, 30), end_time=time(10)
    )

    office.extra()

    assert free_on(WEDNESDAY) == 4


def test_terms_that_no_form_lets_pass_are_refused_by_the_database(office: Office) -> None:
    with nothing_changes(), pytest.raises(IntegrityError, match="exception_capacity_1_to_50"):
        office.extra(terms=VisitTerms(capacity=51))
