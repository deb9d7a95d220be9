"""Where a doctor reads which insurer was shown what: the access ledger, filtered, and as CSV."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import OuterRef, Q, Subquery
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from consent.models import Consent, insurers_for
from docport.days import DaysForm
from integrations.models import Access, AccessQuerySet, ApiClient, ApiKey, WebhookEndpoint
from registry.downloads import csv_response
from registry.http import SignedInRequest, doctor_of
from registry.models import Doctor, InsuranceProvider

PAGE = 50
_HEADER = [
    "first_at", "last_at", "insurer", "by", "call", "data_classes", "times_shown",
    "times_unchanged", "consent_id",
]  # fmt: skip


class AccessFilter(DaysForm):
    """Which accesses to show; the days are the doctor's own."""

    insurer = forms.ChoiceField(required=False, label=_("Insurer"))
    call = forms.ChoiceField(
        required=False,
        label=_("What it did"),
        choices=[("", _("Anything")), *Access.Call.choices],
    )
    field_order = ["insurer", "call", "since", "until"]

    def __init__(self, *args: Any, providers: Iterable[InsuranceProvider], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(provider.slug, provider.name) for provider in providers]
        self.fields["insurer"].choices = [("", gettext("All insurers")), *choices]  # type: ignore[attr-defined]  # A ChoiceField's.

    def found_for(self, doctor: Doctor) -> AccessQuerySet:
        """Give the doctor's accesses that it asks for, newest first."""
        found = Access.objects.filter(doctor=doctor).select_related("consent__insurance_provider")
        if slug := self.cleaned_data["insurer"]:
            found = found.filter(consent__insurance_provider__slug=slug)
        if call := self.cleaned_data["call"]:
            found = found.filter(call=call)
        return found.between(*self.ends_in(doctor.timezone))


@dataclass(frozen=True)
class Line:
    """One access and the name of who read."""

    access: Access
    by: str


@require_safe
def access_list(request: SignedInRequest) -> HttpResponse:
    doctor = doctor_of(request)
    providers = list(insurers_for(doctor).order_by("name"))
    form = AccessFilter(request.GET, providers=providers)
    context: dict[str, Any] = {"doctor": doctor, "form": form}
    if not form.is_valid():
        return render(request, "docport/access_list.html", context, status=422)
    found = _older(form.found_for(doctor), request.GET.get("before", ""))
    page = list(found[: PAGE + 1])
    query = request.GET.copy()
    query.pop("before", None)
    context |= {
        "lines": list(_lines(page[:PAGE], providers)),
        "query": query.urlencode(),
        "before": page[PAGE - 1].pk if len(page) > PAGE else None,
        "is_filtered": any(form.cleaned_data.values()),
    }
    return render(request, "docport/access_list.html", context)


@require_safe
def access_csv(request: SignedInRequest) -> HttpResponse | StreamingHttpResponse:
    doctor = doctor_of(request)
    providers = list(insurers_for(doctor))
    form = AccessFilter(request.GET, providers=providers)
    if not form.is_valid():
        return render(
            request, "docport/access_list.html", {"doctor": doctor, "form": form}, status=422
        )
    found = form.found_for(doctor).iterator(chunk_size=1000)
    rows = (_row(line) for line in _lines(found, providers))
    return csv_response("docport-accesses.csv", header=_HEADER, rows=rows)


def last_reads(doctor: Doctor) -> dict[UUID, datetime]:
    """Give when each insurer's systems last read something of a doctor: one query.

    An insurer whose systems never did is not among them.
    """
    reads = Access.objects.reads().filter(consent=OuterRef("pk"))
    found = Consent.objects.filter(doctor=doctor).values_list(
        "insurance_provider_id", Subquery(reads.values("last_at")[:1])
    )
    return {provider: read_at for provider, read_at in found if read_at is not None}


def _older(found: AccessQuerySet, before: str) -> AccessQuerySet:
    """Keep what comes after the last line of the page before."""
    if not before.isdecimal():
        return found
    last = get_object_or_404(found, pk=int(before))
    return found.filter(Q(hour__lt=last.hour) | Q(hour=last.hour, pk__lt=last.pk))


def _lines(accesses: Iterable[Access], providers: Iterable[InsuranceProvider]) -> Iterator[Line]:
    names = _names(providers)
    for access in accesses:
        kind = Access.Reader(access.reader_kind).label
        yield Line(access, names.get(access.reader_id, str(kind)))


def _names(providers: Iterable[InsuranceProvider]) -> dict[UUID, str]:
    """Name every key, client and endpoint of some insurers."""
    theirs = {"insurance_provider__in": [provider.pk for provider in providers]}
    keys = ApiKey.objects.filter(**theirs).only("name", "last_four")
    clients = ApiClient.objects.filter(**theirs).select_related("oauth")
    endpoints = WebhookEndpoint.objects.filter(**theirs).only("url")
    return (
        {key.pk: gettext("Key %(key)s") % {"key": key} for key in keys}
        | {client.pk: gettext("System %(client)s") % {"client": client} for client in clients}
        | {
            endpoint.pk: gettext("Webhook to %(endpoint)s") % {"endpoint": endpoint}
            for endpoint in endpoints
        }
    )


def _row(line: Line) -> list[object]:
    access = line.access
    return [
        access.first_at.astimezone(UTC).isoformat(),
        access.last_at.astimezone(UTC).isoformat(),
        access.consent.insurance_provider.name,
        line.by,
        access.call,
        " ".join(access.data_classes),
        access.times_shown,
        access.times_unchanged,
        access.consent_id,
    ]
