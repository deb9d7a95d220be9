import json
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from registry.admin.base import ReadOnlyAdmin
from registry.downloads import csv_response
from registry.models import AuditLog, AuditSeal, DoctorLocation, DoctorRevision, OutboxEvent

# One date, or the first and the last of several: 2026-11-22, 2026-11-01..2026-11-30.
_DATES = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?")


@admin.register(AuditLog)
class AuditLogAdmin(ReadOnlyAdmin):
    """Who did what to which row, and when."""

    list_display = ("timestamp", "action", "actor", "entity_type", "entity_id", "request_id", "ip")
    list_select_related = ("performed_by", "performed_by_provider")
    search_fields = (
        "performed_by__email",
        "performed_by_provider__name",
        "action",
        "entity_type",
        "request_id",
    )
    search_help_text = (
        "Who, which action, or the id of a row, a doctor, a person or a request; and when (UTC): "
        "2026-11-22 or 2026-11-01..2026-11-30"
    )
    actions = ["download"]

    @admin.action(description="Download as CSV", permissions=["view"])
    def download(self, request: HttpRequest, lines: QuerySet[AuditLog]) -> StreamingHttpResponse:
        header = ["id", "time", "action", "by", "entity_type", "entity_id", "request_id", "ip"]
        rows = (
            [
                *(line.pk, line.timestamp.astimezone(UTC).isoformat(), line.action),
                *(self.actor(line), line.entity_type, line.entity_id, line.request_id, line.ip),
                json.dumps(line.metadata, ensure_ascii=False),
            ]
            for line in lines.select_related(*self.list_select_related).iterator()
        )
        return csv_response("audit.csv", header=[*header, "metadata"], rows=rows)

    @admin.display(description="By")
    def actor(self, log: AuditLog) -> str:
        return str(log.performed_by or log.performed_by_provider or "DocPort")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """Look an id up as it is; among words it would need a walk through the whole log."""
        words = search_term.split()
        dated = [_period(word) for word in words]
        for period in filter(None, dated):
            queryset = queryset.filter(timestamp__gte=period[0], timestamp__lt=period[1])
        rest = " ".join(word for word, period in zip(words, dated, strict=True) if not period)
        try:
            wanted = UUID(rest)
        except ValueError:
            return super().get_search_results(request, queryset, rest)
        found = (
            Q(entity_id=wanted)
            | Q(performed_by=wanted)
            | Q(performed_by_provider=wanted)
            | Q(doctor=wanted)
            | Q(request_id=rest)
        )
        return queryset.filter(found), False


def _period(word: str) -> tuple[datetime, datetime] | None:
    """Read one date or two as the period from the first to the end of the last, in UTC."""
    found = _DATES.fullmatch(word)
    if not found:
        return None
    try:
        first, last = (date.fromisoformat(day) for day in (found[1], found[2] or found[1]))
        ends = datetime.combine(last + timedelta(days=1), time(0), tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return datetime.combine(first, time(0), tzinfo=UTC), ends


@admin.register(AuditSeal)
class AuditSealAdmin(ReadOnlyAdmin):
    """The hash chain over the audit log; `manage.py verify_audit` walks it."""

    list_display = ("position", "hash", "sealed_at", "audit_log")
    list_select_related = ("audit_log",)
    ordering = ("-position",)
    search_fields = ("=position", "hash")


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    """What insurers must hear of; without a time in the last column it still waits."""

    list_display = ("id", "type", "subject", "subject_version", "occurred_at", "sequenced_at")
    list_filter = (("sequenced_at", admin.EmptyFieldListFilter),)
    ordering = ("-id",)
    search_fields = ("type", "subject")


@admin.register(DoctorRevision)
class DoctorRevisionAdmin(ReadOnlyAdmin):
    """A doctor's record as it stood at each version."""

    list_display = ("doctor", "version", "changed_by", "changed_at")
    list_select_related = ("doctor", "changed_by")
    ordering = ("-changed_at",)
    search_fields = ("doctor__full_name", "doctor__email", "doctor__registration_number")


@admin.register(DoctorLocation)
class DoctorLocationAdmin(ReadOnlyAdmin):
    """Where doctors see patients."""

    list_display = ("name", "city", "state", "doctor", "is_active")
    list_filter = ("is_active", "state")
    list_select_related = ("doctor",)
    search_fields = ("name", "city", "pin", "doctor__full_name")
