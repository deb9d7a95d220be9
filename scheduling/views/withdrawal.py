from datetime import datetime

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

import consent.actions
from consent.models import ERASE_WITHIN, Consent
from registry.http import SignedInRequest, doctor_of
from registry.models import Doctor
from scheduling import actions
from scheduling.models import Appointment


@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: SignedInRequest, slug: str) -> HttpResponse:
    """Withdraw first, and only then look after appointments: nothing may stand in the way."""
    doctor, at = doctor_of(request), now()
    given = Consent.objects.select_related("insurance_provider").filter(doctor=doctor)
    standing = get_object_or_404(given, insurance_provider__slug=slug)
    if request.method == "POST":
        _withdraw(request, standing, at)
        _cancel_chosen(request, doctor, standing)
        return redirect("docport:insurer", slug)
    if standing.status_at(at) != Consent.Status.ACTIVE:
        messages.info(
            request,
            gettext("%(name)s sees nothing about you.")
            % {"name": standing.insurance_provider.name},
        )
        return redirect("docport:insurer", slug)
    context = {
        "doctor": doctor,
        "consent": standing,
        "appointments": _to_come(doctor, standing, at),
        "erase_by": at + ERASE_WITHIN,
    }
    return render(request, "scheduling/withdraw.html", context)


def _withdraw(request: SignedInRequest, standing: Consent, at: datetime) -> None:
    name = standing.insurance_provider.name
    try:
        consent.actions.withdraw(consent=standing, by=request.user, at=at)
    except consent.actions.AlreadyWithdrawn as refusal:
        messages.info(request, str(refusal))
    else:
        messages.success(
            request,
            gettext("Withdrawn. %(name)s can read nothing more about you.") % {"name": name},
        )


def _cancel_chosen(request: SignedInRequest, doctor: Doctor, standing: Consent) -> None:
    what, chosen = request.POST.get("appointments"), set(request.POST.getlist("cancel"))
    cancelled = 0
    for appointment in _to_come(doctor, standing, now()):
        if what != "all" and not (what == "each" and str(appointment.pk) in chosen):
            continue
        try:
            actions.cancel(
                appointment=appointment,
                reason=Appointment.CancelReason.CONSENT_WITHDRAWN,
                by=request.user,
                at=now(),
            )
        except actions.NotCancellable:
            # The insurer or a receptionist was quicker; it is cancelled, as the doctor wished.
            continue
        cancelled += 1
    if cancelled:
        messages.success(
            request, gettext("Appointments cancelled: %(cancelled)s.") % {"cancelled": cancelled}
        )


def _to_come(doctor: Doctor, standing: Consent, at: datetime) -> QuerySet[Appointment]:
    return Appointment.objects.filter(
        doctor=doctor,
        insurance_provider=standing.insurance_provider,
        status=Appointment.Status.BOOKED,
        appointment_time__gt=at,
    ).select_related("location")
