from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from registry import ledger
from registry.actions.refusals import Refused
from registry.models import User
from scheduling import diary
from scheduling.actions import lanes, locks
from scheduling.actions.telling import refresh_days, tell
from scheduling.actions.wanted import Wanted
from scheduling.models import Appointment
from scheduling.models import AppointmentStatus as Status
from scheduling.slots import Slot

_EVENTS = {
    Status.BOOKED: "appointment.booked",
    Status.ARRIVED: "appointment.arrived",
    Status.COMPLETED: "appointment.completed",
    Status.NO_SHOW: "appointment.no_show",
}
_MARKED = ["status", "previous_status", "status_at", "status_by", "version"]
_LANE = ["lane", "capacity", "token_number"]
_UNDONE = [*_MARKED, "cancel_reason", "cancel_note", "cancelled_at", *_LANE]


class NotMarkable(Refused):
    """The appointment is not in a state for this mark, or it is too early; nothing was changed."""


class NotUndoable(Refused):
    """It is too late to undo, or nobody at the doctor's did it; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(
            gettext("This can be undone only by the doctor's side, within 10 minutes.")
        )


@transaction.atomic(durable=True)
def mark_arrived(*, appointment: Appointment, by: User, at: datetime) -> Appointment:
    """Say that the patient is there, on the day of the appointment or later.

    Args:
        at: aware instant of the mark.

    Raises:
        NotMarkable: nothing was changed.
    """
    standing = _taken(appointment, [Status.BOOKED])
    if at.astimezone(standing.local_time.tzinfo).date() < standing.local_date:
        raise NotMarkable(
            gettext("Patients can be marked as arrived on the day of their appointment.")
        )
    return _mark(standing, Status.ARRIVED, by=by, at=at)


@transaction.atomic(durable=True)
def mark_completed(*, appointment: Appointment, by: User, at: datetime) -> Appointment:
    """Say that the patient was seen, once the appointment has begun.

    Args:
        at: aware instant of the mark.

    Raises:
        NotMarkable: nothing was changed.
    """
    standing = _taken(appointment, [Status.BOOKED, Status.ARRIVED])
    _check_has_begun(standing, at)
    return _mark(standing, Status.COMPLETED, by=by, at=at)


@transaction.atomic(durable=True)
def mark_no_show(*, appointment: Appointment, by: User, at: datetime) -> Appointment:
    """Say that the patient did not come, once the appointment has begun.

    Args:
        at: aware instant of the mark.

    Raises:
        NotMarkable: nothing was changed.
    """
    standing = _taken(appointment, [Status.BOOKED])
    _check_has_begun(standing, at)
    return _mark(standing, Status.NO_SHOW, by=by, at=at)


@transaction.atomic(durable=True)
def undo(*, appointment: Appointment, by: User, at: datetime) -> Appointment:
    """Take back a mark or a cancellation made at the doctor's, within 10 minutes.

    A cancelled appointment comes back only if its place is still free. Hours do not matter: the
    doctor may have an appointment outside them.

    Args:
        at: aware instant of the undo.

    Raises:
        NotUndoable: nothing was changed.
        SlotTaken: somebody else has the place; nothing was changed.
    """
    # Nobody books meanwhile, so that what is free stays free: an undo is rare.
    locks.take_doctor(appointment.doctor_id)
    standing = locks.take_appointment(appointment)
    if not standing.can_be_undone_at(at):
        raise NotUndoable
    undone = standing.status
    standing.status, standing.previous_status = standing.previous_status, ""
    standing.status_at, standing.status_by = at, by
    standing.version += 1
    if undone == Status.CANCELLED:
        _restore(standing, at)
    else:
        standing.save(update_fields=_MARKED)
    ledger.record(
        "appointment.undone",
        subject=standing,
        by=by,
        at=at,
        undone=undone,
        status=standing.status,
    )
    tell(_EVENTS[Status(standing.status)], standing, at=at)
    if undone == Status.CANCELLED:
        refresh_days(standing)
    return standing


def _taken(appointment: Appointment, expected: list[Status]) -> Appointment:
    locks.share_doctor(appointment.doctor_id)
    standing = locks.take_appointment(appointment)
    if standing.status not in expected:
        text = gettext("The appointment is marked “%(status)s”, so this does not fit.")
        raise NotMarkable(text % {"status": Status(standing.status).label})
    return standing


def _check_has_begun(standing: Appointment, at: datetime) -> None:
    if at < standing.appointment_time:
        raise NotMarkable(gettext("This can be marked once the appointment has begun."))


def _mark(standing: Appointment, status: Status, *, by: User, at: datetime) -> Appointment:
    standing.previous_status, standing.status = standing.status, status
    standing.status_at, standing.status_by = at, by
    standing.version += 1
    standing.save(update_fields=_MARKED)
    ledger.record(_EVENTS[status], subject=standing, by=by, at=at)
    tell(_EVENTS[status], standing, at=at)
    return standing


def _restore(standing: Appointment, at: datetime) -> None:
    """Save a cancelled appointment as it was, in its own lane or in another one of its slot."""
    standing.cancel_reason = standing.cancel_note = ""
    standing.cancelled_at = None
    slot = _slot_of(standing, at)
    if slot:
        # Its lane is one of the slot's as that is by now.
        standing.capacity = slot.capacity
    if not lanes.take_lane(
        standing,
        _free_places(standing, slot, at),
        lanes.standing_of(standing, at),
        at=at,
        write=lambda: lanes.save_if_free(standing, _UNDONE),
    ):
        wanted = Wanted(standing.doctor, standing.appointment_time, None, None, at)
        raise wanted.refusal()


def _free_places(standing: Appointment, slot: Slot | None, at: datetime) -> list[tuple[int, int]]:
    """List lanes with their numbers that the appointment may have, its own first.

    When hours have changed so that no slot is like its own, its place is free if nobody is there.
    """
    own = (standing.lane, standing.token_number or 1)
    if slot is None:
        return [] if _is_anybody_there(standing, at) else [own]
    free = lanes.places_of(slot)
    return [own, *free] if standing.lane in slot.free_lanes else free


def _slot_of(standing: Appointment, at: datetime) -> Slot | None:
    slot, _ = diary.slot_and_reasons(
        doctor=standing.doctor,
        starts_at=standing.appointment_time,
        at=at,
        location=standing.location,
    )
    return slot if slot and slot.ends_at == standing.ends_at else None


def _is_anybody_there(standing: Appointment, at: datetime) -> bool:
    others = Appointment.objects.filter(doctor=standing.doctor_id).occupying_at(at)
    return others.touching(standing.appointment_time, standing.ends_at).exists()
