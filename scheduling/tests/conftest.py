import pytest
from django.test import Client

from registry.models import Doctor, DoctorLocation
from registry.tests.factories import NOW, make_doctor, make_location, make_user
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
