import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from celery import Task
from django.db import connection
from django.utils.timezone import now
from pytest_django.fixtures import Settings

from consent.models import Consent
from consent.tests.factories import make_consent
from integrations import tasks
from integrations.models import ProviderDoctorSync, WebhookDelivery
from integrations.tests.factories import make_endpoint, make_event
from integrations.tests.partner import Heard, Partner, Reply, running_partner
from registry.tests.factories import make_provider

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _loopback(settings: Settings) -> None:
    settings.LOOPBACK_TARGETS = True
    settings.BASE_URL = "https://docport.example"


@pytest.fixture
def partner() -> Iterator[Partner]:
    with running_partner() as running:
        yield running


@pytest.fixture
def consent(partner: Partner) -> Consent:
    provider = make_provider(api_base_url=f"{partner.url}/api")
    make_endpoint(insurance_provider=provider, url=f"{partner.url}/hooks")
    return make_consent(insurance_provider=provider, granted_at=now() - timedelta(days=1))


@pytest.mark.parametrize("task", [tasks.sequence_events, tasks.sweep])
def test_a_change_goes_all_the_way(
    partner: Partner, consent: Consent, task: "Task[[], int]"
) -> None:
    make_event(doctor=consent.doctor, occurred_at=now())

    # One webhook, one doctor pushed.
    assert task() == 2

    doctor = f"/api/doctors/{consent.doctor_id}"
    paths = {heard.path for heard in partner.heard}
    assert paths == {"/hooks", doctor, f"{doctor}/availability"}
    assert WebhookDelivery.objects.get().status == WebhookDelivery.Status.DELIVERED
    assert ProviderDoctorSync.objects.get().sync_status == ProviderDoctorSync.Status.IN_STEP
    assert task() == 0


@pytest.mark.django_db(transaction=True)
def test_a_silent_insurer_does_not_hold_up_even_the_only_worker(
    partner: Partner, consent: Consent
) -> None:
    silent = make_provider(api_base_url=f"{partner.url}/silent")
    make_endpoint(insurance_provider=silent, url=f"{partner.url}/silent")
    make_consent(
        doctor=consent.doctor, insurance_provider=silent, granted_at=now() - timedelta(days=1)
    )
    later_event_arrived, hooks = threading.Event(), []

    def answer(heard: Heard) -> Reply:
        if heard.path.startswith("/silent"):
            assert later_event_arrived.wait(10)
        elif heard.path == "/hooks":
            hooks.append(heard)
            if len(hooks) > 1:
                later_event_arrived.set()
        return Reply()

    partner.answer = answer
    make_event(doctor=consent.doctor, occurred_at=now())
    worker = threading.Thread(target=work)
    worker.start()
    while not hooks:
        time.sleep(0.01)
    make_event(doctor=consent.doctor, occurred_at=now())

    assert later_event_arrived.wait(5)
    worker.join()


def work() -> None:
    try:
        tasks.sequence_events()
    finally:
        connection.close()
