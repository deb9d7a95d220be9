from datetime import datetime, time, timedelta

import pytest
from django.db import IntegrityError, transaction

from consent.models import Consent
from registry.models import AuditLog
from registry.tests.factories import NOW, make_location
from scheduling import actions, slots
from scheduling.actions import lanes
from scheduling.models import Appointment, Availability, Mode, OpenDay
from scheduling.slots import Reason
from scheduling.tests.clinic import MINUTE, QUARTER, WEEK, Clinic, published, recorded, state
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_exception, make_window

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


def test_a_moved_appointment_is_the_same_one_at_another_time(clinic: Clinic) -> None:
    booked = clinic.book()

    moved = actions.move(
        appointment=booked, start=TUESDAY_AT_9 + WEEK + QUARTER, by=clinic.insurer, at=NOW
    )

    kept = Appointment.objects.get()
    assert kept == moved == booked
    assert (kept.appointment_time, kept.ends_at) == (
        TUESDAY_AT_9 + WEEK + QUARTER,
        TUESDAY_AT_9 + WEEK + 2 * QUARTER,
    )
    assert kept.local_date == moved.local_date == (TUESDAY_AT_9 + WEEK).date()
    assert (kept.status, kept.version, kept.token_number) == ("BOOKED", 2, 2)
    assert kept.patient_reference == "member-9"
    assert recorded(booked.pk) == ["appointment.booked", "appointment.moved"]
    log = AuditLog.objects.get(action="appointment.moved")
    assert log.performed_by_provider == clinic.insurer
    assert log.metadata == {
        "moved_from": "2026-11-24T03:30:00+00:00",
        "moved_to": "2026-12-01T03:45:00+00:00",
    }
    assert published(booked.pk) == [("appointment.booked", 1), ("appointment.rescheduled", 2)]


def test_the_doctors_side_moves_too(clinic: Clinic) -> None:
    booked = clinic.book()

    actions.move(appointment=booked, start=TUESDAY_AT_9 + QUARTER, by=clinic.user, at=NOW)

    assert AuditLog.objects.get(action="appointment.moved").performed_by == clinic.user
    assert published(booked.pk)[-1] == ("appointment.rescheduled", 2)


def test_both_days_are_kept_in_line(clinic: Clinic) -> None:
    def free() -> dict[object, int]:
        return dict(OpenDay.objects.values_list("local_date", "free"))

    before = free()
    booked = clinic.book()
    first, second = TUESDAY_AT_9.date(), (TUESDAY_AT_9 + WEEK).date()
    assert free() == before | {first: before[first] - 1}

    actions.move(appointment=booked, start=TUESDAY_AT_9 + WEEK, by=clinic.user, at=NOW)

    assert free() == before | {second: before[second] - 1}


def test_the_old_place_is_free_and_the_new_one_is_not(clinic: Clinic) -> None:
    booked = clinic.book()
    actions.move(appointment=booked, start=TUESDAY_AT_9 + QUARTER, by=clinic.user, at=NOW)

    with pytest.raises(actions.SlotTaken):
        clinic.book(TUESDAY_AT_9 + QUARTER)
    assert clinic.book(TUESDAY_AT_9).status == "BOOKED"


def test_to_where_it_is_nothing_happens(clinic: Clinic) -> None:
    booked = clinic.book()
    # Not even when the doctor is on leave by then.
    make_exception(clinic.doctor)
    before = state()

    for place, mode in ((None, None), (clinic.place, Mode.IN_PERSON)):
        same = actions.move(
            appointment=booked,
            start=TUESDAY_AT_9,
            location=place,
            mode=mode,
            by=clinic.insurer,
            at=NOW,
        )
        assert (same.version, same.appointment_time) == (1, TUESDAY_AT_9)
    assert state() == before


