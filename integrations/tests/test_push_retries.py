from datetime import timedelta
from typing import Any

import pytest

from integrations.actions import push
from integrations.connectors import docport_json
from integrations.models import ProviderDoctorSync
from integrations.tests.doctors import withdraw
from integrations.tests.factories import make_sync
from integrations.tests.partner import Partner, Reply
from integrations.tests.workers import Clock, push_due
from registry.models import AuditLog, InsuranceProvider
from registry.tests.factories import NOW, make_admin, make_provider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]

Status = ProviderDoctorSync.Status


def test_failures_are_tried_again_for_ever_and_ever_later(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    partner.answer = lambda _: Reply(503)
    sync = make_sync(insurance_provider=provider)

    for number in range(8):
        assert push_due(clock) == 1
        sync.refresh_from_db()
        planned = push.WAITS[min(number, len(push.WAITS) - 1)]
        assert planned <= sync.next_attempt_at - clock.at <= planned * 1.2
        clock.at = sync.next_attempt_at

    assert (sync.sync_status, sync.last_error) == (Status.FAILING, "http_503")
    assert (sync.failing_since, sync.attempts) == (NOW, 8)
    partner.answer = lambda _: Reply()
    push_due(clock)
    sync.refresh_from_db()
    assert (sync.sync_status, sync.failing_since, sync.last_error) == (Status.IN_STEP, None, "")


def test_half_a_send_is_a_failure(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    partner.answer = lambda heard: Reply(400 if heard.path.endswith("/availability") else 204)
    sync = make_sync(insurance_provider=provider)

    push_due(clock)

    sync.refresh_from_db()
    assert (sync.sync_status, sync.last_error, sync.sent) == (Status.FAILING, "http_400", 0)
    assert sync.last_profile_sync is None


def test_retry_after_is_honoured(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    partner.answer = lambda _: Reply(429, {"Retry-After": "3600"})
    sync = make_sync(insurance_provider=provider)

    push_due(clock)

    sync.refresh_from_db()
    assert sync.next_attempt_at == NOW + timedelta(hours=1)


def test_410_stops_until_somebody_asks_again(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    admin = make_admin()
    partner.answer = lambda _: Reply(410)
    sync = make_sync(insurance_provider=provider)
    push_due(clock)
    clock.at += timedelta(days=1)

    assert push_due(clock) == 0
    sync.refresh_from_db()
    assert (sync.sync_status, sync.last_error) == (Status.STOPPED, "http_410")
    partner.answer = lambda _: Reply()
    push.retry(sync=sync, by=admin, at=clock.at)

    assert push_due(clock) == 1
    sync.refresh_from_db()
    assert sync.sync_status == Status.IN_STEP
    line = AuditLog.objects.get(entity_id=sync.pk)
    assert (line.action, line.performed_by) == ("provider_doctor_sync.retried", admin)


def test_what_a_killed_worker_held_is_sent_when_its_lease_ends(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    sync = make_sync(insurance_provider=provider)
    (held,) = push.prepare(push.lease(room=5, at=NOW), at=NOW)

    assert push_due(clock) == 0
    clock.at += push.LEASE
    assert push_due(clock) == 1
    push.mark(outcome=push.Outcome(held, clock.at, None, "timeout"))

    sync.refresh_from_db()
    assert sync.sync_status == Status.IN_STEP


def test_a_bug_in_sending_is_a_failed_attempt(
    provider: InsuranceProvider, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = make_sync(insurance_provider=provider)

    def break_down(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(docport_json, "put", break_down)

    push_due(clock)

    sync.refresh_from_db()
    assert (sync.sync_status, sync.last_error) == (Status.FAILING, "internal_error")


def make_failing(provider: InsuranceProvider, error: str = "timeout") -> ProviderDoctorSync:
    return make_sync(
        insurance_provider=provider,
        sync_status=Status.FAILING,
        failing_since=NOW - timedelta(days=2),
        attempts=9,
        next_attempt_at=NOW + timedelta(hours=5),
        last_error=error,
    )


def test_a_system_that_is_back_is_sent_what_failed_meanwhile(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    for error in ("timeout", "http_503", "dns_error"):
        make_failing(provider, error)
    refused, elsewhere = make_failing(provider, "http_400"), make_failing(make_provider())
    first = make_failing(provider)
    ProviderDoctorSync.objects.filter(pk=first.pk).update(next_attempt_at=NOW)

    assert push_due(clock) == 4

    left = ProviderDoctorSync.objects.exclude(sync_status=Status.IN_STEP)
    assert set(left) == {refused, elsewhere}
    assert {pair.next_attempt_at for pair in left} == {NOW + timedelta(hours=5)}


def test_what_failed_meanwhile_goes_at_the_rate_of_a_backfill_and_erasures_at_once(
    provider: InsuranceProvider,
) -> None:
    away, gone = make_failing(provider), make_failing(provider)
    withdraw(gone.doctor)

    assert push.try_others(provider=provider.pk, at=NOW) == 2

    away.refresh_from_db()
    gone.refresh_from_db()
    assert (away.is_backfill, away.next_attempt_at, away.attempts) == (True, NOW, 9)
    assert (gone.is_backfill, gone.next_attempt_at) == (False, NOW)


def test_one_that_was_never_failing_brings_no_others(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    make_failing(provider)
    make_sync(insurance_provider=provider)

    assert push_due(clock) == 1
