from datetime import datetime
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from consent import actions
from consent.forms import ConsentForm
from consent.models import Consent, ConsentEvent, insurers_for
from consent.previews import previews
from consent.standings import Standing, standing_with
from registry.actions import Refused
from registry.http import SignedInRequest, doctor_of
from registry.models import Doctor


@require_http_methods(["GET", "HEAD", "POST"])
def consent_give(request: SignedInRequest, slug: str) -> HttpResponse:
    doctor, at = doctor_of(request), now()
    provider = get_object_or_404(insurers_for(doctor), slug=slug)
    standing = standing_with(doctor, provider, at=at, language=request.user.language)
    in_force = standing.consent if standing.status == Consent.Status.ACTIVE else None
    form = ConsentForm(
        request.POST if request.method == "POST" else None,
        notice=standing.notice,
        zone=ZoneInfo(doctor.timezone),
        standing=in_force,
    )
    if not form.is_bound or "edit" in request.POST:
        return _give_page(request, doctor, standing, form)
    if not form.is_valid():
        return _give_page(request, doctor, standing, form, status=422)
    if "confirm" not in request.POST:
        return _review_page(request, doctor, standing, form, at)
    return _confirm(request, doctor, standing, form, at)


def _confirm(
    request: SignedInRequest,
    doctor: Doctor,
    standing: Standing,
    form: ConsentForm,
    at: datetime,
) -> HttpResponse:
    terms = {
        "data_classes": form.cleaned_data["data_classes"],
        "expires_at": form.expires_at(at),
        "language": request.user.language,
        "notice_sha256": form.cleaned_data["notice"],
    }
    try:
        if form.standing:
            consent = actions.change(consent=form.standing, **terms, by=request.user, at=at)
        else:
            provider = standing.provider
            consent = actions.give(
                doctor=doctor, provider=provider, **terms, by=request.user, at=at
            )
    except (actions.AlreadyGiven, actions.NothingToChange, actions.NotInForce) as refusal:
        messages.info(request, str(refusal))
        return redirect("docport:insurer", standing.provider.slug)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _give_page(request, doctor, standing, form, status=422)
    event = ConsentEvent.objects.get(consent=consent, version=consent.version)
    messages.success(
        request,
        gettext("Saved. This is your receipt for %(name)s.") % {"name": standing.provider.name},
    )
    return redirect("consent:receipt", event.pk)


def _give_page(
    request: SignedInRequest,
    doctor: Doctor,
    standing: Standing,
    form: ConsentForm,
    status: int = 200,
) -> HttpResponse:
    shown = previews(doctor, at=now())
    asked = standing.request.data_classes if standing.request else []
    classes = [
        (box, piece, shown.get(piece.code), piece.code in asked)
        for box, piece in zip(form["data_classes"], standing.notice.data_classes, strict=True)
    ]
    context = {"doctor": doctor, "standing": standing, "form": form, "classes": classes}
    return render(request, "consent/consent_give.html", context, status=status)


def _review_page(
    request: SignedInRequest,
    doctor: Doctor,
    standing: Standing,
    form: ConsentForm,
    at: datetime,
) -> HttpResponse:
    shown = previews(doctor, at=at)
    chosen = standing.notice.of(form.cleaned_data["data_classes"])
    context = {
        "doctor": doctor,
        "standing": standing,
        "form": form,
        "classes": [(piece, shown.get(piece.code)) for piece in chosen],
        "expires_at": form.expires_at(at),
    }
    return render(request, "consent/consent_review.html", context)
