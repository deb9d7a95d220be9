from datetime import time, timedelta
from typing import Any
from uuid import uuid4

import pytest

from registry.models import AuditLog
from registry.tests.factories import NOW, make_location
from scheduling import actions
from scheduling.actions import Decision, HoursWindow
from scheduling.models import Appointment, Availability
from scheduling.tests.clinic import QUARTER, WEEK, published, recorded
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment
from scheduling.tests.office import HOUR, WEDNESDAY_AT_9, Office, nothing_changes

pytestmark = pytest.mark.django_db
KEEP = Decision(cancel=False)
ON_LEAVE = Decision(cancel=True, reason="doctor_leave", note="Back on Friday")
EARLY = HoursWindow(1, time(9), time(10))


@pytest.fixture
def office() -> Office:
    return Office()


def set_hours(office: Office, *windows: HoursWindow, **given: Any) -> list[Availability]:
    values: dict[str, Any] = {"effective_from": TUESDAY_AT_9.date(), "by": office.user, "at": NOW}
    return actions.set_weekly_hours(
        doctor=office.doctor, location=office.place, windows=windows, **(values | given)
    )


def affected_by_hours(office: Office, *windows: HoursWindow, **given: Any) -> list[Appointment]:
    values: dict[str, Any] = {"effective_from": TUESDAY_AT_9.date(), "at": NOW}
    return actions.affected_by_hours(
        doctor=office.doctor, location=office.place, windows=windows, **(values | given)
    )


def affected_by_leave(office: Office, **given: Any) -> list[Appointment]:
    values: dict[str, Any] = {
        "starts_at": TUESDAY_AT_9,
        "ends_at": TUESDAY_AT_9 + HOUR,
        "location": None,
    }
    return actions.affected_by_leave(doctor=office.doctor, **(values | {"at": NOW} | given))


def test_leave_without_decisions_is_refused_with_all_it_affects(office: Office) -> None:
    first, second = office.book(), office.book(TUESDAY_AT_9 + QUARTER)
    office.book(TUESDAY_AT_9 + HOUR)

    with nothing_changes(), pytest.raises(actions.Undecided, match="2 appointments") as refused:
        office.leave()

    assert refused.value.appointments == [first, second] == affected_by_leave(office)


def test_decisions_are_carried_out_with_the_leave(office: Office) -> None:
    kept, cancelled = office.book(), office.book(TUESDAY_AT_9 + QUARTER)

    leave = office.leave(decisions={kept.pk: KEEP, cancelled.pk: ON_LEAVE}).exception

    kept.refresh_from_db()
    cancelled.refresh_from_db()
    assert (kept.status, cancelled.status) == ("BOOKED", "CANCELLED")
    assert (cancelled.cancel_reason, cancelled.cancel_note) == ("doctor_leave", "Back on Friday")
    assert (cancelled.status_by, cancelled.previous_status) == (office.user, "BOOKED")
    assert recorded(cancelled.pk) == ["appointment.booked", "appointment.cancelled"]
    assert published(cancelled.pk)[-1] == ("appointment.cancelled", 2)
    assert recorded(kept.pk) == ["appointment.booked"]
    metadata = AuditLog.objects.about(leave).get().metadata
    assert (metadata["kept"], metadata["cancelled"]) == ([str(kept.pk)], [str(cancelled.pk)])
    assert office.open_days_are_right()


def test_one_decision_missing_changes_nothing(office: Office) -> None:
    first, second = office.book(), office.book(TUESDAY_AT_9 + QUARTER)

    with nothing_changes(), pytest.raises(actions.Undecided, match="1 appointment is") as refused:
        office.leave(decisions={first.pk: ON_LEAVE})

    assert refused.value.appointments == [second]


@pytest.mark.parametrize(
    "decision",
    [
        Decision(cancel=True),
        Decision(cancel=True, reason="tired"),
        Decision(cancel=True, reason="other", note="a" * 501),
    ],
)
def test_a_decision_that_cannot_be_carried_out_is_none(office: Office, decision: Decision) -> None:
    booked = office.book()

    with nothing_changes(), pytest.raises(actions.Undecided):
        office.leave(decisions={booked.pk: decision})


def test_decisions_on_what_is_not_affected_are_ignored(office: Office) -> None:
    outside, cancelled = office.book(TUESDAY_AT_9 + HOUR), office.book()
    actions.cancel(appointment=cancelled, reason="patient_request", by=office.insurer, at=NOW)
    decided = dict.fromkeys([outside.pk, cancelled.pk, uuid4()], ON_LEAVE)

    office.leave(decisions=decided)

    outside.refresh_from_db()
    assert outside.status == "BOOKED"
    assert len(published(cancelled.pk)) == 2


