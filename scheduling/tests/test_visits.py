from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import pytest

from registry.models import AuditLog
from registry.tests.factories import NOW, make_location, make_user
from scheduling import actions
from scheduling.models import Appointment, Availability
from scheduling.slots import Reason
from scheduling.tests.clinic import MINUTE, QUARTER, Clinic, published, recorded, state
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_exception, make_window

pytestmark = pytest.mark.django_db
Mark = Callable[..., Appointment]
MARKS: dict[str, Mark] = {
    "ARRIVED": actions.mark_arrived,
    "COMPLETED": actions.mark_completed,
    "NO_SHOW": actions.mark_no_show,
}
TEN_MINUTES = timedelta(minutes=10)


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


@pytest.mark.parametrize("status", MARKS)
def test_a_mark_is_kept_recorded_and_published(clinic: Clinic, status: str) -> None:
    booked = clinic.book()

    marked = MARKS[status](appointment=booked, by=clinic.user, at=TUESDAY_AT_9)

    kept = Appointment.objects.get()
    assert kept == marked
    assert (kept.status, kept.previous_status, kept.version) == (status, "BOOKED", 2)
    assert (kept.status_at, kept.status_by) == (TUESDAY_AT_9, clinic.user)
    event = f"appointment.{status.lower()}"
    assert recorded(kept.pk) == ["appointment.booked", event]
    assert AuditLog.objects.get(action=event).performed_by == clinic.user
    assert published(kept.pk) == [("appointment.booked", 1), (event, 2)]


def test_who_has_arrived_is_seen_and_may_be_seen_without(clinic: Clinic) -> None:
    booked = clinic.book()
    actions.mark_arrived(appointment=booked, by=clinic.user, at=TUESDAY_AT_9 - MINUTE)

    seen = actions.mark_completed(appointment=booked, by=clinic.user, at=TUESDAY_AT_9 + MINUTE)

    assert (seen.status, seen.previous_status, seen.version) == ("COMPLETED", "ARRIVED", 3)


def test_patients_arrive_on_the_local_day_of_their_appointment(clinic: Clinic) -> None:
    booked = clinic.book()
    midnight_in_india = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
    before = state()

    with pytest.raises(actions.NotMarkable, match="on the day"):
        actions.mark_arrived(
            appointment=booked, by=clinic.user, at=midnight_in_india - timedelta(seconds=1)
        )
    assert state() == before
    marked = actions.mark_arrived(appointment=booked, by=clinic.user, at=midnight_in_india)
    assert marked.status == "ARRIVED"


@pytest.mark.parametrize("status", ["COMPLETED", "NO_SHOW"])
def test_nobody_is_seen_or_missed_before_it_begins(clinic: Clinic, status: str) -> None:
    booked = clinic.book()
    before = state()

    with pytest.raises(actions.NotMarkable, match="once the appointment has begun"):
        MARKS[status](appointment=booked, by=clinic.user, at=TUESDAY_AT_9 - MINUTE)
    assert state() == before


@pytest.mark.parametrize(
    ("status", "mark"),
    [
        (status, mark)
        for status in Appointment.Status.values
        for mark in MARKS
        if status != "BOOKED" and (status, mark) != ("ARRIVED", "COMPLETED")
    ],
)
def test_a_mark_that_does_not_fit_is_refused(clinic: Clinic, status: str, mark: str) -> None:
    appointment = make_appointment(clinic.doctor, clinic.insurer, clinic.place, status=status)
    before = state()

    with pytest.raises(actions.NotMarkable, match=str(Appointment.Status(status).label)):
        MARKS[mark](appointment=appointment, by=clinic.user, at=TUESDAY_AT_9)
    assert state() == before


@pytest.mark.parametrize("status", MARKS)
def test_a_mark_is_undone_within_10_minutes(clinic: Clinic, status: str) -> None:
    booked = clinic.book()
    marked = MARKS[status](appointment=booked, by=make_user(), at=TUESDAY_AT_9)
    at = TUESDAY_AT_9 + TEN_MINUTES - timedelta(seconds=1)

    actions.undo(appointment=marked, by=clinic.user, at=at)

    kept = Appointment.objects.get()
    assert (kept.status, kept.previous_status, kept.version) == ("BOOKED", "", 3)
    assert (kept.status_at, kept.status_by) == (at, clinic.user)
    assert recorded(kept.pk)[-1] == "appointment.undone"
    log = AuditLog.objects.get(action="appointment.undone")
    assert (log.performed_by, log.metadata) == (
        clinic.user,
        {"undone": status, "status": "BOOKED"},
    )
    assert published(kept.pk)[-1] == ("appointment.booked", 3)


