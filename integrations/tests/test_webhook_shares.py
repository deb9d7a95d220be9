import threading
import time
from datetime import timedelta
from uuid import UUID

import pytest
from pytest_django import DjangoAssertNumQueries

from integrations.actions import webhooks
from integrations.actions.drain import FAILING_AT_ONCE, MOST_AT_ONCE, WIDTH
from integrations.actions.webhooks import leasing
from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.tests.factories import (
    make_deliveries_about,
    make_delivery,
    make_doctor_of,
    make_endpoint,
)
from integrations.tests.partner import Heard, Partner, Reply
from integrations.tests.workers import Clock, send_due
from registry.models import InsuranceProvider
from registry.tests.factories import NOW, make_doctor
from registry.tests.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]


def test_at_most_four_at_once_go_to_one_endpoint_and_each_gets_a_turn() -> None:
    busy, calm = make_endpoint(), make_endpoint()
    for _ in range(10):
        make_delivery(endpoint=busy)
    quiet = make_delivery(endpoint=calm)

    pair = webhooks.lease(room=2, at=NOW)
    rest = webhooks.lease(room=16, at=NOW)

    assert quiet.pk in [job.delivery for job in pair]
    assert len(pair) + len(rest) == MOST_AT_ONCE + 1
    assert webhooks.lease(room=16, at=NOW) == []


def test_a_dead_endpoint_does_not_hold_up_another(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    silent = make_endpoint(url=f"{partner.url}/silent")
    arrived = threading.Event()

    def answer(heard: Heard) -> Reply:
        if heard.path == "/silent":
            assert arrived.wait(10)
        elif len(partner.heard) >= 24:
            arrived.set()
        return Reply()

    partner.answer = answer
    for _ in range(20):
        make_delivery(endpoint=silent)
        make_delivery(endpoint=endpoint)
    began = time.monotonic()

    assert send_due(clock) == 40
    assert time.monotonic() - began < 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("workers", [2, 4])
def test_several_workers_send_each_event_once_and_in_order(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock, workers: int
) -> None:
    doctors = [make_doctor_of(endpoint) for _ in range(6)]
    for doctor in doctors * 2:
        make_deliveries_about(doctor, endpoint, 4)

    at_once(*[lambda: send_due(clock)] * workers)

    assert sorted(partner.ids) == sorted(set(partner.ids))
    assert len(partner.ids) == 48
    versions: dict[UUID, list[int]] = {doctor.pk: [] for doctor in doctors}
    for heard in partner.heard:
        versions[UUID(heard.json["data"]["doctor_id"])].append(heard.json["subject_version"])
    assert all(found == sorted(found) for found in versions.values())


def test_endpoints_that_fail_have_half_of_the_sends_between_them() -> None:
    for _ in range(5):
        dead = make_endpoint(failing_since=NOW)
        for _ in range(5):
            make_delivery(endpoint=dead)

    first = webhooks.lease(room=5, at=NOW)
    rest = webhooks.lease(room=WIDTH, at=NOW)
    well = [make_delivery() for _ in range(5)]
    others = webhooks.lease(room=WIDTH, at=NOW)

    assert len(first) + len(rest) == FAILING_AT_ONCE == WIDTH // 2
    assert {job.delivery for job in others} == {delivery.pk for delivery in well}


def test_endpoints_that_are_slow_to_answer_count_as_failing_before_they_fail() -> None:
    for endpoint in [make_endpoint() for _ in range(5)]:
        for _ in range(5):
            make_delivery(endpoint=endpoint)

    assert len(webhooks.lease(room=FAILING_AT_ONCE, at=NOW)) == FAILING_AT_ONCE

    assert webhooks.lease(room=WIDTH, at=NOW + timedelta(seconds=1)) == []
    assert len(webhooks.lease(room=WIDTH, at=NOW + timedelta(seconds=0.9))) == 12


def test_a_suspended_insurers_backlog_is_withheld_without_asking_row_by_row(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    suspended = make_endpoint()
    for _ in range(40):
        make_delivery(endpoint=suspended)
    InsuranceProvider.objects.update(integration_status=InsuranceProvider.Status.SUSPENDED)

    with django_assert_max_num_queries(17):
        assert webhooks.lease(room=WIDTH, at=NOW) == []

    assert WebhookDelivery.objects.filter(status="WITHHELD").count() == 40


def test_one_lease_withholds_only_so_much_and_the_next_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leasing, "LOOK_AHEAD", 5)
    monkeypatch.setattr(leasing, "MOST_LOOKS", 2)
    endpoint = make_endpoint()
    make_deliveries_about(make_doctor(), endpoint, 12)
    told = make_delivery(endpoint=endpoint)

    first = webhooks.lease(room=1, at=NOW)
    withheld = WebhookDelivery.objects.filter(status="WITHHELD").count()
    rest = webhooks.lease(room=WIDTH, at=NOW)

    assert (len(first), withheld) == (0, 10)
    assert [job.delivery for job in rest] == [told.pk]
    assert WebhookDelivery.objects.filter(status="WITHHELD").count() == 12


def test_what_is_far_behind_in_the_queue_is_withheld_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leasing, "LOOK_AHEAD", 2)
    endpoint = make_endpoint()
    first, *_ = make_deliveries_about(make_doctor_of(endpoint), endpoint, 4)
    WebhookDelivery.objects.filter(pk=first.pk).update(next_attempt_at=NOW + timedelta(hours=1))
    (opted_out,) = make_deliveries_about(make_doctor(), endpoint, 1)

    assert webhooks.lease(room=WIDTH, at=NOW) == []

    assert WebhookDelivery.objects.get(status="WITHHELD") == opted_out
