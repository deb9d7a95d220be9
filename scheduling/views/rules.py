from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from registry.http import SignedInRequest, doctor_of
from scheduling import actions, diary, wording
from scheduling.forms import RulesForm
from scheduling.slots import Rules


@require_http_methods(["GET", "HEAD", "POST"])
def booking_rules(request: SignedInRequest) -> HttpResponse:
    doctor = doctor_of(request, "manage_schedule")
    standing = diary.rules_of(doctor)
    form = RulesForm(
        request.POST if request.method == "POST" else None, initial=RulesForm.values_of(standing)
    )
    if form.is_bound and form.is_valid():
        try:
            actions.set_booking_rules(doctor=doctor, **form.rules, by=request.user, at=now())
        except actions.RulesRefused as refusal:
            form.show(refusal)
        else:
            messages.success(
                request,
                gettext("Booking rules saved. %(in_words)s")
                % {"in_words": in_words(Rules(**form.rules))},
            )
            return redirect("scheduling:booking_rules")
    status = 422 if form.is_bound else 200
    context = {"form": form, "meaning": in_words(standing)}
    return render(request, "scheduling/booking_rules.html", context, status=status)


def in_words(rules: Rules) -> str:
    """Say what rules mean."""
    until = "the last minute"
    if rules.lead_time:
        until = f"{_length(rules)} before the visit"
    days = rules.horizon.days
    words = f"Insurers can book from {days} day{'' if days == 1 else 's'} ahead until {until}"
    if rules.most_per_day:
        patients = "patient" if rules.most_per_day == 1 else "patients"
        words += f", and at most {rules.most_per_day} {patients} a day"
    return f"{words}."


def _length(rules: Rules) -> str:
    days, rest = divmod(rules.lead_time.total_seconds(), 24 * 60 * 60)
    if rest or not days:
        return wording.duration(rules.lead_time)
    return f"{days:.0f} day{'' if days == 1 else 's'}"
