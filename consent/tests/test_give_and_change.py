from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from consent import actions
from consent.models import Consent, ConsentEvent, DataClass, visible_doctors
from consent.notices import notice_for
from consent.receipts import is_genuine
from consent.tests.factories import make_consent, make_withdrawn_consent
from registry.models import AuditLog, Doctor, InsuranceProvider, OutboxEvent, User
from registry.tests.factories import NOW, make_doctor, make_draft_doctor, make_provider, make_user

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
YEAR = timedelta(days=365)


def give(doctor: Doctor, provider: InsuranceProvider, by: User, **given: Any) -> Consent:
    values: dict[str, Any] = {
        "data_classes": ["profile", "availability"],
        "expires_at": None,
        "language": "en",
        "at": NOW,
    }
    return actions.give(doctor=doctor, provider=provider, by=by, **(values | given))


def change(consent: Consent, by: User, **given: Any) -> Consent:
    values: dict[str, Any] = {
        "data_classes": ["profile"],
        "expires_at": None,
        "language": "en",
        "at": LATER,
    }
    return actions.change(consent=consent, by=by, **(values | given))


def assert_nothing_happened() -> None:
    assert not ConsentEvent.objects.exists()
    assert not AuditLog.objects.exists()
    assert not OutboxEvent.objects.exists()


def test_giving_shows_the_doctor_and_leaves_every_trace() -> None:
    user, provider = make_user(), make_provider()
    assert user.doctor

    consent = give(user.doctor, provider, user, data_classes=["availability", "profile"])

    consent.refresh_from_db()
    assert consent.is_active_at(NOW)
    assert consent.data_classes == ["profile", "availability"]
    assert (consent.version, consent.notice_version) == (1, "2026-11")
    assert visible_doctors(provider, at=NOW).get() == user.doctor
    event = ConsentEvent.objects.get()
    assert (event.kind, event.version, event.at, event.by) == ("given", 1, NOW, user)
    assert is_genuine(event)
    line = AuditLog.objects.get()
    assert (line.action, line.entity_id, line.performed_by) == ("consent.given", consent.pk, user)
    assert line.metadata["receipt"] == str(event.pk)
    told = OutboxEvent.objects.get()
    assert (told.type, told.subject) == ("consent.granted", f"consent/{consent.pk}")
    assert (told.subject_version, told.insurance_provider) == (1, provider)
    assert told.payload == {
        "doctor_id": str(user.doctor.pk),
        "data_classes": ["profile", "availability"],
    }


def test_giving_again_after_withdrawal_uses_the_same_row() -> None:
    withdrawn = make_withdrawn_consent()
    user = make_user(doctor=withdrawn.doctor)

    consent = give(withdrawn.doctor, withdrawn.insurance_provider, user)

    assert (consent.pk, consent.version) == (withdrawn.pk, 2)
    assert (consent.granted_at, consent.revoked_at, consent.erase_by) == (NOW, None, None)


def test_giving_again_after_the_end_needs_no_job_in_between() -> None:
    ended = make_consent(expires_at=NOW)
    user = make_user(doctor=ended.doctor)

    consent = give(ended.doctor, ended.insurance_provider, user)

    assert consent.is_active_at(NOW)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"data_classes": []}, actions.DataClassesRefused),
        ({"data_classes": ["availability"]}, actions.DataClassesRefused),
        ({"data_classes": ["profile", "bank_account"]}, actions.DataClassesRefused),
        ({"expires_at": NOW}, actions.EndsInPast),
        ({"expires_at": NOW - timedelta(days=1)}, actions.EndsInPast),
        ({"notice_sha256": "0" * 64}, actions.NoticeChanged),
    ],
)
def test_refused_terms_give_nothing(given: dict[str, Any], error: type[Exception]) -> None:
    user, provider = make_user(), make_provider()
    assert user.doctor

    with pytest.raises(error):
        give(user.doctor, provider, user, **given)

    assert not Consent.objects.exists()
    assert_nothing_happened()


