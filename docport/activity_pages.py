"""Where a doctor reads who did what to their record: the audit log's lines of it, and as CSV."""

from collections.abc import Iterable, Iterator
from datetime import UTC
from itertools import islice
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from consent.models import insurers_for
from docport.activity import Kind, Line, actions_of, kind_of, lines_of
from docport.days import DaysForm
from registry.downloads import csv_response
from registry.http import SignedInRequest, doctor_of
from registry.models import AuditLog, AuditLogQuerySet, Doctor, User

PAGE = 50
_CHUNK = 1000
_HEADER = ["at", "by", "kind", "action", "what", "which", "request_id", "id"]
_ME, _DOCPORT = "me", "docport"


class ActivityFilter(DaysForm):
    """Which lines to show; the days are the doctor's own."""

    by = forms.ChoiceField(required=False, label=_("Who"))
    kind = forms.ChoiceField(
        required=False, label=_("What about"), choices=[("", _("Anything")), *Kind.choices]
    )
    field_order = ["by", "kind", "since", "until"]

    def __init__(self, *args: Any, user: User, doctor: Doctor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user, self._doctor = user, doctor
        receptionists = User.objects.filter(doctor=doctor, role=User.Role.DELEGATE)
        insurers = insurers_for(doctor).order_by("name")
        self.fields["by"].choices = [  # type: ignore[attr-defined]  # A ChoiceField's.
            ("", gettext("Anybody")),
            (_ME, gettext("You")),
            *((str(person.pk), person.email) for person in receptionists.order_by("email")),
            *((insurer.slug, insurer.name) for insurer in insurers),
            (_DOCPORT, "DocPort"),
        ]

    def found(self) -> AuditLogQuerySet:
        """Give the lines that it asks for, newest first."""
        logs = AuditLog.objects.of_doctor(self._doctor).filter(self._who())
        if kind := self.cleaned_data["kind"]:
            logs = logs.filter(action__in=actions_of(kind))
        begins_at, ends_at = self.ends_in(self._doctor.timezone)
        if begins_at is not None:
            logs = logs.filter(timestamp__gte=begins_at)
        if ends_at is not None:
            logs = logs.filter(timestamp__lt=ends_at)
        return logs.select_related("performed_by", "performed_by_provider")

    def _who(self) -> Q:
        by = self.cleaned_data["by"]
        if not by:
            return Q()
        if by == _ME:
            return Q(performed_by=self._user)
        if by == _DOCPORT:
            nobody = Q(performed_by=None, performed_by_provider=None)
            return nobody | Q(performed_by__role=User.Role.ADMIN)
        try:
            return Q(performed_by=UUID(by))
        except ValueError:
            return Q(performed_by_provider__slug=by)


@require_safe
def activity_list(request: SignedInRequest) -> HttpResponse:
    doctor = doctor_of(request)
    form = ActivityFilter(request.GET, user=request.user, doctor=doctor)
    context: dict[str, Any] = {"doctor": doctor, "form": form}
    if not form.is_valid():
        return render(request, "docport/activity_list.html", context, status=422)
    logs = list(_older(form.found(), request.GET.get("before", ""))[: PAGE + 1])
    query = request.GET.copy()
    query.pop("before", None)
    context |= {
        "lines": list(lines_of(logs[:PAGE], doctor=doctor, reader=request.user)),
        "query": query.urlencode(),
        "before": logs[PAGE - 1].pk if len(logs) > PAGE else None,
        "is_filtered": any(form.cleaned_data.values()),
    }
    return render(request, "docport/activity_list.html", context)


@require_safe
def activity_csv(request: SignedInRequest) -> HttpResponse | StreamingHttpResponse:
    doctor = doctor_of(request)
    form = ActivityFilter(request.GET, user=request.user, doctor=doctor)
    if not form.is_valid():
        return render(
            request, "docport/activity_list.html", {"doctor": doctor, "form": form}, status=422
        )
    logs = form.found().iterator(chunk_size=_CHUNK)
    rows = (_row(line) for line in _lines(logs, doctor=doctor, reader=request.user))
    return csv_response("docport-activity.csv", header=_HEADER, rows=rows)


def _older(logs: AuditLogQuerySet, before: str) -> AuditLogQuerySet:
    """Keep what comes after the last line of the page before."""
    if not before:
        return logs
    try:
        last = get_object_or_404(logs, pk=UUID(before))
    except ValueError as error:
        raise Http404 from error
    same_time = Q(timestamp=last.timestamp, pk__lt=last.pk)
    return logs.filter(Q(timestamp__lt=last.timestamp) | same_time)


def _lines(logs: Iterable[AuditLog], *, doctor: Doctor, reader: User) -> Iterator[Line]:
    """Tell a long list part by part, so that it need not be held as a whole."""
    left = iter(logs)
    while part := list(islice(left, _CHUNK)):
        yield from lines_of(part, doctor=doctor, reader=reader)


def _row(line: Line) -> list[object]:
    log = line.log
    return [
        log.timestamp.astimezone(UTC).isoformat(),
        line.by,
        kind_of(log.action),
        log.action,
        line.what,
        line.which,
        log.request_id,
        log.pk,
    ]
