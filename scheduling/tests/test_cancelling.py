from datetime import timedelta

import pytest

from registry.models import AuditLog, OutboxEvent
from registry.tests.factories import NOW, make_doctor, make_provider, make_user
from scheduling import actions
from scheduling.models import Appointment
from scheduling.tests.clinic import Clinic, state
from scheduling.tests.factories import make_appointment

pytestmark = pytest.mark.django_db
Reason = Appointment.CancelReason


@pytest.mark.parametrize("status", Appointment.CANCELLABLE)
def test_cancelling_frees_the_time_and_tells_the_insurer(status: str) -> None:
    doctor, provider = make_doctor(), make_provider()
    user = make_user(doctor=doctor)
    appointment = make_appointment(doctor, provider, status=status)

    actions.cancel(
        appointment=appointment, reason=Reason.DOCTOR_LEAVE, note="Back on Friday", by=user, at=NOW
    )

    appointment.refresh_from_db()
    assert (appointment.status, appointment.version) == (Appointment.Status.CANCELLED, 2)
    assert (appointment.cancel_reason, appointment.cancel_note) == (
        Reason.DOCTOR_LEAVE,
        "Back on Friday",
    )
    assert appointment.cancelled_at == appointment.status_at == NOW
    # Whoever cancelled it at the doctor's can undo it.
    assert (appointment.previous_status, appointment.status_by) == (status, user)
    assert not appointment.occupies_at(NOW)
    log = AuditLog.objects.get()
    assert (log.action, log.entity_id) == ("appointment.cancelled", appointment.pk)
    assert (log.performed_by, log.metadata) == (user, {"reason": "doctor_leave"})
    event = OutboxEvent.objects.get()
    assert (event.type, event.subject_version) == ("appointment.cancelled", 2)
    assert event.insurance_provider == provider
    assert event.payload == {"doctor_id": str(doctor.pk), "appointment_id": str(appointment.pk)}


def test_an_insurer_can_cancel() -> None:
    provider = make_provider()
    appointment = make_appointment(make_doctor(), provider)

    actions.cancel(appointment=appointment, reason=Reason.DUPLICATE, by=provider, at=NOW)

    assert AuditLog.objects.get().performed_by_provider == provider
    appointment.refresh_from_db()
    assert (appointment.previous_status, appointment.status_by) == ("", None)


def test_the_open_day_has_the_place_again() -> None:
    clinic = Clinic()
    free = clinic.free()
    booked = clinic.book()
    assert clinic.free() == free - 1

    actions.cancel(appointment=booked, reason=Reason.OTHER, by=clinic.insurer, at=NOW)

    assert clinic.free() == free


@pytest.mark.parametrize("status", ["HELD", "COMPLETED", "NO_SHOW", "CANCELLED"])
def test_what_is_over_stays_as_it_is(status: str) -> None:
    provider = make_provider()
    appointment = make_appointment(make_doctor(), provider, status=status)

    with pytest.raises(actions.NotCancellable, match=Appointment.Status(status).label.lower()):
        actions.cancel(appointment=appointment, reason=Reason.OTHER, by=provider, at=NOW)

    assert Appointment.objects.get().version == 1
    assert not AuditLog.objects.exists()
    assert not OutboxEvent.objects.exists()


@pytest.mark.parametrize("status", Appointment.CANCELLABLE)
@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=1)])
def test_what_has_begun_stays_as_it_is(status: str, late: timedelta) -> None:
    provider = make_provider()
    appointment = make_appointment(
        make_doctor(), provider, status=status, appointment_time=NOW - late
    )

    with pytest.raises(actions.NotCancellable, match="It has begun"):
        actions.cancel(appointment=appointment, reason=Reason.OTHER, by=provider, at=NOW)

    assert Appointment.objects.get().version == 1
    assert not AuditLog.objects.exists()
    assert not OutboxEvent.objects.exists()


def test_a_stale_row_in_hand_does_not_matter() -> None:
    provider = make_provider()
    appointment = make_appointment(make_doctor(), provider)
    actions.cancel(appointment=appointment, reason=Reason.OTHER, by=provider, at=NOW)
    before = state()

    with pytest.raises(actions.NotCancellable, match="cancelled"):
        actions.cancel(appointment=appointment, reason=Reason.OTHER, by=provider, at=NOW)

    assert state() == before
