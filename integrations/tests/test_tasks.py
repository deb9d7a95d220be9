from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now
from kombu.exceptions import OperationalError
from pytest_django.fixtures import Settings

from consent.models import Consent
from consent.tests.factories import make_consent
from integrations import tasks
from integrations.models import ProviderDoctorSync, WebhookDelivery
from integrations.tests.factories import make_endpoint, make_event
from integrations.tests.partner import Partner, running_partner
from registry.tests.factories import make_provider

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _loopback(settings: Settings) -> None:
    settings.LOOPBACK_TARGETS = True
    settings.BASE_URL = "https://docport.example"


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    for task in (tasks.send_webhooks, tasks.push_doctors):
        monkeypatch.setattr(task, "apply_async", lambda *, of=task.name, **_: names.append(of))
    return names


@pytest.fixture
def partner() -> Iterator[Partner]:
    with running_partner() as running:
        yield running


@pytest.fixture
def consent(partner: Partner) -> Consent:
    provider = make_provider(api_base_url=f"{partner.url}/api")
    make_endpoint(insurance_provider=provider, url=f"{partner.url}/hooks")
    return make_consent(insurance_provider=provider, granted_at=now() - timedelta(days=1))


def test_a_sweep_brings_a_change_all_the_way(partner: Partner, consent: Consent) -> None:
    make_event(doctor=consent.doctor, occurred_at=now())

    # One event, one webhook, one doctor pushed.
    assert tasks.sweep() == 3

    doctor = f"/api/doctors/{consent.doctor_id}"
    paths = [heard.path for heard in partner.heard]
    assert paths == ["/hooks", doctor, f"{doctor}/availability"]
    assert WebhookDelivery.objects.get().status == WebhookDelivery.Status.DELIVERED
    assert ProviderDoctorSync.objects.get().sync_status == ProviderDoctorSync.Status.IN_STEP
    assert tasks.sweep() == 0


def test_the_sequencer_wakes_the_senders_and_only_when_there_is_something(
    consent: Consent, woken: list[str]
) -> None:
    assert tasks.sequence_events() == 0
    assert woken == []
    make_event(doctor=consent.doctor, occurred_at=now())

    assert tasks.sequence_events() == 1

    assert woken == ["integrations.tasks.send_webhooks", "integrations.tasks.push_doctors"]


def test_a_broker_that_is_away_stops_nothing(
    consent: Consent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(tasks.send_webhooks, "apply_async", fail)
    make_event(doctor=consent.doctor, occurred_at=now())

    assert tasks.sequence_events() == 1
    assert WebhookDelivery.objects.count() == 1
