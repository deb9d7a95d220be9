"""What keeps a time from being free, in plain words, with who must do what."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.translation import gettext

from registry.models import Doctor, DoctorLocation, InsuranceProvider
from scheduling import slots, wording
from scheduling.models import Appointment, AvailabilityException, DayOfWeek
from scheduling.slots import Reason, Schedule, Slot
from scheduling.views import links
from scheduling.views.board import Change, held_until

HOURS, VISITS = "manage_schedule", "manage_appointments"
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Fix:
    """Where a cause is put right; `permission` is what a receptionist needs, `None` the doctor."""

    label: str
    href: str
    permission: str | None = HOURS


@dataclass(frozen=True)
class Cause:
    """One thing that keeps a time from being free; without a fix, there is nothing to do."""

    title: str
    text: str
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What is known of one day of a doctor, at all places; `insurer` may be chosen or not."""

    doctor: Doctor
    day: date
    at: datetime
    schedule: Schedule
    changes: list[Change]
    visits: list[Appointment]
    insurer: InsuranceProvider | None


@dataclass(frozen=True)
class Case:
    """A time at one place; `starts_at` is in its zone, `nearby` are the slots of that day there."""

    facts: Facts
    place: DoctorLocation
    starts_at: datetime
    nearby: list[Slot]

    @property
    def slot(self) -> Slot | None:
        """Give the slot that starts then."""
        return next((slot for slot in self.nearby if slot.starts_at == self.starts_at), None)

    @property
    def ends_at(self) -> datetime:
        """Give the end of that slot, or of the minute."""
        ends_at = self.slot.ends_at if self.slot else self.starts_at + _MINUTE
        return ends_at.astimezone(self.starts_at.tzinfo)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Name everything against a booking then."""
        return slots.why_not_free(
            self.facts.schedule,
            starts_at=self.starts_at.astimezone(UTC),
            at=self.facts.at,
            location_id=self.place.pk,
        )

    @property
    def is_past(self) -> bool:
        """Tell whether it has begun."""
        return self.starts_at <= self.facts.at

    @property
    def clock(self) -> str:
        """Give the time in words."""
        return wording.clock(self.starts_at)

    @property
    def free_until(self) -> str:
        """Say until when one free slot follows the other."""
        assert self.slot is not None
        last = self.slot
        for slot in self.nearby:
            if slot.starts_at == last.starts_at + last.terms.step and not slot.reasons:
                last = slot
        return wording.clock(last.ends_at.astimezone(self.starts_at.tzinfo))

    def causes(self) -> list[Cause]:
        """Put every reason into words."""
        return [cause for reason in self.reasons for cause in _CAUSES[reason](self)]


def case_of(facts: Facts, place: DoctorLocation, at: time) -> Case | None:
    """Look at a wall time at one place; nothing on a date on which its clock skips that time."""
    zone = ZoneInfo(place.timezone)
    starts_at = datetime.combine(facts.day, at, tzinfo=zone)
    if starts_at.astimezone(UTC).astimezone(zone).time() != at:
        return None
    midnight = datetime.combine(facts.day, time(0), tzinfo=zone)
    found = slots.slots_between(
        facts.schedule,
        starts_at=midnight.astimezone(UTC),
        ends_at=datetime.combine(facts.day + _DAY, time(0), tzinfo=zone).astimezone(UTC),
        at=facts.at,
    )
    here = [slot for slot in found if slot.location_id == place.pk]
    return Case(facts, place, starts_at, here)


def _outside_hours(case: Case) -> Iterator[Cause]:
    day = case.facts.day
    words = {"place": case.place.name, "weekday": DayOfWeek(day.weekday()).label}
    periods = sorted(
        (window.start, window.end)
        for window in case.facts.schedule.windows
        if window.terms.location_id == case.place.pk and any(window.dates(day, day))
    )
    words["hours"] = wording.listed(wording.period(*period) for period in periods)
    text = (
        gettext("Your hours at %(place)s that %(weekday)s: %(hours)s.")
        if periods
        else gettext("You have no weekly hours at %(place)s that %(weekday)s.")
    )
    add = links.extra_hours(case.starts_at, case.starts_at + _HOUR, case.place.pk)
    change = links.weekly_hours(day, case.place.pk)
    fixes = (
        Fix(gettext("Add extra hours for this date"), add),
        Fix(gettext("Change %(weekday)s hours") % words, change),
    )
    title = gettext("It is outside your hours")
    yield Cause(title, text % words, () if case.is_past else fixes)


def _between_slots(case: Case) -> Iterator[Cause]:
    before = [slot for slot in case.nearby if slot.starts_at < case.starts_at]
    after = [slot for slot in case.nearby if slot.starts_at > case.starts_at]
    near = [slot.starts_at.astimezone(case.starts_at.tzinfo) for slot in [*before[-1:], *after[:1]]]
    starts = wording.listed(wording.clock(start) for start in near)
    text = (
        gettext("The nearest visits start at %(starts)s.") % {"starts": starts}
        if near
        else gettext("No visit starts near it.")
    )
    check = gettext("Check %(time)s")
    fixes = (
        Fix(check % {"time": wording.clock(start)}, links.why(start, case.place.pk), VISITS)
        for start in near
    )
    yield Cause(gettext("No visit starts at this time"), text, tuple(fixes))


def _on_leave(case: Case) -> Iterator[Cause]:
    for change in case.facts.changes:
        if (
            change.row.kind == AvailabilityException.Kind.CLOSED
            and change.row.location_id in {None, case.place.pk}
            and change.starts_at < case.ends_at
            and case.starts_at < change.ends_at
        ):
            edit = reverse("scheduling:exception_edit", args=[change.row.pk])
            text = f"{change.where}: {change.when}."
            fix = Fix(gettext("Change or end this leave"), edit)
            yield Cause(gettext("You are on leave"), text, (fix,))


def _place_closed(case: Case) -> Iterator[Cause]:
    edit = reverse("registry:place_edit", args=[case.place.pk])
    text = gettext("In your profile, %(place)s is not in use.") % {"place": case.place.name}
    fix = Fix(gettext("Open this place again"), edit, None)
    yield Cause(gettext("The place is not in use"), text, (fix,))


def _taken(case: Case) -> Iterator[Cause]:
    for visit in case.facts.visits:
        if not (visit.appointment_time < case.ends_at and case.starts_at < visit.ends_at):
            continue
        is_elsewhere = visit.location_id != case.place.pk
        if visit.status == Appointment.Status.HELD:
            yield _held(visit, is_elsewhere=is_elsewhere)
        else:
            yield _booked(visit, is_elsewhere=is_elsewhere)


def _held(visit: Appointment, *, is_elsewhere: bool) -> Cause:
    words = {"held": held_until(visit), "place": visit.location.name}
    title = (
        gettext("An insurer keeps it: %(held)s at %(place)s")
        if is_elsewhere
        else gettext("An insurer keeps it: %(held)s")
    )
    text = gettext("It is free again by then, unless the insurer books. There is nothing to do.")
    return Cause(title % words, text)


def _booked(visit: Appointment, *, is_elsewhere: bool) -> Cause:
    starts_at, ends_at = visit.local_time, visit.ends_at.astimezone(visit.local_time.tzinfo)
    words = {
        "reference": visit.external_appointment_id,
        "times": wording.from_to(wording.clock(starts_at), wording.clock(ends_at)),
        "place": visit.location.name,
        "token": visit.token_number,
    }
    text = (
        gettext("%(reference)s, %(times)s at %(place)s, token %(token)s.")
        if is_elsewhere
        else gettext("%(reference)s, %(times)s, token %(token)s.")
    )
    title = gettext("%(insurer)s has booked it") % {"insurer": visit.insurance_provider}
    edit = reverse("scheduling:appointment", args=[visit.pk])
    return Cause(title, text % words, (Fix(gettext("Open, move or cancel it"), edit, VISITS),))


def _day_full(case: Case) -> Iterator[Cause]:
    most = case.facts.schedule.rules.most_per_day
    text = gettext("Your booking rules take at most %(most)s a day, and so many have booked.")
    yield Cause(gettext("The day is full"), text % {"most": most}, _rules(case))


def _too_soon(case: Case) -> Iterator[Cause]:
    if case.is_past:
        yield Cause(gettext("This time is over"), gettext("Only times to come can be booked."))
        return
    lead = case.facts.schedule.rules.lead_time
    words = {"lead": wording.duration(lead), "moment": wording.date_at(case.starts_at - lead)}
    text = gettext(
        "Your booking rules ask for %(lead)s of notice, so it could be booked until %(moment)s."
    )
    yield Cause(gettext("It is too soon"), text % words, _rules(case))


def _beyond_horizon(case: Case) -> Iterator[Cause]:
    horizon = case.facts.schedule.rules.horizon
    words = {"days": horizon.days, "moment": wording.date_at(case.starts_at - horizon)}
    text = gettext(
        "Your booking rules open times %(days)s days ahead, so this one opens on %(moment)s."
    )
    yield Cause(gettext("It is not open for booking yet"), text % words, _rules(case))


def _credential_expired(case: Case) -> Iterator[Cause]:
    until = case.facts.schedule.credential_until
    assert until is not None
    last = until.astimezone(ZoneInfo(case.facts.doctor.timezone)).date() - _DAY
    text = gettext(
        "As far as we know, it is valid until %(last)s. Upload the renewed certificate; "
        "an admin then checks it."
    ) % {"last": wording.full_date(last)}
    fix = Fix(gettext("Renew your registration"), reverse("registry:credential_list"), None)
    yield Cause(gettext("Your registration ends before it"), text, (fix,))


def _not_consented(case: Case) -> Iterator[Cause]:
    insurer = case.facts.insurer
    assert insurer is not None
    words = {"insurer": insurer}
    page = reverse("docport:insurer", args=[insurer.slug])
    see = Fix(gettext("What %(insurer)s sees") % words, page, None)
    text = gettext("%(insurer)s is not among those with whom you share appointments now.") % words
    yield Cause(gettext("%(insurer)s may not book with you") % words, text, (see,))


def _rules(case: Case) -> tuple[Fix, ...]:
    fix = Fix(gettext("Change your booking rules"), reverse("scheduling:booking_rules"))
    return () if case.is_past else (fix,)


_CAUSES: dict[Reason, Callable[[Case], Iterator[Cause]]] = {
    Reason.OUTSIDE_HOURS: _outside_hours,
    Reason.BETWEEN_SLOTS: _between_slots,
    Reason.ON_LEAVE: _on_leave,
    Reason.PLACE_CLOSED: _place_closed,
    Reason.TAKEN: _taken,
    Reason.DAY_FULL: _day_full,
    Reason.TOO_SOON: _too_soon,
    Reason.BEYOND_HORIZON: _beyond_horizon,
    Reason.CREDENTIAL_EXPIRED: _credential_expired,
    Reason.NOT_CONSENTED: _not_consented,
}
