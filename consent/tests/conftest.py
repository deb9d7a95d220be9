import pytest
from django.test import Client

from registry.models import Doctor
from registry.tests.factories import make_doctor, make_user


@pytest.fixture
def doctor() -> Doctor:
    return make_doctor()


@pytest.fixture
def page(client: Client, doctor: Doctor) -> Client:
    """The doctor's browser."""
    client.force_login(make_user(doctor=doctor))
    return client
