from registry.admin.base import ReadOnlyAdmin
from registry.admin.credentials import DoctorCredentialAdmin
from registry.admin.doctors import DoctorAdmin
from registry.admin.people import UserAdmin
from registry.admin.providers import InsuranceProviderAdmin
from registry.admin.records import (
    AuditLogAdmin,
    AuditSealAdmin,
    DoctorLocationAdmin,
    DoctorRevisionAdmin,
    OutboxEventAdmin,
)

__all__ = [
    "AuditLogAdmin",
    "AuditSealAdmin",
    "DoctorAdmin",
    "DoctorCredentialAdmin",
    "DoctorLocationAdmin",
    "DoctorRevisionAdmin",
    "InsuranceProviderAdmin",
    "OutboxEventAdmin",
    "ReadOnlyAdmin",
    "UserAdmin",
]
