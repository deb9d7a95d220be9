"""What an action left behind, as tests want to read it."""

from django.db import models

from registry.models import AuditLog, Doctor, DoctorRevision, OutboxEvent


def recorded(row: models.Model) -> list[str]:
    """List the audit actions about a row, oldest first."""
    return list(AuditLog.objects.about(row).order_by("id").values_list("action", flat=True))


def told(doctor: Doctor) -> list[tuple[str, int]]:
    """List the events about a doctor with their versions, oldest first."""
    events = OutboxEvent.objects.filter(subject=f"doctor/{doctor.pk}").order_by("id")
    return list(events.values_list("type", "subject_version"))


def nothing_happened(doctor: Doctor) -> bool:
    """Tell whether the doctor is as first saved, without a trace anywhere."""
    untouched = Doctor.objects.get(pk=doctor.pk).version == doctor.version
    traces = (AuditLog.objects, OutboxEvent.objects, DoctorRevision.objects)
    return untouched and not any(rows.exists() for rows in traces)
