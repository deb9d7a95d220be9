"""A doctor's day at a glance: who comes, which insurers see the doctor, and what is wrong."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Subquery
from django.urls import reverse
from django.utils.translation import gettext

from consent.actions import REMINDED_BEFORE
from consent.models import Consent, ConsentRequest
from docport.checklist import Checklist, Facts, checklist, facts_of
from docport.in_step import in_step, moment, syncs_of
from integrations.models import ProviderDoctorSync
from registry.models import Doctor, InsuranceProvider
from scheduling.models import Appointment, AvailabilityException
from scheduling.wording import clock, day_and_month, from_to, full_date, span

Status = Appointment.Status

_TONES = {
    Status.ARRIVED: "tag-ok",
    Status.COMPLETED: "tag-ok",
    Status.NO_SHOW: "tag-warn",
    Status.CANCELLED: "tag-bad",
}


@dataclass(frozen=True)
class Visit:
    """An appointment with its words; `tone` is the class of its tag."""

    appointment: Appointment
    day: str
    hours: str
    tone: str


@dataclass(frozen=True)
class Insurer:
    """Whether one insurer sees the doctor, and how far its system is in step."""

    provider: InsuranceProvider
    sees: bool
    state: str
    tone: str
    note: str = ""


@dataclass(frozen=True)
class Alarm:
    """Something that wants the doctor's eye, and where to look at it."""

    text: str
    href: str
    link: str


@dataclass(frozen=True)
class Leave:
    """Leave that falls on now or on what is left of today; `until_tomorrow` at all places."""

    id: UUID
    words: str
    until_tomorrow: bool


@dataclass(frozen=True)
class Today:
    """What the page shows."""

    greeting: str
    date: str
    visits: list[Visit]
    next_visit: Visit | None
    insurers: list[Insurer]
    warnings: list[Alarm]
    waiting: list[Alarm]
    checklist: Checklist
    leave: list[Leave]

    @property
    def coming(self) -> int:
        """Count the appointments of today that are still to come or were kept."""
        return sum(visit.appointment.status != Status.CANCELLED for visit in self.visits)

    @property
    def rest_is_leave(self) -> bool:
        """Tell whether nothing is left of today that could become leave."""
        return any(leave.until_tomorrow for leave in self.leave)

    @property
    def seeing(self) -> int:
        """Count the insurers who see the doctor."""
        return sum(insurer.sees for insurer in self.insurers)


def today_of(doctor: Doctor, *, at: datetime) -> Today:
    """Read the day of a doctor, in the doctor's own time zone: at most 8 queries."""
    local = at.astimezone(ZoneInfo(doctor.timezone))
    visits = _visits(doctor, local)
    providers = _providers(doctor, local)
    insurers = _insurers(doctor, providers, local)
    facts = facts_of(doctor, at=at)
    return Today(
        greeting=_greeting(local) % {"name": doctor.addressed_as},
        date=full_date(local.date()),
        visits=visits,
        next_visit=_next_visit(doctor, visits, local),
        insurers=insurers,
        warnings=_warnings(facts, insurers),
        waiting=_waiting(providers, local),
        checklist=checklist(facts),
        leave=_leave(doctor, local),
    )


def _greeting(local: datetime) -> str:
    if local.time() < time(12):
        return gettext("Good morning, %(name)s")
    return (
        gettext("Good afternoon, %(name)s")
        if local.time() < time(17)
        else gettext("Good evening, %(name)s")
    )


def _visits(doctor: Doctor, local: datetime) -> list[Visit]:
    zone = local.tzinfo
    starts_at = datetime.combine(local.date(), time(0), tzinfo=zone)
    ends_at = datetime.combine(local.date() + timedelta(days=1), time(0), tzinfo=zone)
    rows = Appointment.objects.filter(doctor=doctor).booked().touching(starts_at, ends_at)
    return [_visit(row, local) for row in rows.select_related("insurance_provider", "location")]


def _leave(doctor: Doctor, local: datetime) -> list[Leave]:
    ends_at = datetime.combine(local.date() + timedelta(days=1), time(0), tzinfo=local.tzinfo)
    rows = AvailabilityException.objects.filter(
        doctor=doctor, kind=AvailabilityException.Kind.CLOSED
    ).touching(local, ends_at)
    return [
        Leave(
            row.pk,
            words=_leave_in_words(row, local),
            until_tomorrow=row.location is None
            and row.starts_at <= local
            and ends_at <= row.ends_at,
        )
        for row in rows.select_related("location").order_by("starts_at")
    ]


