from registry.models.base import Timestamped
from registry.models.doctors import (
    Doctor,
    DoctorCredential,
    DoctorLocation,
    DoctorRevision,
)
from registry.models.people import User
from registry.models.providers import PASS_HOLDS_FOR, InsuranceProvider
from registry.models.records import (
    AuditLog,
    AuditLogQuerySet,
    AuditSeal,
    OutboxEvent,
    public_event_id,
)

__all__ = [
    "PASS_HOLDS_FOR",
    "AuditLog",
    "AuditLogQuerySet",
    "AuditSeal",
    "Doctor",
    "DoctorCredential",
    "DoctorLocation",
    "DoctorRevision",
    "InsuranceProvider",
    "OutboxEvent",
    "Timestamped",
    "User",
    "public_event_id",
]
