import hashlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rfc8785
from django.db import connection
from pytest_django.fixtures import Settings
from standardwebhooks import Webhook

from consent.models import Consent, DataClass
from consent.tests.factories import make_consent
from integrations import outgoing
from integrations.actions import feed, push
from integrations.actions.drain import FAILING_AT_ONCE, WIDTH, drain
from integrations.connectors.docport_json import client
from integrations.models import ProviderDoctorSync, WebhookEndpoint
from integrations.tests.factories import SECRET, make_consent_event, make_endpoint, make_sync
from integrations.tests.partner import Partner, Reply, running_partner
from registry.models import AuditLog, Doctor, InsuranceProvider
from registry.tests.factories import NOW, make_admin, make_location, make_provider

Status = ProviderDoctorSync.Status


@pytest.fixture(autouse=True)
def _loopback(settings: Settings) -> None:
    settings.LOOPBACK_TARGETS = True
    settings.BASE_URL = "https://docport.example"


@pytest.fixture
def partner() -> Iterator[Partner]:
    with running_partner() as running:
        yield running


@pytest.fixture
def provider(partner: Partner) -> InsuranceProvider:
    provider = make_provider(api_base_url=f"{partner.url}/api/")
    make_endpoint(insurance_provider=provider)
    return provider


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def push_due(clock: Clock) -> int:
    with outgoing.new_session() as session:
        return drain(push.line(session, clock))


def withdraw(doctor: Doctor) -> None:
    Consent.objects.filter(doctor=doctor).update(
        consent_status="REVOKED", revoked_at=NOW, erase_by=NOW + timedelta(days=30)
    )


