from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateformat import format as formatted
from django.utils.timezone import now
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from registry.http import SignedInRequest, doctor_of, may
from registry.models import Doctor, DoctorLocation
from scheduling import diary, wording
from scheduling.forms import QuestionForm
from scheduling.models import Appointment
from scheduling.slots import YEARS, BadRange
from scheduling.views import links, table
from scheduling.views.board import Board
from scheduling.views.lines import lines_of

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)


@require_safe
def day(request: SignedInRequest, day: date) -> HttpResponse:
    doctor, at = doctor_of(request, "manage_appointments"), now()
    board = _board(request, doctor, day, day, at)
    every = diary.appointments_between(doctor=doctor, first=day, last=day)
    places = list(DoctorLocation.objects.filter(doctor=doctor, is_active=True))
    context = {
        "board": board,
        "day": day,
        "title": wording.full_date(day),
        "lines": lines_of(board),
        "cancelled": [one for one in every if one.status == Appointment.Status.CANCELLED],
        "previous": day - _DAY,
        "next": day + _DAY,
        "today": _today(doctor, at),
        "zones": _zones(doctor, board),
        "has_places": len({entry.location.pk for entry in board.entries}) > 1,
        "form": QuestionForm(places=places, insurers=[]),
        "add_leave": links.leave_on(day),
        "add_extra_hours": links.extra_hours_on(day),
    }
    return render(request, "scheduling/day.html", context)


@require_safe
def week(request: SignedInRequest) -> HttpResponse:
    doctor, at = doctor_of(request, "manage_appointments"), now()
    today = _today(doctor, at)
    monday = _monday(request, today)
    days = [monday + count * _DAY for count in range(7)]
    board = _board(request, doctor, days[0], days[-1], at)
    context = {
        "board": board,
        "title": _week_title(days[0], days[-1]),
        "days": table.columns(board, days, today),
        "rows": table.rows(board, days),
        "today": today,
        "previous": monday - _WEEK,
        "next": monday + _WEEK,
        "zones": _zones(doctor, board),
    }
    return render(request, "scheduling/week.html", context)


def _board(
    request: SignedInRequest, doctor: Doctor, first: date, last: date, at: datetime
) -> Board:
    may_change = may(request, "manage_schedule")
    try:
        return Board.of(doctor, first, last, at=at, may_change=may_change)
    except BadRange as error:
        raise Http404 from error


def _today(doctor: Doctor, at: datetime) -> date:
    return at.astimezone(ZoneInfo(doctor.timezone)).date()


def _monday(request: HttpRequest, today: date) -> date:
    """Give the Monday of the week asked for; of this one when what is asked for is no date."""
    try:
        asked = date.fromisoformat(request.GET.get("week", ""))
    except ValueError:
        asked = today
    if asked.year not in YEARS:
        raise Http404
    return asked - timedelta(days=asked.weekday())


def _zones(doctor: Doctor, board: Board) -> str:
    """Name the zones in which the page's times are."""
    zones = {entry.location.timezone for entry in board.entries} or {doctor.timezone}
    return wording.listed(sorted(wording.zone_name(zone) for zone in zones))


def _week_title(first: date, last: date) -> str:
    begins = formatted(first, "j" if first.month == last.month else "j F")
    words = {"first": begins, "last": formatted(last, "j F Y")}
    return gettext("Week of %(first)s to %(last)s") % words
