from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from consent.models import Consent, ConsentEvent, insurers_for
from consent.standings import standing_with, standings_of
from registry.http import SignedInRequest, doctor_of


@require_safe
def consent_list(request: SignedInRequest) -> HttpResponse:
    doctor = doctor_of(request)
    standings = standings_of(doctor, insurers_for(doctor), at=now())
    # Who waits for an answer comes first.
    standings.sort(key=lambda standing: standing.request is None)
    seeing = sum(card.status == Consent.Status.ACTIVE for card in standings if not card.is_paused)
    context = {"doctor": doctor, "standings": standings, "seeing": seeing}
    return render(request, "consent/consent_list.html", context)


@require_safe
def consent_detail(request: SignedInRequest, slug: str) -> HttpResponse:
    doctor = doctor_of(request)
    provider = get_object_or_404(insurers_for(doctor), slug=slug)
    standing = standing_with(doctor, provider, at=now())
    history = ConsentEvent.objects.between(doctor, provider).select_related("by")
    context = {"doctor": doctor, "standing": standing, "history": history.order_by("-at", "-id")}
    return render(request, "consent/consent_detail.html", context)
