from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from registry.actions import Refused
from registry.http import SignedInRequest, doctor_of
from registry.models import Doctor, DoctorLocation
from registry.reference import State
from scheduling import actions, holidays, wording
from scheduling.actions import Decision, Undecided
from scheduling.forms import DecisionsForm, HolidaysForm, wants_back
from scheduling.forms.holidays import key_of
from scheduling.holidays import Suggestion
from scheduling.models import Appointment
from scheduling.views.decisions import Question, ask, outcome

_A_YEAR = timedelta(days=365)


@require_http_methods(["GET", "HEAD", "POST"])
def holidays_list(request: SignedInRequest) -> HttpResponse:
    doctor, at = doctor_of(request, "manage_schedule"), now()
    today = at.astimezone(ZoneInfo(doctor.timezone)).date()
    found = holidays.suggestions(doctor=doctor, first=today, last=today + _A_YEAR)
    form = HolidaysForm(request.POST if request.method == "POST" else None, suggestions=found)
    if form.is_bound and form.is_valid() and not wants_back(request.POST):
        return _take(request, doctor, form.chosen, at)
    context = {"form": form, "found": found, "states": _states(doctor)}
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "scheduling/holidays.html", context, status=status)


def _take(
    request: SignedInRequest, doctor: Doctor, chosen: Sequence[Suggestion], at: datetime
) -> HttpResponse:
    """Take all that need no decision, then ask about the rest at once."""
    form = DecisionsForm(request.POST, reason=Appointment.CancelReason.DOCTOR_LEAVE)
    decisions = form.taken()
    taken, waiting, affected = [], [], []
    for one in chosen:
        try:
            _take_one(request, doctor, one, decisions, at)
        except Undecided as undecided:
            waiting.append(one)
            affected += undecided.appointments
        except Refused as refusal:
            messages.error(request, f"{one.name}: {refusal}")
        else:
            taken.append(one)
    if taken:
        said = gettext("Holidays saved as leave: %(names)s.") % {"names": _named(taken)}
        said = f"{said} {outcome(doctor, decisions)}"
        messages.success(request, said.strip())
    if waiting:
        question = Question(
            change=gettext("Leave on %(when)s") % {"when": _named(waiting)},
            save=gettext("Save holidays"),
        )
        typed = [("days", key_of(one)) for one in waiting]
        return ask(request, doctor, Undecided(affected), form, question, at=at, typed=typed)
    return redirect("scheduling:leave_list")


def _take_one(
    request: SignedInRequest,
    doctor: Doctor,
    holiday: Suggestion,
    decisions: Mapping[UUID, Decision],
    at: datetime,
) -> None:
    actions.take_leave(
        doctor=doctor,
        starts_at=holiday.starts_at,
        ends_at=holiday.ends_at,
        location=holiday.location,
        reason=holiday.name[: actions.LONGEST_REASON],
        decisions=decisions,
        by=request.user,
        at=at,
    )


def _named(chosen: Sequence[Suggestion]) -> str:
    return ", ".join(f"{one.name} ({wording.day_and_month(one.day)})" for one in chosen)


def _states(doctor: Doctor) -> str:
    """Name the states whose holidays are meant: those of the doctor's places."""
    places = DoctorLocation.objects.filter(doctor=doctor, is_active=True)
    states = places.order_by("state").values_list("state", flat=True).distinct()
    return gettext(" and ").join(str(State(state).label) for state in states)
