from datetime import timedelta

import pytest

from integrations.actions import push
from integrations.actions.drain import FAILING_AT_ONCE, WIDTH
from integrations.models import ProviderDoctorSync
from integrations.tests.factories import make_sync
from integrations.tests.partner import Partner
from integrations.tests.workers import Clock, push_due
from registry.models import InsuranceProvider
from registry.tests.factories import NOW
from registry.tests.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]

Status = ProviderDoctorSync.Status


def test_at_most_four_at_once_go_to_one_insurer_and_each_gets_a_turn(
    provider: InsuranceProvider,
) -> None:
    for _ in range(10):
        make_sync(insurance_provider=provider)
    other = make_sync()

    pair = push.lease(room=2, at=NOW)
    rest = push.lease(room=16, at=NOW)

    assert other in pair
    assert len(pair) + len(rest) == 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("workers", [2, 4])
def test_several_workers_send_each_state_once(
    partner: Partner, provider: InsuranceProvider, clock: Clock, workers: int
) -> None:
    for _ in range(20):
        make_sync(insurance_provider=provider)

    at_once(*[lambda: push_due(clock)] * workers)

    paths = [heard.path for heard in partner.heard]
    assert len(paths) == len(set(paths)) == 40
    assert not ProviderDoctorSync.objects.exclude(sync_status=Status.IN_STEP).exists()


def test_insurers_that_fail_have_half_of_the_sends_between_them() -> None:
    for _ in range(5):
        failing = make_sync(sync_status=Status.FAILING, failing_since=NOW)
        for _ in range(4):
            make_sync(insurance_provider=failing.insurance_provider)

    first = push.lease(room=5, at=NOW)
    rest = push.lease(room=WIDTH, at=NOW)
    well = [make_sync() for _ in range(5)]
    others = push.lease(room=WIDTH, at=NOW)

    assert len(first) + len(rest) == FAILING_AT_ONCE
    assert set(others) == set(well)


def test_insurers_that_are_slow_to_answer_count_as_failing_before_they_fail() -> None:
    for provider in [make_sync().insurance_provider for _ in range(5)]:
        for _ in range(4):
            make_sync(insurance_provider=provider)

    assert len(push.lease(room=FAILING_AT_ONCE, at=NOW)) == FAILING_AT_ONCE

    assert push.lease(room=WIDTH, at=NOW + timedelta(seconds=1)) == []
    assert len(push.lease(room=WIDTH, at=NOW + timedelta(seconds=0.9))) == 12
