from datetime import datetime

from django.db import transaction

from registry import ledger
from registry.actions.refusals import Refused
from registry.models import InsuranceProvider, User
from scheduling.models import Appointment


class NotCancellable(Refused):
    """The appointment is cancelled, has begun or is over; nothing was changed."""

    def __init__(self, appointment: Appointment) -> None:
        self.status = Appointment.Status(appointment.status)
        super().__init__(
            "It has begun, so it cannot be cancelled any more."
            if self.status in Appointment.CANCELLABLE
            else f"This appointment cannot be cancelled: {self.status.label.lower()}."
        )


@transaction.atomic(durable=True)
def cancel(
    *,
    appointment: Appointment,
    reason: str,
    note: str = "",
    by: User | InsuranceProvider,
    at: datetime,
) -> Appointment:
    """Cancel an appointment that has not begun; its time is free at once.

    Args:
        reason: one of `Appointment.CancelReason`.
        note: for the doctor and this insurer alone; neither log nor event repeats it.
        at: aware instant of the cancellation.

    Raises:
        NotCancellable: nothing was changed.
    """
    standing = Appointment.objects.select_for_update(no_key=True).get(pk=appointment.pk)
    return cancel_locked(standing, reason=reason, note=note, by=by, at=at)


def cancel_locked(
    standing: Appointment, *, reason: str, note: str, by: User | InsuranceProvider, at: datetime
) -> Appointment:
    """Cancel an appointment that the caller's transaction holds; the caller refreshes open days.

    Args:
        reason, note, at: as `cancel`.

    Raises:
        NotCancellable: nothing was changed.
    """
    if not standing.is_cancellable_at(at):
        raise NotCancellable(standing)
    standing.status = Appointment.Status.CANCELLED
    standing.cancel_reason, standing.cancel_note = reason, note
    standing.cancelled_at = standing.status_at = at
    standing.status_by = by if isinstance(by, User) else None
    standing.version += 1
    standing.save(
        update_fields=[
            "status",
            "status_at",
            "status_by",
            "cancel_reason",
            "cancel_note",
            "cancelled_at",
            "version",
        ]
    )
    ledger.record("appointment.cancelled", subject=standing, by=by, at=at, reason=reason)
    ledger.publish(
        "appointment.cancelled",
        subject=standing,
        version=standing.version,
        at=at,
        doctor=standing.doctor_id,
        provider=standing.insurance_provider_id,
        doctor_id=str(standing.doctor_id),
        appointment_id=str(standing.pk),
    )
    return standing
