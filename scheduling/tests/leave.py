"""What is typed on the pages of leave and extra hours, and what stands afterwards."""

import re
from datetime import datetime, timedelta
from typing import Any

from registry.models import Doctor, DoctorLocation
from scheduling.models import Appointment, AvailabilityException
from scheduling.tests.factories import TUESDAY_AT_9, make_exception

LEAVE, ADD, EXTRA = "/leave/", "/leave/add/", "/leave/extra/"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Midnight in India at the start of Tuesday 24 November.
TUESDAY = TUESDAY_AT_9 - 9 * HOUR
ONE_DAY = {"first": "2026-11-24"}
EXTRA_HOURS = {
    "date": "2026-11-25",
    "starts": "10pm",
    "ends": "2am",
    "slot_duration_minutes": "20",
    "capacity": "2",
    "buffer_minutes": "0",
    "mode": "TELE",
}


def make_extra(doctor: Doctor, place: DoctorLocation, **given: Any) -> AvailabilityException:
    """Add extra hours at a place, on Tuesday from 9 to 10 unless `given` says otherwise."""
    return make_exception(doctor, kind="EXTRA", location=place, **given)


def answer(
    listed: list[Appointment], each: dict[Appointment, str] | None = None, **words: str
) -> dict[str, str]:
    """Give what the page of decisions sends."""
    return {
        "decision-for": " ".join(str(one.pk) for one in listed),
        **{f"decision-{name}": value for name, value in words.items()},
        **{f"decision-{one.pk}-what": value for one, value in (each or {}).items()},
    }


def words_of(page: bytes) -> str:
    """Give what a page says, without its markup."""
    return " ".join(re.sub("<[^>]*>", " ", page.decode()).split())


def standing() -> list[tuple[datetime, datetime]]:
    """List the periods of leave and extra hours."""
    return list(AvailabilityException.objects.values_list("starts_at", "ends_at"))
