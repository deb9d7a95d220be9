from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from registry.actions.refusals import Refused
from registry.models import Doctor, DoctorLocation
from scheduling import diary, slots
from scheduling.actions import locks
from scheduling.models import Appointment
from scheduling.slots import Reason, Slot

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
    """

    doctor: Doctor
    start: datetime
    location: DoctorLocation | None
    mode: str | None
    at: datetime
    ignoring: UUID | None = None

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
        slot, reasons, _ = self._look()
        if slot is None or reasons:
            raise self.refusal(reasons)
        return slot

    def slot_of_counted_day(self, *, always: bool = False) -> Slot:
        """Give the slot as `free_slot`, after others that must count its day are done.

        Args:
            always: wait for them also if the doctor has no most a day.
        """
        slot, reasons, has_most = self._look()
        if slot is not None and (has_most or always):
            locks.take_day(self.doctor.pk, slot.local_date)
            there = replace(self, location=DoctorLocation(pk=slot.location_id))
            slot, reasons, _ = there._look()  # noqa: SLF001  Its own class.
        if slot is None or reasons:
            raise self.refusal(reasons)
        return slot

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

    def _look(self) -> tuple[Slot | None, tuple[Reason, ...], bool]:
        """Give the slot, what is against it, and whether the doctor has a most a day."""
        slots.check_instants(self.start, self.at)
        schedule = diary.load(
            doctor=self.doctor,
            starts_at=self.start,
            ends_at=self.start + _MINUTE,
            at=self.at,
            ignoring=self.ignoring,
        )
        asked: dict[str, Any] = {
            "starts_at": self.start,
            "at": self.at,
            "location_id": self.location.pk if self.location else None,
        }
        has_most = schedule.rules.most_per_day is not None
        slot = slots.slot_at(schedule, **asked)
        if slot is not None and not slot.reasons and self.mode in {None, slot.mode}:
            return slot, (), has_most
        return slot, slots.why_not_free(schedule, **asked, mode=self.mode), has_most
