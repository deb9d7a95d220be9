from datetime import datetime, timedelta
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from registry.actions import Refused
from registry.http import SignedInRequest, doctor_of
from registry.models import User
from scheduling import actions, wording
from scheduling.forms import CancelForm
from scheduling.models import Appointment
from scheduling.views.history import steps_of

Status = Appointment.Status
_MINUTE = timedelta(minutes=1)
_TAGS = {
    Status.CANCELLED: "tag-bad",
    Status.NO_SHOW: "tag-warn",
    Status.COMPLETED: "tag-ok",
    Status.BOOKED: "tag-ok",
    Status.ARRIVED: "tag-ok",
}
_MARKS = {
    Status.ARRIVED: actions.mark_arrived,
    Status.COMPLETED: actions.mark_completed,
    Status.NO_SHOW: actions.mark_no_show,
}


@require_safe
def appointment(request: SignedInRequest, appointment_id: UUID) -> HttpResponse:
    mine, at = own_appointment(request, appointment_id), now()
    context = {
        **shown(mine),
        "marks": mine.marks_at(at),
        "can_be_moved": mine.is_movable_at(at),
        "can_be_cancelled": mine.is_cancellable_at(at),
        "minutes_to_undo": _minutes_to_undo(mine, at),
        "tag": _TAGS[Status(mine.status)],
        "history": steps_of(mine, request.user),
        # An opaque name for a patient is for the doctor's eyes, not for the reception's.
        "patient_reference": (
            mine.patient_reference if request.user.role == User.Role.DOCTOR else None
        ),
    }
    return render(request, "scheduling/appointment.html", context)


@require_POST
def appointment_mark(request: SignedInRequest, appointment_id: UUID) -> HttpResponse:
    mine, asked = own_appointment(request, appointment_id), request.POST.get("status", "")
    if asked not in _MARKS:
        raise BadRequest("No such mark.")
    status = Status(asked)
    try:
        _MARKS[status](appointment=mine, by=request.user, at=now())
    except actions.NotMarkable as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(
            request,
            gettext("Marked: %(status)s. %(insurer)s is told.")
            % {"status": status.label.lower(), "insurer": mine.insurance_provider},
        )
    return redirect("scheduling:appointment", mine.pk)


@require_POST
def appointment_undo(request: SignedInRequest, appointment_id: UUID) -> HttpResponse:
    mine = own_appointment(request, appointment_id)
    try:
        standing = actions.undo(appointment=mine, by=request.user, at=now())
    except actions.SlotTaken:
        messages.warning(
            request, gettext("Somebody else has this time now, so the appointment stays cancelled.")
        )
    except Refused as refusal:
        messages.warning(request, str(refusal))
    else:
        label = Status(standing.status).label.lower()
        messages.success(
            request,
            gettext("Undone: it is %(label)s again. %(insurer)s is told.")
            % {"label": label, "insurer": mine.insurance_provider},
        )
    return redirect("scheduling:appointment", mine.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def appointment_cancel(request: SignedInRequest, appointment_id: UUID) -> HttpResponse:
    mine = own_appointment(request, appointment_id)
    at = now()
    form = CancelForm(request.POST if request.method == "POST" else None)
    try:
        if not mine.is_cancellable_at(at):
            raise actions.NotCancellable(mine)
        if form.is_valid():
            actions.cancel(appointment=mine, **form.cleaned_data, by=request.user, at=at)
            minutes = Appointment.UNDO_WITHIN // _MINUTE
            messages.success(
                request,
                gettext(
                    "Cancelled. %(name)s is told within seconds. "
                    "You can undo this for %(minutes)s minutes."
                )
                % {"name": mine.insurance_provider.name, "minutes": minutes},
            )
            return redirect("scheduling:appointment", mine.pk)
    except actions.NotCancellable as refusal:
        messages.info(request, str(refusal))
        return redirect("scheduling:appointment", mine.pk)
    context = {**shown(mine), "form": form}
    status = 422 if form.is_bound else 200
    return render(request, "scheduling/appointment_cancel.html", context, status=status)


def own_appointment(request: SignedInRequest, appointment_id: UUID) -> Appointment:
    """Give an appointment of the doctor whom the signed-in person works for.

    Raises:
        Http404: there is none, or it is not theirs, or it is only a hold.
    """
    doctor = doctor_of(request, "manage_appointments")
    rows = Appointment.objects.booked().filter(doctor=doctor)
    return get_object_or_404(
        rows.select_related("doctor", "location", "insurance_provider"), pk=appointment_id
    )


def shown(appointment: Appointment) -> dict[str, object]:
    """Give what every page about an appointment shows."""
    starts_at = appointment.local_time
    ends_at = appointment.ends_at.astimezone(starts_at.tzinfo)
    return {
        "appointment": appointment,
        "day": starts_at.date(),
        "date": wording.full_date(starts_at.date()),
        "hours": wording.from_to(wording.clock(starts_at), wording.clock(ends_at)),
        "zone": wording.zone_name(appointment.location.timezone),
    }


def _minutes_to_undo(appointment: Appointment, at: datetime) -> int:
    """Give how long its last change can still be undone, begun minutes counted; 0 is not at all."""
    if not appointment.can_be_undone_at(at):
        return 0
    return -((at - appointment.status_at - Appointment.UNDO_WITHIN) // _MINUTE)
