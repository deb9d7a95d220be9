from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from registry import ledger
from registry.actions.refusals import Refused, constraint_of
from registry.actions.transactions import joining
from registry.models import Doctor, DoctorLocation, InsuranceProvider
from scheduling.actions import lanes, locks
from scheduling.actions.lanes import ExternalIdUsed
from scheduling.actions.telling import refresh_days, tell
from scheduling.actions.wanted import Wanted
from scheduling.models import Appointment
from scheduling.slots import Reason


class HoldMismatch(Refused):
    """The insurer's hold keeps another doctor's place or another time; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("This hold is for another doctor, time, place or mode.")


@joining
def book(
    *,
    provider: InsuranceProvider,
    doctor: Doctor,
    start: datetime,
    location: DoctorLocation | None,
    external_appointment_id: str,
    patient_reference: str,
    mode: str | None,
    visit_type: str,
    at: datetime,
    hold_id: UUID | None = None,
) -> Appointment:
    """Book a patient of an insurer into a free slot, or into the one that it holds.

    Not durable: the insurers' API keeps its idempotent answer in the same transaction.

    Args:
        start: aware instant at which the slot starts.
        location: `None` takes the place that has the slot.
        mode: how they meet; `None` takes the slot's.
        at: aware instant of the request.
        hold_id: one that is unknown, over or another insurer's keeps nothing, and nobody learns
            which of these it is.

    Raises:
        NotVisible, AppointmentsNotShared: the doctor shares no appointments with the insurer.
        HoldMismatch: the hold is for something else.
        ExternalIdUsed: the insurer has an appointment of this id.
        SlotTaken, SlotRefused: with the reasons and the next free times.
        TooManyBookings: the insurer's most open bookings with a doctor on one day.
        slots.BadRange: `start` is naive or not of our time.

    Source: docs/adr/0009-booking-is-not-durable.md
    """
    wanted = Wanted(doctor, start, location, mode, at)
    held = _standing_hold(hold_id, provider, doctor, at)
    if held:
        _check_keeps(held, wanted)
    appointment = held or Appointment(doctor=doctor, insurance_provider=provider)
    appointment.external_appointment_id = external_appointment_id
    appointment.patient_reference = patient_reference
    appointment.visit_type = visit_type
    appointment.status, appointment.status_at = Appointment.Status.BOOKED, at
    if held:
        _save_held(held)
        refresh_days(held)
    else:
        lanes.add(appointment, wanted)
    ledger.record("appointment.booked", subject=appointment, by=provider, at=at)
    tell("appointment.booked", appointment, at=at)
    return appointment


def _standing_hold(
    hold_id: UUID | None, provider: InsuranceProvider, doctor: Doctor, at: datetime
) -> Appointment | None:
    if hold_id is None:
        return None
    locks.take_pair(doctor_id=doctor.pk, provider=provider, at=at)
    holds = Appointment.objects.select_for_update(no_key=True).occupying_at(at)
    own = holds.filter(insurance_provider=provider, status=Appointment.Status.HELD)
    return own.filter(pk=hold_id).first()


def _check_keeps(held: Appointment, wanted: Wanted) -> None:
    """Refuse a hold of something else, and one whose time has been closed or has begun since."""
    if held.doctor_id != wanted.doctor.pk or not wanted.is_at(held):
        raise HoldMismatch
    if wanted.start <= wanted.at:
        raise wanted.refusal((Reason.TOO_SOON,))
    kept = replace(wanted, location=held.location, mode=held.mode)
    replace(kept, ignoring=held.pk, since=held.status_at).free_slot()


def _save_held(held: Appointment) -> None:
    held.hold_expires_at = held.hold_renewed_at = None
    held.version += 1
    try:
        with transaction.atomic():
            held.save()
    except IntegrityError as error:
        if constraint_of(error) != "appointment_external_id_once":
            raise
        raise ExternalIdUsed from error
