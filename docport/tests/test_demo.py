import json
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils.timezone import now
from pypdf import PdfReader
from pytest_django import Settings

from consent.models import Consent, ConsentEvent, ConsentRequest, visible_doctors
from docport.demo.certificates import certificate
from docport.demo.insurers import INSURERS
from docport.demo.population import FEWEST, PlannedDoctor, doctors
from docport.demo.practices import PRACTICES
from docport.demo.sign_ins import SignIns
from docport.demo.world import ADMIN, Addresses, HoldsRealPeople, add
from integrations.actions.keys import digest
from integrations.models import ApiKey, Scope, WebhookEndpoint
from registry import certificates
from registry.encryption import decrypt
from registry.models import (
    AuditLog,
    Doctor,
    DoctorCredential,
    DoctorLocation,
    InsuranceProvider,
    OutboxEvent,
    User,
)
from registry.reference import Council, Language, Specialization, State
from registry.tests.factories import NOW, as_status, make_doctor, make_provider, make_user
from scheduling.models import Appointment, Availability, AvailabilityException

SIZE = 12
HERE = Addresses("http://127.0.0.1:8000", 8000)
ELSEWHERE = Addresses("http://127.0.0.1:9000", 9000)


def silent(plans: Sequence[PlannedDoctor]) -> Iterable[PlannedDoctor]:
    return plans


def add_demo(directory: Path, addresses: Addresses = HERE, size: int = SIZE) -> bool:
    sign_ins = SignIns(directory / "demo.json")
    return add(size=size, sign_ins=sign_ins, addresses=addresses, progress=silent, at=NOW)


