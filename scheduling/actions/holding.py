from datetime import datetime, timedelta

from django.db import transaction

from registry import ledger
from registry.actions.refusals import Refused
from registry.actions.transactions import joining
from registry.models import Doctor, DoctorLocation, InsuranceProvider, User
from scheduling.actions import lanes, locks
from scheduling.actions.wanted import Wanted
from scheduling.models import Appointment

LONGEST_HOLD = timedelta(minutes=10)


class HoldEnded(Refused):
    """The hold is booked, released or has run out; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("This hold has ended.")


class AlreadyRenewed(Refused):
    """A hold can be renewed once; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("This hold was already renewed once.")


@joining
def hold(
    *,
    provider: InsuranceProvider,
    doctor: Doctor,
    start: datetime,
    location: DoctorLocation | None,
    mode: str | None,
    at: datetime,
) -> Appointment:
    """Keep a place in a free slot for the minutes that the insurer's holds last.

    It counts as one of the insurer's open bookings. Not durable, as `book`.

    Args:
        start: aware instant at which the slot starts.
        location: `None` takes the place that has the slot.
        mode: how they meet; `None` takes the slot's.
        at: aware instant of the request.

    Raises:
        NotVisible, AppointmentsNotShared: the doctor shares no appointments with the insurer.
        SlotTaken, SlotRefused: with the reasons and the next free times.
        TooManyBookings: the insurer's most open bookings with a doctor on one day.
        slots.BadRange: `start` is naive or not of our time.
    """
    held = Appointment(
        doctor=doctor,
        insurance_provider=provider,
        status=Appointment.Status.HELD,
        status_at=at,
        hold_expires_at=at + _length_of_hold(provider),
    )
    lanes.add(held, Wanted(doctor, start, location, mode, at))
    ledger.record("appointment.held", subject=held, by=provider, at=at)
    return held


@transaction.atomic(durable=True)
def renew_hold(*, hold: Appointment, at: datetime) -> Appointment:
    """Let a hold begin anew, once, up to 10 minutes after the place was first held.

    Args:
        at: aware instant of the request.

    Raises:
        NotVisible, AppointmentsNotShared: the doctor shares no appointments any more.
        HoldEnded, AlreadyRenewed: nothing was changed.
    """
    provider = hold.insurance_provider
    locks.take_pair(doctor_id=hold.doctor_id, provider=provider, at=at)
    standing = _standing(hold)
    if standing is None or not standing.occupies_at(at):
        raise HoldEnded
    if standing.hold_renewed_at is not None:
        raise AlreadyRenewed
    standing.hold_expires_at = min(
        at + _length_of_hold(provider), standing.status_at + LONGEST_HOLD
    )
    standing.hold_renewed_at = at
    standing.version += 1
    standing.save(update_fields=["hold_expires_at", "hold_renewed_at", "version"])
    ledger.record("appointment.hold_renewed", subject=standing, by=provider, at=at)
    return standing


@transaction.atomic(durable=True)
def release_hold(*, hold: Appointment, by: User | InsuranceProvider, at: datetime) -> None:
    """Give a held place back before it runs out.

    Args:
        at: aware instant of the request.

    Raises:
        HoldEnded: it is booked or gone; nothing was changed.
    """
    locks.share_doctor(hold.doctor_id)
    standing = _standing(hold)
    if standing is None:
        raise HoldEnded
    ledger.record("appointment.hold_released", subject=standing, by=by, at=at)
    standing.delete()


def _length_of_hold(provider: InsuranceProvider) -> timedelta:
    return timedelta(minutes=provider.hold_minutes)


def _standing(hold: Appointment) -> Appointment | None:
    holds = Appointment.objects.select_for_update(no_key=True)
    return holds.filter(pk=hold.pk, status=Appointment.Status.HELD).first()
