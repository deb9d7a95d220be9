from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.timezone import now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from registry.actions import Refused
from registry.http import SignedInRequest, doctor_of
from registry.models import Doctor, DoctorLocation
from scheduling import actions, wording
from scheduling.actions import Decision, Saved, Undecided
from scheduling.forms import (
    DecisionsForm,
    ExceptionForm,
    ExtraHoursForm,
    LeaveForm,
    usual_terms,
    wants_back,
)
from scheduling.models import Appointment, Availability, AvailabilityException
from scheduling.views.decisions import Question, ask, cancelled_any, outcome

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_DAY = timedelta(days=1)
_MOST_PAST = 50
_SUNDAY = 6
_Kind = AvailabilityException.Kind
_ON_LEAVE = Appointment.CancelReason.DOCTOR_LEAVE
_UNAVAILABLE = Appointment.CancelReason.DOCTOR_UNAVAILABLE


@dataclass(frozen=True)
class Line:
    """Leave or extra hours in words."""

    row: AvailabilityException
    what: str
    when: str
    where: str
    visits: str


@dataclass(frozen=True)
class Quick:
    """Leave that takes one tap."""

    label: str
    dates: str
    first: date
    last: date


@dataclass(frozen=True)
class _Noun:
    """What the pages of leave, or of extra hours, say of it."""

    save: "StrOrPromise"
    on: "StrOrPromise"
    saved: "StrOrPromise"
    joined: "StrOrPromise"


_LEAVE = _Noun(
    save=_("Save leave"),
    on=_("Leave on %(when)s"),
    saved=_("Leave saved: %(when)s."),
    joined=_("It was joined with your leave on %(when)s."),
)
_EXTRA = _Noun(
    save=_("Save extra hours"),
    on=_("Extra hours on %(when)s"),
    saved=_("Extra hours saved: %(when)s."),
    joined=_("It was joined with your extra hours on %(when)s."),
)


@dataclass(frozen=True)
class Page:
    """A page that adds or changes leave or extra hours; `save` takes the decisions."""

    form: ExceptionForm
    title: str
    noun: "_Noun"
    save: Callable[[Mapping[UUID, Decision]], Saved]
    row: AvailabilityException | None = None


