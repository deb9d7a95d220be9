import pytest
from django.test import Client

from registry.models import User
from registry.tests.factories import make_admin


@pytest.fixture
def admin(client: Client) -> User:
    """An admin, signed in."""
    user = make_admin()
    client.force_login(user)
    return user
