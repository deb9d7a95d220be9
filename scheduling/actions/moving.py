from copy import copy
from datetime import datetime

from django.utils.translation import gettext

from registry import ledger
from registry.actions.refusals import Refused
from registry.actions.transactions import joining
from registry.models import DoctorLocation, InsuranceProvider, User
from scheduling.actions import lanes, locks
from scheduling.actions.telling import refresh_days, tell
from scheduling.actions.wanted import Wanted
from scheduling.models import Appointment

_CHANGED = [
    "appointment_time",
    "ends_at",
    "local_date",
    "location",
    "mode",
    "capacity",
    "lane",
    "token_number",
    "version",
]


class NotMovable(Refused):
    """The appointment has begun, or is no longer booked; nothing was changed."""

    def __init__(self, appointment: Appointment) -> None:
        self.status = Appointment.Status(appointment.status)
        super().__init__(
            gettext("It has begun, so it cannot be moved any more.")
            if self.status == Appointment.Status.BOOKED
            else gettext("This appointment cannot be moved: %(status)s.")
            % {"status": self.status.label.lower()}
        )


class Stale(Refused):
    """The appointment has changed since it was read; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(gettext("This appointment has changed since you read it."))


@joining
def move(
    *,
    appointment: Appointment,
    start: datetime,
    location: DoctorLocation | None = None,
    mode: str | None = None,
    by: User | InsuranceProvider,
    at: datetime,
    version: int | None = None,
) -> Appointment:
    """Give an appointment another time; its old place is free only if the new one was had.

    It stays the same row, with another lane and token number, so that no instant exists at which
    it has both places or none. To where it is already, nothing happens. Not durable, as `book`.

    Args:
        start: aware instant at which the new slot starts.
        location: `None` takes the place that has the slot.
        mode: how they meet; `None` takes the slot's.
        by: an insurer may move its own while the doctor shares appointments with it.
        at: aware instant of the request.
        version: which the caller has read; `None` moves whatever stands.

    Raises:
        NotVisible, AppointmentsNotShared: the doctor shares no appointments with the insurer.
        NotMovable, Stale: nothing was changed.
        SlotTaken, SlotRefused: with the reasons and the next free times.
        TooManyBookings: the insurer's most open bookings with a doctor on one day.
        slots.BadRange: `start` is naive or not of our time.
    """
    if isinstance(by, InsuranceProvider):
        locks.take_pair(doctor_id=appointment.doctor_id, provider=by, at=at)
    else:
        locks.share_doctor(appointment.doctor_id)
    standing = locks.take_appointment(appointment)
    if version not in {None, standing.version}:
        raise Stale
    if standing.status != Appointment.Status.BOOKED or standing.appointment_time <= at:
        raise NotMovable(standing)
    wanted = Wanted(appointment.doctor, start, location, mode, at, ignoring=standing.pk)
    if not wanted.is_at(standing):
        _move(standing, wanted, by=by)
    return standing


def _move(standing: Appointment, wanted: Wanted, *, by: User | InsuranceProvider) -> None:
    before = copy(standing)
    # Moves into one day come one by one: two updates that meet in the exclusion constraint wait
    # for each other, and the database would have to break it.
    slot = wanted.slot_to_move_to()
    lanes.put(standing, slot)
    standing.version += 1
    others = lanes.standing_of(standing, wanted.at)
    if isinstance(by, InsuranceProvider) and standing.local_date != before.local_date:
        lanes.check_limit(standing, others)
    if not lanes.take_lane(
        standing,
        lanes.places_of(slot),
        others,
        at=wanted.at,
        write=lambda: lanes.save_if_free(standing, _CHANGED),
    ):
        raise wanted.refusal()
    ledger.record(
        "appointment.moved",
        subject=standing,
        by=by,
        at=wanted.at,
        moved_from=before.appointment_time.isoformat(),
        moved_to=standing.appointment_time.isoformat(),
    )
    tell("appointment.rescheduled", standing, at=wanted.at)
    refresh_days(before, standing)
