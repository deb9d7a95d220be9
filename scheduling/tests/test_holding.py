from datetime import timedelta

import pytest
from django.db import IntegrityError

from consent.models import Consent
from registry.models import AuditLog
from registry.tests.factories import NOW, make_doctor, make_location
from scheduling import actions
from scheduling.models import Appointment, Availability, BookingRules, Mode
from scheduling.slots import Reason
from scheduling.tests.clinic import MINUTE, QUARTER, WEEK, Clinic, published, recorded, state
from scheduling.tests.factories import TUESDAY_AT_9, make_exception, make_window

pytestmark = pytest.mark.django_db
HELD, BOOKED = Appointment.Status.HELD, Appointment.Status.BOOKED


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


def test_a_hold_keeps_a_place_for_the_insurers_minutes_and_tells_nobody(clinic: Clinic) -> None:
    held = clinic.hold()

    kept = Appointment.objects.get()
    assert kept == held
    assert (kept.status, kept.version, kept.location) == (HELD, 1, clinic.place)
    assert (kept.appointment_time, kept.ends_at) == (TUESDAY_AT_9, TUESDAY_AT_9 + QUARTER)
    assert (kept.local_date, held.local_date) == (TUESDAY_AT_9.date(), TUESDAY_AT_9.date())
    assert (kept.lane, kept.token_number, kept.mode) == (0, 1, Mode.IN_PERSON)
    assert (kept.external_appointment_id, kept.patient_reference) == (None, None)
    assert (kept.status_at, kept.hold_expires_at) == (NOW, NOW + 5 * MINUTE)
    assert recorded(held.pk) == ["appointment.held"]
    assert AuditLog.objects.get().performed_by_provider == clinic.insurer
    assert published(held.pk) == []
    with pytest.raises(actions.SlotTaken):
        clinic.book(provider=clinic.new_insurer())


def test_an_insurers_holds_last_as_long_as_was_agreed(clinic: Clinic) -> None:
    held = clinic.hold(provider=clinic.new_insurer(hold_minutes=9))

    assert held.hold_expires_at == NOW + 9 * MINUTE


def test_no_open_day_knows_of_a_hold(clinic: Clinic) -> None:
    before = clinic.free()

    held = clinic.hold()
    assert clinic.free() == before

    clinic.book(hold_id=held.pk)
    assert clinic.free() == before - 1


def test_a_hold_needs_a_doctor_who_takes_bookings(clinic: Clinic) -> None:
    Consent.objects.update(data_classes=["profile", "availability"])
    before = state()

    with pytest.raises(actions.AppointmentsNotShared):
        clinic.hold()

    assert state() == before


def test_what_is_taken_cannot_be_held(clinic: Clinic) -> None:
    clinic.hold()
    before = state()

    with pytest.raises(actions.SlotTaken) as refusal:
        clinic.hold()

    assert refusal.value.next_free[0].starts_at == TUESDAY_AT_9 + QUARTER
    assert state() == before


def test_no_insurer_takes_a_whole_day_by_holding_it(clinic: Clinic) -> None:
    modest = clinic.new_insurer(max_open_bookings_per_day=2)
    clinic.hold(provider=modest)
    clinic.book(TUESDAY_AT_9 + QUARTER, provider=modest)
    before = state()

    with pytest.raises(actions.TooManyBookings, match="2 open bookings"):
        clinic.hold(TUESDAY_AT_9 + 2 * QUARTER, provider=modest)
    assert state() == before
    assert clinic.hold(TUESDAY_AT_9 + WEEK, provider=modest).status == "HELD"
    # The first hold has run out: it is nobody's open booking.
    assert (
        clinic.hold(TUESDAY_AT_9 + 2 * QUARTER, provider=modest, at=NOW + 5 * MINUTE).status
        == "HELD"
    )