def test_who_was_not_seen_after_all_is_still_there(clinic: Clinic) -> None:
    booked = clinic.book()
    actions.mark_arrived(appointment=booked, by=clinic.user, at=TUESDAY_AT_9)
    actions.mark_completed(appointment=booked, by=clinic.user, at=TUESDAY_AT_9 + MINUTE)

    undone = actions.undo(appointment=booked, by=clinic.user, at=TUESDAY_AT_9 + 2 * MINUTE)

    assert (undone.status, undone.version) == ("ARRIVED", 4)
    assert published(booked.pk)[-1] == ("appointment.arrived", 4)


def test_it_is_too_late_after_10_minutes_and_once_is_enough(clinic: Clinic) -> None:
    booked = clinic.book()
    marked = actions.mark_arrived(appointment=booked, by=clinic.user, at=TUESDAY_AT_9)
    before = state()

    with pytest.raises(actions.NotUndoable):
        actions.undo(appointment=marked, by=clinic.user, at=TUESDAY_AT_9 + TEN_MINUTES)
    assert state() == before
    actions.undo(appointment=marked, by=clinic.user, at=TUESDAY_AT_9)
    with pytest.raises(actions.NotUndoable):
        actions.undo(appointment=marked, by=clinic.user, at=TUESDAY_AT_9)


def test_nobody_undoes_a_booking(clinic: Clinic) -> None:
    booked = clinic.book()
    before = state()

    with pytest.raises(actions.NotUndoable):
        actions.undo(appointment=booked, by=clinic.user, at=NOW)
    assert state() == before


def cancel(clinic: Clinic, appointment: Appointment) -> Appointment:
    return actions.cancel(
        appointment=appointment, reason="other", note="Ill", by=clinic.user, at=NOW
    )


def test_a_cancellation_is_undone_as_if_it_had_not_been(clinic: Clinic) -> None:
    booked = clinic.book(TUESDAY_AT_9 + QUARTER)
    free = clinic.free()
    cancel(clinic, booked)
    assert clinic.free() == free + 1

    undone = actions.undo(appointment=booked, by=clinic.user, at=NOW + MINUTE)

    kept = Appointment.objects.get()
    assert kept == undone
    assert (kept.status, kept.previous_status, kept.version) == ("BOOKED", "", 3)
    assert (kept.cancel_reason, kept.cancel_note, kept.cancelled_at) == ("", "", None)
    assert (kept.appointment_time, kept.lane, kept.token_number) == (
        TUESDAY_AT_9 + QUARTER,
        0,
        2,
    )
    assert kept.patient_reference == "member-9"
    assert published(kept.pk) == [
        ("appointment.booked", 1),
        ("appointment.cancelled", 2),
        ("appointment.booked", 3),
    ]
    assert clinic.free() == free


def test_a_cancelled_patient_who_is_there_is_there_again(clinic: Clinic) -> None:
    booked = clinic.book()
    early = TUESDAY_AT_9 - MINUTE
    actions.mark_arrived(appointment=booked, by=clinic.user, at=early)
    actions.cancel(appointment=booked, reason="other", by=clinic.user, at=early)

    undone = actions.undo(appointment=booked, by=clinic.user, at=early)

    assert undone.status == "ARRIVED"
    assert published(booked.pk)[-1] == ("appointment.arrived", 4)


def test_what_the_insurer_cancelled_stays_cancelled(clinic: Clinic) -> None:
    booked = clinic.book()
    early = TUESDAY_AT_9 - MINUTE
    actions.mark_arrived(appointment=booked, by=clinic.user, at=early)
    actions.cancel(appointment=booked, reason="other", by=clinic.insurer, at=early)
    before = state()

    with pytest.raises(actions.NotUndoable):
        actions.undo(appointment=booked, by=clinic.user, at=early)
    assert state() == before


def test_a_place_that_somebody_has_since_is_not_given_back(clinic: Clinic) -> None:
    booked = cancel(clinic, clinic.book())
    clinic.book()
    before = state()

    with pytest.raises(actions.SlotTaken) as refusal:
        actions.undo(appointment=booked, by=clinic.user, at=NOW)

    assert refusal.value.reasons == (Reason.TAKEN,)
    assert refusal.value.next_free
    assert state() == before


