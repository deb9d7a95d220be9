from datetime import time
from typing import Any

import pytest
from django.test import Client

from consent.tests.factories import make_consent
from registry.models import Doctor, DoctorLocation, InsuranceProvider
from registry.tests.factories import NOW, make_doctor, make_location, make_user
from scheduling import actions
from scheduling.models import Appointment, Availability
from scheduling.tests.clinic import Book
from scheduling.tests.factories import TUESDAY_AT_9, make_window
from scheduling.views import appointments, calendar, holidays, hours, leave, moving, rules, why


@pytest.fixture
def _at_nine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pages' clock stand at `NOW`."""
    for views in (appointments, calendar, holidays, hours, leave, moving, rules, why):
        monkeypatch.setattr(views, "now", lambda: NOW)


@pytest.fixture
def doctor() -> Doctor:
    return make_doctor()


@pytest.fixture
def place(doctor: Doctor) -> DoctorLocation:
    return make_location(doctor)


@pytest.fixture
def page(client: Client, doctor: Doctor) -> Client:
    """The doctor's browser."""
    client.force_login(make_user(doctor=doctor))
    return client


@pytest.fixture
def window(doctor: Doctor, place: DoctorLocation) -> Availability:
    return make_window(doctor, place, end_time=time(11))


@pytest.fixture
def provider(doctor: Doctor) -> InsuranceProvider:
    """An insurer to whom the doctor has consented."""
    return make_consent(doctor=doctor).insurance_provider


@pytest.fixture
def book(doctor: Doctor, provider: InsuranceProvider, window: Availability) -> Book:
    def book_with(**given: Any) -> Appointment:
        values: dict[str, Any] = {
            "provider": provider,
            "doctor": doctor,
            "start": TUESDAY_AT_9,
            "location": None,
            "external_appointment_id": "A-1",
            "patient_reference": "member-9",
            "mode": None,
            "visit_type": "",
            "at": NOW,
        }
        return actions.book(**(values | given))

    return book_with
