"""The search across doctors, against the slow way: everybody's free slots in one list."""

from collections import defaultdict
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from consent.models import visible_doctors
from consent.tests.factories import make_consent
from registry.models import Doctor, InsuranceProvider
from registry.tests.factories import NOW, make_doctor, make_location, make_provider
from scheduling import diary, openings
from scheduling.openings import Found, Wanted
from scheduling.tests.factories import TUESDAY_AT_9, make_window

WEEK = timedelta(days=7)

pytestmark = pytest.mark.django_db


def test_the_earliest_slots_of_all_visible_doctors_come_in_the_order_of_start() -> None:
    provider = make_provider()
    doctors = sorted((make_doctor() for _ in range(3)), key=lambda doctor: doctor.pk)
    for doctor in doctors:
        make_consent(doctor=doctor, insurance_provider=provider)
        make_window(doctor)
    openings.build(doctor_ids=[doctor.pk for doctor in doctors], at=NOW)

    found = openings.earliest(
        provider=provider, wanted=Wanted(NOW, NOW + WEEK), at=NOW, limit=2
    )

    assert [(one.doctor_id, one.slot.starts_at) for one in found] == [
        (doctors[0].pk, TUESDAY_AT_9),
        (doctors[1].pk, TUESDAY_AT_9),
    ]