def test_whoever_books_between_page_and_saving_is_asked_about(office: Office) -> None:
    seen = office.book()
    unseen = office.book(TUESDAY_AT_9 + QUARTER)

    with nothing_changes(), pytest.raises(actions.Undecided) as refused:
        office.leave(decisions={seen.pk: ON_LEAVE})

    assert refused.value.appointments == [unseen]


def test_leave_affects_visits_that_share_any_of_its_time(office: Office) -> None:
    visit = office.book(TUESDAY_AT_9 + QUARTER)
    touching = {"starts_at": TUESDAY_AT_9 + 2 * QUARTER, "ends_at": TUESDAY_AT_9 + HOUR}
    minute = timedelta(minutes=1)

    assert affected_by_leave(office, ends_at=visit.appointment_time) == []
    assert affected_by_leave(office, **touching) == []
    assert affected_by_leave(office, ends_at=visit.appointment_time + minute) == [visit]
    assert affected_by_leave(office, starts_at=visit.ends_at - minute) == [visit]


def test_leave_affects_only_its_place(office: Office) -> None:
    booked = office.book()
    elsewhere = make_location(office.doctor)

    assert affected_by_leave(office, location=elsewhere) == []
    assert affected_by_leave(office, location=office.place) == [booked]


@pytest.mark.parametrize("status", ["HELD", "COMPLETED", "NO_SHOW", "CANCELLED"])
def test_only_who_is_expected_is_affected(office: Office, status: str) -> None:
    make_appointment(office.doctor, office.insurer, office.place, status=status)

    assert affected_by_leave(office) == []


def test_who_came_early_is_affected(office: Office) -> None:
    early = TUESDAY_AT_9 - HOUR
    arrived = actions.mark_arrived(appointment=office.book(), by=office.user, at=early)

    assert affected_by_leave(office, at=early) == [arrived]
    office.leave(decisions={arrived.pk: ON_LEAVE}, at=early)

    arrived.refresh_from_db()
    assert (arrived.status, arrived.previous_status) == ("CANCELLED", "ARRIVED")


def test_what_has_begun_is_not_affected(office: Office) -> None:
    booked = office.book()

    assert affected_by_leave(office, at=TUESDAY_AT_9 - timedelta(minutes=1)) == [booked]
    assert affected_by_leave(office, at=TUESDAY_AT_9) == []


def test_whoever_was_kept_is_not_asked_about_again(office: Office) -> None:
    kept, later = office.book(), office.book(TUESDAY_AT_9 + HOUR)
    leave = office.leave(decisions={kept.pk: KEEP}).exception

    assert office.leave().merged == [leave]
    with pytest.raises(actions.Undecided) as refused:
        office.leave(TUESDAY_AT_9, 2 * HOUR)

    assert refused.value.appointments == [later]


def test_changed_leave_asks_about_what_it_newly_affects(office: Office) -> None:
    first, second = office.book(), office.book(TUESDAY_AT_9 + HOUR)
    leave = office.leave(decisions={first.pk: KEEP}).exception
    longer = {"ends_at": TUESDAY_AT_9 + 2 * HOUR}

    with nothing_changes(), pytest.raises(actions.Undecided) as refused:
        office.change_leave(leave, **longer)
    office.change_leave(leave, **longer, decisions={second.pk: ON_LEAVE})

    assert refused.value.appointments == [second]
    second.refresh_from_db()
    assert second.status == "CANCELLED"
    assert office.open_days_are_right()


def test_appointments_come_with_place_and_insurer(
    office: Office, django_assert_num_queries: Any
) -> None:
    office.book()
    office.book(TUESDAY_AT_9 + QUARTER)

    with django_assert_num_queries(1):
        found = affected_by_leave(office)
        assert {(one.location.name, one.insurance_provider.name) for one in found} == {
            (office.place.name, office.insurer.name)
        }


def test_hours_that_drop_somebodys_time_ask_first(office: Office) -> None:
    office.book()
    late, next_week = office.book(TUESDAY_AT_9 + HOUR), office.book(TUESDAY_AT_9 + WEEK + HOUR)

    with nothing_changes(), pytest.raises(actions.Undecided) as refused:
        set_hours(office, EARLY)

    assert refused.value.appointments == [late, next_week] == affected_by_hours(office, EARLY)


def test_decisions_are_carried_out_with_the_hours(office: Office) -> None:
    kept, cancelled = office.book(TUESDAY_AT_9 + HOUR), office.book(TUESDAY_AT_9 + WEEK + HOUR)
    unavailable = Decision(cancel=True, reason="doctor_unavailable")

    set_hours(office, EARLY, decisions={kept.pk: KEEP, cancelled.pk: unavailable})

    cancelled.refresh_from_db()
    assert (cancelled.status, cancelled.cancel_reason) == ("CANCELLED", "doctor_unavailable")
    assert published(kept.pk) == [("appointment.booked", 1)]
    metadata = AuditLog.objects.about(office.doctor).latest("id").metadata
    assert (metadata["kept"], metadata["cancelled"]) == ([str(kept.pk)], [str(cancelled.pk)])
    assert office.open_days_are_right()


