from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry.models import AuditLog, User
from scheduling import wording
from scheduling.models import Appointment

_DONE = {
    "appointment.booked": _("Booked"),
    "appointment.arrived": _("Marked as arrived"),
    "appointment.completed": _("Marked as completed"),
    "appointment.no_show": _("Marked as not come"),
    "appointment.cancelled": _("Cancelled"),
    "appointment.held": _("Held"),
    "appointment.hold_renewed": _("Held for longer"),
}


@dataclass(frozen=True)
class Step:
    """One line of an appointment's history; `note` is why, where a reason was given."""

    what: str
    who: str
    note: str
    at: datetime
    when: str
    is_insurers: bool


def steps_of(appointment: Appointment, reader: User) -> list[Step]:
    """Tell what has happened to an appointment, newest first, as the audit log has it.

    Needs `location` at hand.
    """
    log = AuditLog.objects.about(appointment).select_related(
        "performed_by", "performed_by_provider"
    )
    return [_step(entry, reader, ZoneInfo(appointment.location.timezone)) for entry in log]


def _step(entry: AuditLog, reader: User, zone: ZoneInfo) -> Step:
    at = entry.timestamp.astimezone(zone)
    tell = _TOLD.get(entry.action)
    what = tell(entry, zone) if tell else str(_DONE.get(entry.action, entry.action))
    is_mine = entry.performed_by == reader
    return Step(
        what=what,
        who=gettext("you")
        if is_mine
        else str(entry.performed_by or entry.performed_by_provider or "DocPort"),
        note=_reason(entry),
        at=at,
        when=wording.date_at(at),
        is_insurers=entry.performed_by_provider_id is not None,
    )


def _reason(entry: AuditLog) -> str:
    if "reason" not in entry.metadata:
        return ""
    return str(Appointment.CancelReason(entry.metadata["reason"]).label)


def _moved(entry: AuditLog, zone: ZoneInfo) -> str:
    times = [
        datetime.fromisoformat(entry.metadata[name]).astimezone(zone)
        for name in ("moved_from", "moved_to")
    ]
    before, after = (f"{wording.day_and_month(at.date())}, {wording.clock(at)}" for at in times)
    if times[0].date() == times[1].date():
        after = wording.clock(times[1])
    return gettext("Moved from %(before)s to %(after)s") % {"before": before, "after": after}


def _undone(entry: AuditLog, _zone: ZoneInfo) -> str:
    undone = Appointment.Status(entry.metadata["undone"])
    return gettext("“%(status)s” undone") % {"status": undone.label}


_TOLD: dict[str, Callable[[AuditLog, ZoneInfo], str]] = {
    "appointment.moved": _moved,
    "appointment.undone": _undone,
}
