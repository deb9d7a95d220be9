from datetime import date, datetime

from registry import ledger
from scheduling import openings
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


def refresh_days(appointment: Appointment, *days: date) -> None:
    """Bring the open days of an appointment's doctor in line, last of all in its transaction.

    Holds are in no open day: they end with the clock.
    """
    for day in sorted(set(days)):
        openings.refresh(doctor_id=appointment.doctor_id, first=day, last=day)
