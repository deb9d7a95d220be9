from collections.abc import Callable
from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from consent.models import Consent
from consent.tests.factories import make_consent, make_withdrawn_consent
from integrations.actions.reconcile import reconcile
from integrations.models import ProviderDoctorSync
from integrations.tests.factories import make_sync
from registry.models import Doctor, InsuranceProvider
from registry.tests.factories import NOW, make_provider

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)
ADDRESS = "https://insurer.example/api"
Status = ProviderDoctorSync.Status


def in_step(**given: object) -> ProviderDoctorSync:
    values = {"sync_status": "IN_STEP", "sent": 1, "state_hash": "f" * 64, "sent_to": ADDRESS}
    return make_sync(**(values | given))


def test_an_address_that_came_after_the_doctors_makes_their_pairs() -> None:
    provider = make_provider()
    consent = make_consent(insurance_provider=provider)
    make_withdrawn_consent(insurance_provider=provider)
    make_consent()
    assert reconcile(at=LATER) == 0
    InsuranceProvider.objects.filter(pk=provider.pk).update(api_base_url=ADDRESS)

    assert reconcile(at=LATER) == 1

    pair = ProviderDoctorSync.objects.get()
    assert (pair.doctor, pair.insurance_provider) == (consent.doctor, provider)
    assert (pair.sync_status, pair.wanted, pair.sent) == (Status.PENDING, 1, 0)
    assert pair.next_attempt_at == LATER
    assert reconcile(at=LATER) == 0


def suspend_insurer() -> None:
    InsuranceProvider.objects.update(integration_status="SUSPENDED")


def suspend_doctor() -> None:
    Doctor.objects.update(status=Doctor.Status.SUSPENDED)


def end_consent() -> None:
    Consent.objects.update(expires_at=LATER)


@pytest.mark.parametrize("change", [suspend_insurer, suspend_doctor, end_consent])
def test_what_an_insurer_does_not_see_any_more_is_erased_there(
    change: Callable[[], None],
) -> None:
    pair = in_step()
    assert reconcile(at=LATER) == 0
    change()

    assert reconcile(at=LATER) == 1

    pair.refresh_from_db()
    assert (pair.sync_status, pair.wanted, pair.next_attempt_at) == (Status.PENDING, 2, LATER)
    ProviderDoctorSync.objects.update(sync_status="IN_STEP", state_hash="erased")
    assert reconcile(at=LATER) == 0


def test_an_insurer_that_is_let_in_again_is_sent_what_was_erased() -> None:
    pair = in_step(state_hash="erased")

    assert reconcile(at=LATER) == 1

    pair.refresh_from_db()
    assert pair.sync_status == Status.PENDING


@pytest.mark.parametrize("status", ["IN_STEP", "FAILING", "STOPPED"])
def test_another_address_is_sent_everything_at_once(status: str) -> None:
    failing_since = NOW if status == "FAILING" else None
    pair = in_step(
        sync_status=status,
        failing_since=failing_since,
        attempts=6,
        next_attempt_at=LATER + timedelta(hours=6),
    )
    assert reconcile(at=LATER) == 0
    InsuranceProvider.objects.update(api_base_url="https://new.example/api")

    assert reconcile(at=LATER) == 1

    pair.refresh_from_db()
    assert (pair.sync_status, pair.attempts, pair.failing_since) == (Status.PENDING, 0, None)
    assert pair.next_attempt_at == LATER


def test_an_insurer_without_an_address_is_left_alone() -> None:
    in_step(insurance_provider=make_provider())
    suspend_insurer()

    assert reconcile(at=LATER) == 0


def test_the_number_of_queries_does_not_grow(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    provider = make_provider(api_base_url=ADDRESS)
    for _ in range(5):
        make_consent(insurance_provider=provider)
        in_step(state_hash="erased")

    with django_assert_num_queries(9):
        assert reconcile(at=LATER) == 10
