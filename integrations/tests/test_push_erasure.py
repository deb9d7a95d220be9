import pytest

from consent.models import Consent
from integrations.actions import feed, push
from integrations.models import ProviderDoctorSync
from integrations.tests.doctors import withdraw
from integrations.tests.factories import make_consent_event, make_sync
from integrations.tests.partner import Partner, Reply
from integrations.tests.workers import Clock, push_due
from registry.models import Doctor, InsuranceProvider
from registry.tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]

Status = ProviderDoctorSync.Status


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
    assert heard.json["erase_by"] == ("2026-12-23T03:30:00Z" if change == "expire" else None)
