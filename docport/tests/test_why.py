"""Why can't an insurer see me: every reason, who must act, and what the insurer may know of it."""

import html
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from consent.models import Consent, visible_doctors
from consent.tests.factories import make_consent, make_withdrawn_consent
from docport import views
from docport.why import Why, why_not
from integrations.models import ProviderDoctorSync
from integrations.representations import consent as as_seen
from integrations.tests.factories import make_sync
from registry.models import Doctor, InsuranceProvider, User
from registry.tests.factories import (
    NOW,
    as_status,
    make_admin,
    make_doctor,
    make_draft_doctor,
    make_provider,
    make_user,
    make_verified_credential,
)
from scheduling.tests.factories import make_window

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=1)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "now", lambda: LATER)


@pytest.fixture
def doctor() -> Doctor:
    doctor = make_doctor()
    make_window(doctor)
    return doctor


@pytest.fixture
def provider() -> InsuranceProvider:
    return make_provider(name="Nila Health", slug="nila")


def why(doctor: Doctor, provider: InsuranceProvider) -> Why:
    (found,) = why_not(doctor, [provider], at=LATER)
    return found


def codes(doctor: Doctor, provider: InsuranceProvider) -> list[str]:
    return [reason.code for reason in why(doctor, provider).reasons]


def of_status(status: str) -> Callable[[Doctor, InsuranceProvider], object]:
    return lambda doctor, _: Doctor.objects.filter(pk=doctor.pk).update(status=status)


def of_insurer(status: str) -> Callable[[Doctor, InsuranceProvider], object]:
    rows = InsuranceProvider.objects
    return lambda _, insurer: rows.filter(pk=insurer.pk).update(**as_status(status))


def of_consent(**changed: object) -> Callable[[Doctor, InsuranceProvider], object]:
    return lambda doctor, _: Consent.objects.filter(doctor=doctor).update(**changed)


HIDING: dict[str, Callable[[Doctor, InsuranceProvider], object]] = {
    "profile_not_sent": of_status("DRAFT"),
    "being_checked": of_status("SUBMITTED"),
    "doctor_suspended": of_status("SUSPENDED"),
    "insurer_suspended": of_insurer("SUSPENDED"),
    "wrong_mode": of_insurer("LIVE"),
    "consent_withdrawn": of_consent(consent_status="REVOKED", revoked_at=NOW),
    "consent_expired": of_consent(expires_at=LATER),
    "not_consented": lambda doctor, _: Consent.objects.filter(doctor=doctor).delete(),
}


@pytest.mark.parametrize("code", HIDING)
def test_each_reason_that_hides_a_doctor_is_named_with_who_must_act(
    code: str, doctor: Doctor, provider: InsuranceProvider
) -> None:
    make_consent(doctor=doctor, insurance_provider=provider)
    assert codes(doctor, provider) == []
    assert visible_doctors(provider, at=LATER).filter(pk=doctor.pk).exists()

    HIDING[code](doctor, provider)
    doctor.refresh_from_db()
    provider.refresh_from_db()

    found = why(doctor, provider)
    (reason,) = found.reasons
    assert (reason.code, found.is_hidden) == (code, True)
    assert reason.who in {"You", "DocPort's admins"}
    assert reason.todo
    assert not visible_doctors(provider, at=LATER).filter(pk=doctor.pk).exists()


def test_insurers_in_the_sandbox_do_not_see_real_doctors(provider: InsuranceProvider) -> None:
    doctor = make_doctor(is_sandbox=False)
    make_window(doctor)
    make_consent(doctor=doctor, insurance_provider=provider)

    assert codes(doctor, provider) == ["wrong_mode"]


@pytest.mark.parametrize(
    ("classes", "code"),
    [
        (["profile"], ["availability_not_shared"]),
        (["profile", "availability"], ["appointments_not_shared"]),
        (["profile", "availability", "appointments"], []),
    ],
)
def test_what_is_not_shared_is_said_though_the_doctor_is_seen(
    doctor: Doctor, provider: InsuranceProvider, classes: list[str], code: list[str]
) -> None:
    make_consent(doctor=doctor, insurance_provider=provider, data_classes=classes)

    assert codes(doctor, provider) == code
    assert not why(doctor, provider).is_hidden


def test_no_hours_and_a_registration_that_ran_out_are_said(provider: InsuranceProvider) -> None:
    doctor = make_doctor()
    make_consent(doctor=doctor, insurance_provider=provider)
    ended = make_verified_credential(doctor, kind="REGISTRATION", valid_until=date(2026, 1, 1))

    assert codes(doctor, provider) == ["credential_expired", "no_hours"]
    assert not why(doctor, provider).is_hidden

    make_verified_credential(doctor, kind="REGISTRATION", valid_until=None)
    make_window(doctor)
    assert ended.valid_until
    assert codes(doctor, provider) == []


