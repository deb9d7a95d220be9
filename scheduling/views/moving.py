from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from registry.http import SignedInRequest
from registry.models import DoctorLocation
from scheduling import actions, diary, slots, wording
from scheduling.forms import MoveForm
from scheduling.models import Appointment, BookingRules, Mode
from scheduling.slots import Slot
from scheduling.views.appointments import own_appointment, shown
from scheduling.views.history import Step, steps_of

_DAY = timedelta(days=1)
_SHOWN = timedelta(days=14)


@dataclass(frozen=True)
class Choice:
    """A free time; `name` adds what the page around it says to those who see it."""

    text: str
    name: str
    href: str


@dataclass(frozen=True)
class FreeDay:
    """The free times of one day, by the name of their place; an open one shows them at once."""

    title: str
    count: int
    is_open: bool
    places: dict[str, list[Choice]]


@require_http_methods(["GET", "HEAD", "POST"])
def appointment_move(request: SignedInRequest, appointment_id: UUID) -> HttpResponse:
    """Offer free times; one that is chosen is asked about once more, and then taken."""
    mine, at = own_appointment(request, appointment_id), now()
    if not mine.is_movable_at(at):
        return _refused(request, mine)
    page = _Page(request, mine, list(DoctorLocation.objects.filter(doctor=mine.doctor_id)), at)
    given = request.POST if request.method == "POST" else request.GET
    if "start" not in given:
        return page.times()
    form = MoveForm(given, places=page.places)
    if not form.is_valid():
        return page.times(problem=gettext("Choose one of the free times."), status=422)
    return _move(page, form) if request.method == "POST" else page.confirm(form)


def _move(page: "_Page", form: MoveForm) -> HttpResponse:
    mine, request = page.mine, page.request
    try:
        actions.move(
            appointment=mine,
            start=form.cleaned_data["start"],
            location=form.chosen_place,
            by=request.user,
            at=page.at,
            version=form.cleaned_data["version"],
        )
    except (actions.Stale, actions.NotMovable):
        return page.changed(form)
    except actions.SlotRefused:
        lost = gettext("%(moment)s is not free any more. Nothing was changed.") % {
            "moment": wording.date_at(form.chosen_start)
        }
        return page.times(problem=lost, status=409)
    messages.success(
        request,
        gettext("Moved. %(insurer)s is told within seconds.")
        % {"insurer": mine.insurance_provider},
    )
    return redirect("scheduling:appointment", mine.pk)


def _refused(request: SignedInRequest, mine: Appointment) -> HttpResponse:
    messages.info(request, str(actions.NotMovable(mine)))
    return redirect("scheduling:appointment", mine.pk)


@dataclass(frozen=True)
class _Page:
    """What the pages of a move have in common."""

    request: SignedInRequest
    mine: Appointment
    places: list[DoctorLocation]
    at: datetime

    def confirm(self, form: MoveForm) -> HttpResponse:
        """Ask once more, with both times side by side."""
        if form.cleaned_data["version"] != self.mine.version:
            return self.changed(form)
        context = {
            **shown(self.mine),
            "form": form,
            "to": wording.date_at(form.chosen_start),
            "to_place": form.chosen_place,
        }
        return render(self.request, "scheduling/appointment_move_confirm.html", context)

    def changed(self, form: MoveForm) -> HttpResponse:
        """Show what the reader saw beside what somebody has made of it meanwhile."""
        now_it_is = own_appointment(self.request, self.mine.pk)
        if not now_it_is.is_movable_at(self.at):
            return _refused(self.request, now_it_is)
        seen = form.cleaned_data["seen"].astimezone(now_it_is.local_time.tzinfo)
        history = steps_of(now_it_is, self.request.user)
        fresh = replace(self, mine=now_it_is)
        before, change = wording.date_at(seen), history[0] if history else None
        return fresh.times(before=before, change=change, status=409)

    def times(
        self, *, problem: str = "", before: str = "", change: Step | None = None, status: int = 200
    ) -> HttpResponse:
        """List the free times of two weeks, and what went wrong before, if anything did."""
        zone = ZoneInfo(self.mine.doctor.timezone)
        today = self.at.astimezone(zone).date()
        first = _first(self.request, today)
        starts_at = max(self.at, datetime.combine(first, time(0), tzinfo=zone))
        ends_at = datetime.combine(first + _SHOWN, time(0), tzinfo=zone)
        schedule = diary.load(
            doctor=self.mine.doctor,
            starts_at=starts_at,
            ends_at=ends_at,
            at=self.at,
            ignoring=self.mine.pk,
        )
        free = slots.free_slots(schedule, starts_at=starts_at, ends_at=ends_at, at=self.at)
        context = {
            **shown(self.mine),
            "days": _free_days(self.mine, free, {place.pk: place for place in self.places}),
            "has_places": len(self.places) > 1,
            "from": wording.day_and_month(first),
            "to": wording.day_and_month(first + _SHOWN - _DAY),
            "earlier": max(today, first - _SHOWN) if first > today else None,
            "later": first + _SHOWN if ends_at < self.at + schedule.rules.horizon else None,
            "problem": problem,
            "before": before,
            "change": change,
        }
        return render(self.request, "scheduling/appointment_move.html", context, status=status)


def _first(request: SignedInRequest, today: date) -> date:
    """Give the date from which free times are asked for; today unless it is a later one."""
    try:
        asked = date.fromisoformat(request.GET.get("from", ""))
    except ValueError:
        return today
    return min(max(asked, today), today + BookingRules.LONGEST_HORIZON)


def _free_days(
    mine: Appointment, free: Iterable[Slot], places: dict[UUID, DoctorLocation]
) -> list[FreeDay]:
    """Sort the free times, its own left out; its own day is open, or else the first."""
    here = mine.appointment_time, mine.location_id
    days: dict[date, list[Slot]] = defaultdict(list)
    for slot in free:
        if (slot.starts_at, slot.location_id) != here:
            days[slot.local_date].append(slot)
    opened = mine.local_date if mine.local_date in days else min(days, default=None)
    return [
        FreeDay(
            wording.day_and_month(day),
            len(found),
            day == opened,
            {
                places[place_id].name: [_choice(mine, slot, places[place_id]) for slot in there]
                for place_id, there in _by_place(found).items()
            },
        )
        for day, found in sorted(days.items())
    ]


def _by_place(found: Iterable[Slot]) -> dict[UUID, list[Slot]]:
    places: dict[UUID, list[Slot]] = defaultdict(list)
    for slot in found:
        places[slot.location_id].append(slot)
    return places


def _choice(mine: Appointment, slot: Slot, place: DoctorLocation) -> Choice:
    """Offer a slot; how they meet is told only if it differs."""
    start = slot.starts_at.astimezone(ZoneInfo(place.timezone))
    mode = "" if slot.mode == mine.mode else f", {Mode(slot.mode).label.lower()}"
    chosen = {
        "start": _iso(start),
        "place": place.pk,
        "version": mine.version,
        "seen": _iso(mine.appointment_time),
    }
    return Choice(
        text=f"{wording.clock(start)}{mode}",
        name=gettext("%(day)s at %(place)s")
        % {"day": wording.day_and_month(start.date()), "place": place.name},
        href=f"?{urlencode(chosen)}",
    )


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
