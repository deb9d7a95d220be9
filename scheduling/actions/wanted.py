from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from registry.actions.refusals import Refused
from registry.models import Doctor, DoctorLocation
from scheduling import diary, slots
from scheduling.actions import locks
from scheduling.models import Appointment
from scheduling.slots import Reason, Schedule, Slot

_MINUTE = timedelta(minutes=1)


class SlotRefused(Refused):
    """The time cannot be booked; nothing was changed.

    Args:
        reasons: everything against it.
        next_free: the next few slots that could be booked instead.
    """

    def __init__(self, reasons: Iterable[Reason], next_free: list[Slot]) -> None:
        self.reasons, self.next_free = tuple(reasons), next_free
        super().__init__(f"This time cannot be booked: {', '.join(self.reasons)}.")


class SlotTaken(SlotRefused):
    """Somebody else has the time; nothing was changed."""


@dataclass(frozen=True)
class Wanted:
    """A time that somebody asks for; without a place or mode, whichever has the slot.

    Args:
        ignoring: a hold or appointment of theirs that takes no place from them.
        since: when their place was first held: lead time and horizon count from then, not `at`.
    """

    doctor: Doctor
    start: datetime
    location: DoctorLocation | None
    mode: str | None
    at: datetime
    ignoring: UUID | None = None
    since: datetime | None = None

    def is_at(self, appointment: Appointment) -> bool:
        """Tell whether an appointment has already what is wanted."""
        return (
            appointment.appointment_time == self.start
            and (self.location is None or self.location.pk == appointment.location_id)
            and self.mode in {None, appointment.mode}
        )

    def free_slot(self) -> Slot:
        """Give the slot, free as far as anybody can see.

        Raises:
            SlotTaken, SlotRefused: with the reasons and the next free times.
            slots.BadRange: `start` is naive or not of our time.
        """
        return self._free_slot(self.ask_for_schedule()())

    def slot_to_book(self, schedule: Schedule) -> Slot:
        """Give the slot as `free_slot`; of a doctor with a most a day, when our turn has come."""
        slot = self._free_slot(schedule)
        return slot if schedule.rules.most_per_day is None else self._in_turn(slot)

    def slot_to_move_to(self) -> Slot:
        """Give the slot as `free_slot`, when our turn has come on its day."""
        return self._in_turn(self.free_slot())

    def refusal(self, reasons: tuple[Reason, ...] = (Reason.TAKEN,)) -> SlotRefused:
        """Make the refusal that fits the reasons, with what is free instead."""
        instead = diary.next_free(
            doctor=self.doctor,
            after=self.start,
            at=self.at,
            location=self.location,
            mode=self.mode,
        )
        return (SlotTaken if reasons == (Reason.TAKEN,) else SlotRefused)(reasons, instead)

    def _in_turn(self, slot: Slot) -> Slot:
        """Look at a slot again after others who must count its day, which is its place's own."""
        locks.take_day(self.doctor.pk, slot.local_date)
        return self._free_slot(self.ask_for_schedule()(), slot.location_id)

    def ask_for_schedule(self) -> Callable[[], Schedule]:
        """Ask for what decides, `together` with other questions; what is given reads it.

        Raises:
            slots.BadRange: `start` is naive or not of our time.
        """
        slots.check_instants(self.start, self.at)
        return diary.ask_for(
            doctor_id=self.doctor.pk,
            starts_at=self.start,
            ends_at=self.start + _MINUTE,
            at=self.at,
            ignoring=self.ignoring,
        )

    def _free_slot(self, schedule: Schedule, place: UUID | None = None) -> Slot:
        slot, reasons = slots.slot_and_reasons(
            schedule,
            starts_at=self.start,
            at=self.since or self.at,
            location_id=self.location.pk if self.location else place,
            mode=self.mode,
        )
        if slot is None or reasons:
            raise self.refusal(reasons)
        return slot
