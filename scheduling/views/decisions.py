"""The step between typing a change of hours and saving it: what becomes of who is booked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext, ngettext

from registry.actions.refusals import sentence
from registry.http import SignedInRequest
from registry.models import Doctor
from scheduling.actions import Decision, Undecided
from scheduling.forms import DecisionsForm, carried
from scheduling.models import Appointment


@dataclass(frozen=True)
class Question:
    """What is to be saved, in words: `change` such as `Leave on …`, `save` for the button."""

    change: str
    save: str


def ask(
    request: SignedInRequest,
    doctor: Doctor,
    undecided: Undecided,
    form: DecisionsForm,
    question: Question,
    *,
    at: datetime,
    typed: list[tuple[str, str]] | None = None,
) -> HttpResponse:
    """Show what is affected, with the answers given so far; nothing of it has been saved.

    Args:
        typed: what is sent again with the answers; `None` takes all that was typed.
    """
    appointments = {one.pk: one for one in undecided.appointments}
    appointments |= {one.pk: one for one in _to_come(doctor, form.asked, at)}
    form.ask(sorted(appointments.values(), key=lambda one: (one.appointment_time, one.lane)))
    context = {
        "decisions": form,
        "forms": form.forms,
        "question": question,
        "carried": carried(request.POST) if typed is None else typed,
        "count": len(form.forms),
    }
    status = 422 if form.asked else 200
    return render(request, "scheduling/decisions.html", context, status=status)


def outcome(doctor: Doctor, decisions: Mapping[UUID, Decision]) -> str:
    """Say what became of the appointments that were decided on; empty when there were none."""
    done = _decided(doctor, decisions)
    cancelled = [one for one in done if decisions[one.pk].cancel]
    words = _counts(len(done) - len(cancelled), len(cancelled))
    told = list(dict.fromkeys(one.insurance_provider.name for one in cancelled))
    if not told:
        return f"{words}." if words else ""
    ends = ngettext(
        "%(words)s; %(insurers)s is told within seconds.",
        "%(words)s; %(insurers)s are told within seconds.",
        len(told),
    )
    return ends % {"words": words, "insurers": sentence(told)}


def cancelled_any(doctor: Doctor, decisions: Mapping[UUID, Decision]) -> bool:
    """Tell whether some appointment went, so that an undo would not bring back everything."""
    return any(decisions[one.pk].cancel for one in _decided(doctor, decisions))


def _decided(doctor: Doctor, decisions: Mapping[UUID, Decision]) -> list[Appointment]:
    """List those on which the decision was carried out."""
    rows = Appointment.objects.filter(doctor=doctor, pk__in=decisions).select_related(
        "insurance_provider"
    )
    wanted = {True: Appointment.Status.CANCELLED, False: Appointment.Status.BOOKED}
    return [one for one in rows if one.status == wanted[decisions[one.pk].cancel]]


def _counts(kept: int, cancelled: int) -> str:
    if not kept:
        only = ngettext(
            "%(count)s appointment cancelled", "%(count)s appointments cancelled", cancelled
        )
        return only % {"count": cancelled} if cancelled else ""
    words = ngettext("%(count)s appointment kept", "%(count)s appointments kept", kept)
    words = words % {"count": kept}
    if not cancelled:
        return words
    return gettext("%(kept)s, %(count)s cancelled") % {"kept": words, "count": cancelled}


def _to_come(doctor: Doctor, asked: set[UUID], at: datetime) -> list[Appointment]:
    rows = Appointment.objects.filter(
        doctor=doctor, pk__in=asked, status=Appointment.Status.BOOKED, appointment_time__gt=at
    )
    return list(rows.select_related("location", "insurance_provider"))
