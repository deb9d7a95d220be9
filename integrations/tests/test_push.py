import hashlib
from datetime import timedelta

import pytest
import rfc8785

from consent.models import DataClass
from consent.tests.factories import make_consent
from integrations.actions import push
from integrations.models import ProviderDoctorSync, WebhookEndpoint
from integrations.tests.factories import SECRET, make_sync
from integrations.tests.partner import Partner, Reply, signed_by_the_standard
from integrations.tests.workers import Clock, push_due
from registry.models import Doctor, InsuranceProvider
from registry.tests.factories import NOW, make_location

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]

Status = ProviderDoctorSync.Status


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
        by_secret, by_key = heard.headers["webhook-signature"].split(" ")
        assert by_secret == signed_by_the_standard(heard, SECRET)
        assert by_key.startswith("v1a,")
    sync.refresh_from_db()
    assert (sync.sync_status, sync.sent, sync.attempts) == (Status.IN_STEP, 1, 0)
    assert sync.last_profile_sync == sync.last_availability_sync == NOW
    assert (sync.version_sent, sync.lease_until) == (sync.doctor.version, None)
    assert push_due(clock) == 0


def test_what_is_not_shared_is_not_sent(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    consent = make_consent(insurance_provider=provider, data_classes=[DataClass.CREDENTIALS])
    make_sync(insurance_provider=provider, doctor=consent.doctor)

    push_due(clock)

    profile, hours = partner.heard
    assert "full_name" not in profile.json
    assert "windows" not in hours.json


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


@pytest.mark.parametrize("newer_is_held", [200, 409])
def test_newer_is_held_is_as_good_as_taken(
    partner: Partner, provider: InsuranceProvider, clock: Clock, newer_is_held: int
) -> None:
    partner.answer = lambda _: Reply(newer_is_held)
    sync = make_sync(insurance_provider=provider)

    push_due(clock)

    sync.refresh_from_db()
    assert sync.sync_status == Status.IN_STEP


def test_without_a_secret_nothing_leaves_unsigned(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    WebhookEndpoint.objects.all().delete()
    sync = make_sync(insurance_provider=provider)

    push_due(clock)

    sync.refresh_from_db()
    assert (sync.sync_status, sync.last_error) == (Status.FAILING, "no_signing_secret")
    assert partner.heard == []


def test_an_insurer_that_lost_its_address_is_left_alone(
    provider: InsuranceProvider, clock: Clock
) -> None:
    make_sync(insurance_provider=provider)
    InsuranceProvider.objects.update(api_base_url="")

    assert push_due(clock) == 0


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
