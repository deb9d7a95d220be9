from datetime import date
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from registry.actions import Refused
from registry.http import SignedInRequest, doctor_of
from registry.models import Doctor, DoctorLocation
from scheduling import actions, diary, wording
from scheduling.forms import DecisionsForm, HoursForm, is_editing, wants_back
from scheduling.models import Appointment, Availability
from scheduling.slots import YEARS
from scheduling.views.decisions import Question, ask, outcome

_UNAVAILABLE = Appointment.CancelReason.DOCTOR_UNAVAILABLE


@require_http_methods(["GET", "HEAD", "POST"])
def hours(request: SignedInRequest) -> HttpResponse:
    doctor = doctor_of(request, "manage_schedule")
    places = list(DoctorLocation.objects.filter(doctor=doctor, is_active=True))
    if not places:
        return render(request, "scheduling/hours_no_place.html")
    place = _chosen(request, places)
    if request.method == "POST":
        if is_editing(request.POST):
            focus = "data-autofocus" if request.headers.get("HX-Request") else "autofocus"
            return _page(request, places, place, HoursForm.edited(request.POST, focus=focus))
        return _save(request, doctor, places, place)
    start = _start(request, place)
    rows = diary.weekly_hours(location=place, first=start)
    form = HoursForm.of_rows(rows, effective_from=start)
    return _page(request, places, place, form)


def _chosen(request: HttpRequest, places: list[DoctorLocation]) -> DoctorLocation:
    asked = request.POST.get("place") or request.GET.get("place") or str(places[0].pk)
    for place in places:
        if str(place.pk) == asked:
            return place
    raise Http404


def _start(request: HttpRequest, place: DoctorLocation) -> date:
    """Give the date whose hours are asked for; today unless it is a later one."""
    today = now().astimezone(ZoneInfo(place.timezone)).date()
    try:
        asked = date.fromisoformat(request.GET.get("from", ""))
    except ValueError:
        return today
    return min(max(asked, today), today + actions.MOST_AHEAD)


def _save(
    request: SignedInRequest, doctor: Doctor, places: list[DoctorLocation], place: DoctorLocation
) -> HttpResponse:
    form, at = HoursForm.to_save(request.POST), now()
    if form.is_valid() and not wants_back(request.POST):
        effective_from = form.visits.cleaned_data["effective_from"]
        before = _standing(place, effective_from)
        decisions = DecisionsForm(request.POST, reason=_UNAVAILABLE)
        try:
            actions.set_weekly_hours(
                doctor=doctor,
                location=place,
                windows=form.windows(),
                effective_from=effective_from,
                decisions=decisions.taken(),
                by=request.user,
                at=at,
            )
        except actions.HoursRefused as refusal:
            form.show(refusal)
        except actions.Undecided as undecided:
            words = {"place": place.name, "date": wording.full_date(effective_from)}
            change = gettext("Hours at %(place)s from %(date)s") % words
            question = Question(change, gettext("Save hours"))
            return ask(request, doctor, undecided, decisions, question, at=at)
        except Refused as refusal:
            form.visits.add_error("effective_from", str(refusal))
        else:
            from_then = {"date": wording.full_date(effective_from)}
            said = gettext("Hours saved. They hold from %(date)s.") % from_then
            parts = [said, form.changes_of(before), outcome(doctor, decisions.taken())]
            messages.success(request, " ".join(part for part in parts if part))
            return redirect(f"{reverse('scheduling:hours')}?place={place.pk}&from={effective_from}")
    status = 422 if any(one.errors for one in form.forms) else 200
    return _page(request, places, place, form, status=status)


def _standing(place: DoctorLocation, first: date) -> list[Availability]:
    """List the hours that hold from a date on; the action refuses one that is far from now."""
    return diary.weekly_hours(location=place, first=first) if first.year in YEARS else []


def _page(
    request: HttpRequest,
    places: list[DoctorLocation],
    place: DoctorLocation,
    form: HoursForm,
    status: int = 200,
) -> HttpResponse:
    start = _start(request, place)
    context = {
        "hours": form,
        "forms": form.forms,
        "places": places,
        "place": place,
        "zone": wording.zone_name(place.timezone),
        "later": [
            (day, wording.full_date(day))
            for day in diary.changes_of_hours(location=place, after=start)
        ],
    }
    return render(request, "scheduling/hours.html", context, status=status)
