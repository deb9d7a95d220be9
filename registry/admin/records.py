from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from registry.admin.base import ReadOnlyAdmin
from registry.models import AuditLog, AuditSeal, DoctorLocation, DoctorRevision, OutboxEvent


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
    search_help_text = "Who, which action, or the id of a row, a doctor, a person or a request"

    @admin.display(description="By")
    def actor(self, log: AuditLog) -> str:
        return str(log.performed_by or log.performed_by_provider or "DocPort")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """Look an id up as it is; among words it would need a walk through the whole log."""
        try:
            wanted = UUID(search_term.strip())
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        found = (
            Q(entity_id=wanted)
            | Q(performed_by=wanted)
            | Q(performed_by_provider=wanted)
            | Q(metadata__doctor_id=str(wanted))
            | Q(request_id=search_term.strip())
        )
        return queryset.filter(found), False


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
