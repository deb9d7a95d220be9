"""Exactly what an insurer sees, now and after a change, in the interface's own words."""

import html
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from consent.models import Consent, DataClass
from consent.tests.factories import make_consent
from docport import views
from docport.preview import Answer, preview
from integrations.representations import availability_as_seen, doctors_as_seen
from registry.models import Doctor, InsuranceProvider, User
from registry.tests.factories import (
    NOW,
    make_doctor,
    make_location,
    make_provider,
    make_user,
    make_verified_credential,
)
from scheduling.tests.factories import make_window

pytestmark = pytest.mark.django_db
ALL = list(DataClass.values)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "now", lambda: NOW)


@pytest.fixture
def provider() -> InsuranceProvider:
    return make_provider(name="Nila Health", slug="nila")


@pytest.fixture
def doctor() -> Doctor:
    doctor = make_doctor()
    make_window(doctor, make_location(doctor))
    make_verified_credential(doctor)
    doctor.refresh_from_db()
    return doctor


def after(answer: Answer) -> Any:
    return _read(answer, "-")


def before(answer: Answer) -> Any:
    return _read(answer, "+")


def _read(answer: Answer, left_out: str) -> Any:
    text = "\n".join(line.text for line in answer.lines if line.mark != left_out)
    return json.loads(text) if text else {}


@pytest.mark.parametrize("classes", [["profile"], ["profile", "credentials"], ALL])
def test_what_is_previewed_is_what_is_then_shown(
    doctor: Doctor, provider: InsuranceProvider, classes: list[str]
) -> None:
    whole, hours = preview(doctor, provider, None, classes, at=NOW)
    assert (before(whole), before(hours)) == ({}, {})

    make_consent(doctor=doctor, insurance_provider=provider, data_classes=classes)
    (seen,) = doctors_as_seen([doctor.pk], provider=provider, at=NOW)

    assert after(whole) | {"consent_id": seen["consent_id"]} == seen
    shown = availability_as_seen(doctor, provider=provider, at=NOW)
    assert after(hours) == (shown if "windows" in shown else {})


def test_a_change_shows_what_goes_and_what_comes(
    doctor: Doctor, provider: InsuranceProvider
) -> None:
    consent = make_consent(
        doctor=doctor, insurance_provider=provider, data_classes=["profile", "availability"]
    )

    whole, hours = preview(doctor, provider, consent, ["profile", "credentials"], at=NOW)

    (seen,) = doctors_as_seen([doctor.pk], provider=provider, at=NOW)
    assert before(whole) == seen
    assert {line.mark for line in whole.lines} == {"", "+", "-"}
    assert "credentials" in after(whole)
    assert {line.mark for line in hours.lines} == {"-"}


def test_nothing_changes_where_nothing_would(doctor: Doctor, provider: InsuranceProvider) -> None:
    consent = make_consent(doctor=doctor, insurance_provider=provider, data_classes=ALL)

    for answer in preview(doctor, provider, consent, ALL, at=NOW):
        assert {line.mark for line in answer.lines} == {""}


def test_what_stands_against_it_besides_consent_is_not_passed_over(
    doctor: Doctor, provider: InsuranceProvider
) -> None:
    Doctor.objects.filter(pk=doctor.pk).update(status=Doctor.Status.SUSPENDED)

    for answer in preview(doctor, provider, None, ALL, at=NOW):
        assert answer.lines == ()


def shown(client: Client, *classes: str) -> str:
    answer = client.get(reverse("docport:preview", args=["nila"]), {"classes": classes})
    assert answer.status_code == 200
    return " ".join(html.unescape(answer.content.decode()).split())


def test_the_page_changes_nothing_and_marks_each_line(
    client: Client, doctor: Doctor, provider: InsuranceProvider
) -> None:
    client.force_login(make_user(doctor=doctor))

    page = shown(client)
    assert '<ins>+ "full_name"' in page
    assert "credentials" not in [line for line in page.split() if line == '"credentials":']
    assert '"credentials": [' in shown(client, "credentials", "unknown")
    assert not Consent.objects.exists()

    make_consent(doctor=doctor, insurance_provider=provider)
    assert "<ins>" not in shown(client)


def test_only_the_doctor_opens_the_page(
    client: Client, doctor: Doctor, provider: InsuranceProvider
) -> None:
    path = reverse("docport:preview", args=[provider.slug])
    assert client.get(path).status_code == 302

    client.force_login(make_user(doctor=doctor, role=User.Role.DELEGATE))
    assert client.get(path).status_code == 404

    client.force_login(make_user(doctor=make_doctor()))
    assert client.get(reverse("docport:preview", args=["nobody"])).status_code == 404


def test_the_page_takes_few_queries(
    client: Client, doctor: Doctor, provider: InsuranceProvider,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    make_consent(doctor=doctor, insurance_provider=provider)
    client.force_login(make_user(doctor=doctor))

    with django_assert_max_num_queries(14):
        shown(client)