def test_booking_a_hold_makes_it_the_appointment(clinic: Clinic) -> None:
    held = clinic.hold()

    booked = clinic.book(hold_id=held.pk, visit_type="follow_up", at=NOW + MINUTE)

    kept = Appointment.objects.get()
    assert kept.pk == booked.pk == held.pk
    assert (kept.status, kept.version, kept.status_at) == (BOOKED, 2, NOW + MINUTE)
    assert (kept.patient_reference, kept.visit_type) == ("member-9", "follow_up")
    assert kept.external_appointment_id == booked.external_appointment_id
    assert (kept.hold_expires_at, kept.hold_renewed_at) == (None, None)
    assert recorded(held.pk) == ["appointment.held", "appointment.booked"]
    assert published(held.pk) == [("appointment.booked", 2)]


def test_a_renewed_hold_can_be_booked(clinic: Clinic) -> None:
    held = actions.renew_hold(hold=clinic.hold(), at=NOW + 4 * MINUTE)

    booked = clinic.book(hold_id=held.pk, at=NOW + 8 * MINUTE)

    assert (booked.pk, booked.version) == (held.pk, 3)


def test_the_last_open_booking_may_be_held_and_then_booked(clinic: Clinic) -> None:
    modest = clinic.new_insurer(max_open_bookings_per_day=1)
    held = clinic.hold(provider=modest)

    assert clinic.book(provider=modest, hold_id=held.pk).pk == held.pk


def test_a_lead_time_counts_when_the_place_is_held(clinic: Clinic) -> None:
    actions.set_booking_rules(
        doctor=clinic.doctor,
        lead_time=timedelta(hours=24),
        horizon=timedelta(days=60),
        most_per_day=None,
        by=clinic.user,
        at=NOW,
    )
    held = clinic.hold()

    with pytest.raises(actions.SlotRefused):
        clinic.book(TUESDAY_AT_9, at=NOW + MINUTE)
    assert clinic.book(hold_id=held.pk, at=NOW + MINUTE).status == BOOKED


def test_a_held_time_that_has_begun_is_over(clinic: Clinic) -> None:
    held = clinic.hold(at=TUESDAY_AT_9 - MINUTE)
    before = state()

    with pytest.raises(actions.SlotRefused) as refusal:
        clinic.book(hold_id=held.pk, at=TUESDAY_AT_9)

    assert refusal.value.reasons == (Reason.TOO_SOON,)
    assert state() == before


def test_a_held_time_that_was_closed_since_is_not_sold(clinic: Clinic) -> None:
    held = clinic.hold()
    make_exception(clinic.doctor)
    before = state()

    with pytest.raises(actions.SlotRefused) as refusal:
        clinic.book(hold_id=held.pk)

    assert refusal.value.reasons == (Reason.ON_LEAVE,)
    assert state() == before


def test_a_hold_of_another_time_place_or_mode_is_told_so(clinic: Clinic) -> None:
    held = clinic.hold()
    elsewhere = make_doctor()
    other_place = make_window(elsewhere).location
    before = state()

    for wrong in (
        {"start": TUESDAY_AT_9 + QUARTER},
        {"location": other_place},
        {"mode": Mode.TELE},
    ):
        with pytest.raises(actions.HoldMismatch):
            clinic.book(hold_id=held.pk, **wrong)
    assert state() == before
    same = {"location": clinic.place, "mode": Mode.IN_PERSON}
    assert clinic.book(hold_id=held.pk, **same).pk == held.pk


def test_a_hold_with_another_doctor_is_told_so(clinic: Clinic) -> None:
    other = Clinic()
    held = clinic.hold()
    consent = Consent.objects.get(insurance_provider=other.insurer)
    consent.insurance_provider = clinic.insurer
    consent.save()
    before = state()

    with pytest.raises(actions.HoldMismatch):
        clinic.book(doctor=other.doctor, hold_id=held.pk)
    assert state() == before


