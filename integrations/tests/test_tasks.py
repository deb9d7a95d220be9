import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from celery import Task
from django.db import connection
from django.utils.timezone import now

from consent.models import Consent
from consent.tests.factories import make_consent
from integrations import tasks
from integrations.actions import deliveries
from integrations.actions.relay import relay
from integrations.models import ProviderDoctorSync, WebhookDelivery
from integrations.tests.factories import make_delivery, make_endpoint, make_event, make_sync
from integrations.tests.partner import Heard, Partner, Reply
from registry.tests.factories import make_provider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]


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


@pytest.mark.django_db(transaction=True)
def test_when_its_time_is_up_a_relay_hands_over_while_its_slow_sends_go_on(
    partner: Partner, consent: Consent
) -> None:
    """Eight insurers that take connections and never answer, one that is well."""
    for number in range(8):
        path = f"{partner.url}/silent/{number}"
        silent = make_provider(api_base_url=path)
        make_endpoint(insurance_provider=silent, url=path)
        make_consent(
            doctor=consent.doctor, insurance_provider=silent, granted_at=now() - timedelta(days=1)
        )
    may_end = threading.Event()
    partner.answer = lambda heard: Reply(
        503 if heard.path.startswith("/silent") and may_end.wait(30) else 204
    )
    handed_over = threading.Event()
    make_event(doctor=consent.doctor, occurred_at=now())
    first = threading.Thread(target=lambda: relay_briefly(handed_over.set))
    first.start()
    assert handed_over.wait(10)

    # The first still waits for the silent ones; whoever comes now serves the well one at once.
    make_event(doctor=consent.doctor, occurred_at=now())
    begin = time.monotonic()
    second = threading.Thread(target=lambda: relay_briefly(lambda: None))
    second.start()
    while [heard.path for heard in partner.heard].count("/hooks") < 2:
        assert time.monotonic() - begin < 2
        time.sleep(0.01)

    assert first.is_alive()
    may_end.set()
    first.join(10)
    second.join(10)
    assert not first.is_alive()
    assert not second.is_alive()


def relay_briefly(hand_over: Callable[[], object]) -> None:
    try:
        relay(clock=now, hand_over=hand_over, seconds=0.5)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_who_comes_while_another_looks_leaves_at_once_and_nothing_waits(
    partner: Partner, consent: Consent
) -> None:
    silent = make_provider()
    make_endpoint(insurance_provider=silent, url=f"{partner.url}/silent")
    make_consent(
        doctor=consent.doctor, insurance_provider=silent, granted_at=now() - timedelta(days=1)
    )
    may_end = threading.Event()
    partner.answer = lambda heard: Reply(
        503 if heard.path == "/silent" and may_end.wait(30) else 204
    )
    make_event(doctor=consent.doctor, occurred_at=now())
    looking = threading.Thread(target=work)
    looking.start()
    while "/silent" not in [heard.path for heard in partner.heard]:
        time.sleep(0.01)
    make_event(doctor=consent.doctor, occurred_at=now())

    assert tasks.sequence_events() == 0

    while [heard.path for heard in partner.heard].count("/hooks") < 2:
        time.sleep(0.01)
    may_end.set()
    looking.join(10)
    assert not looking.is_alive()


def test_what_was_asked_for_during_the_last_look_is_looked_for_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[int] = []

    def drain(*_: object, **__: object) -> int:
        looks.append(relay(clock=now) if not looks else 5)
        return 1

    monkeypatch.setattr("integrations.actions.relay.drain", drain)

    assert relay(clock=now) == 2
    assert looks == [0, 5]


def test_a_relay_that_breaks_gives_its_turn_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(**_: object) -> int:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr("integrations.actions.feed.sequence", break_down)
        with pytest.raises(RuntimeError):
            relay(clock=now)

    assert relay(clock=now) == 0


def test_pairs_that_no_event_tells_of_are_found() -> None:
    pair = make_sync(sync_status="IN_STEP", state_hash="erased")

    assert tasks.reconcile_pairs() == 1

    pair.refresh_from_db()
    assert pair.sync_status == ProviderDoctorSync.Status.PENDING


def test_old_deliveries_are_forgotten_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "FORGOTTEN_AT_ONCE", 2)
    endpoint = make_endpoint()
    for _ in range(5):
        make_delivery(endpoint=endpoint)
    WebhookDelivery.objects.update(created_at=now() - timedelta(days=31))
    kept = make_delivery(endpoint=endpoint)

    assert tasks.forget_deliveries() == 5
    assert WebhookDelivery.objects.get() == kept