@require_safe
def leave_list(request: SignedInRequest) -> HttpResponse:
    doctor, at = doctor_of(request, "manage_schedule"), now()
    rows = AvailabilityException.objects.filter(doctor=doctor).select_related("location")
    coming = rows.filter(ends_at__gt=at).order_by("starts_at", "pk")
    past = rows.filter(ends_at__lte=at).order_by("-ends_at", "pk")[:_MOST_PAST]
    context = {
        "coming": [line_of(row, doctor, at) for row in coming],
        "past": [line_of(row, doctor, at) for row in past],
        "quick": _quick(_today(doctor, at)),
    }
    return render(request, "scheduling/leave_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def leave_add(request: SignedInRequest) -> HttpResponse:
    doctor, at = doctor_of(request, "manage_schedule"), now()
    asked = _asked_for(request)
    form = LeaveForm(
        _typed(request),
        initial={**asked, "first": asked["date"]},
        doctor=doctor,
        places=_places(doctor),
    )

    def save(decisions: Mapping[UUID, Decision]) -> Saved:
        return actions.take_leave(
            doctor=doctor, **form.given, decisions=decisions, by=request.user, at=at
        )

    return _answer(request, doctor, Page(form, gettext("Add leave"), _LEAVE, save), at)


@require_http_methods(["GET", "HEAD", "POST"])
def extra_add(request: SignedInRequest) -> HttpResponse:
    doctor, at = doctor_of(request, "manage_schedule"), now()
    places = _places(doctor)
    if not places:
        return render(request, "scheduling/hours_no_place.html")
    form = ExtraHoursForm(
        _typed(request),
        initial={**_usual(doctor, at), **_asked_for(request)},
        doctor=doctor,
        places=places,
    )

    def save(_decisions: Mapping[UUID, Decision]) -> Saved:
        return actions.add_extra_hours(doctor=doctor, **form.given, by=request.user, at=at)

    return _answer(request, doctor, Page(form, gettext("Add extra hours"), _EXTRA, save), at)


@require_http_methods(["GET", "HEAD", "POST"])
def exception_edit(request: SignedInRequest, exception_id: UUID) -> HttpResponse:
    doctor, at = doctor_of(request, "manage_schedule"), now()
    row = _mine(doctor, exception_id)
    if row.ends_at <= at:
        messages.info(request, gettext("This is over, so it stays as it was."))
        return redirect("scheduling:leave_list")
    return _answer(request, doctor, _changing(request, doctor, row, at), at)


@require_http_methods(["GET", "HEAD", "POST"])
def exception_remove(request: SignedInRequest, exception_id: UUID) -> HttpResponse:
    doctor, at = doctor_of(request, "manage_schedule"), now()
    row = _mine(doctor, exception_id)
    line = line_of(row, doctor, at)
    decisions = DecisionsForm(request.POST, reason=_UNAVAILABLE)
    if request.method == "POST" and not wants_back(request.POST):
        try:
            left = _remove(request, row, decisions.taken(), at)
        except Undecided as undecided:
            change = gettext("Remove: Extra hours on %(when)s") % {"when": line.when}
            question = Question(change=change, save=gettext("Remove extra hours"))
            return ask(request, doctor, undecided, decisions, question, at=at)
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            done = gettext("%(what)s ended now: %(when)s.")
            if not left:
                done = gettext("%(what)s removed: %(when)s.")
            said = done % {"what": line.what, "when": line.when}
            messages.success(request, f"{said} {outcome(doctor, decisions.taken())}".strip())
        return redirect(_back(request))
    context = {"line": line, "has_begun": row.starts_at <= at}
    return render(request, "scheduling/exception_remove.html", context)


@require_POST
def leave_today(request: SignedInRequest) -> HttpResponse:
    """Take the rest of today off, at all places; the way back leads with an undo."""
    doctor, at = doctor_of(request, "manage_schedule"), now()
    zone = ZoneInfo(doctor.timezone)
    ends_at = datetime.combine(_today(doctor, at) + _DAY, time(0), tzinfo=zone)
    decisions = DecisionsForm(request.POST, reason=_ON_LEAVE)
    if wants_back(request.POST):
        return redirect("docport:home")
    try:
        saved = actions.take_leave(
            doctor=doctor,
            starts_at=at,
            ends_at=ends_at,
            location=None,
            reason="",
            decisions=decisions.taken(),
            by=request.user,
            at=at,
        )
    except Undecided as undecided:
        question = Question(change=gettext("The rest of today as leave"), save=str(_LEAVE.save))
        return ask(request, doctor, undecided, decisions, question, at=at)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("docport:home")
    _say(request, doctor, _LEAVE, saved, decisions.taken(), at)
    if saved.merged or cancelled_any(doctor, decisions.taken()):
        return redirect("docport:home")
    return redirect(f"{reverse('docport:home')}?undo={saved.exception.pk}")


def line_of(row: AvailabilityException, doctor: Doctor, at: datetime) -> Line:
    """Say when, where and how; needs `location` at hand."""
    place, zone = row.location, ZoneInfo((row.location or doctor).timezone)
    when = wording.span(
        row.starts_at.astimezone(zone), row.ends_at.astimezone(zone), year=at.astimezone(zone).year
    )
    return Line(
        row,
        what=str(_Kind(row.kind).label),
        when=when,
        where=place.name if place else gettext("All places"),
        visits=_visits(row) if row.kind == _Kind.EXTRA else "",
    )


def _visits(row: AvailabilityException) -> str:
    minutes = {"minutes": row.slot_duration_minutes}
    parts = [gettext("visits of %(minutes)s minutes") % minutes]
    if row.capacity != 1:
        parts.append(gettext("%(count)s patients at a time") % {"count": row.capacity})
    if row.buffer_minutes:
        minutes = {"minutes": row.buffer_minutes}
        parts.append(gettext("%(minutes)s minutes of break between") % minutes)
    parts.append(row.get_mode_display().lower())
    return ", ".join(parts)


def _answer(request: SignedInRequest, doctor: Doctor, page: Page, at: datetime) -> HttpResponse:
    form = page.form
    if form.is_bound and form.is_valid() and not wants_back(request.POST):
        decisions = DecisionsForm(
            request.POST, reason=_ON_LEAVE if page.noun == _LEAVE else _UNAVAILABLE
        )
        try:
            saved = page.save(decisions.taken())
        except Undecided as undecided:
            question = Question(page.noun.on % {"when": form.words}, str(page.noun.save))
            return ask(request, doctor, undecided, decisions, question, at=at)
        except Refused as refusal:
            form.show(refusal)
        else:
            _say(request, doctor, page.noun, saved, decisions.taken(), at)
            return redirect("scheduling:leave_list")
    context = {
        "form": form,
        "title": page.title,
        "row": page.row,
        "is_leave": page.noun == _LEAVE,
        "has_begun": page.row is not None and page.row.starts_at <= at,
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "scheduling/leave_form.html", context, status=status)


def _changing(
    request: SignedInRequest, doctor: Doctor, row: AvailabilityException, at: datetime
) -> Page:
    is_leave = row.kind == _Kind.CLOSED
    kind = LeaveForm if is_leave else ExtraHoursForm
    form = kind(
        _typed(request),
        initial=kind.values_of(row, _zone(doctor, row)),
        doctor=doctor,
        places=_places(doctor, row.location),
    )
    change = (
        partial(actions.change_leave, leave=row)
        if is_leave
        else partial(actions.change_extra_hours, extra=row)
    )

    def save(decisions: Mapping[UUID, Decision]) -> Saved:
        return change(**form.given, decisions=decisions, by=request.user, at=at)

    if is_leave:
        return Page(form, gettext("Change leave"), _LEAVE, save, row)
    return Page(form, gettext("Change extra hours"), _EXTRA, save, row)


def _remove(
    request: SignedInRequest,
    row: AvailabilityException,
    decisions: Mapping[UUID, Decision],
    at: datetime,
) -> AvailabilityException | None:
    if row.kind == _Kind.CLOSED:
        return actions.remove_leave(leave=row, by=request.user, at=at)
    return actions.remove_extra_hours(extra=row, decisions=decisions, by=request.user, at=at)


def _say(
    request: HttpRequest,
    doctor: Doctor,
    noun: _Noun,
    saved: Saved,
    decisions: Mapping[UUID, Decision],
    at: datetime,
) -> None:
    """Say in one message what happened."""
    parts = [noun.saved % {"when": line_of(saved.exception, doctor, at).when}]
    parts += [noun.joined % {"when": line_of(other, doctor, at).when} for other in saved.merged]
    parts.append(outcome(doctor, decisions))
    messages.success(request, " ".join(part for part in parts if part))


def _mine(doctor: Doctor, exception_id: UUID) -> AvailabilityException:
    rows = AvailabilityException.objects.filter(doctor=doctor)
    return get_object_or_404(rows.select_related("location", "doctor"), pk=exception_id)


def _places(doctor: Doctor, also: DoctorLocation | None = None) -> list[DoctorLocation]:
    """List the places in use, and one that may be no longer."""
    wanted = Q(is_active=True) | Q(pk=also.pk if also else None)
    return list(DoctorLocation.objects.filter(wanted, doctor=doctor).order_by("name"))


def _usual(doctor: Doctor, at: datetime) -> dict[str, Any]:
    today = _today(doctor, at)
    rows = Availability.objects.filter(doctor=doctor).in_force(today, today + 7 * _DAY)
    return dict(usual_terms(rows))


def _typed(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _asked_for(request: HttpRequest) -> dict[str, str]:
    """Give the time that a link brings along."""
    fields = {"date": "date", "starts": "from", "ends": "to", "place": "place"}
    return {field: request.GET.get(name, "") for field, name in fields.items()}


def _quick(today: date) -> list[Quick]:
    tomorrow, sunday = today + _DAY, today + (_SUNDAY - today.weekday()) * _DAY
    week = (gettext("This week"), today, sunday)
    if sunday == today:
        week = (gettext("Next week"), tomorrow, today + 7 * _DAY)
    days = [
        (gettext("Today"), today, today),
        (gettext("Tomorrow"), tomorrow, tomorrow),
        week,
    ]
    return [Quick(label, _dates(first, last), first, last) for label, first, last in days]


def _dates(first: date, last: date) -> str:
    words = wording.day_and_month(first)
    return words if first == last else wording.from_to(words, wording.day_and_month(last))


def _zone(doctor: Doctor, row: AvailabilityException) -> ZoneInfo:
    return ZoneInfo((row.location or doctor).timezone)


def _today(doctor: Doctor, at: datetime) -> date:
    return at.astimezone(ZoneInfo(doctor.timezone)).date()


def _back(request: HttpRequest) -> str:
    asked = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(asked, allowed_hosts=None)
    return asked if asked and is_ours else reverse("scheduling:leave_list")
