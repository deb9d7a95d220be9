"""What is not shared appears nowhere: in no answer, error, event, webhook or push.

Each field has a value of its own that stands nowhere else; every JSON that the insurer can get is
searched for those of the data classes that the doctor does not share, and for what nobody gets.
"""

import json
import re
from collections.abc import Iterator
from datetime import time, timedelta
from typing import Any

import pytest

from consent.actions import give, withdraw
from consent.models import Consent, DataClass
from integrations.actions import feed
from integrations.api.views.schema import description
from integrations.tests.factories import make_endpoint
from integrations.tests.insurers import UNKNOWN_ID, Caller, make_caller
from integrations.tests.partner import Partner
from integrations.tests.workers import Clock, push_due, send_due
from registry import ledger
from registry.actions import versions
from registry.models import Doctor, InsuranceProvider, User
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
NOBODYS = ["Canary Reason", "Canary Certificate", "canary@user.example.org", "+919800099999"]


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
    make_user(role=User.Role.DELEGATE, doctor=doctor, phone="+919800099999")
    consent = give(
        doctor=doctor, provider=caller.provider, data_classes=list(DataClass.values),
        expires_at=None, language="en", by=user, at=NOW - DAY,
    )  # fmt: skip
    Consent.objects.filter(pk=consent.pk).update(data_classes=classes)
    return consent


class Walk:
    """All that is answered to an insurer, and by which operations of the OpenAPI document."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.said: list[str] = []
        self.done: set[str] = set()
        # How the one booking ended.
        self.booked = ""

    def ask(self, method: str, path: str, *body: Any, **headers: str) -> Any:
        answer = getattr(self._caller, method)(path, *body, **headers)
        self.said.append(f"{answer.headers} {answer.content.decode()}")
        self.done |= {one for one in OPERATIONS if _is_called_by(one, method, path)}
        return answer.json() if answer.content else {}


def _operations() -> Iterator[str]:
    for path, methods in description()["paths"].items():
        template = path.removeprefix("/api/v1")
        yield from (f"{one} {template}" for one in methods if one in METHODS)


def _is_called_by(operation: str, method: str, path: str) -> bool:
    pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(operation))
    return re.fullmatch(pattern, f"{method} {path.partition('?')[0]}") is not None


METHODS = {"get", "post", "patch", "delete"}
OPERATIONS = set(_operations())


def walk(caller: Caller, doctor: Doctor, consent: Consent) -> Walk:
    """Do all that can be done about a doctor, also what is refused."""
    walk = Walk(caller)
    _read(walk, doctor, consent)
    _book(walk, doctor)
    _manage(walk)
    walk.ask("post", f"/consents/{consent.pk}/erasure", {})
    number = {"registration_number": doctor.registration_number, "data_classes": ["profile"]}
    walk.ask("post", "/consents", number)
    # It gets back what it typed itself, whoever has that number.
    walk.said[-1] = walk.said[-1].replace(doctor.registration_number or "", "")
    walk.ask("post", "/consents", number | {"full_name": "?"})
    return walk


def _read(walk: Walk, doctor: Doctor, consent: Consent) -> None:
    one = f"/doctors/{doctor.pk}"
    as_of = (NOW - timedelta(hours=1)).isoformat().replace("+", "%2B")
    for path in (
        "/me", "/doctors", one, f"{one}?as_of={as_of}",
        f"{one}/credentials", f"{one}/availability", f"{one}/slots", "/slots",
        "/doctors?q=Canary", "/doctors?city=Canaryville",
        "/consents", f"/consents/{consent.pk}", "/appointments", "/events",
        f"{one}?fields=all", f"{one}/slots?from=never", f"/doctors/{UNKNOWN_ID}",
    ):  # fmt: skip
        walk.ask("get", path)


def _book(walk: Walk, doctor: Doctor) -> None:
    """Book, move, cancel, hold, renew and release; first at a time that is not free."""
    free, later, closed = "2026-11-24T03:32", "2026-11-24T03:47", "2026-11-24T23:00"
    whose = {"doctor_id": str(doctor.pk)}
    visit = whose | {"external_appointment_id": "V-1", "patient_reference": "m-1"}
    walk.ask("post", "/appointments", visit | _at(closed), **{"Idempotency-Key": "key-1"})
    booked = walk.ask("post", "/appointments", visit | _at(free), **{"Idempotency-Key": "key-2"})
    appointment = f"/appointments/{booked.get('id', UNKNOWN_ID)}"
    walk.ask("get", appointment)
    walk.ask("patch", appointment, _at(closed), **{"If-Match": '"1"'})
    walk.ask("patch", appointment, _at(later), **{"If-Match": '"1"'})
    cancelled = walk.ask("post", f"{appointment}/cancel", {"reason": "patient_request"})
    walk.booked = cancelled["status"]
    walk.ask("post", "/holds", whose | _at(closed))
    hold = f"/holds/{walk.ask('post', '/holds', whose | _at(free)).get('id', UNKNOWN_ID)}"
    walk.ask("post", f"{hold}/renew", {})
    walk.ask("delete", hold)


def _at(wall: str) -> dict[str, str]:
    return {"start": f"{wall}:00+05:30"}


def _manage(walk: Walk) -> None:
    """Look at what was sent, have it sent again, and change the endpoint."""
    sent = walk.ask("get", "/deliveries")["items"]
    delivery = f"/deliveries/{sent[0]['id'] if sent else UNKNOWN_ID}"
    walk.ask("get", delivery)
    walk.ask("post", f"{delivery}/resend", {})
    walk.ask("post", "/deliveries/resend", {})
    kept = walk.ask("get", "/webhook-endpoints")["items"]
    endpoint = f"/webhook-endpoints/{kept[0]['id'] if kept else UNKNOWN_ID}"
    walk.ask("post", "/webhook-endpoints", {"url": "ftp://nowhere"})
    walk.ask("get", endpoint)
    walk.ask("patch", endpoint, {"events": ["Canary"]})
    walk.ask("post", f"{endpoint}/rotate-secret", {})
    walk.ask("post", f"{endpoint}/test", {})
    walk.ask("delete", endpoint)


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

    send_due(clock)
    push_due(clock)
    walked = walk(caller, doctor, consent)
    heard = walked.said
    heard += [json.dumps(one.json, ensure_ascii=False) for one in partner.heard]

    everything = "\n".join(heard)
    assert len(partner.heard) >= 4
    # Tokens know of no doctor; a new operation has to be walked here too.
    assert walked.done == OPERATIONS - {"post /oauth/token"}
    if missing is None:
        assert walked.booked == "CANCELLED", "booked, moved and cancelled"
    for code, values in CANARIES.items():
        found = [value for value in values if value in everything]
        assert found == ([] if code == missing else values)
    assert [value for value in NOBODYS if value in everything] == []


def test_nothing_of_anybody_appears_once_consent_is_withdrawn(
    caller: Caller, doctor: Doctor
) -> None:
    consent = let_see(doctor, caller, list(DataClass.values))
    withdraw(consent=consent, by=User.objects.get(doctor=doctor, role="DOCTOR"), at=NOW)

    everything = "\n".join(walk(caller, doctor, consent).said)

    every: list[Any] = [*NOBODYS, *(value for values in CANARIES.values() for value in values)]
    assert [value for value in every if value in everything] == []
