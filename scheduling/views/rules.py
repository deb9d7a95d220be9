from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext, ngettext
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
    until = gettext("the last minute")
    if rules.lead_time:
        until = gettext("%(length)s before the visit") % {"length": _length(rules)}
    most = ngettext("%(count)s patient", "%(count)s patients", rules.most_per_day or 0)
    words = {
        "days": _days(rules.horizon.days),
        "until": until,
        "patients": most % {"count": rules.most_per_day},
    }
    if not rules.most_per_day:
        return gettext("Insurers can book from %(days)s ahead until %(until)s.") % words
    return (
        gettext(
            "Insurers can book from %(days)s ahead until %(until)s, and at most %(patients)s a day."
        )
        % words
    )


def _length(rules: Rules) -> str:
    days, rest = divmod(rules.lead_time.total_seconds(), 24 * 60 * 60)
    if rest or not days:
        return wording.duration(rules.lead_time)
    return _days(int(days))


def _days(count: int) -> str:
    return ngettext("%(count)s day", "%(count)s days", count) % {"count": count}
