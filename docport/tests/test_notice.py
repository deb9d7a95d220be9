"""What the consent notice lists and what insurers receive are the same."""

from datetime import timedelta

import pytest

from consent.models import DataClass
from consent.notices import notice_for
from consent.previews import previews
from consent.tests.factories import make_consent
from integrations.representations import availability_as_seen, doctors_as_seen
from registry.tests.factories import NOW, make_location, make_verified_credential

pytestmark = pytest.mark.django_db
# Ids, versions and the terms of the consent itself say nothing new about the doctor.
ALWAYS = {"id", "doctor_id", "version", "updated_at", "consent_id", "data_classes"}


def listed(code: DataClass) -> set[str]:
    notice = notice_for(insurer="I", information_use="U", language="en")
    (piece,) = notice.of([code])
    return {field for item in piece.items for field in item.fields}


def test_the_profile_holds_what_the_notice_lists_and_no_more() -> None:
    consent = make_consent(data_classes=["profile"])
    make_location(consent.doctor)

    consent.doctor.refresh_from_db()
    (seen,) = doctors_as_seen([consent.doctor_id], provider=consent.insurance_provider, at=NOW)

    assert seen.keys() - ALWAYS == listed(DataClass.PROFILE)
    # The preview shows one line for each of them.
    assert len(previews(consent.doctor, at=NOW)[DataClass.PROFILE]) == len(
        listed(DataClass.PROFILE)
    )


def test_credentials_hold_what_the_notice_lists_and_no_more() -> None:
    consent = make_consent(data_classes=["profile", "credentials"])
    make_verified_credential(consent.doctor)

    consent.doctor.refresh_from_db()
    (seen,) = doctors_as_seen([consent.doctor_id], provider=consent.insurance_provider, at=NOW)

    assert seen["credentials"][0].keys() - ALWAYS == listed(DataClass.CREDENTIALS)


def test_availability_holds_what_the_notice_lists_and_no_more() -> None:
    consent = make_consent(data_classes=["profile", "availability"])

    seen = availability_as_seen(
        consent.doctor, provider=consent.insurance_provider, at=NOW + timedelta(days=1)
    )

    # Free times have a call of their own.
    assert seen.keys() - ALWAYS == listed(DataClass.AVAILABILITY) - {"slots"}