def written(directory: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((directory / "demo.json").read_text())
    return content


def rows() -> dict[str, int]:
    models = (Doctor, User, Consent, ConsentEvent, Appointment, Availability, AuditLog, ApiKey,
              OutboxEvent, AvailabilityException, DoctorCredential, DoctorLocation)  # fmt: skip
    return {model.__name__: model.objects.count() for model in models}


def test_the_same_people_come_of_the_same_seed() -> None:
    assert doctors(FEWEST) == doctors(FEWEST)
    assert doctors(FEWEST) != doctors(FEWEST, seed=1)


def test_a_larger_demo_is_as_plausible() -> None:
    people = doctors(500)

    assert len({person.email for person in people}) == 500
    assert len({person.phone for person in people}) == 500
    assert len({person.registration_number for person in people}) == 500
    assert {person.practice for person in people} == set(PRACTICES)
    for person in people:
        assert person.registration_council in Council.values
        assert person.practice.specialization in Specialization.values
        assert set(person.languages) <= set(Language.values)
        assert {place.state for place in person.places} <= set(State.values)
        assert person.years_of_experience > 0


def test_the_least_demo_covers_what_the_tour_shows() -> None:
    people = doctors(FEWEST)

    assert len({person.places[0].city for person in people}) >= 5
    assert len({person.full_name for person in people}) == FEWEST
    assert any(period.end < period.start for person in people for place in person.places
               for period in place.periods), "one works at night"  # fmt: skip
    assert any(len(person.places) > 1 for person in people)
    assert any(person.leave_in_days for person in people)
    assert 0.3 < sum(bool(person.insurers) for person in people) / FEWEST < 0.6
    assert any(not person.finished for person in people)
    assert any(person.finished and not person.checked for person in people)


def test_a_certificate_is_a_real_pdf_that_certifies_nothing(tmp_path: Path) -> None:
    content = certificate("SYNTHETIC", r"Dr A (B) \ C")
    (tmp_path / "c.pdf").write_bytes(content)

    text = PdfReader(tmp_path / "c.pdf").pages[0].extract_text()

    assert certificates.inspect(content) == certificates.PDF
    assert text.splitlines() == ["SYNTHETIC", r"Dr A (B) \ C"]


@pytest.mark.django_db
def test_everybody_is_synthetic_and_lived_through_the_actions(tmp_path: Path) -> None:
    assert add_demo(tmp_path) is True

    assert Doctor.objects.count() == SIZE
    assert not Doctor.objects.filter(is_sandbox=False).exists()
    assert not Doctor.objects.exclude(email__endswith="@example.org").exists()
    assert set(Doctor.objects.values_list("status", flat=True)) == {"ACTIVE", "SUBMITTED", "DRAFT"}
    actions = set(AuditLog.objects.values_list("action", flat=True))
    assert actions >= {
        "doctor.signed_up", "doctor.updated", "place.added", "credential.added",
        "doctor.submitted", "credential.verified", "doctor.activated", "availability.updated",
        "leave.added", "consent.given", "appointment.booked", "insurer.added", "api_key.issued",
        "webhook_endpoint.added", "demo.added",
    }  # fmt: skip
    consents = Consent.objects.filter(consent_status="ACTIVE")
    assert ConsentEvent.objects.count() == consents.count() > 0
    assert OutboxEvent.objects.filter(type="consent.granted").count() == consents.count()
    assert ConsentRequest.objects.open_at(NOW).exists()
    assert Appointment.objects.filter(appointment_time__lt=NOW).exists()
    assert Appointment.objects.filter(appointment_time__gt=NOW).exists()
    for insurer in InsuranceProvider.objects.all():
        assert insurer.sees_sandbox
        assert visible_doctors(insurer, at=NOW).exists()


@pytest.mark.django_db
def test_certificates_lie_sealed_on_the_disk(tmp_path: Path) -> None:
    add_demo(tmp_path)
    credential = DoctorCredential.objects.filter(verified=True)[0]

    with credential.certificate.open() as file:
        sealed = file.read()

    assert b"%PDF" not in sealed
    assert decrypt(sealed, context=credential.encryption_context).startswith(b"%PDF")


@pytest.mark.django_db
def test_the_file_tells_how_to_sign_in(tmp_path: Path) -> None:
    add_demo(tmp_path)

    demo = json.loads((tmp_path / "demo.json").read_text())

    assert stat.S_IMODE((tmp_path / "demo.json").stat().st_mode) == 0o600
    assert demo.keys() == {"base_url", "admin", "doctors", "insurers"}
    assert demo["base_url"] == "http://127.0.0.1:8000"
    assert demo["admin"].keys() == {"email", "password"}
    assert len(demo["doctors"]) == SIZE
    for person in [demo["admin"], *demo["doctors"]]:
        assert User.objects.get(email=person["email"]).check_password(person["password"])
    for person in demo["doctors"]:
        assert User.objects.get(doctor_id=person["id"]).email == person["email"]
    for number, insurer in enumerate(demo["insurers"], start=1):
        signing = {"webhook_secret", "webhook_public_key"}
        assert insurer.keys() == {"name", "slug", "api_key", "mock_url"} | signing
        assert insurer["mock_url"] == f"http://127.0.0.1:{8000 + number}"
        key = ApiKey.objects.get(sha256=digest(insurer["api_key"]))
        assert key.is_test
        assert set(key.scopes) == set(Scope.values)
        assert key.insurance_provider.api_base_url == f"{insurer['mock_url']}/docport"
        endpoint = WebhookEndpoint.objects.get(insurance_provider=key.insurance_provider)
        assert endpoint.url == f"{insurer['mock_url']}/docport/webhooks"
        assert endpoint.secret == insurer["webhook_secret"]
        assert endpoint.public_key == insurer["webhook_public_key"]


@pytest.mark.django_db
def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    add_demo(tmp_path)
    before, file = rows(), (tmp_path / "demo.json").read_text()

    assert add_demo(tmp_path, size=SIZE + 5) is False

    assert rows() == before
    assert (tmp_path / "demo.json").read_text() == file


@pytest.mark.django_db
def test_what_people_changed_since_stays(tmp_path: Path) -> None:
    add_demo(tmp_path)
    Consent.objects.update(consent_status="REVOKED", revoked_at=NOW)
    newcomer = make_user(doctor=make_doctor(email="new@example.org"), email="new@example.org")
    password = newcomer.password

    add_demo(tmp_path)

    assert not Consent.objects.filter(consent_status="ACTIVE").exists()
    newcomer.refresh_from_db()
    assert newcomer.password == password
    assert newcomer.email not in (tmp_path / "demo.json").read_text()


@pytest.mark.django_db
def test_what_admins_did_to_demo_insurers_stops_no_later_start(tmp_path: Path) -> None:
    add_demo(tmp_path)
    before = written(tmp_path)
    suspended, live, _ = InsuranceProvider.objects.order_by("created_at")
    InsuranceProvider.objects.filter(pk=suspended.pk).update(integration_status="SUSPENDED")
    InsuranceProvider.objects.filter(pk=live.pk).update(**as_status("LIVE"))
    ApiKey.objects.update(revoked_at=NOW, revoked_by=User.objects.get(email=ADMIN))

    assert add_demo(tmp_path) is False

    assert written(tmp_path) == before


@pytest.mark.django_db
def test_the_mock_insurers_follow_the_port_and_keep_their_secrets(tmp_path: Path) -> None:
    add_demo(tmp_path)
    before = written(tmp_path)

    add_demo(tmp_path, ELSEWHERE)

    after = written(tmp_path)
    assert after["base_url"] == "http://127.0.0.1:9000"
    for old, new in zip(before["insurers"], after["insurers"], strict=True):
        assert new["api_key"] == old["api_key"]
        assert new["webhook_secret"] == old["webhook_secret"]
    first = InsuranceProvider.objects.get(slug=INSURERS[0].slug)
    assert first.api_base_url == "http://127.0.0.1:9001/docport"
    endpoint = WebhookEndpoint.objects.get(insurance_provider=first)
    assert endpoint.url == "http://127.0.0.1:9001/docport/webhooks"
    moved = AuditLog.objects.filter(action__in=["insurer.updated", "webhook_endpoint.changed"])
    assert moved.count() == 2 * len(INSURERS)


@pytest.mark.django_db
def test_a_lost_file_gets_new_passwords_and_keys(tmp_path: Path) -> None:
    add_demo(tmp_path)
    before = written(tmp_path)
    (tmp_path / "demo.json").unlink()

    add_demo(tmp_path)
    (tmp_path / "demo.json").unlink()
    add_demo(tmp_path)

    after = written(tmp_path)
    for old, new in zip(before["doctors"], after["doctors"], strict=True):
        assert (new["id"], new["email"]) == (old["id"], old["email"])
        assert User.objects.get(email=new["email"]).check_password(new["password"])
    key = ApiKey.objects.get(sha256=digest(after["insurers"][0]["api_key"]))
    usable = ApiKey.objects.usable_at(NOW).filter(insurance_provider=key.insurance_provider)
    assert list(usable) == [key]


@pytest.mark.django_db
def test_stopped_half_way_it_goes_on_where_it_was(tmp_path: Path) -> None:
    def stopping(plans: Sequence[PlannedDoctor]) -> Iterable[PlannedDoctor]:
        yield from plans[:5]
        raise KeyboardInterrupt

    sign_ins = SignIns(tmp_path / "demo.json")
    with pytest.raises(KeyboardInterrupt):
        add(size=SIZE, sign_ins=sign_ins, addresses=HERE, progress=stopping, at=NOW)
    assert Doctor.objects.count() == 5

    assert add_demo(tmp_path) is True

    assert Doctor.objects.count() == SIZE
    for person in written(tmp_path)["doctors"]:
        assert User.objects.get(email=person["email"]).check_password(person["password"])
    assert AuditLog.objects.filter(action="doctor.signed_up").count() == SIZE
    assert AuditLog.objects.filter(action="consent.given").count() == Consent.objects.count()


@pytest.mark.django_db
@pytest.mark.parametrize("real", ["doctor", "insurer"])
def test_it_never_goes_beside_real_people(tmp_path: Path, real: str) -> None:
    if real == "doctor":
        make_doctor(is_sandbox=False)
    else:
        make_provider(integration_status=InsuranceProvider.Status.LIVE)
    before = rows()

    with pytest.raises(HoldsRealPeople):
        add_demo(tmp_path)

    assert rows() == before
    assert not (tmp_path / "demo.json").exists()


@pytest.mark.django_db
def test_the_command_says_what_it_did(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.VAR_DIR = tmp_path

    call_command("demo")
    call_command("demo")

    said = capsys.readouterr().out.splitlines()
    file = tmp_path / "demo.json"
    assert said == [
        f"Added demo data. Sign-ins and keys: {file}",
        f"The demo data is there already. Sign-ins and keys: {file}",
    ]
    assert Doctor.objects.count() == FEWEST
    assert Appointment.objects.filter(appointment_time__gt=now()).exists()
    assert User.objects.get(email=ADMIN).is_superuser


@pytest.mark.django_db
def test_the_command_refuses_with_a_clear_word(tmp_path: Path, settings: Settings) -> None:
    settings.VAR_DIR = tmp_path

    with pytest.raises(CommandError, match="at least 40"):
        call_command("demo", size=3)
    make_doctor(phone=doctors(FEWEST)[0].phone)
    with pytest.raises(CommandError, match="already has this phone"):
        call_command("demo")
    make_doctor(is_sandbox=False)
    with pytest.raises(CommandError, match="1 real doctors and 0 live insurers"):
        call_command("demo")
    settings.SANDBOX = False
    with pytest.raises(CommandError, match="SANDBOX=true"):
        call_command("demo")
