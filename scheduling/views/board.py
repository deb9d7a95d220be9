from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry.models import Doctor
from scheduling import diary, wording
from scheduling.diary import Entry
from scheduling.models import Appointment, AvailabilityException
from scheduling.slots import Reason

_INSTANT = timedelta(microseconds=1)
_DAY = timedelta(days=1)
# No zone is this far from UTC.
_FAR = timedelta(hours=15)
# What is not free, in the doctor's words; the first that holds is shown on the calendar.
_WORDS = {
    Reason.ON_LEAVE: _("on leave"),
    Reason.PLACE_CLOSED: _("place not in use"),
    Reason.TAKEN: _("taken"),
    Reason.TOO_SOON: _("too soon to book"),
    Reason.DAY_FULL: _("day full"),
    Reason.BEYOND_HORIZON: _("not open for booking yet"),
    Reason.CREDENTIAL_EXPIRED: _("after your registration ends"),
}


@dataclass(frozen=True)
class State:
    """How a line stands, in words and as the class of its colour."""

    text: str
    kind: str


@dataclass(frozen=True)
class Change:
    """Leave or extra hours, in words; `starts_at` is in the zone in which it is told."""

    row: AvailabilityException
    starts_at: datetime
    ends_at: datetime
    what: str
    where: str
    when: str


@dataclass(frozen=True)
class Board:
    """What the calendar shows of some days: its lines, and what differs from the weekly hours.

    `may_change` tells whether who looks at it keeps the hours too.
    """

    entries: list[Entry]
    holds: dict[tuple[datetime, UUID], list[Appointment]]
    changes: list[Change]
    at: datetime
    may_change: bool

    @classmethod
    def of(
        cls, doctor: Doctor, first: date, last: date, *, at: datetime, may_change: bool
    ) -> "Board":
        """Read the local dates from `first` to `last`, both included.

        Raises:
            slots.BadRange: they are not of our time.
        """
        entries = diary.entries(doctor=doctor, first=first, last=last, at=at)
        holds = _holds(doctor, entries, at)
        return cls(entries, holds, changes_between(doctor, first, last), at, may_change)

    def held(self, entry: Entry) -> list[Appointment]:
        """Give the holds on a line's time."""
        return self.holds.get((entry.starts_at.astimezone(UTC), entry.location.pk), [])

    def state(self, entry: Entry) -> State:
        """Say how a line stands."""
        reasons = entry.slot.reasons if entry.slot else ()
        if entry.appointments:
            return State(_booked(entry), "appt")
        if not reasons:
            extra = gettext("free, extra hours")
            return State(extra if self.is_extra(entry) else gettext("free"), "open")
        first = next(reason for reason in _WORDS if reason in reasons)
        if first == Reason.TAKEN and (held := self.held(entry)):
            return State(held_until(held[-1]), "held")
        if first == Reason.TOO_SOON and entry.starts_at <= self.at:
            return State(gettext("past"), "closed")
        away = first in {Reason.ON_LEAVE, Reason.PLACE_CLOSED}
        return State(str(_WORDS[first]), "leave" if away else "closed")

    def is_extra(self, entry: Entry) -> bool:
        """Tell whether a line lies in extra hours."""
        return any(
            change.starts_at <= entry.starts_at and entry.ends_at <= change.ends_at
            for change in self.changes
            if change.row.location_id == entry.location.pk
            and change.row.kind == AvailabilityException.Kind.EXTRA
        )


def held_until(hold: Appointment) -> str:
    """Say until when an insurer holds a place; needs `location` at hand."""
    return gettext("held until %(time)s") % {"time": end_of(hold)}


def end_of(hold: Appointment) -> str:
    """Give the wall time at which a hold ends; needs `location` at hand."""
    assert hold.hold_expires_at is not None
    return wording.clock(hold.hold_expires_at.astimezone(ZoneInfo(hold.location.timezone)))


def _booked(entry: Entry) -> str:
    names = ", ".join(one.insurance_provider.name for one in entry.appointments)
    capacity = entry.slot.capacity if entry.slot else 1
    if capacity == 1:
        return gettext("booked, %(names)s") % {"names": names}
    words = {"count": len(entry.appointments), "capacity": capacity, "names": names}
    return gettext("%(count)s of %(capacity)s booked, %(names)s") % words


def changes_between(doctor: Doctor, first: date, last: date) -> list[Change]:
    """List leave and extra hours on the local dates from `first` to `last`, both included."""
    rows = (
        AvailabilityException.objects.filter(doctor=doctor)
        .touching(
            datetime.combine(first, time(0), tzinfo=UTC) - _FAR,
            datetime.combine(last, time(0), tzinfo=UTC) + _DAY + _FAR,
        )
        .select_related("location")
    )
    found = [change_of(row, doctor) for row in rows]
    return [
        change
        for change in found
        if change.starts_at.date() <= last and first <= (change.ends_at - _INSTANT).date()
    ]


def change_of(row: AvailabilityException, doctor: Doctor) -> Change:
    """Put leave or extra hours into words; a leave's own reason is nobody's but the doctor's."""
    zone = ZoneInfo(row.location.timezone if row.location else doctor.timezone)
    starts_at, ends_at = row.starts_at.astimezone(zone), row.ends_at.astimezone(zone)
    return Change(
        row,
        starts_at,
        ends_at,
        what=str(AvailabilityException.Kind(row.kind).label),
        where=row.location.name if row.location else gettext("All places"),
        when=wording.span(starts_at, ends_at, year=starts_at.year),
    )


def _holds(
    doctor: Doctor, entries: Iterable[Entry], at: datetime
) -> dict[tuple[datetime, UUID], list[Appointment]]:
    """Find the holds on times that are not free; who holds them, and for whom, is not shown."""
    lines = [entry for entry in entries if entry.slot and entry.slot.free < entry.slot.capacity]
    found: dict[tuple[datetime, UUID], list[Appointment]] = defaultdict(list)
    if lines:
        rows = (
            Appointment.objects.filter(doctor=doctor, status=Appointment.Status.HELD)
            .occupying_at(at)
            .touching(lines[0].starts_at, lines[-1].ends_at)
            .select_related("location")
            .order_by("hold_expires_at")
        )
        for row in rows:
            found[row.appointment_time, row.location_id].append(row)
    return dict(found)