def _leave_in_words(row: AvailabilityException, local: datetime) -> str:
    zone = ZoneInfo(row.location.timezone) if row.location else local.tzinfo
    starts, ends = row.starts_at.astimezone(zone), row.ends_at.astimezone(zone)
    words = span(starts, ends, year=local.year)
    if row.location is None:
        return words
    return gettext("%(times)s, at %(place)s") % {"times": words, "place": row.location.name}


def _next_visit(doctor: Doctor, visits: Iterable[Visit], local: datetime) -> Visit | None:
    awaited = {Status.BOOKED, Status.ARRIVED}
    for visit in visits:
        if visit.appointment.status in awaited and visit.appointment.ends_at > local:
            return visit
    later = Appointment.objects.filter(doctor=doctor, status__in=awaited, ends_at__gt=local)
    row = later.select_related("insurance_provider", "location").first()
    return _visit(row, local) if row else None


def _visit(row: Appointment, local: datetime) -> Visit:
    starts, ends = (
        moment.astimezone(local.tzinfo) for moment in (row.appointment_time, row.ends_at)
    )
    return Visit(
        appointment=row,
        day=gettext("Today") if starts.date() == local.date() else day_and_month(starts.date()),
        hours=from_to(clock(starts), clock(ends)),
        tone=_TONES.get(Status(row.status), ""),
    )


def _providers(doctor: Doctor, local: datetime) -> list[Any]:
    """Read the insurers of the doctor's world, each with how it stands with the doctor."""
    world = InsuranceProvider.Status.SANDBOX if doctor.is_sandbox else InsuranceProvider.Status.LIVE
    pair = {"doctor": doctor, "insurance_provider": OuterRef("pk")}
    ending = Consent.objects.ending_within(REMINDED_BEFORE, at=local).filter(**pair)
    asked = ConsentRequest.objects.put_to(doctor, at=local).filter(
        insurance_provider=OuterRef("pk")
    )
    return list(
        InsuranceProvider.objects.filter(integration_status=world).annotate(
            is_seeing=Exists(Consent.objects.showing_at(local).filter(**pair)),
            ends_at=Subquery(ending.values("expires_at")),
            asked_again_at=Subquery(ending.values("asked_again_at")),
            answer_by=Subquery(asked.values("answer_by")),
        )
    )


def _insurers(doctor: Doctor, providers: Iterable[Any], local: datetime) -> list[Insurer]:
    syncs = syncs_of(doctor)
    return [_insurer(provider, syncs.get(provider.pk), local) for provider in providers]


def _insurer(provider: Any, sync: ProviderDoctorSync | None, local: datetime) -> Insurer:
    if not provider.is_seeing:
        return Insurer(provider, sees=False, state=gettext("Sees nothing"), tone="")
    found = in_step(provider, sync, local=local)
    return Insurer(provider, sees=True, state=found.state, tone=found.tone, note=found.note)


def _waiting(providers: Iterable[Any], local: datetime) -> list[Alarm]:
    """Say which insurers wait for an answer, and which consents end soon."""
    asked = [
        Alarm(
            gettext("%(provider)s asks to see you. You can answer until %(moment)s.")
            % {"provider": provider, "moment": moment(answer_by, local)},
            reverse("docport:insurer", args=[provider.slug]),
            gettext("Answer %(provider)s") % {"provider": provider},
        )
        for provider in providers
        if (answer_by := provider.answer_by)
    ]
    return asked + [_ending(provider, local) for provider in providers if provider.ends_at]


def _ending(provider: Any, local: datetime) -> Alarm:
    page = reverse("consent:give", args=[provider.slug])
    words = {"provider": provider, "moment": moment(provider.ends_at, local)}
    if provider.asked_again_at:
        text = gettext(
            "What you agreed to with %(provider)s has new words. "
            "It sees you until %(moment)s, unless you say yes again."
        )
        return Alarm(text % words, page, gettext("Read and confirm %(provider)s") % words)
    text = gettext("%(provider)s sees you only until %(moment)s.")
    return Alarm(text % words, page, gettext("Choose a new period for %(provider)s") % words)


def _warnings(facts: Facts, insurers: list[Insurer]) -> list[Alarm]:
    if facts.doctor.status != Doctor.Status.ACTIVE:
        return []
    found = []
    if not facts.has_hours:
        text = gettext("You have set no hours, so insurers see no free times.")
        found.append(Alarm(text, reverse("scheduling:hours"), gettext("Set your hours")))
    if not any(insurer.sees for insurer in insurers):
        text = gettext("No insurer can see you, so nobody can book.")
        found.append(Alarm(text, reverse("docport:insurers"), gettext("Choose insurers")))
    return found
