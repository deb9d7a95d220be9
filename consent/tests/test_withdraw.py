from datetime import timedelta

import pytest

from consent import actions
from consent.models import Consent, ConsentEvent, visible_doctors
from consent.receipts import is_genuine
from consent.tests.factories import give, make_consent, make_withdrawn_consent
from registry.models import AuditLog, OutboxEvent
from registry.tests.factories import NOW, make_doctor, make_provider, make_user

pytestmark = pytest.mark.django_db
MONTH = timedelta(days=30)


def test_withdrawing_hides_the_doctor_at_once_and_tells_the_insurer_to_erase() -> None:
    standing = make_consent(data_classes=["profile", "availability"])
    user = make_user(doctor=standing.doctor)

    actions.withdraw(consent=standing, by=user, at=NOW)

    standing.refresh_from_db()
    assert standing.consent_status == "REVOKED"
    assert (standing.revoked_at, standing.erase_by) == (NOW, NOW + MONTH)
    assert not visible_doctors(standing.insurance_provider, at=NOW).exists()
    event = ConsentEvent.objects.get()
    assert (event.kind, event.version, event.by) == ("withdrawn", 2, user)
    assert is_genuine(event)
    assert event.receipt["artefact"]["permission"]["dataEraseAt"] == "2026-12-23T03:30:00Z"
    assert AuditLog.objects.get().action == "consent.withdrawn"
    told = OutboxEvent.objects.get()
    assert (told.type, told.subject_version) == ("consent.revoked", 2)
    assert told.insurance_provider == standing.insurance_provider
    assert told.payload == {
        "doctor_id": str(standing.doctor_id),
        "data_classes": ["profile", "availability"],
        "reason": "consent_withdrawn",
        "erase_by": "2026-12-23T03:30:00Z",
    }


def test_there_is_nothing_to_withdraw_twice() -> None:
    consent = make_withdrawn_consent()

    with pytest.raises(actions.AlreadyWithdrawn):
        actions.withdraw(consent=consent, by=make_user(doctor=consent.doctor), at=NOW)

    assert Consent.objects.get().updated_at == consent.updated_at
    assert not ConsentEvent.objects.exists()
    assert not AuditLog.objects.exists()
    assert not OutboxEvent.objects.exists()


def test_a_withdrawal_names_the_notice_that_was_read_when_giving() -> None:
    user, provider = make_user(doctor=make_doctor()), make_provider()
    assert user.doctor
    consent = give(user, provider)
    provider.information_use = "To sell you insurance."
    provider.save()

    actions.withdraw(consent=consent, by=user, at=NOW)

    given, withdrawn = ConsentEvent.objects.all()
    assert withdrawn.receipt["processing"]["notice"] == given.receipt["processing"]["notice"]
