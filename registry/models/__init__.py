from registry.models.base import Timestamped
from registry.models.doctors import (
    Doctor,
    DoctorCredential,
    DoctorLocation,
    DoctorRevision,
)
from registry.models.people import User
from registry.models.providers import InsuranceProvider
from registry.models.records import AuditLog, AuditSeal, OutboxEvent

__all__ = [
    "AuditLog",
    "AuditSeal",
    "Doctor",
    "DoctorCredential",
    "DoctorLocation",
    "DoctorRevision",
    "InsuranceProvider",
    "OutboxEvent",
    "Timestamped",
    "User",
]
