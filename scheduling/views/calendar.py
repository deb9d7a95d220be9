from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from registry.http import SignedInRequest, doctor_of
from registry.models import Doctor
from scheduling import diary, wording
from scheduling.diary import Entry
from scheduling.models import Appointment
from scheduling.slots import YEARS, BadRange, Reason

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
# What is not free, in the doctor's words; the first that holds is shown on the week.
WHY = {
    Reason.ON_LEAVE: "on leave",
    Reason.PLACE_CLOSED: "place not in use",
    Reason.TAKEN: "taken",
    Reason.TOO_SOON: "past",
    Reason.BEYOND_HORIZON: "not open for booking yet",
}


@dataclass(frozen=True)
class Line:
    """One line of the day list, in words."""

    entry: Entry
    anchor: str
    hours: str
    state: str
    tag: str


@dataclass(frozen=True)
class Link:
    """A way from the week to an appointment, or to a time in the list of its day."""

    name: str
    text: str
    href: str


@dataclass(frozen=True)
class Cell:
    """One cell of the week; without links it says its name, which nobody sees."""

    name: str
    kind: str = ""
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class DayColumn:
    """One column of the week, and one line of its list of days."""

    day: date
    title: str
    short: str
    summary: str
    is_open: bool


@require_safe
def day(request: SignedInRequest, day: date) -> HttpResponse:
    doctor, at = doctor_of(request, "manage_appointments"), now()
    try:
        entries = diary.entries(doctor=doctor, first=day, last=day, at=at)
    except BadRange as error:
        raise Http404 from error
    every = diary.appointments_between(doctor=doctor, first=day, last=day)
    context = {
        "day": day,
        "title": wording.full_date(day),
        "lines": [_line(entry) for entry in entries],
        "cancelled": [one for one in every if one.status == Appointment.Status.CANCELLED],
        "previous": day - _DAY,
        "next": day + _DAY,
        "today": _today(doctor, at),
        "zones": _zones(doctor, entries),
        "has_places": len({entry.location.pk for entry in entries}) > 1,
    }
    return render(request, "scheduling/day.html", context)


@require_safe
def week(request: SignedInRequest) -> HttpResponse:
    doctor, at = doctor_of(request, "manage_appointments"), now()
    today = _today(doctor, at)
    monday = _monday(request, today)
    days = [monday + count * _DAY for count in range(7)]
    try:
        entries = diary.entries(doctor=doctor, first=days[0], last=days[-1], at=at)
    except BadRange as error:
        raise Http404 from error
    by_day = {day: [entry for entry in entries if entry.starts_at.date() == day] for day in days}
    times = sorted({entry.starts_at.time() for entry in entries})
    context = {
        "title": _week_title(days[0], days[-1]),
        "days": [_day_column(day, lines) for day, lines in by_day.items()],
        "rows": [
            (wording.clock(at_time), [_cell(day, at_time, by_day[day]) for day in days])
            for at_time in times
        ],
        "today": today,
        "previous": monday - _WEEK,
        "next": monday + _WEEK,
        "zones": _zones(doctor, entries),
    }
    return render(request, "scheduling/week.html", context)


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


def _zones(doctor: Doctor, entries: Iterable[Entry]) -> str:
    """Name the zones in which the page's times are."""
    zones = {entry.location.timezone for entry in entries} or {doctor.timezone}
    return " and ".join(sorted(wording.zone_name(zone) for zone in zones))


def _week_title(first: date, last: date) -> str:
    begins = f"{first.day}" if first.month == last.month else f"{first.day} {first:%B}"
    return f"Week of {begins} to {last.day} {last:%B %Y}"


def _day_column(day: date, entries: list[Entry]) -> DayColumn:
    booked = sum(len(entry.appointments) for entry in entries)
    free = sum(entry.slot.free for entry in entries if entry.slot and not entry.slot.reasons)
    summary = f"{booked} booked, {free} free" if booked or free else _why_closed(entries)
    return DayColumn(
        day,
        title=wording.day_and_month(day),
        short=f"{day:%a} {day.day}",
        summary=summary,
        is_open=bool(booked or free),
    )


def _why_closed(entries: list[Entry]) -> str:
    """Say why nothing of a day is free, when it is one and the same reason."""
    states = {_state(entry)[0] for entry in entries}
    return states.pop() if len(states) == 1 else "nothing open"


def _line(entry: Entry) -> Line:
    state, kind = _state(entry)
    return Line(
        entry=entry,
        anchor=_anchor(entry.starts_at),
        hours=f"{wording.clock(entry.starts_at)} to {wording.clock(entry.ends_at)}",
        state=state,
        tag={"open": "tag-ok", "leave": "tag-warn"}.get(kind, ""),
    )


def _cell(day: date, at_time: time, entries: list[Entry]) -> Cell:
    """Describe a time of a day: who comes then, or else what starts then or lasts over it."""
    then = datetime.combine(day, at_time)
    name = f"{wording.day_and_month(day)}, {wording.clock(at_time)}"
    lasting = [entry for entry in entries if _wall(entry.starts_at) <= then < _wall(entry.ends_at)]
    if not lasting:
        return Cell(f"{name}: outside your hours")
    # Hours may have changed since somebody booked; who comes is never hidden by what is free now.
    first = min(lasting, key=lambda one: (not one.appointments, _wall(one.starts_at) < then))
    starts = _wall(first.starts_at)
    state, kind = _state(first)
    if starts < then:
        return Cell(f"{name}: {state} since {wording.clock(starts)}", kind)
    told = [one for one in lasting if one.appointments and _wall(one.starts_at) == then] or [first]
    links = tuple(link for entry in told for link in _links(day, name, entry))
    return Cell(name, kind, links)


def _wall(at: datetime) -> datetime:
    return at.replace(tzinfo=None)


def _links(day: date, name: str, entry: Entry) -> Iterator[Link]:
    """Give the way to each appointment; a time of several patients has one to itself as well."""
    state, kind = _state(entry)
    text = "" if kind == "open" else state.removeprefix("booked, ")
    several = len(entry.appointments) > 1
    if several or not entry.appointments:
        place = f"{reverse('scheduling:day', args=[day])}#{_anchor(entry.starts_at)}"
        yield Link(f"{name}: {state}", text, place)
    for one in entry.appointments:
        address = reverse("scheduling:appointment", args=[one.pk])
        number = str(one.external_appointment_id)
        yield (
            Link(f"{name}: {one.insurance_provider}, {number}", number, address)
            if several
            else Link(f"{name}: {state}", text, address)
        )


def _state(entry: Entry) -> tuple[str, str]:
    """Say how a line stands, in words and as the class of its colour."""
    names = ", ".join(one.insurance_provider.name for one in entry.appointments)
    capacity = entry.slot.capacity if entry.slot else len(entry.appointments)
    if entry.appointments:
        count = "" if capacity == 1 else f"{len(entry.appointments)} of {capacity} "
        return f"{count}booked, {names}", "appt"
    reasons = entry.slot.reasons if entry.slot else ()
    if not reasons:
        return "free", "open"
    first = next(reason for reason in WHY if reason in reasons)
    return WHY[first], "leave" if first in {Reason.ON_LEAVE, Reason.PLACE_CLOSED} else "closed"


def _anchor(starts_at: datetime) -> str:
    return f"at-{starts_at:%H%M}"
