from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from registry.http import SignedInRequest, doctor_of, may
from registry.models import Doctor, DoctorLocation, InsuranceProvider
from scheduling import diary, wording
from scheduling.forms import QuestionForm
from scheduling.models import Appointment
from scheduling.slots import YEARS, BadRange, Reason
from scheduling.views import links
from scheduling.views.board import changes_between
from scheduling.views.reasons import HOURS, VISITS, Case, Cause, Facts, Fix, case_of

_DAY = timedelta(days=1)
_FAR = timedelta(hours=15)


@dataclass(frozen=True)
class Told:
    """A cause as somebody may read it, with the fixes open to them, or else who has them."""

    cause: Cause
    fixes: list[Fix]
    who: str


@dataclass(frozen=True)
class Answer:
    """What there is to say of a time at one place."""

    case: Case
    causes: list[Told]
    leave: str

    @property
    def is_free(self) -> bool:
        return not self.causes


@require_safe
def why(request: SignedInRequest, day: date) -> HttpResponse:
    doctor, at = doctor_of(request, VISITS), now()
    if day.year not in YEARS:
        raise Http404
    places = list(DoctorLocation.objects.filter(doctor=doctor))
    form = QuestionForm(
        request.GET if "time" in request.GET else None,
        initial={"place": request.GET.get("place")},
        places=places,
        insurers=_insurers(doctor),
    )
    try:
        answers = _answers(request, doctor, day, form, at) if form.is_valid() else []
    except BadRange as error:
        raise Http404 from error
    context = {
        "doctor": doctor,
        "is_active": doctor.status == Doctor.Status.ACTIVE,
        "day": day,
        "date": wording.full_date(day),
        "form": form,
        "answers": answers,
        "clock": wording.clock(form.cleaned_data["time"]) if answers else "",
        "is_free": any(answer.is_free for answer in answers),
        "places": places,
    }
    status = 422 if form.errors else 200
    return render(request, "scheduling/why.html", context, status=status)


def _insurers(doctor: Doctor) -> list[InsuranceProvider]:
    worlds = InsuranceProvider.Status
    world = worlds.SANDBOX if doctor.is_sandbox else worlds.LIVE
    return list(InsuranceProvider.objects.filter(integration_status=world).order_by("name"))


def _answers(
    request: SignedInRequest, doctor: Doctor, day: date, form: QuestionForm, at: datetime
) -> list[Answer]:
    """Answer for each place; the free ones come first, and then those with the least against them.

    A time that no clock shows there is put beside the form's field.
    """
    wall, chosen = form.cleaned_data["time"], form.chosen_places
    facts = _facts(doctor, day, form.insurer, at)
    found = [case for place in chosen if (case := case_of(facts, place, wall))]
    if chosen and not found:
        form.add_error("time", _skipped(day, wall, chosen))
    # A place that is closed for good matters only to who asks for it, or still has hours there.
    asked = [case for case in found if len(chosen) == 1 or case.place.is_active or case.slot]
    answers = [_answer(request, case) for case in asked]
    return sorted(answers, key=lambda answer: len(answer.causes))


def _facts(doctor: Doctor, day: date, insurer: InsuranceProvider | None, at: datetime) -> Facts:
    """Read what is known of the day, in whichever zone it is."""
    starts_at = datetime.combine(day, time(0), tzinfo=UTC) - _FAR
    ends_at = starts_at + _DAY + 2 * _FAR
    schedule = diary.load(doctor=doctor, starts_at=starts_at, ends_at=ends_at, at=at)
    if insurer is not None:
        against = diary.why_not_free(doctor=doctor, starts_at=starts_at, at=at, provider=insurer)
        schedule = replace(schedule, is_consented=Reason.NOT_CONSENTED not in against)
    visits = (
        Appointment.objects.filter(doctor=doctor)
        .occupying_at(at)
        .touching(starts_at, ends_at)
        .select_related("location", "insurance_provider")
    )
    changes = changes_between(doctor, day, day)
    return Facts(doctor, day, at, schedule, changes, list(visits), insurer)


def _skipped(day: date, wall: time, places: Sequence[DoctorLocation]) -> str:
    zones = wording.listed(sorted({wording.zone_name(place.timezone) for place in places}))
    return gettext(
        "There is no %(time)s on %(date)s in %(zones)s: the clock goes forward past it. "
        "Enter a later time."
    ) % {"time": wording.clock(wall), "date": wording.full_date(day), "zones": zones}


def _answer(request: SignedInRequest, case: Case) -> Answer:
    causes = [_told(request, cause) for cause in case.causes()]
    leave = links.leave(case.starts_at, case.ends_at) if may(request, HOURS) else ""
    return Answer(case, causes, leave)


def _told(request: SignedInRequest, cause: Cause) -> Told:
    fixes = [fix for fix in cause.fixes if may(request, fix.permission)]
    if fixes or not cause.fixes:
        return Told(cause, fixes, "")
    if cause.fixes[0].permission is None:
        return Told(cause, [], gettext("Only the doctor can change this."))
    return Told(cause, [], gettext("Ask who keeps the hours."))
