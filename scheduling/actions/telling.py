from collections.abc import Callable
from datetime import datetime
from itertools import groupby
from operator import attrgetter

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


def refresh_days(*visits: Appointment) -> None:
    """Bring the doctor's open days in line where these are or were, last of all in a transaction.

    Holds are in no open day: they end with the clock.
    """
    for _, on_one_day in groupby(sorted(visits, key=_date), key=_date):
        openings.refresh(_change(list(on_one_day)))


def ask_to_refresh_days(added: Appointment) -> Callable[[], None]:
    """Ask for what `refresh_days` needs, `together` with its insert; what is given does it."""
    if added.status == Appointment.Status.HELD:
        return lambda: None
    return openings.ask_to_refresh(_change([added])._replace(added=added.pk))


def _change(same_day: list[Appointment]) -> openings.Change:
    return openings.Change(
        doctor_id=same_day[0].doctor_id,
        starts_at=min(one.appointment_time for one in same_day),
        ends_at=max(one.ends_at for one in same_day),
        local_date=same_day[0].local_date,
    )


_date = attrgetter("local_date")
