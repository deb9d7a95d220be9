from datetime import datetime

from registry import ledger
from scheduling.models import Appointment


def tell(event_type: str, appointment: Appointment, *, at: datetime) -> None:
    """Publish an event of an appointment, at its version, to its insurer alone."""
    ledger.publish(
        event_type,
        subject=appointment,
        version=appointment.version,
        at=at,
        doctor=appointment.doctor_id,
        provider=appointment.insurance_provider_id,
        doctor_id=str(appointment.doctor_id),
        appointment_id=str(appointment.pk),
    )