def test_a_taken_place_is_refused_and_the_old_one_kept(clinic: Clinic) -> None:
    booked = clinic.book()
    clinic.book(TUESDAY_AT_9 + QUARTER)
    before = state()

    with pytest.raises(actions.SlotTaken) as refusal:
        actions.move(appointment=booked, start=TUESDAY_AT_9 + QUARTER, by=clinic.insurer, at=NOW)

    assert refusal.value.reasons == (Reason.TAKEN,)
    assert refusal.value.next_free[0].starts_at == TUESDAY_AT_9 + 2 * QUARTER
    assert state() == before


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (TUESDAY_AT_9 - timedelta(hours=2), Reason.OUTSIDE_HOURS),
        (TUESDAY_AT_9 + MINUTE, Reason.BETWEEN_SLOTS),
        (TUESDAY_AT_9 + 9 * WEEK, Reason.BEYOND_HORIZON),
    ],
)
def test_a_time_that_is_not_free_is_refused_by_name(
    clinic: Clinic, start: datetime, reason: Reason
) -> None:
    booked = clinic.book()
    before = state()

    for by in (clinic.insurer, clinic.user):
        with pytest.raises(actions.SlotRefused) as refusal:
            actions.move(appointment=booked, start=start, by=by, at=NOW)
        assert refusal.value.reasons == (reason,)
        assert refusal.value.next_free
    assert state() == before


def test_its_own_time_does_not_stand_in_its_way(clinic: Clinic) -> None:
    """Its half hour spans two slots of today's hours; it moves by one of them."""
    long = make_appointment(
        clinic.doctor, clinic.insurer, clinic.place, ends_at=TUESDAY_AT_9 + 2 * QUARTER
    )

    moved = actions.move(appointment=long, start=TUESDAY_AT_9 + QUARTER, by=clinic.user, at=NOW)

    moved.refresh_from_db()
    assert (moved.appointment_time, moved.lane) == (TUESDAY_AT_9 + QUARTER, 0)
    assert moved.ends_at == TUESDAY_AT_9 + 2 * QUARTER


def test_it_may_move_to_another_place_and_mode(clinic: Clinic) -> None:
    other = make_location(clinic.doctor)
    make_window(clinic.doctor, other, start_time=time(15), end_time=time(16), mode=Mode.TELE)
    booked = clinic.book()
    afternoon = TUESDAY_AT_9 + timedelta(hours=6)

    with pytest.raises(actions.SlotRefused) as refusal:
        actions.move(
            appointment=booked, start=afternoon, location=clinic.place, by=clinic.user, at=NOW
        )
    assert refusal.value.reasons == (Reason.OUTSIDE_HOURS,)
    with pytest.raises(actions.SlotRefused) as refusal:
        actions.move(
            appointment=booked, start=afternoon, mode=Mode.IN_PERSON, by=clinic.user, at=NOW
        )
    assert refusal.value.reasons == (Reason.WRONG_MODE,)
    moved = actions.move(appointment=booked, start=afternoon, by=clinic.user, at=NOW)

    moved.refresh_from_db()
    assert (moved.location, moved.mode) == (other, Mode.TELE)


def test_of_several_lanes_it_takes_the_lowest_that_is_free(clinic: Clinic) -> None:
    Availability.objects.update(capacity=2)
    clinic.book(TUESDAY_AT_9 + QUARTER)
    booked = clinic.book()

    moved = actions.move(
        appointment=booked, start=TUESDAY_AT_9 + QUARTER, by=clinic.insurer, at=NOW
    )

    assert (moved.lane, moved.token_number, moved.capacity) == (1, 4, 2)


@pytest.mark.parametrize("status", ["HELD", "ARRIVED", "COMPLETED", "NO_SHOW", "CANCELLED"])
def test_only_what_is_booked_moves(clinic: Clinic, status: str) -> None:
    appointment = make_appointment(clinic.doctor, clinic.insurer, clinic.place, status=status)
    before = state()

    with pytest.raises(actions.NotMovable, match=Appointment.Status(status).label.lower()):
        actions.move(appointment=appointment, start=TUESDAY_AT_9 + QUARTER, by=clinic.user, at=NOW)
    assert state() == before


def test_what_has_begun_does_not_move(clinic: Clinic) -> None:
    booked = clinic.book()
    before = state()

    with pytest.raises(actions.NotMovable, match="It has begun"):
        actions.move(
            appointment=booked,
            start=TUESDAY_AT_9 + 2 * QUARTER,
            by=clinic.user,
            at=TUESDAY_AT_9,
        )
    assert state() == before


