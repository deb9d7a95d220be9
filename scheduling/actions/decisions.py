"""What becomes of appointments that a change of hours leaves outside them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q

from registry.actions.refusals import Refused
from registry.models import Doctor, DoctorLocation, User
from scheduling import slots
from scheduling.actions.cancelling import cancel_locked
from scheduling.models import (
    Appointment,
    AppointmentQuerySet,
    Availability,
    AvailabilityException,
)
from scheduling.slots import Extra, Schedule, Terms, Window

# A night that began the day before may still go on, in a zone that is a day off UTC's.
_LONGEST_AGO = timedelta(days=2)
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True)
class Decision:
    """Keep an affected appointment, or cancel it.

    Args:
        reason: one of `Appointment.CancelReason` when it is cancelled.
        note: for the doctor and the insurer alone.
    """

    cancel: bool
    reason: str = ""
    note: str = ""

    @property
    def is_complete(self) -> bool:
        """Tell whether it can be carried out as it is."""
        longest = Appointment._meta.get_field("cancel_note").max_length or 0
        return not self.cancel or (
            self.reason in Appointment.CancelReason.values and len(self.note) <= longest
        )


NOTHING_DECIDED: Mapping[UUID, Decision] = MappingProxyType({})


class Undecided(Refused):
    """Affected appointments lack a decision that can be carried out; nothing was changed."""

    def __init__(self, appointments: list[Appointment]) -> None:
        self.appointments = appointments
        count = len(appointments)
        super().__init__(
            "1 appointment is affected. Keep it or cancel it."
            if count == 1
            else f"{count} appointments are affected. Keep or cancel each."
        )


def affected_by_leave(
    *,
    doctor: Doctor,
    location: DoctorLocation | None,
    starts_at: datetime,
    ends_at: datetime,
    at: datetime,
) -> list[Appointment]:
    """List the appointments to come that leave would fall on, with place and insurer at hand.

    Those that other leave falls on already were decided on when that was taken.

    Args:
        location: one place; `None` takes all.
        at: aware instant of the question; what has begun is not affected.
    """
    leave = AvailabilityException.objects.filter(
        Q(location=None) | Q(location=OuterRef("location")),
        doctor=doctor,
        kind=AvailabilityException.Kind.CLOSED,
        starts_at__lt=OuterRef("ends_at"),
        ends_at__gt=OuterRef("appointment_time"),
    )
    found = _to_come(doctor, at).touching(starts_at, ends_at).exclude(Exists(leave))
    return list(found if location is None else found.filter(location=location))


def affected_by_extra_hours(
    *,
    doctor: Doctor,
    gone: Collection[UUID],
    instead: AvailabilityException | None,
    at: datetime,
) -> list[Appointment]:
    """List the appointments to come that would lose the extra hours they are in.

    Args:
        gone: ids of the extra hours that go.
        instead: those that come for them, if any.
    """
    weekly = windows_of(
        Availability.objects.filter(
            Q(valid_to=None) | Q(valid_to__gt=at.date() - _LONGEST_AGO),
            doctor=doctor,
            is_active=True,
        ).select_related("location")
    )
    extras = extra_hours_to_come(doctor, at)
    left = [extra for extra in extras if extra.pk not in gone]
    return left_outside(
        doctor=doctor,
        before=open_time(weekly, extras),
        after=open_time(weekly, left if instead is None else [*left, instead]),
        at=at,
    )


def left_outside(
    *, doctor: Doctor, before: Schedule, after: Schedule, at: datetime
) -> list[Appointment]:
    """List the appointments to come that are in the open time before a change, not wholly after.

    Args:
        before, after: made by `open_time`.
        at: aware instant of the change; what has begun is not affected.
    """
    return [
        one
        for one in _to_come(doctor, at)
        if not _is_inside(one, after) and _is_inside(one, before)
    ]


def _is_inside(appointment: Appointment, hours: Schedule) -> bool:
    return slots.is_open(
        hours,
        starts_at=appointment.appointment_time,
        ends_at=appointment.ends_at,
        location_id=appointment.location_id,
    )


def open_time(windows: tuple[Window, ...], extras: Iterable[AvailabilityException]) -> Schedule:
    """Give the open time of weekly windows and extra hours."""
    return Schedule(
        windows=windows,
        extras=tuple(
            # Extra hours are instants: nobody asks for the zone of their place.
            Extra(row.starts_at, row.ends_at, Terms(row.location_id, _UTC))
            for row in extras
            if row.location_id is not None
        ),
    )


def windows_of(rows: Iterable[Availability]) -> tuple[Window, ...]:
    """Give the windows of rows that have their places at hand."""
    return tuple(
        Window(
            row.day_of_week,
            row.start_time,
            row.end_time,
            row.valid_from,
            row.valid_to,
            Terms(row.location_id, ZoneInfo(row.location.timezone)),
        )
        for row in rows
    )


def extra_hours_to_come(doctor: Doctor, at: datetime) -> list[AvailabilityException]:
    """List a doctor's extra hours that are not over at the instant `at`."""
    return list(
        AvailabilityException.objects.filter(
            doctor=doctor, kind=AvailabilityException.Kind.EXTRA, ends_at__gt=at
        )
    )


def settle(
    affected: Sequence[Appointment],
    decisions: Mapping[UUID, Decision],
    *,
    by: User,
    at: datetime,
) -> dict[str, list[str]]:
    """Carry out the decisions on affected appointments, or refuse the whole change.

    Decisions on others are ignored: what they were about is cancelled by now, or was moved.

    Args:
        affected: those of a doctor whose row the caller holds.

    Returns:
        What was decided, for the audit log.

    Raises:
        Undecided: names those that lack a decision; nothing was changed.
    """
    undecided = [
        one for one in affected if one.pk not in decisions or not decisions[one.pk].is_complete
    ]
    if undecided:
        raise Undecided(undecided)
    leaving = [one.pk for one in affected if decisions[one.pk].cancel]
    rows = Appointment.objects.select_for_update(no_key=True).filter(pk__in=leaving)
    for standing in rows.order_by("pk"):
        decision = decisions[standing.pk]
        cancel_locked(standing, reason=decision.reason, note=decision.note, by=by, at=at)
    return {
        "kept": [str(one.pk) for one in affected if one.pk not in leaving],
        "cancelled": [str(pk) for pk in leaving],
    }


def _to_come(doctor: Doctor, at: datetime) -> AppointmentQuerySet:
    return Appointment.objects.filter(
        doctor=doctor, status__in=Appointment.CANCELLABLE, appointment_time__gt=at
    ).select_related("location", "insurance_provider")
