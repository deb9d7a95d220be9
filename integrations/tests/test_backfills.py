from datetime import timedelta

import pytest

from consent.tests.factories import make_consent
from integrations.actions import feed, push
from integrations.actions.reconcile import reconcile
from integrations.models import ProviderDoctorSync, ProviderPush
from integrations.tests.factories import make_consent_event, make_event, make_sync
from integrations.tests.partner import Partner, Reply
from integrations.tests.workers import Clock, push_due
from registry.models import AuditLog, InsuranceProvider, User
from registry.tests.factories import NOW, make_provider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]

Status = ProviderDoctorSync.Status
SECOND = timedelta(seconds=1)


def backfilled(count: int, provider: InsuranceProvider) -> list[ProviderDoctorSync]:
    return [make_sync(insurance_provider=provider, is_backfill=True) for _ in range(count)]


def test_what_doctors_do_goes_before_a_backfill_that_began_before(
    provider: InsuranceProvider,
) -> None:
    backfilled(5, provider)
    own = [
        make_sync(insurance_provider=provider, next_attempt_at=NOW + minute * SECOND)
        for minute in range(2)
    ]

    first = push.lease(room=2, at=NOW + 2 * SECOND)

    assert first == own


def test_a_backfill_leaves_half_of_the_places_to_others(provider: InsuranceProvider) -> None:
    backfilled(5, provider)
    assert len(push.lease(room=16, at=NOW)) == push.BACKFILLS_AT_ONCE
    own = [make_sync(insurance_provider=provider) for _ in range(5)]

    taken = push.lease(room=16, at=NOW)

    assert len(taken) == 2
    assert set(taken) < set(own)


def test_a_backfill_goes_no_faster_than_its_insurer_wants(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    InsuranceProvider.objects.update(backfill_per_minute=12)
    backfilled(8, provider)

    sent = []
    for _ in range(60):
        sent.append(push_due(clock))
        clock.at += SECOND

    # At first what ten seconds allow, then one in five seconds.
    assert sent[:11] == [3, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    assert sum(sent) == 8
    assert not ProviderDoctorSync.objects.exclude(
        sync_status=Status.IN_STEP, is_backfill=False
    ).exists()


def test_retries_of_a_backfill_count_as_well(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    partner.answer = lambda _: Reply(503)
    InsuranceProvider.objects.update(backfill_per_minute=6)
    backfilled(4, provider)

    sent = 0
    for _ in range(100):
        sent += push_due(clock)
        clock.at += SECOND

    # Two at first, then one in ten seconds.
    assert sent == 11


def test_a_new_consent_waits_behind_no_backfill(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    InsuranceProvider.objects.update(backfill_per_minute=1)
    backfilled(20, provider)
    push_due(clock)
    consent = make_consent(insurance_provider=provider)
    make_consent_event(consent)
    feed.sequence(at=NOW)

    assert push_due(clock) == 1

    assert partner.heard[-1].path == f"/api/doctors/{consent.doctor_id}/availability"


def test_an_edit_takes_a_doctor_out_of_the_backfill(
    provider: InsuranceProvider, clock: Clock
) -> None:
    InsuranceProvider.objects.update(backfill_per_minute=1)
    *_, last = backfilled(5, provider)
    push_due(clock)
    make_event(doctor=last.doctor)
    feed.sequence(at=NOW)

    assert push_due(clock) == 1

    last.refresh_from_db()
    assert (last.sync_status, last.is_backfill) == (Status.IN_STEP, False)


def test_an_address_that_came_after_the_doctors_is_a_backfill() -> None:
    provider = make_provider(api_base_url="https://insurer.example/api")
    make_consent(insurance_provider=provider)

    assert reconcile(at=NOW) == 1

    assert ProviderDoctorSync.objects.get().is_backfill
    assert ProviderPush.objects.get().insurance_provider == provider


def test_what_is_to_be_erased_waits_behind_no_backfill() -> None:
    gone = make_sync(sync_status=Status.IN_STEP, sent_to="https://insurer.example/api")
    InsuranceProvider.objects.update(integration_status="SUSPENDED")

    assert reconcile(at=NOW) == 1

    gone.refresh_from_db()
    assert (gone.sync_status, gone.is_backfill) == (Status.PENDING, False)


def test_pairs_are_found_a_thousand_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.actions.reconcile.BATCH", 2)
    provider = make_provider(api_base_url="https://insurer.example/api")
    for _ in range(3):
        make_consent(insurance_provider=provider)

    assert [reconcile(at=NOW) for _ in range(3)] == [2, 1, 0]


def test_everything_is_sent_again_though_nothing_changed(
    partner: Partner, provider: InsuranceProvider, clock: Clock, admin_user: User
) -> None:
    pairs = [make_sync(insurance_provider=provider) for _ in range(3)]
    push_due(clock)
    ProviderDoctorSync.objects.filter(pk=pairs[0].pk).update(
        sync_status=Status.FAILING, failing_since=NOW, attempts=9, next_attempt_at=NOW + 99 * SECOND
    )
    ProviderDoctorSync.objects.filter(pk=pairs[1].pk).update(sync_status=Status.STOPPED)
    other = make_sync(sync_status=Status.IN_STEP)
    partner.heard.clear()

    assert push.send_all_again(provider=provider, by=admin_user, at=NOW) == 3

    other.refresh_from_db()
    assert other.sync_status == Status.IN_STEP
    assert set(
        ProviderDoctorSync.objects.filter(insurance_provider=provider).values_list(
            "sync_status", "is_backfill", "attempts", "wanted"
        )
    ) == {(Status.PENDING, True, 0, 2)}
    assert push_due(clock) == 3
    assert len(partner.heard) == 6
    line = AuditLog.objects.get(action="insurance_provider.push_repeated")
    assert (line.entity_id, line.performed_by) == (provider.pk, admin_user)


def test_what_a_doctor_waits_for_is_not_put_behind(
    provider: InsuranceProvider, admin_user: User
) -> None:
    own = make_sync(insurance_provider=provider)

    assert push.send_all_again(provider=provider, by=admin_user, at=NOW) == 0

    own.refresh_from_db()
    assert (own.is_backfill, own.wanted) == (False, 1)


def test_many_pairs_are_marked_in_several_transactions(
    monkeypatch: pytest.MonkeyPatch, provider: InsuranceProvider, admin_user: User
) -> None:
    monkeypatch.setattr("integrations.actions.push.again._BATCH", 2)
    for _ in range(5):
        make_sync(insurance_provider=provider, sync_status=Status.IN_STEP)

    assert push.send_all_again(provider=provider, by=admin_user, at=NOW) == 5
