from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from integrations import outgoing
from integrations.models import WebhookEndpoint
from integrations.tests.factories import make_endpoint
from integrations.tests.partner import Partner, running_partner
from integrations.tests.workers import Clock
from registry.models import InsuranceProvider, User
from registry.tests.factories import NOW, make_admin, make_provider


@pytest.fixture
def _at_nine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the API's clock stand at `NOW`."""
    monkeypatch.setattr("integrations.api.views.base.now", lambda: NOW)
    monkeypatch.setattr("integrations.api.authentication.now", lambda: NOW)


@pytest.fixture
def _loopback(settings: Settings) -> None:
    """Let messages go to this machine."""
    settings.LOOPBACK_TARGETS = True
    settings.BASE_URL = "https://docport.example"


@pytest.fixture
def partner() -> Iterator[Partner]:
    with running_partner() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider(partner: Partner) -> InsuranceProvider:
    """An insurer whose own system is the partner."""
    provider = make_provider(api_base_url=f"{partner.url}/api/")
    make_endpoint(insurance_provider=provider)
    return provider


@pytest.fixture
def endpoint(partner: Partner) -> WebhookEndpoint:
    return make_endpoint(url=f"{partner.url}/hooks")


@pytest.fixture
def session() -> Iterator[outgoing.Session]:
    """What the workers send with."""
    with outgoing.new_session() as new:
        yield new


@pytest.fixture
def admin_user() -> User:
    return make_admin()


@pytest.fixture
def browser(client: Client, admin_user: User) -> Client:
    """The admin's browser."""
    client.force_login(admin_user)
    return client
