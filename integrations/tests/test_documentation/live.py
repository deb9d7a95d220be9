"""Two insurers at a running DocPort, with everything that an integrating engineer meets."""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from consent.actions import give, withdraw
from consent.models import Consent, DataClass
from integrations.actions import feed
from integrations.tests.factories import make_api_key
from registry.models import Doctor, DoctorLocation, InsuranceProvider, User
from registry.tests.factories import (
    make_doctor,
    make_location,
    make_provider,
    make_user,
    make_verified_credential,
)
from scheduling import diary, openings
from scheduling.actions import book, hold
from scheduling.models import Appointment, DayOfWeek
from scheduling.slots import Slot
from scheduling.tests.factories import make_window


@dataclass
class Insurer:
    """An insurer, its key, and the doctors who have opted in to it, the most sharing first."""

    provider: InsuranceProvider
    key: str
    doctors: list[Doctor] = field(default_factory=list)
    places: list[DoctorLocation] = field(default_factory=list)
    appointments: list[UUID] = field(default_factory=list)

    def book(self, *, at: datetime, number: str) -> Appointment:
        """Book the next free time of that doctor."""
        with transaction.atomic():
            booked = book(
                **self._wanted(at),
                external_appointment_id=number,
                visit_type="",
                patient_reference="m-7f3a91",
            )
        self.appointments.append(booked.pk)
        return booked

    def lose(self, *, at: datetime) -> None:
        """Let the doctor who shares least opt out."""
        consent = Consent.objects.get(doctor=self.doctors[2], insurance_provider=self.provider)
        withdraw(consent=consent, by=User.objects.get(doctor=self.doctors[2]), at=at)

    def hold(self, *, at: datetime) -> Appointment:
        """Hold the next free time of that doctor."""
        with transaction.atomic():
            return hold(**self._wanted(at))

    def _wanted(self, at: datetime) -> dict[str, Any]:
        return {
            "provider": self.provider,
            "doctor": self.doctors[1],
            "start": self.free(at=at)[0].starts_at,
            "location": None,
            "mode": None,
            "at": at,
        }

    def free(self, *, at: datetime) -> list[Slot]:
        """Give free times of tomorrow, of the doctor whom no other insurer sees."""
        tomorrow = at + timedelta(days=1)
        slots = diary.slots_between(
            doctor=self.doctors[1], starts_at=tomorrow, ends_at=tomorrow + timedelta(days=1), at=at
        )
        return [slot for slot in slots if not slot.reasons]


def make_insurers(*, at: datetime) -> list[Insurer]:
    """Add two insurers who share one doctor; each has one of its own and one who shows little.

    Each has booked two times of its own doctor, and has heard of all that.
    """
    shared = _practice()
    insurers = [_insurer([shared, _practice(), _practice()], at) for _ in range(2)]
    doctors = {one.pk for insurer in insurers for one in insurer.doctors}
    openings.build(doctor_ids=sorted(doctors), at=at)
    for insurer in insurers:
        for number in ("V-0", "V-1"):
            insurer.book(at=at, number=number)
    tell(at=at)
    return insurers


def tell(*, at: datetime) -> None:
    """Bring what has happened into the insurers' feeds, as a worker does."""
    while feed.sequence(at=at):
        pass


def _insurer(practices: list[tuple[User, DoctorLocation]], at: datetime) -> Insurer:
    provider = make_provider(max_open_bookings_per_day=500, calls_per_hour=10**6)
    _, key = make_api_key(insurance_provider=provider, expires_at=at + timedelta(days=30))
    insurer = Insurer(provider, key)
    shown: list[list[str]] = [DataClass.values, DataClass.values, [DataClass.PROFILE]]
    for (user, place), classes in zip(practices, shown, strict=True):
        give(
            doctor=place.doctor,
            provider=provider,
            data_classes=classes,
            expires_at=None,
            language="en",
            by=user,
            at=at,
        )
        insurer.doctors.append(place.doctor)
        insurer.places.append(place)
    return insurer


def _practice() -> tuple[User, DoctorLocation]:
    doctor = make_doctor()
    place = make_location(doctor)
    make_verified_credential(doctor)
    for day in DayOfWeek.values:
        make_window(doctor, place, day_of_week=day, start_time=time(0, 30), end_time=time(23))
    return make_user(doctor=doctor), place
