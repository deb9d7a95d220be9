"""What is not shared appears nowhere: in no answer, error, event, webhook or push.

Each field has a value of its own that stands nowhere else; every JSON that the insurer can get is
searched for those of the data classes that the doctor does not share, and for what nobody gets.
"""

import json
from collections.abc import Iterator
from datetime import time, timedelta
from typing import Any

import pytest

from consent.actions import give
from consent.models import Consent, DataClass
from integrations.actions import feed
from integrations.tests.factories import make_endpoint
from integrations.tests.insurers import Caller, make_caller
from integrations.tests.partner import Partner
from integrations.tests.workers import Clock, push_due, send_due
from registry import ledger
from registry.actions import versions
from registry.models import Doctor, InsuranceProvider
from registry.tests.factories import (
    NOW,
    make_doctor,
    make_location,
    make_user,
    make_verified_credential,
)
from scheduling import openings
from scheduling.tests.factories import make_exception, make_window

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine", "_loopback")]

DAY = timedelta(days=1)
CANARIES = {
    DataClass.PROFILE: [
        "Canary Name", "canary@profile.example.org", "+919800012345", "KMC-CANARY1",
        "99887766554433", "4321.99", "Canary Place", "Canary Street", "Canaryville", "560999",
        "+918000054321", "12.345678",
    ],
    DataClass.CREDENTIALS: ["Canary Degree", "Canary College", "2099-12-31"],
    DataClass.AVAILABILITY: ["03:17", "windows", "exceptions"],
}  # fmt: skip
NOBODYS = ["Canary Reason", "Canary Certificate", "canary@user.example.org"]


@pytest.fixture
def caller(provider: InsuranceProvider) -> Caller:
    return make_caller(insurance_provider=provider)


@pytest.fixture
def doctor() -> Doctor:
    doctor = make_doctor(
        full_name="Canary Name",
        email="canary@profile.example.org",
        phone="+919800012345",
        registration_number="KMC-CANARY1",
        hpr_id="99887766554433",
        fee="4321.99",
    )
    place = make_location(
        doctor, name="Canary Place", address="Canary Street", city="Canaryville", pin="560999",
        phone="+918000054321", latitude="12.345678", longitude="77.123456",
    )  # fmt: skip
    make_verified_credential(
        doctor, degree="Canary Degree", institution="Canary College", valid_until="2099-12-31",
        reason="Canary Certificate",
    )  # fmt: skip
    make_window(doctor, place, start_time=time(3, 17))
    make_exception(doctor, reason="Canary Reason")
    versions.stamp(doctor, by=None, at=NOW - DAY)
    openings.refresh_all(doctor_id=doctor.pk, at=NOW)
    return doctor


def let_see(doctor: Doctor, caller: Caller, classes: list[str]) -> Consent:
    """Consent to some data classes; the form would not leave the profile out."""
    user = make_user(doctor=doctor, email="canary@user.example.org")
    consent = give(
        doctor=doctor, provider=caller.provider, data_classes=list(DataClass.values),
        expires_at=None, language="en", by=user, at=NOW - DAY,
    )  # fmt: skip
    Consent.objects.filter(pk=consent.pk).update(data_classes=classes)
    return consent


def answers(caller: Caller, doctor: Doctor, consent: Consent) -> Iterator[str]:
    """Ask all that can be asked of a doctor, also what is refused."""
    one = f"/doctors/{doctor.pk}"
    as_of = (NOW - timedelta(hours=1)).isoformat()
    for path in (
        "/me", "/doctors", one, f"{one}?as_of={as_of.replace('+', '%2B')}",
        f"{one}/credentials", f"{one}/availability", f"{one}/slots", "/slots",
        "/doctors?q=Canary", "/doctors?city=Canaryville",
        "/consents", f"/consents/{consent.pk}", "/appointments", "/events", "/deliveries",
        "/webhook-endpoints", f"{one}?fields=all", f"{one}/slots?from=never",
    ):  # fmt: skip
        yield caller.get(path).content.decode()
    body = {
        "doctor_id": str(doctor.pk),
        "start": "2026-11-24T23:00:00+05:30",
        "external_appointment_id": "V-1",
        "patient_reference": "m-1",
    }
    yield caller.book(body).content.decode()
    yield caller.post(
        "/holds", {"doctor_id": body["doctor_id"], "start": body["start"]}
    ).content.decode()
    yield caller.post(f"/consents/{consent.pk}/erasure", {}).content.decode()


@pytest.mark.parametrize("missing", [*CANARIES, DataClass.APPOINTMENTS, None])
def test_what_is_not_shared_appears_nowhere(
    missing: DataClass | None,
    caller: Caller,
    doctor: Doctor,
    partner: Partner,
    clock: Clock,
) -> None:
    make_endpoint(insurance_provider=caller.provider, url=f"{partner.url}/hooks")
    consent = let_see(doctor, caller, [code for code in DataClass.values if code != missing])
    for number, kind in enumerate(("doctor.updated", "availability.updated"), 10):
        ledger.publish(kind, subject=doctor, version=number, at=NOW, doctor=doctor)
    feed.sequence(at=NOW)

    heard = list(answers(caller, doctor, consent))
    send_due(clock)
    push_due(clock)
    heard += [json.dumps(one.json, ensure_ascii=False) for one in partner.heard]

    everything = "\n".join(heard)
    assert len(partner.heard) >= 4
    for code, values in CANARIES.items():
        found = [value for value in values if value in everything]
        assert found == ([] if code == missing else values)
    assert [value for value in NOBODYS if value in everything] == []


def test_nothing_of_anybody_appears_once_consent_is_withdrawn(
    caller: Caller, doctor: Doctor
) -> None:
    consent = let_see(doctor, caller, list(DataClass.values))
    Consent.objects.filter(pk=consent.pk).update(consent_status="REVOKED", revoked_at=NOW)

    everything = "\n".join(answers(caller, doctor, consent))

    every: list[Any] = [*NOBODYS, *(value for values in CANARIES.values() for value in values)]
    assert [value for value in every if value in everything] == []