def test_a_hold_that_is_another_insurers_is_only_in_the_way(clinic: Clinic) -> None:
    theirs = clinic.hold(provider=clinic.new_insurer())

    with pytest.raises(actions.SlotTaken):
        clinic.book(hold_id=theirs.pk)
    booked = clinic.book(TUESDAY_AT_9 + QUARTER, hold_id=theirs.pk)

    assert booked.pk != theirs.pk
    assert Appointment.objects.get(pk=theirs.pk).status == HELD


def test_a_hold_that_has_run_out_competes_like_any_other(clinic: Clinic) -> None:
    held = clinic.hold()

    booked = clinic.book(hold_id=held.pk, at=NOW + 5 * MINUTE)

    assert booked.pk != held.pk
    assert Appointment.objects.get() == booked
    assert recorded(held.pk) == ["appointment.held", "appointment.hold_ended"]
    assert AuditLog.objects.get(action="appointment.hold_ended").performed_by_provider is None


def test_a_booked_hold_cannot_be_booked_again(clinic: Clinic) -> None:
    held = clinic.hold()
    clinic.book(hold_id=held.pk)
    before = state()

    with pytest.raises(actions.SlotTaken):
        clinic.book(hold_id=held.pk)
    assert state() == before


def test_an_id_that_was_used_books_no_hold(clinic: Clinic) -> None:
    clinic.book(TUESDAY_AT_9 + QUARTER, external_appointment_id="A")
    held = clinic.hold()
    before = state()

    with pytest.raises(actions.ExternalIdUsed):
        clinic.book(hold_id=held.pk, external_appointment_id="A")

    assert state() == before


def test_another_broken_rule_is_no_used_id(clinic: Clinic) -> None:
    held = clinic.hold()
    before = state()

    with pytest.raises(IntegrityError, match="appointment_booked_has_references"):
        clinic.book(hold_id=held.pk, external_appointment_id=None)
    assert state() == before


def test_a_hold_is_renewed_once(clinic: Clinic) -> None:
    held = clinic.hold()

    renewed = actions.renew_hold(hold=held, at=NOW + 2 * MINUTE)

    kept = Appointment.objects.get()
    assert kept.hold_expires_at == renewed.hold_expires_at == NOW + 7 * MINUTE
    assert (kept.hold_renewed_at, kept.status_at, kept.version) == (NOW + 2 * MINUTE, NOW, 2)
    assert recorded(held.pk) == ["appointment.held", "appointment.hold_renewed"]
    assert published(held.pk) == []
    before = state()
    with pytest.raises(actions.AlreadyRenewed):
        actions.renew_hold(hold=held, at=NOW + 3 * MINUTE)
    assert state() == before


def test_no_hold_lasts_longer_than_10_minutes(clinic: Clinic) -> None:
    held = clinic.hold(provider=clinic.new_insurer(hold_minutes=8))

    renewed = actions.renew_hold(hold=held, at=NOW + 7 * MINUTE)

    assert renewed.hold_expires_at == NOW + 10 * MINUTE


def test_a_hold_that_has_ended_is_not_renewed(clinic: Clinic) -> None:
    over, booked = clinic.hold(), clinic.hold(TUESDAY_AT_9 + QUARTER)
    clinic.book(TUESDAY_AT_9 + QUARTER, hold_id=booked.pk)
    before = state()

    with pytest.raises(actions.HoldEnded):
        actions.renew_hold(hold=over, at=NOW + 5 * MINUTE)
    with pytest.raises(actions.HoldEnded):
        actions.renew_hold(hold=booked, at=NOW + MINUTE)
    assert state() == before


def test_a_hold_is_not_renewed_once_the_doctor_has_opted_out(clinic: Clinic) -> None:
    held = clinic.hold()
    Consent.objects.update(consent_status="REVOKED", revoked_at=NOW)
    before = state()

    with pytest.raises(actions.NotVisible):
        actions.renew_hold(hold=held, at=NOW + MINUTE)
    assert state() == before


