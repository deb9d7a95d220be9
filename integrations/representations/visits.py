from integrations.representations.values import Json, instant
from scheduling.models import Appointment


def appointment(appointment: Appointment) -> Json:
    """Show an appointment to the insurer that made it; nobody else may see it."""
    return {
        "id": str(appointment.pk),
        "doctor_id": str(appointment.doctor_id),
        "location_id": str(appointment.location_id),
        "start": instant(appointment.appointment_time),
        "end": instant(appointment.ends_at),
        "mode": appointment.mode,
        "status": appointment.status,
        "visit_type": appointment.visit_type or None,
        "external_appointment_id": appointment.external_appointment_id,
        "patient_reference": appointment.patient_reference,
        "version": appointment.version,
        "token_number": appointment.token_number,
        "cancel_reason": appointment.cancel_reason or None,
        "created_at": instant(appointment.created_at),
        "updated_at": instant(appointment.updated_at),
    }


def hold(hold: Appointment) -> Json:
    """Show a hold to the insurer that has it; nobody else may see it."""
    assert hold.hold_expires_at is not None
    return {
        "id": str(hold.pk),
        "doctor_id": str(hold.doctor_id),
        "location_id": str(hold.location_id),
        "start": instant(hold.appointment_time),
        "end": instant(hold.ends_at),
        "mode": hold.mode,
        "expires_at": instant(hold.hold_expires_at),
        "token_number": hold.token_number,
    }