@pytest.mark.parametrize(
    ("status", "code", "who"),
    [
        ("FAILING", "delivery_failing", "The insurer"),
        ("STOPPED", "delivery_stopped", "The insurer"),
        ("PENDING", "delivery_pending", "Nobody"),
        ("IN_STEP", None, None),
    ],
)
def test_the_last_delivery_is_said(
    doctor: Doctor, provider: InsuranceProvider, status: str, code: str | None, who: str | None
) -> None:
    make_consent(doctor=doctor, insurance_provider=provider)
    failing = {"failing_since": NOW, "last_error": "timeout"} if status == "FAILING" else {}
    sync = make_sync(doctor=doctor, insurance_provider=provider)
    ProviderDoctorSync.objects.filter(pk=sync.pk).update(sync_status=status, **failing)

    reasons = why(doctor, provider).reasons

    assert [(reason.code, reason.who) for reason in reasons] == ([(code, who)] if code else [])
    assert not why(doctor, provider).is_hidden


def test_all_reasons_stand_together() -> None:
    doctor, provider = make_draft_doctor(), make_provider(integration_status="SUSPENDED")

    assert codes(doctor, provider) == [
        "profile_not_sent", "insurer_suspended", "not_consented", "no_hours",
    ]  # fmt: skip


def test_all_insurers_take_as_many_queries_as_one(
    doctor: Doctor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    providers = [make_provider() for _ in range(3)]
    for provider in providers:
        make_consent(doctor=doctor, insurance_provider=provider)

    with django_assert_num_queries(4):
        assert len(why_not(doctor, providers, at=LATER)) == 3


def test_an_insurer_reads_why_as_far_as_it_may_know(
    doctor: Doctor, provider: InsuranceProvider
) -> None:
    consent = make_consent(doctor=doctor, insurance_provider=provider, expires_at=LATER)
    assert as_seen(consent, at=NOW)["not_visible_because"] is None
    assert as_seen(consent, at=LATER)["not_visible_because"] == "consent_expired"

    doctor.status = Doctor.Status.SUSPENDED
    assert as_seen(consent, at=NOW)["not_visible_because"] == "doctor_unavailable"

    withdrawn = make_withdrawn_consent(doctor=doctor)
    assert as_seen(withdrawn, at=NOW)["not_visible_because"] == "consent_withdrawn"


def shown(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(html.unescape(answer.content.decode()).split())


def test_the_doctor_reads_what_stands_against_it_and_what_to_do(
    client: Client, doctor: Doctor, provider: InsuranceProvider
) -> None:
    path = reverse("docport:why_insurer", args=[provider.slug])
    client.force_login(make_user(doctor=doctor))

    page = shown(client, path)
    assert "sees nothing of you now" in page
    assert reverse("consent:give", args=[provider.slug]) in page

    make_consent(doctor=doctor, insurance_provider=provider)
    assert "Nothing stands against it" in shown(client, path)

    make_sync(doctor=doctor, insurance_provider=provider)
    assert "Nila Health sees you." in shown(client, path)


def test_only_the_doctor_opens_the_page(
    client: Client, doctor: Doctor, provider: InsuranceProvider
) -> None:
    path = reverse("docport:why_insurer", args=[provider.slug])
    assert client.get(path).status_code == 302

    client.force_login(make_user(doctor=doctor, role=User.Role.DELEGATE))
    assert client.get(path).status_code == 404

    client.force_login(make_user(doctor=make_draft_doctor()))
    assert client.get(reverse("docport:why_insurer", args=["nobody"])).status_code == 404


def test_admins_read_the_same_of_every_insurer(
    client: Client, doctor: Doctor, provider: InsuranceProvider
) -> None:
    path = reverse("docport:why_doctor", args=[doctor.pk])
    make_consent(doctor=doctor, insurance_provider=provider)
    make_sync(doctor=doctor, insurance_provider=provider)
    make_provider(name="Saral")
    assert client.get(path).status_code == 302
    client.force_login(make_user(doctor=doctor))
    assert client.get(path).status_code == 302

    client.force_login(make_admin())
    page = shown(client, path)

    assert "Nila Health: sees the doctor, not all" in page
    assert "delivery_pending" in page
    assert "Saral: sees nothing" in page
    assert "not_consented" in page
    assert client.get(reverse("docport:why_doctor", args=[provider.pk])).status_code == 404
