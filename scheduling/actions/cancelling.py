from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from registry import ledger
from registry.actions.refusals import Refused
from registry.models import InsuranceProvider, User
from scheduling.actions import locks
from scheduling.actions.telling import refresh_days, tell
from scheduling.models import Appointment


class NotCancellable(Refused):
    """The appointment is cancelled, has begun or is over; nothing was changed."""

    def __init__(self, appointment: Appointment) -> None:
        self.status = Appointment.Status(appointment.status)
        super().__init__(
            gettext("It has begun, so it cannot be cancelled any more.")
            if self.status in Appointment.CANCELLABLE
            else gettext("This appointment cannot be cancelled: %(status)s.")
            % {"status": self.status.label.lower()}
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
    locks.share_doctor(appointment.doctor_id)
    standing = locks.take_appointment(appointment)
    cancel_locked(standing, reason=reason, note=note, by=by, at=at)
    refresh_days(standing)
    return standing


def cancel_locked(
    standing: Appointment,
    *,
    reason: str,
    note: str = "",
    by: User | InsuranceProvider,
    at: datetime,
) -> Appointment:
    """Cancel an appointment that the caller's transaction holds; the caller refreshes open days.

    Args:
        reason, note, at: as `cancel`.

    Raises:
        NotCancellable: nothing was changed.
    """
    if not standing.is_cancellable_at(at):
        raise NotCancellable(standing)
    standing.status_by = by if isinstance(by, User) else None
    # Only what somebody at the doctor's did can be undone there.
    standing.previous_status = standing.status if standing.status_by else ""
    standing.status = Appointment.Status.CANCELLED
    standing.cancel_reason, standing.cancel_note = reason, note
    standing.cancelled_at = standing.status_at = at
    standing.version += 1
    standing.save(
        update_fields=[
            "status",
            "previous_status",
            "status_at",
            "status_by",
            "cancel_reason",
            "cancel_note",
            "cancelled_at",
            "version",
        ]
    )
    ledger.record("appointment.cancelled", subject=standing, by=by, at=at, reason=reason)
    tell("appointment.cancelled", standing, at=at)
    return standing
