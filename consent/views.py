from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from consent import actions, receipts
from consent.forms import ConsentForm
from consent.models import Consent, ConsentEvent, insurers_for
from consent.notices import Notice, notice_for
from consent.previews import previews
from registry.actions import Refused
from registry.http import SignedInRequest, doctor_of
from registry.models import Doctor, InsuranceProvider


@dataclass(frozen=True)
class Standing:
    """How a doctor stands with one insurer now."""

    provider: InsuranceProvider
    consent: Consent | None
    notice: Notice
    status: str
    is_paused: bool

    @property
    def shared(self) -> list[str]:
        codes = self.consent.data_classes if self.consent else []
        return [piece.name for piece in self.notice.of(codes)]


@require_safe
def consent_list(request: SignedInRequest) -> HttpResponse:
    doctor, at = doctor_of(request), now()
    consents = {
        consent.insurance_provider_id: consent for consent in Consent.objects.filter(doctor=doctor)
    }
    standings = [
        _standing(doctor, provider, consents.get(provider.pk), at)
        for provider in insurers_for(doctor)
    ]
    seeing = sum(card.status == Consent.Status.ACTIVE for card in standings if not card.is_paused)
    context = {"doctor": doctor, "standings": standings, "seeing": seeing}
    return render(request, "consent/consent_list.html", context)


@require_safe
def consent_detail(request: SignedInRequest, slug: str) -> HttpResponse:
    doctor = doctor_of(request)
    standing = _standing_with(doctor, slug, now())
    events = ConsentEvent.objects.filter(consent=standing.consent).select_related("by")
    history = events.order_by("-version") if standing.consent else []
    context = {"doctor": doctor, "standing": standing, "history": history}
    return render(request, "consent/consent_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def consent_give(request: SignedInRequest, slug: str) -> HttpResponse:
    doctor, at = doctor_of(request), now()
    standing = _standing_with(doctor, slug, at, language=request.user.language)
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
        return redirect("consent:detail", standing.provider.slug)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _give_page(request, doctor, standing, form, status=422)
    event = ConsentEvent.objects.get(consent=consent, version=consent.version)
    messages.success(request, f"Saved. This is your receipt for {standing.provider.name}.")
    return redirect("consent:receipt", event.pk)


def _give_page(
    request: SignedInRequest,
    doctor: Doctor,
    standing: Standing,
    form: ConsentForm,
    status: int = 200,
) -> HttpResponse:
    shown = previews(doctor, at=now())
    classes = [
        (box, piece, shown.get(piece.code))
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


@require_safe
def consent_receipt(request: SignedInRequest, event_id: UUID) -> HttpResponse:
    doctor = doctor_of(request)
    event = _own_event(doctor, event_id)
    context = {
        "doctor": doctor,
        "event": event,
        "receipt": event.receipt,
        "state": Consent.Status(event.receipt["event"]["state"]).label,
        "is_genuine": receipts.is_genuine(event),
        "valid_from": _instant(event.receipt["event"]["validity"]["from"]),
        "valid_until": _instant(event.receipt["event"]["validity"]["until"]),
        "erase_by": _instant(event.receipt["artefact"]["permission"]["dataEraseAt"]),
    }
    return render(request, "consent/consent_receipt.html", context)


@require_safe
def consent_receipt_json(request: SignedInRequest, event_id: UUID) -> HttpResponse:
    event = _own_event(doctor_of(request), event_id)
    name = f"docport-receipt-{event.receipt_number}.json"
    return JsonResponse(
        {
            "receipt": event.receipt,
            "receipt_sha256": event.receipt_sha256,
            "signature": event.signature,
        },
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
        json_dumps_params={"indent": 2, "ensure_ascii": False},
    )


@login_not_required
@require_safe
@cache_control(public=True, max_age=3600)
def jwks(_request: HttpRequest) -> HttpResponse:
    return JsonResponse(receipts.public_keys(), content_type="application/jwk-set+json")


def _own_event(doctor: Doctor, event_id: UUID) -> ConsentEvent:
    own = ConsentEvent.objects.filter(consent__doctor=doctor)
    return get_object_or_404(own.select_related("consent__insurance_provider"), pk=event_id)


def _standing_with(doctor: Doctor, slug: str, at: datetime, *, language: str = "en") -> Standing:
    provider = get_object_or_404(insurers_for(doctor), slug=slug)
    consent = Consent.objects.filter(doctor=doctor, insurance_provider=provider).first()
    return _standing(doctor, provider, consent, at, language=language)


def _standing(
    doctor: Doctor,
    provider: InsuranceProvider,
    consent: Consent | None,
    at: datetime,
    *,
    language: str = "en",
) -> Standing:
    may_meet = (
        doctor.status == Doctor.Status.ACTIVE
        and provider.integration_status != InsuranceProvider.Status.SUSPENDED
        and doctor.is_sandbox == provider.sees_sandbox
    )
    return Standing(
        provider=provider,
        consent=consent,
        notice=notice_for(
            insurer=provider.name, information_use=provider.information_use, language=language
        ),
        status=consent.status_at(at) if consent else "",
        is_paused=not may_meet,
    )


def _instant(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None
