"""Two insurers at a running DocPort, with everything that an integrating engineer meets."""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from uuid import UUID

from django.db import transaction

from consent.actions import give
from consent.models import DataClass
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
from scheduling.actions import book
from scheduling.models import DayOfWeek
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

    def free(self, *, at: datetime) -> list[Slot]:
        """Give free times of tomorrow, of the doctor whom no other insurer sees."""
        tomorrow = at + timedelta(days=1)
        return diary.slots_between(
            doctor=self.doctors[1], starts_at=tomorrow, ends_at=tomorrow + timedelta(days=1), at=at
        )


def make_insurers(*, at: datetime) -> list[Insurer]:
    """Add two insurers who share one doctor; each has one of its own and one who shows little.

    Each has booked two times of its own doctor, and has heard of all that.
    """
    shared = _practice()
    insurers = [_insurer([shared, _practice(), _practice()], at) for _ in range(2)]
    doctors = {one.pk for insurer in insurers for one in insurer.doctors}
    openings.build(doctor_ids=doctors, at=at)
    for insurer in insurers:
        _book(insurer, at)
    tell(at=at)
    return insurers


def tell(*, at: datetime) -> None:
    """Bring what has happened into the insurers' feeds, as a worker does."""
    while feed.sequence(at=at):
        pass


def _book(insurer: Insurer, at: datetime) -> None:
    for number, slot in enumerate(insurer.free(at=at)[:2]):
        with transaction.atomic():
            booked = book(
                provider=insurer.provider,
                doctor=insurer.doctors[1],
                external_appointment_id=f"V-{number}",
                patient_reference=f"m-{number}",
                visit_type="",
                start=slot.starts_at,
                location=None,
                mode=None,
                at=at,
            )
        insurer.appointments.append(booked.pk)


def _insurer(practices: list[tuple[User, DoctorLocation]], at: datetime) -> Insurer:
    provider = make_provider(max_open_bookings_per_day=500)
    _, key = make_api_key(insurance_provider=provider, expires_at=at + timedelta(days=30))
    insurer = Insurer(provider, key)
    everything = list(DataClass.values)
    for (user, place), classes in zip(
        practices, [everything, everything, [DataClass.PROFILE]], strict=True
    ):
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