def test_who_read_an_older_version_is_told_so(clinic: Clinic) -> None:
    booked = clinic.book()
    actions.move(
        appointment=booked, start=TUESDAY_AT_9 + QUARTER, by=clinic.user, at=NOW, version=1
    )
    before = state()

    with pytest.raises(actions.Stale):
        actions.move(
            appointment=booked,
            start=TUESDAY_AT_9 + 2 * QUARTER,
            by=clinic.insurer,
            at=NOW,
            version=1,
        )
    assert state() == before


def test_no_insurer_moves_once_the_doctor_has_opted_out(clinic: Clinic) -> None:
    booked = clinic.book()
    Consent.objects.update(consent_status="REVOKED", revoked_at=NOW)
    before = state()

    with pytest.raises(actions.NotVisible):
        actions.move(appointment=booked, start=TUESDAY_AT_9 + QUARTER, by=clinic.insurer, at=NOW)
    assert state() == before
    assert (
        actions.move(
            appointment=booked, start=TUESDAY_AT_9 + QUARTER, by=clinic.user, at=NOW
        ).status
        == "BOOKED"
    )


def test_an_insurer_keeps_to_its_share_of_the_new_day(clinic: Clinic) -> None:
    modest = clinic.new_insurer(max_open_bookings_per_day=1)
    booked = clinic.book(provider=modest)
    clinic.book(TUESDAY_AT_9 + WEEK, provider=modest)
    next_week = TUESDAY_AT_9 + WEEK + QUARTER
    before = state()

    with pytest.raises(actions.TooManyBookings):
        actions.move(appointment=booked, start=next_week, by=modest, at=NOW)
    assert state() == before
    # Within its own day it takes nothing more, and the doctor decides about their own days.
    actions.move(appointment=booked, start=TUESDAY_AT_9 + QUARTER, by=modest, at=NOW)
    assert (
        actions.move(appointment=booked, start=next_week, by=clinic.user, at=NOW).status == "BOOKED"
    )


def test_a_full_day_takes_nobody_in_but_lets_its_own_move(clinic: Clinic) -> None:
    first, other_week = clinic.book(), clinic.book(TUESDAY_AT_9 + WEEK)
    actions.set_booking_rules(
        doctor=clinic.doctor,
        lead_time=timedelta(0),
        horizon=timedelta(days=60),
        most_per_day=1,
        by=clinic.user,
        at=NOW,
    )

    with pytest.raises(actions.SlotRefused) as refusal:
        actions.move(appointment=other_week, start=TUESDAY_AT_9 + QUARTER, by=clinic.user, at=NOW)
    assert refusal.value.reasons == (Reason.DAY_FULL,)
    assert (
        actions.move(appointment=first, start=TUESDAY_AT_9 + QUARTER, by=clinic.user, at=NOW).status
        == "BOOKED"
    )


def test_a_number_given_to_somebody_else_is_not_given_again(clinic: Clinic) -> None:
    make_appointment(
        clinic.doctor,
        clinic.insurer,
        clinic.place,
        appointment_time=TUESDAY_AT_9 + 4 * QUARTER,
        token_number=2,
    )
    booked = clinic.book()

    moved = actions.move(appointment=booked, start=TUESDAY_AT_9 + QUARTER, by=clinic.user, at=NOW)

    assert moved.token_number == 3


def test_another_broken_rule_is_no_taken_place(clinic: Clinic) -> None:
    booked = clinic.book()
    booked.version = 0

    with pytest.raises(IntegrityError, match="version_counts_from_1"), transaction.atomic():
        lanes.save_if_free(booked, ["version"])


def test_a_naive_start_is_refused(clinic: Clinic) -> None:
    booked = clinic.book()
    before = state()

    with pytest.raises(slots.BadRange):
        actions.move(
            appointment=booked, start=TUESDAY_AT_9.replace(tzinfo=None), by=clinic.user, at=NOW
        )
    assert state() == before
