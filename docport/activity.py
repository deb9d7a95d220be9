"""What was done to a doctor's record and by whom: lines of the audit log, in the doctor's words."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry.models import (
    AuditLog,
    Doctor,
    DoctorCredential,
    DoctorLocation,
    InsuranceProvider,
    User,
)
from registry.wording import full_moment
from scheduling.models import Appointment
from scheduling.wording import span

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Kind(models.TextChoices):
    """What an action is about."""

    APPOINTMENTS = "appointments", _("Appointments")
    HOURS = "hours", _("Hours and leave")
    INSURERS = "insurers", _("Insurers")
    PROFILE = "profile", _("Profile and certificates")
    ACCOUNT = "account", _("Accounts")


# Every action on what is a doctor's; the words follow the name of who did it.
_DONE: dict[Kind, dict[str, "StrOrPromise"]] = {
    Kind.APPOINTMENTS: {
        "appointment.held": _("kept a time for some minutes"),
        "appointment.hold_renewed": _("kept a time for some minutes more"),
        "appointment.hold_released": _("let go of a time that was kept"),
        "appointment.hold_ended": _("let go of a time that was kept too long"),
        "appointment.booked": _("booked an appointment"),
        "appointment.moved": _("moved an appointment"),
        "appointment.cancelled": _("cancelled an appointment"),
        "appointment.arrived": _("marked a patient as arrived"),
        "appointment.completed": _("marked an appointment as completed"),
        "appointment.no_show": _("marked a patient as not come"),
        "appointment.undone": _("undid the last step of an appointment"),
    },
    Kind.HOURS: {
        "availability.updated": _("changed the weekly hours"),
        "booking_rules.changed": _("changed the booking rules"),
        "leave.added": _("added leave"),
        "leave.changed": _("changed leave"),
        "leave.joined": _("joined leave with other leave"),
        "leave.ended": _("ended leave early"),
        "leave.removed": _("removed leave"),
        "extra_hours.added": _("added extra hours"),
        "extra_hours.changed": _("changed extra hours"),
        "extra_hours.joined": _("joined extra hours with others"),
        "extra_hours.ended": _("ended extra hours early"),
        "extra_hours.removed": _("removed extra hours"),
    },
    Kind.INSURERS: {
        "consent.given": _("gave consent"),
        "consent.changed": _("changed what is shared"),
        "consent.asked_again": _("asked for consent again, as its words had changed"),
        "consent.confirmed": _("confirmed consent"),
        "consent.withdrawn": _("withdrew consent"),
        "consent.expired": _("wrote down that a consent had ended"),
        "consent.declined": _("said no to an insurer"),
        "consent.erasure_acknowledged": _("said that it will erase what it holds"),
        "consent.erased": _("said that it has erased what it held"),
        "provider_doctor_sync.retried": _("had everything sent again"),
    },
    Kind.PROFILE: {
        "doctor.updated": _("changed the profile"),
        "doctor.submitted": _("sent the profile to be checked"),
        "doctor.activated": _("approved the profile"),
        "doctor.suspended": _("suspended the profile"),
        "place.added": _("added a place"),
        "place.updated": _("changed a place"),
        "credential.added": _("uploaded a certificate"),
        "credential.opened": _("looked at a certificate"),
        "credential.verified": _("verified a certificate"),
        "credential.change_asked": _("asked for a change of a certificate"),
    },
    Kind.ACCOUNT: {
        "doctor.signed_up": _("opened the account"),
        "doctor.delegated": _("changed what a receptionist may do"),
        "user.email_changed": _("changed the email address"),
        "user.second_step_turned_on": _("turned two-step sign-in on"),
        "user.second_step_turned_off": _("turned two-step sign-in off"),
        "user.recovery_codes_renewed": _("made new recovery codes"),
        "user.language_set": _("chose another language"),
        "user.theme_set": _("chose other colours"),
    },
}
WORDS = {action: words for actions in _DONE.values() for action, words in actions.items()}
_KINDS = {action: kind for kind, actions in _DONE.items() for action in actions}


def actions_of(kind: str) -> list[str]:
    """Name the audit log's actions of a kind."""
    return list(_DONE[Kind(kind)])


def kind_of(action: str) -> str:
    """Give the code of the kind that an action of the audit log belongs to."""
    return _KINDS[action].value if action in _KINDS else ""


