from django.http import HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from consent.models import Consent, insurers_for
from consent.standings import standings_of
from registry.http import SignedInRequest, doctor_of


@require_safe
def consent_list(request: SignedInRequest) -> HttpResponse:
    doctor = doctor_of(request)
    standings = standings_of(doctor, insurers_for(doctor), at=now())
    context = {
        "doctor": doctor,
        "standings": standings,
        "asking": [card for card in standings if card.request],
        "others": [card for card in standings if not card.request],
        "seeing": sum(
            card.status == Consent.Status.ACTIVE for card in standings if not card.is_paused
        ),
    }
    return render(request, "consent/consent_list.html", context)
