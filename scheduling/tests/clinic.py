"""A doctor who can be booked, for tests of what happens to appointments."""

from collections.abc import Callable
from datetime import time, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from consent.tests.factories import make_consent
from registry.models import AuditLog, InsuranceProvider, OutboxEvent
from registry.tests.factories import NOW, make_doctor, make_location, make_user
from scheduling import actions, openings
from scheduling.models import Appointment, OpenDay
from scheduling.tests.factories import TUESDAY_AT_9, make_window

MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
WEEK = timedelta(days=7)

# The fixture `book`: a booking on Tuesday at 9, with what a test wants otherwise.
Book = Callable[..., Appointment]

_numbers = count(1)


class Clinic:
    """A doctor with hours on Tuesdays from 9 to 11, their account, and an insurer that may book."""

    def __init__(self, **window: Any) -> None:
        self.doctor = make_doctor()
        self.place = make_location(self.doctor)
        self.user = make_user(doctor=self.doctor)
        self.insurer = self.new_insurer()
        make_window(self.doctor, self.place, **({"end_time": time(11)} | window))
        openings.refresh_all(doctor_id=self.doctor.pk, at=NOW)

    def new_insurer(self, **given: Any) -> InsuranceProvider:
        consent = make_consent(doctor=self.doctor)
        InsuranceProvider.objects.filter(pk=consent.insurance_provider_id).update(
            **({"max_open_bookings_per_day": 20} | given)
        )
        return InsuranceProvider.objects.get(pk=consent.insurance_provider_id)

    def hold(self, start: Any = TUESDAY_AT_9, **given: Any) -> Appointment:
        values = {
            "provider": self.insurer,
            "doctor": self.doctor,
            "location": None,
            "mode": None,
            "at": NOW,
        }
        return actions.hold(start=start, **(values | given))

    def book(self, start: Any = TUESDAY_AT_9, **given: Any) -> Appointment:
        values = {
            "provider": self.insurer,
            "doctor": self.doctor,
            "location": None,
            "external_appointment_id": f"A-{next(_numbers)}",
            "patient_reference": "member-9",
            "mode": None,
            "visit_type": "",
            "at": NOW,
        }
        return actions.book(start=start, **(values | given))

    def free(self) -> int:
        """Count the free places that the open day of Tuesday knows of."""
        days = OpenDay.objects.filter(doctor=self.doctor, local_date=TUESDAY_AT_9.date())
        return sum(days.values_list("free", flat=True))


def recorded(subject_id: UUID) -> list[str]:
    """List what was done to a row, in the order of time."""
    log = AuditLog.objects.filter(entity_type="appointment", entity_id=subject_id)
    return list(log.order_by("id").values_list("action", flat=True))


def published(subject_id: UUID) -> list[tuple[str, int]]:
    """List the events of an appointment with its versions."""
    events = OutboxEvent.objects.filter(subject=f"appointment/{subject_id}").order_by("id")
    return list(events.values_list("type", "subject_version"))


def state() -> tuple[object, ...]:
    """Give everything that a refusal must leave as it was."""
    return (
        list(Appointment.objects.order_by("pk").values()),
        list(AuditLog.objects.order_by("pk").values()),
        list(OutboxEvent.objects.order_by("pk").values()),
        list(OpenDay.objects.order_by("local_date", "location_id", "mode").values()),
    )
