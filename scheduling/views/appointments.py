from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_safe

from registry import ledger
from registry.http import SignedInRequest, doctor_of
from registry.models import AuditLog, User
from scheduling import actions, wording
from scheduling.forms import CancelForm
from scheduling.models import Appointment

_ACTIONS = {"appointment.booked": "Booked", "appointment.cancelled": "Cancelled"}
_TAGS = {
    Appointment.Status.CANCELLED: "tag-bad",
    Appointment.Status.NO_SHOW: "tag-warn",
    Appointment.Status.COMPLETED: "tag-ok",
    Appointment.Status.BOOKED: "tag-ok",
    Appointment.Status.ARRIVED: "tag-ok",
}


@dataclass(frozen=True)
class Step:
    """One line of an appointment's history."""

    what: str
    who: str
    at: datetime
    when: str


@require_safe
def appointment(request: SignedInRequest, appointment_id: UUID) -> HttpResponse:
    mine = _mine(request, appointment_id)
    log = AuditLog.objects.filter(
        entity_type=ledger.entity_type(mine), entity_id=mine.pk
    ).select_related("performed_by", "performed_by_provider")
    context = {
        **_shown(mine),
        "can_be_cancelled": mine.is_cancellable_at(now()),
        "tag": _TAGS[Appointment.Status(mine.status)],
        "history": [_step(entry, request.user, mine) for entry in log],
        # An opaque name for a patient is for the doctor's eyes, not for the reception's.
        "patient_reference": (
            mine.patient_reference if request.user.role == User.Role.DOCTOR else None
        ),
    }
    return render(request, "scheduling/appointment.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def appointment_cancel(request: SignedInRequest, appointment_id: UUID) -> HttpResponse:
    mine = _mine(request, appointment_id)
    at = now()
    form = CancelForm(request.POST if request.method == "POST" else None)
    try:
        if not mine.is_cancellable_at(at):
            raise actions.NotCancellable(mine)
        if form.is_valid():
            actions.cancel(appointment=mine, **form.cleaned_data, by=request.user, at=at)
            messages.success(
                request, f"Cancelled. {mine.insurance_provider.name} is told within seconds."
            )
            return redirect("scheduling:appointment", mine.pk)
    except actions.NotCancellable as refusal:
        messages.info(request, str(refusal))
        return redirect("scheduling:appointment", mine.pk)
    context = {**_shown(mine), "form": form}
    status = 422 if form.is_bound else 200
    return render(request, "scheduling/appointment_cancel.html", context, status=status)


def _mine(request: SignedInRequest, appointment_id: UUID) -> Appointment:
    doctor = doctor_of(request, "manage_appointments")
    rows = Appointment.objects.booked().filter(doctor=doctor)
    return get_object_or_404(
        rows.select_related("location", "insurance_provider"), pk=appointment_id
    )


def _shown(appointment: Appointment) -> dict[str, object]:
    starts_at = appointment.local_time
    ends_at = appointment.ends_at.astimezone(starts_at.tzinfo)
    return {
        "appointment": appointment,
        "day": starts_at.date(),
        "date": wording.full_date(starts_at.date()),
        "hours": f"{wording.clock(starts_at)} to {wording.clock(ends_at)}",
        "zone": wording.zone_name(appointment.location.timezone),
    }


def _step(entry: AuditLog, user: User, appointment: Appointment) -> Step:
    at = entry.timestamp.astimezone(ZoneInfo(appointment.location.timezone))
    return Step(
        what=_ACTIONS.get(entry.action, entry.action),
        who="you"
        if entry.performed_by == user
        else str(entry.performed_by or entry.performed_by_provider or "DocPort"),
        at=at,
        when=f"{wording.full_date(at.date())} at {wording.clock(at)}",
    )