@dataclass(frozen=True)
class Line:
    """One thing that was done: by whom, what, to what of the doctor's, and where to see more."""

    log: AuditLog
    by: str
    what: str
    which: str
    page: str


def lines_of(logs: Iterable[AuditLog], *, doctor: Doctor, reader: User) -> Iterator[Line]:
    """Tell lines of the audit log to the doctor; at most five queries, however many lines.

    Args:
        logs: with `performed_by` and `performed_by_provider` at hand.
    """
    known = list(logs)
    named = _Named(known, ZoneInfo(doctor.timezone))
    for log in known:
        which, page = named.subject(log)
        what = str(WORDS.get(log.action, log.action))
        yield Line(log, who(log, reader), what, which, page)


def who(log: AuditLog, reader: User) -> str:
    """Name who did it, as the doctor knows them."""
    if log.performed_by_provider is not None:
        return log.performed_by_provider.name
    person = log.performed_by
    if person is None:
        return "DocPort"
    if person.pk == reader.pk:
        return gettext("You")
    return gettext("An admin of DocPort") if person.role == User.Role.ADMIN else person.email


class _Named:
    """What the rows that some lines name are called, and the pages that show them."""

    def __init__(self, logs: list[AuditLog], zone: ZoneInfo) -> None:
        self._zone = zone
        visits = Appointment.objects.select_related("location")
        places, papers = DoctorLocation.objects, DoctorCredential.objects
        self._rows: dict[UUID, tuple[str, str]] = {
            **{row.pk: _visit(row) for row in _of(visits, "appointment", logs)},
            **{row.pk: _place(row) for row in _of(places, "doctorlocation", logs)},
            **{row.pk: _paper(row) for row in _of(papers, "doctorcredential", logs)},
            **{row.pk: _insurer(row) for row in _noted(InsuranceProvider.objects, _INSURER, logs)},
            **{row.pk: (row.email, "") for row in _noted(User.objects, _RECEPTIONIST, logs)},
        }

    def subject(self, log: AuditLog) -> tuple[str, str]:
        """Give what a line is about in words, and the page that shows it; either may be empty."""
        for row in (log.entity_id, _id(log, _INSURER), _id(log, _RECEPTIONIST)):
            if row in self._rows:
                return self._rows[row]
        if "starts_at" in log.metadata:
            return self._period(log.metadata), reverse("scheduling:leave_list")
        return "", reverse(page) if (page := _PAGES.get(log.action)) else ""

    def _period(self, noted: Mapping[str, Any]) -> str:
        starts_at, ends_at = (
            datetime.fromisoformat(noted[name]).astimezone(self._zone)
            for name in ("starts_at", "ends_at")
        )
        # In a list that goes back for years, each day says its own.
        return span(starts_at, ends_at, year=0)


_PAGES = {
    "availability.updated": "scheduling:hours",
    "booking_rules.changed": "scheduling:booking_rules",
    "doctor.updated": "registry:profile_history",
}


_INSURER, _RECEPTIONIST = "insurance_provider_id", "receptionist_id"


def _of(rows: Any, entity_type: str, logs: list[AuditLog]) -> Iterable[Any]:
    return _found(rows, {log.entity_id for log in logs if log.entity_type == entity_type})


def _noted(rows: Any, name: str, logs: list[AuditLog]) -> Iterable[Any]:
    return _found(rows, {noted for log in logs if (noted := _id(log, name)) is not None})


def _found(rows: Any, ids: set[UUID]) -> Iterable[Any]:
    return rows.filter(pk__in=ids) if ids else ()


def _id(log: AuditLog, name: str) -> UUID | None:
    return UUID(log.metadata[name]) if name in log.metadata else None


def _visit(visit: Appointment) -> tuple[str, str]:
    at = visit.appointment_time.astimezone(ZoneInfo(visit.location.timezone))
    return full_moment(at), reverse("scheduling:appointment", args=[visit.pk])


def _place(place: DoctorLocation) -> tuple[str, str]:
    return place.name, reverse("registry:place_edit", args=[place.pk])


def _paper(paper: DoctorCredential) -> tuple[str, str]:
    return str(paper), reverse("registry:credential_list")


def _insurer(insurer: InsuranceProvider) -> tuple[str, str]:
    return insurer.name, reverse("docport:insurer", args=[insurer.slug])