@pytest.mark.django_db
def test_the_whole_state_arrives_signed(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    sync = make_sync(insurance_provider=provider)
    make_location(sync.doctor)

    assert push_due(clock) == 1

    profile, hours = partner.heard
    path = f"/api/doctors/{sync.doctor_id}"
    assert [(h.method, h.path) for h in partner.heard] == [
        ("PUT", path),
        ("PUT", f"{path}/availability"),
    ]
    assert profile.json["full_name"] == sync.doctor.full_name
    assert hours.json["windows"] == []
    for heard in partner.heard:
        assert heard.body == rfc8785.dumps(heard.json)
        assert heard.headers["docport-state"] == hashlib.sha256(heard.body).hexdigest()
        assert heard.headers["docport-version"] == str(sync.doctor.version)
        signed_at = datetime.fromtimestamp(int(heard.headers["webhook-timestamp"]), UTC)
        expected = Webhook(SECRET).sign(heard.headers["webhook-id"], signed_at, heard.body.decode())
        assert heard.headers["webhook-signature"] == expected
    sync.refresh_from_db()
    assert (sync.sync_status, sync.sent, sync.attempts) == (Status.IN_STEP, 1, 0)
    assert sync.last_profile_sync == sync.last_availability_sync == NOW
    assert (sync.version_sent, sync.lease_until) == (sync.doctor.version, None)
    assert push_due(clock) == 0


@pytest.mark.django_db
def test_what_is_not_shared_is_not_sent(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    consent = make_consent(insurance_provider=provider, data_classes=[DataClass.CREDENTIALS])
    make_sync(insurance_provider=provider, doctor=consent.doctor)

    push_due(clock)

    profile, hours = partner.heard
    assert "full_name" not in profile.json
    assert "windows" not in hours.json


@pytest.mark.django_db
def test_an_unchanged_state_is_not_sent_again(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    sync = make_sync(insurance_provider=provider)
    push_due(clock)
    ProviderDoctorSync.objects.update(wanted=2, sync_status=Status.PENDING)

    push_due(clock)

    assert len(partner.heard) == 2
    sync.refresh_from_db()
    assert (sync.sync_status, sync.sent) == (Status.IN_STEP, 2)


@pytest.mark.django_db
def test_ten_edits_become_one_send_of_the_newest_state(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    sync = make_sync(insurance_provider=provider, wanted=10)
    Doctor.objects.filter(pk=sync.doctor_id).update(full_name="Newest", version=11)

    push_due(clock)

    assert partner.heard[0].json["full_name"] == "Newest"
    assert len(partner.heard) == 2
    sync.refresh_from_db()
    assert (sync.sent, sync.version_sent) == (10, 11)


@pytest.mark.django_db
def test_an_edit_during_a_send_is_not_lost(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    sync = make_sync(insurance_provider=provider)
    (job,) = push.prepare(push.lease(room=5, at=NOW), at=NOW)
    Doctor.objects.filter(pk=sync.doctor_id).update(full_name="Newest", version=2)
    ProviderDoctorSync.objects.update(wanted=2)

    push.mark(outcome=push.Outcome(job, NOW))

    sync.refresh_from_db()
    assert (sync.sync_status, sync.sent) == (Status.PENDING, 1)
    push_due(clock)
    assert partner.heard[0].json["full_name"] == "Newest"


@pytest.mark.django_db
@pytest.mark.parametrize("newer_is_held", [200, 409])
def test_newer_is_held_is_as_good_as_taken(
    partner: Partner, provider: InsuranceProvider, clock: Clock, newer_is_held: int
) -> None:
    partner.answer = lambda _: Reply(newer_is_held)
    sync = make_sync(insurance_provider=provider)

    push_due(clock)

    sync.refresh_from_db()
    assert sync.sync_status == Status.IN_STEP


@pytest.mark.django_db
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


@pytest.mark.django_db
def test_half_a_send_is_a_failure(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    partner.answer = lambda heard: Reply(400 if heard.path.endswith("/availability") else 204)
    sync = make_sync(insurance_provider=provider)

    push_due(clock)

    sync.refresh_from_db()
    assert (sync.sync_status, sync.last_error, sync.sent) == (Status.FAILING, "http_400", 0)
    assert sync.last_profile_sync is None


@pytest.mark.django_db
def test_retry_after_is_honoured(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    partner.answer = lambda _: Reply(429, {"Retry-After": "3600"})
    sync = make_sync(insurance_provider=provider)

    push_due(clock)

    sync.refresh_from_db()
    assert sync.next_attempt_at == NOW + timedelta(hours=1)


@pytest.mark.django_db
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


@pytest.mark.django_db
@pytest.mark.parametrize("answer", [200, 404, 410])
def test_a_withdrawn_doctor_is_erased_once(
    partner: Partner, provider: InsuranceProvider, clock: Clock, answer: int
) -> None:
    sync = make_sync(insurance_provider=provider)
    withdraw(sync.doctor)
    partner.answer = lambda _: Reply(answer)

    push_due(clock)
    ProviderDoctorSync.objects.update(wanted=2, sync_status=Status.PENDING)
    push_due(clock)

    (heard,) = partner.heard
    assert (heard.method, heard.path) == ("DELETE", f"/api/doctors/{sync.doctor_id}")
    assert heard.headers["docport-version"] == str(sync.doctor.version)
    assert heard.json == {
        "doctor_id": str(sync.doctor_id),
        "reason": "consent_withdrawn",
        "erase_by": "2026-12-23T03:30:00Z",
    }
    sync.refresh_from_db()
    assert sync.sync_status == Status.IN_STEP


@pytest.mark.django_db
def test_an_erasure_that_conflicts_is_tried_again(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    sync = make_sync(insurance_provider=provider)
    withdraw(sync.doctor)
    partner.answer = lambda _: Reply(409)

    push_due(clock)

    sync.refresh_from_db()
    assert (sync.sync_status, sync.last_error) == (Status.FAILING, "http_409")
    partner.answer = lambda _: Reply()
    clock.at = sync.next_attempt_at
    push_due(clock)
    sync.refresh_from_db()
    assert (sync.sync_status, sync.state_hash) == (Status.IN_STEP, "erased")


@pytest.mark.django_db
@pytest.mark.parametrize("answer", [None, 410])
def test_a_failure_does_not_put_off_a_withdrawal_that_came_during_the_send(
    partner: Partner, provider: InsuranceProvider, clock: Clock, answer: int | None
) -> None:
    sync = make_sync(insurance_provider=provider, attempts=5)
    (job,) = push.prepare(push.lease(room=5, at=NOW), at=NOW)
    withdraw(sync.doctor)
    make_consent_event(Consent.objects.get(), type="consent.revoked")
    feed.sequence(at=NOW)

    push.mark(outcome=push.Outcome(job, NOW, answer, "failed"))

    assert push_due(clock) == 1
    (heard,) = partner.heard
    assert heard.method == "DELETE"


@pytest.mark.django_db
def test_a_doctor_who_comes_back_is_sent_again(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    sync = make_sync(insurance_provider=provider)
    push_due(clock)
    withdraw(sync.doctor)
    ProviderDoctorSync.objects.update(wanted=2, sync_status=Status.PENDING)
    push_due(clock)
    Consent.objects.update(consent_status="ACTIVE", revoked_at=None, erase_by=None)
    ProviderDoctorSync.objects.update(wanted=3, sync_status=Status.PENDING)
    push_due(clock)

    methods = [heard.method for heard in partner.heard]
    assert methods == ["PUT", "PUT", "DELETE", "PUT", "PUT"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("expire", "consent_expired"),
        ("suspend", "doctor_unavailable"),
        ("forget", "consent_withdrawn"),
    ],
)
def test_the_reason_for_erasing_is_told(
    partner: Partner, provider: InsuranceProvider, clock: Clock, change: str, reason: str
) -> None:
    sync = make_sync(insurance_provider=provider)
    if change == "expire":
        Consent.objects.update(expires_at=NOW)
    elif change == "suspend":
        Doctor.objects.filter(pk=sync.doctor_id).update(status=Doctor.Status.SUSPENDED)
    else:
        Consent.objects.all().delete()

    push_due(clock)

    (heard,) = partner.heard
    assert (heard.method, heard.json["reason"]) == ("DELETE", reason)
    assert heard.json["erase_by"] is None


@pytest.mark.django_db
def test_without_a_secret_nothing_leaves_unsigned(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    WebhookEndpoint.objects.all().delete()
    sync = make_sync(insurance_provider=provider)

    push_due(clock)

    sync.refresh_from_db()
    assert (sync.sync_status, sync.last_error) == (Status.FAILING, "no_signing_secret")
    assert partner.heard == []


@pytest.mark.django_db
def test_an_insurer_that_lost_its_address_is_left_alone(
    provider: InsuranceProvider, clock: Clock
) -> None:
    make_sync(insurance_provider=provider)
    InsuranceProvider.objects.update(api_base_url="")

    assert push_due(clock) == 0


@pytest.mark.django_db
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


@pytest.mark.django_db
def test_a_bug_in_sending_is_a_failed_attempt(
    provider: InsuranceProvider, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = make_sync(insurance_provider=provider)

    def break_down(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(client, "put_doctor", break_down)

    push_due(clock)

    sync.refresh_from_db()
    assert (sync.sync_status, sync.last_error) == (Status.FAILING, "internal_error")


@pytest.mark.django_db
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

    def work() -> None:
        try:
            push_due(clock)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    paths = [heard.path for heard in partner.heard]
    assert len(paths) == len(set(paths)) == 40
    assert not ProviderDoctorSync.objects.exclude(sync_status=Status.IN_STEP).exists()


@pytest.mark.django_db
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


@pytest.mark.django_db
def test_another_address_gets_the_state_though_it_is_the_same(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    make_sync(insurance_provider=provider)
    push_due(clock)
    InsuranceProvider.objects.update(api_base_url=f"{partner.url}/new")
    ProviderDoctorSync.objects.update(wanted=2, sync_status=Status.PENDING)

    push_due(clock)

    assert [heard.path.split("/")[1] for heard in partner.heard] == ["api", "api", "new", "new"]
    assert ProviderDoctorSync.objects.get().sent_to == f"{partner.url}/new"


@pytest.mark.django_db
def test_after_half_a_send_the_earlier_state_is_not_taken_for_held(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    sync = make_sync(insurance_provider=provider)
    push_due(clock)
    name = sync.doctor.full_name
    partner.answer = lambda heard: Reply(503 if heard.path.endswith("/availability") else 204)
    Doctor.objects.update(full_name="Half sent")
    ProviderDoctorSync.objects.update(wanted=2, sync_status=Status.PENDING)
    push_due(clock)
    partner.answer = lambda _: Reply()
    Doctor.objects.update(full_name=name)
    clock.at += timedelta(hours=1)

    push_due(clock)

    assert partner.heard[-2].json["full_name"] == name
    assert len(partner.heard) == 6


@pytest.mark.django_db
def test_insurers_that_are_slow_to_answer_count_as_failing_before_they_fail() -> None:
    for provider in [make_sync().insurance_provider for _ in range(5)]:
        for _ in range(4):
            make_sync(insurance_provider=provider)

    assert len(push.lease(room=FAILING_AT_ONCE, at=NOW)) == FAILING_AT_ONCE

    assert push.lease(room=WIDTH, at=NOW + timedelta(seconds=1)) == []
    assert len(push.lease(room=WIDTH, at=NOW + timedelta(seconds=0.9))) == 12