def test_a_released_place_can_be_had_at_once(clinic: Clinic) -> None:
    held = clinic.hold()

    actions.release_hold(hold=held, by=clinic.insurer, at=NOW)

    assert not Appointment.objects.exists()
    assert recorded(held.pk) == ["appointment.held", "appointment.hold_released"]
    assert published(held.pk) == []
    assert clinic.book(provider=clinic.new_insurer()).status == "BOOKED"


def test_what_is_booked_or_gone_cannot_be_released(clinic: Clinic) -> None:
    held = clinic.hold()
    clinic.book(hold_id=held.pk)
    released = clinic.hold(TUESDAY_AT_9 + QUARTER)
    actions.release_hold(hold=released, by=clinic.insurer, at=NOW)
    before = state()

    for one in (held, released):
        with pytest.raises(actions.HoldEnded):
            actions.release_hold(hold=one, by=clinic.insurer, at=NOW)
    assert state() == before


def test_a_hold_that_has_run_out_blocks_nobody_whatever_they_do(clinic: Clinic) -> None:
    """Nothing cleans up: whoever wants the place clears it, another insurer's hold too."""
    rival = clinic.new_insurer()
    late = NOW + 5 * MINUTE
    starts = [TUESDAY_AT_9 + count * QUARTER for count in range(3)]
    ended = [clinic.hold(start, provider=rival) for start in starts]
    moving = clinic.book(TUESDAY_AT_9 + 4 * QUARTER)

    booked, held = clinic.book(starts[0], at=late), clinic.hold(starts[1], at=late)
    moved = actions.move(appointment=moving, start=starts[2], by=clinic.insurer, at=late)

    assert set(Appointment.objects.all()) == {booked, held, moved}
    # They have the numbers of their slots, as if nobody had held them.
    assert [one.token_number for one in (booked, held, moved)] == [1, 2, 3]
    for one in ended:
        assert recorded(one.pk) == ["appointment.held", "appointment.hold_ended"]


def test_a_hold_that_has_run_out_elsewhere_is_let_be(clinic: Clinic) -> None:
    elsewhere = clinic.hold(TUESDAY_AT_9 + 2 * QUARTER)

    clinic.book(at=NOW + 5 * MINUTE)

    assert Appointment.objects.filter(pk=elsewhere.pk).exists()


def test_a_full_day_counts_holds_while_they_run(clinic: Clinic) -> None:
    actions.set_booking_rules(
        doctor=clinic.doctor,
        lead_time=timedelta(0),
        horizon=timedelta(days=60),
        most_per_day=2,
        by=clinic.user,
        at=NOW,
    )
    held = clinic.hold()
    clinic.book(TUESDAY_AT_9 + QUARTER)

    with pytest.raises(actions.SlotRefused) as refusal:
        clinic.book(TUESDAY_AT_9 + 2 * QUARTER)
    assert refusal.value.reasons == (Reason.DAY_FULL,)
    assert clinic.book(hold_id=held.pk).pk == held.pk


def test_what_others_held_meanwhile_and_let_run_out_does_not_count(clinic: Clinic) -> None:
    BookingRules.objects.create(doctor=clinic.doctor, most_per_day=2)
    held = clinic.hold()
    clinic.hold(provider=clinic.new_insurer(), start=TUESDAY_AT_9 + QUARTER)
    actions.renew_hold(hold=held, at=NOW + 4 * MINUTE)
    later = NOW + 6 * MINUTE
    clinic.book(provider=clinic.new_insurer(), start=TUESDAY_AT_9 + 2 * QUARTER, at=later)

    booked = clinic.book(hold_id=held.pk, at=later)

    assert booked.status == BOOKED


def test_a_held_place_is_not_sold_once_the_hours_are_elsewhere(clinic: Clinic) -> None:
    held = clinic.hold()
    Availability.objects.update(location=make_location(clinic.doctor))
    before = state()

    with pytest.raises(actions.SlotRefused):
        clinic.book(hold_id=held.pk)

    assert state() == before