def test_hours_that_end_in_the_middle_of_a_visit_ask_first(office: Office) -> None:
    booked = office.book(TUESDAY_AT_9 + QUARTER)
    too_short = HoursWindow(1, time(9), time(9, 25), slot_duration_minutes=5)
    from_there = HoursWindow(1, time(9, 25), time(11), slot_duration_minutes=5)

    assert affected_by_hours(office, too_short) == [booked]
    assert affected_by_hours(office, too_short, from_there) == []


def test_whoever_is_outside_the_hours_already_is_not_asked_about(office: Office) -> None:
    outside = office.book(TUESDAY_AT_9 + HOUR)
    set_hours(office, EARLY, decisions={outside.pk: KEEP})

    assert affected_by_hours(office) == []
    assert set_hours(office) == []


def test_hours_from_a_later_date_affect_only_what_is_after_it(office: Office) -> None:
    office.book(TUESDAY_AT_9 + HOUR)
    later = office.book(TUESDAY_AT_9 + WEEK + HOUR)
    change = {"effective_from": TUESDAY_AT_9.date() + WEEK}

    assert affected_by_hours(office, EARLY, **change) == [later]


def test_hours_cut_otherwise_affect_nobody(office: Office) -> None:
    office.book(TUESDAY_AT_9 + QUARTER)

    assert affected_by_hours(office, HoursWindow(1, time(9), time(11), 20, 2, 0)) == []


def test_extra_hours_catch_whom_the_weekly_hours_drop(office: Office) -> None:
    office.book(TUESDAY_AT_9 + HOUR)
    office.extra(TUESDAY_AT_9 + HOUR)

    assert affected_by_hours(office, EARLY) == []


def test_the_same_hours_at_another_place_catch_nobody(office: Office) -> None:
    booked = office.book()
    set_hours(office, decisions={booked.pk: KEEP}, effective_from=TUESDAY_AT_9.date() + WEEK)
    other = make_location(office.doctor)
    actions.set_weekly_hours(
        doctor=office.doctor,
        location=other,
        windows=[EARLY],
        effective_from=TUESDAY_AT_9.date() + WEEK,
        by=office.user,
        at=NOW,
    )

    assert affected_by_hours(office) == [booked]


def test_the_question_about_hours_is_refused_like_the_change(office: Office) -> None:
    with pytest.raises(actions.HoursRefused):
        affected_by_hours(office, EARLY, EARLY)


def test_hours_that_are_saved_as_they_are_ask_nothing(office: Office) -> None:
    office.book()

    with nothing_changes():
        assert set_hours(office, HoursWindow(1, time(9), time(11)))


def test_removed_extra_hours_ask_about_who_is_in_them(office: Office) -> None:
    extra = office.extra().exception
    booked = office.book(WEDNESDAY_AT_9)

    with nothing_changes(), pytest.raises(actions.Undecided) as refused:
        office.remove_extra(extra)
    office.remove_extra(extra, decisions={booked.pk: ON_LEAVE})

    assert refused.value.appointments == [booked]
    booked.refresh_from_db()
    assert booked.status == "CANCELLED"
    assert office.open_days_are_right()


def test_ended_extra_hours_ask_about_who_is_to_come(office: Office) -> None:
    extra = office.extra().exception
    office.book(WEDNESDAY_AT_9)
    late = office.book(WEDNESDAY_AT_9 + 2 * QUARTER)

    with nothing_changes(), pytest.raises(actions.Undecided) as refused:
        office.remove_extra(extra, at=WEDNESDAY_AT_9 + QUARTER)

    assert refused.value.appointments == [late]


def test_changed_extra_hours_ask_about_who_falls_out_of_them(office: Office) -> None:
    extra = office.extra().exception
    early, late = office.book(WEDNESDAY_AT_9), office.book(WEDNESDAY_AT_9 + 2 * QUARTER)
    shorter = {"starts_at": WEDNESDAY_AT_9 + 2 * QUARTER}

    with nothing_changes(), pytest.raises(actions.Undecided) as refused:
        office.change_extra(extra, **shorter)
    office.change_extra(extra, **shorter, decisions={early.pk: KEEP})

    assert refused.value.appointments == [early]
    late.refresh_from_db()
    assert late.status == "BOOKED"


def test_weekly_hours_catch_whom_extra_hours_drop(office: Office) -> None:
    extra = office.extra(TUESDAY_AT_9 + HOUR, 2 * HOUR).exception
    office.book(TUESDAY_AT_9 + HOUR)
    late = office.book(TUESDAY_AT_9 + 2 * HOUR)

    with pytest.raises(actions.Undecided) as refused:
        office.remove_extra(extra)

    assert refused.value.appointments == [late]
