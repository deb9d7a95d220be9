from datetime import datetime
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from consent import receipts
from consent.models import ConsentEvent, ConsentStatus
from registry.http import SignedInRequest, doctor_of
from registry.models import Doctor


@require_safe
def consent_receipt(request: SignedInRequest, event_id: UUID) -> HttpResponse:
    doctor = doctor_of(request)
    event = _own_event(doctor, event_id)
    context = {
        "doctor": doctor,
        "event": event,
        "receipt": event.receipt,
        "state": ConsentStatus(event.receipt["event"]["state"]).label,
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
    own = ConsentEvent.objects.of(doctor).select_related(
        "consent__insurance_provider", "request__insurance_provider"
    )
    return get_object_or_404(own, pk=event_id)


def _instant(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None