@pytest.mark.parametrize(
    ("make", "status", "error"),
    [
        (make_draft_doctor, "SANDBOX", actions.DoctorNotActive),
        (lambda: make_doctor(status="SUBMITTED"), "SANDBOX", actions.DoctorNotActive),
        (lambda: make_doctor(status="SUSPENDED"), "SANDBOX", actions.DoctorNotActive),
        (make_doctor, "SUSPENDED", actions.ProviderSuspended),
        (make_doctor, "LIVE", actions.WrongMode),
        (lambda: make_doctor(is_sandbox=False), "SANDBOX", actions.WrongMode),
    ],
)
def test_those_who_may_not_meet_do_not(
    make: Callable[[], Doctor], status: str, error: type[Exception]
) -> None:
    user = make_user(doctor=make())
    assert user.doctor

    with pytest.raises(error):
        give(user.doctor, make_provider(integration_status=status), user)

    assert not Consent.objects.exists()
    assert_nothing_happened()


def test_a_real_doctor_and_a_live_insurer_meet() -> None:
    user = make_user(doctor=make_doctor(is_sandbox=False))
    assert user.doctor

    consent = give(user.doctor, make_provider(integration_status="LIVE"), user)

    assert consent.is_active_at(NOW)


def test_a_consent_in_force_is_not_given_twice() -> None:
    standing = make_consent()
    user = make_user(doctor=standing.doctor)

    with pytest.raises(actions.AlreadyGiven):
        give(standing.doctor, standing.insurance_provider, user)

    standing.refresh_from_db()
    assert standing.version == 1
    assert_nothing_happened()


def test_the_notice_that_was_read_is_accepted_and_kept() -> None:
    user, provider = make_user(), make_provider()
    assert user.doctor
    notice = notice_for(
        insurer=provider.name, information_use=provider.information_use, language="en"
    )

    give(user.doctor, provider, user, notice_sha256=notice.sha256)

    kept = ConsentEvent.objects.get().receipt["processing"]["notice"]
    assert kept["sha256"] == notice.sha256


def test_a_change_says_what_is_shared_from_now_on() -> None:
    user, provider = make_user(), make_provider()
    assert user.doctor
    given = give(user.doctor, provider, user)

    change(given, user, data_classes=["profile", "appointments"], expires_at=NOW + YEAR)

    given.refresh_from_db()
    assert given.data_classes == ["profile", "appointments"]
    assert (given.version, given.granted_at, given.expires_at) == (2, NOW, NOW + YEAR)
    first, second = ConsentEvent.objects.all()
    assert second.kind == "changed"
    assert is_genuine(second)
    assert second.receipt["record"]["previous_receipt_sha256"] == first.receipt_sha256
    assert AuditLog.objects.filter(action="consent.changed").exists()
    told = OutboxEvent.objects.get(type="consent.changed")
    assert told.subject_version == 2
    assert told.payload["data_classes"] == ["profile", "appointments"]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"data_classes": []}, actions.DataClassesRefused),
        ({"expires_at": LATER}, actions.EndsInPast),
        ({"notice_sha256": "0" * 64}, actions.NoticeChanged),
        ({"data_classes": DataClass.values}, actions.NothingToChange),
    ],
)
def test_a_refused_change_changes_nothing(given: dict[str, Any], error: type[Exception]) -> None:
    standing = make_consent()
    user = make_user(doctor=standing.doctor)

    with pytest.raises(error):
        change(standing, user, **given)

    standing.refresh_from_db()
    assert (standing.version, standing.data_classes) == (1, DataClass.values)
    assert_nothing_happened()


@pytest.mark.parametrize("make", [make_withdrawn_consent, lambda: make_consent(expires_at=LATER)])
def test_what_is_over_cannot_be_changed(make: Callable[[], Consent]) -> None:
    over = make()
    user = make_user(doctor=over.doctor)

    with pytest.raises(actions.NotInForce):
        change(over, user)

    assert_nothing_happened()


def test_history_stays_in_order_when_a_clock_was_read_early() -> None:
    user, provider = make_user(), make_provider()
    assert user.doctor
    given = give(user.doctor, provider, user, at=LATER)

    change(given, user, at=NOW)

    first, second = ConsentEvent.objects.all()
    assert first.at == second.at == LATER
