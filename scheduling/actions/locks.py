"""What a change of appointments holds until its commit, in the order doctor, consent, row, day.

Django can lock rows only for writers. Locks that let others of their kind pass are written here.

Source: docs/adr/0011-who-waits-for-whom.md
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from consent.models import SHOWS
from registry.actions.refusals import Refused
from registry.actions.transactions import lock_number
from registry.models import InsuranceProvider
from registry.statements import ask
from scheduling.models import Appointment

_SHARE_DOCTOR = "SELECT 1 FROM doctors WHERE id = %s FOR SHARE"
_TAKE_DOCTOR = "SELECT 1 FROM doctors WHERE id = %s FOR NO KEY UPDATE"
_SHARE_DOCTOR_TAKE_CONSENT = f"""
    SELECT 'appointments' = ANY (c.data_classes)
    FROM doctors AS d
    JOIN doctor_insurance_consent AS c ON c.doctor_id = d.id
    JOIN insurance_providers AS p ON p.id = c.insurance_provider_id
    WHERE d.id = %(doctor)s AND p.id = %(provider)s AND {SHOWS}
    FOR SHARE OF d
    FOR NO KEY UPDATE OF c
"""  # noqa: S608  Nothing of it comes from outside.
_TAKE_DAY = "SELECT pg_advisory_xact_lock(%s)"


class NotVisible(Refused):
    """For this insurer the doctor does not exist; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("There is no such doctor.")


class AppointmentsNotShared(NotVisible):
    """The doctor shares other data with this insurer, but takes no bookings from it."""


def take_doctor(doctor_id: UUID) -> None:
    """Keep out everybody who changes the doctor's calendar or hours."""
    ask(_TAKE_DOCTOR, [doctor_id])


def share_doctor(doctor_id: UUID) -> None:
    """Keep out who edits the doctor's hours; others who book, move or cancel may pass."""
    ask(_SHARE_DOCTOR, [doctor_id])


def take_pair(*, doctor_id: UUID, provider: InsuranceProvider, at: datetime) -> None:
    """Let an insurer's bookings with a doctor come one by one, while nobody edits or withdraws.

    Raises:
        NotVisible, AppointmentsNotShared: the doctor shares no appointments with the insurer.
    """
    ask_for_pair(doctor_id=doctor_id, provider=provider, at=at)()


def ask_for_pair(
    *, doctor_id: UUID, provider: InsuranceProvider, at: datetime
) -> Callable[[], None]:
    """Ask as `take_pair`, `together` with other questions; what is given refuses or does not."""
    given: dict[str, Any] = {"doctor": doctor_id, "provider": provider.pk, "at": at}
    answer = ask(_SHARE_DOCTOR_TAKE_CONSENT, given)

    def check() -> None:
        found = answer.fetchone()
        if found is None:
            raise NotVisible
        if not found[0]:
            raise AppointmentsNotShared

    return check


def take_day(doctor_id: UUID, day: date) -> None:
    """Let changes that must count a doctor's day come one by one."""
    ask(_TAKE_DAY, [lock_number(f"day {doctor_id} {day}")])


def take_appointment(appointment: Appointment) -> Appointment:
    """Read an appointment anew and keep others from changing it."""
    # Not with its place: who waited is given the appointment as it stands by now, but rows beside
    # it as they were, and one that was moved to another place meanwhile would match none.
    rows = Appointment.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("insurance_provider").get(pk=appointment.pk)