def test_a_place_that_somebody_holds_is_not_given_back(clinic: Clinic) -> None:
    booked = cancel(clinic, clinic.book())
    held = clinic.hold()

    with pytest.raises(actions.SlotTaken):
        actions.undo(appointment=booked, by=clinic.user, at=NOW + 4 * MINUTE)

    # Once it has run out it is in nobody's way.
    assert actions.undo(appointment=booked, by=clinic.user, at=NOW + 5 * MINUTE).status == "BOOKED"
    assert recorded(held.pk)[-1] == "appointment.hold_ended"


def test_another_lane_of_its_slot_will_do(clinic: Clinic) -> None:
    Availability.objects.update(capacity=2)
    booked = cancel(clinic, clinic.book())
    clinic.book()

    undone = actions.undo(appointment=booked, by=clinic.user, at=NOW)

    assert (undone.lane, undone.token_number) == (1, 2)


def test_a_lane_that_its_slot_has_only_since_will_do(clinic: Clinic) -> None:
    booked = cancel(clinic, clinic.book())
    Availability.objects.update(capacity=2)
    clinic.book()

    undone = actions.undo(appointment=booked, by=clinic.user, at=NOW)

    kept = Appointment.objects.get(pk=booked.pk)
    assert (kept.lane, kept.capacity, kept.token_number) == (1, 2, 2)
    assert kept.capacity == undone.capacity


def test_a_capacity_that_was_lowered_counts(clinic: Clinic) -> None:
    """Its own lane is empty, and yet no place is left."""
    Availability.objects.update(capacity=2)
    clinic.book()
    booked = clinic.book()
    assert booked.lane == 1
    cancel(clinic, booked)
    Availability.objects.update(capacity=1)
    before = state()

    with pytest.raises(actions.SlotTaken):
        actions.undo(appointment=booked, by=clinic.user, at=NOW)
    assert state() == before


def test_a_leave_does_not_keep_an_undo_from_its_place(clinic: Clinic) -> None:
    booked = cancel(clinic, clinic.book())
    make_exception(clinic.doctor)

    assert actions.undo(appointment=booked, by=clinic.user, at=NOW).status == "BOOKED"


@pytest.mark.parametrize("is_taken", [True, False])
def test_without_a_slot_like_its_own_nobody_else_may_be_there(
    clinic: Clinic, *, is_taken: bool
) -> None:
    booked = cancel(clinic, clinic.book())
    Availability.objects.update(slot_duration_minutes=30, capacity=3)
    if is_taken:
        clinic.book()
    before = state()

    if is_taken:
        with pytest.raises(actions.SlotTaken):
            actions.undo(appointment=booked, by=clinic.user, at=NOW)
        assert state() == before
    else:
        undone = actions.undo(appointment=booked, by=clinic.user, at=NOW)
        assert (undone.lane, undone.ends_at) == (0, TUESDAY_AT_9 + QUARTER)


def test_a_number_given_meanwhile_is_not_given_twice(clinic: Clinic) -> None:
    booked = cancel(clinic, clinic.book())
    make_appointment(
        clinic.doctor,
        clinic.insurer,
        clinic.place,
        appointment_time=TUESDAY_AT_9 + 4 * QUARTER,
        token_number=1,
    )

    assert actions.undo(appointment=booked, by=clinic.user, at=NOW).token_number == 2


def test_one_that_had_no_number_gets_one(clinic: Clinic) -> None:
    """Migration 0003 took numbers that two appointments had."""
    booked = clinic.book()
    Appointment.objects.update(token_number=None)
    cancel(clinic, booked)

    assert actions.undo(appointment=booked, by=clinic.user, at=NOW).token_number == 1


def test_a_place_elsewhere_in_those_hours_is_not_its_own(clinic: Clinic) -> None:
    """The doctor sees patients elsewhere at that time now; one who is there has the doctor."""
    booked = cancel(clinic, clinic.book())
    Availability.objects.all().delete()
    make_window(clinic.doctor, make_location(clinic.doctor), end_time=time(11))
    clinic.book()
    before = state()

    with pytest.raises(actions.SlotTaken):
        actions.undo(appointment=booked, by=clinic.user, at=NOW)
    assert state() == before
