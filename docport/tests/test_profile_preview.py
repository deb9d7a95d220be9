"""What saving a part of the profile would change, and for whom, before it is saved."""

import html
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from consent.tests.factories import make_consent
from docport import views
from docport.preview import preview_profile
from integrations.representations import doctors_as_seen
from registry import actions
from registry.actions import versions
from registry.models import AuditLog, Doctor, DoctorRevision, InsuranceProvider, OutboxEvent, User
from registry.tests.factories import NOW, make_doctor, make_provider, make_user

pytestmark = pytest.mark.django_db

PREVIEW = reverse("docport:profile_preview", args=["identity"])
FORM: dict[str, Any] = {
    "full_name": "Asha Rao",
    "years_of_experience": "12",
    "languages": ["en", "kn"],
    "fee": "600.00",
}


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "now", lambda: NOW)


@pytest.fixture
def user(client: Client) -> User:
    doctor = make_doctor(full_name="Asha Rao")
    user = make_user(doctor=doctor)
    # Signing up leaves the oldest revision.
    versions.keep(doctor, by=user, at=NOW)
    client.force_login(user)
    return user


@pytest.fixture
def insurer(user: User) -> InsuranceProvider:
    provider = make_provider(name="Nila Health", slug="nila")
    make_consent(doctor=user.doctor, insurance_provider=provider)
    return provider


def asked(client: Client, status: int = 200, **changes: Any) -> str:
    answer = client.post(PREVIEW, FORM | changes)
    assert answer.status_code == status
    return " ".join(html.unescape(answer.content.decode()).split())


def everything() -> list[Any]:
    return [
        list(model.objects.order_by("pk").values())
        for model in (Doctor, DoctorRevision, AuditLog, OutboxEvent)
    ]


def test_it_says_what_changes_for_whom_and_saves_nothing(
    client: Client, user: User, insurer: InsuranceProvider
) -> None:
    before = everything()

    page = asked(client, fee="750")

    assert "<dt>Fee</dt><dd><del>600.00</del> <ins>750.00</ins></dd>" in page
    assert "Nila Health sees it at once." in page
    assert '<del>- "amount": "600.00",</del>' in page
    assert '<ins>+ "amount": "750.00",</ins>' in page
    assert "Asha Rao" not in page.partition("</details>")[0].partition("What would change")[2]
    assert 'value="750"' in page, "what was written is kept"
    assert everything() == before


def test_what_it_shows_is_what_saving_then_shows(user: User, insurer: InsuranceProvider) -> None:
    doctor = Doctor.objects.get()
    (foreseen,) = preview_profile(doctor, {"fee": "750"}, by=user, at=NOW).seen
    (was,) = doctors_as_seen([doctor.pk], provider=insurer, at=NOW)

    actions.update_profile(doctor=doctor, changes={"fee": "750"}, by=user, at=NOW)

    (now,) = doctors_as_seen([doctor.pk], provider=insurer, at=NOW)
    assert was["fee"]["amount"] == "600.00"
    assert now["fee"]["amount"] == "750.00"
    come = [line.text.strip() for line in foreseen.lines if line.mark == "+"]
    assert '"amount": "750.00",' in come
    assert f'"version": {now["version"]},' in come


def test_another_name_hides_the_doctor_and_the_page_says_so(
    client: Client, user: User, insurer: InsuranceProvider
) -> None:
    page = asked(client, full_name="Asha Menon")

    assert "<dt>Name</dt><dd><del>Asha Rao</del> <ins>Asha Menon</ins></dd>" in page
    assert "Nila Health sees nothing of you until we have checked the change." in page
    assert Doctor.objects.get().status == Doctor.Status.ACTIVE


def test_where_nothing_differs_it_says_so(client: Client, user: User) -> None:
    assert "Nothing is different." in asked(client)


def test_where_no_insurer_sees_the_doctor_it_says_so(client: Client, user: User) -> None:
    assert "No insurer sees you now" in asked(client, fee="750")


def test_a_wrong_form_is_shown_again(client: Client, user: User) -> None:
    page = asked(client, status=422, fee="much")

    assert "What would change" not in page
    assert 'value="much"' in page


def test_a_number_that_is_taken_is_said(client: Client, user: User) -> None:
    make_doctor(phone="+919845012345")

    answer = client.post(
        reverse("docport:profile_preview", args=["contact"]), {"phone": "98450 12345"}
    )

    assert answer.status_code == 422
    assert "Another doctor already has this phone number" in answer.content.decode()


def test_only_the_doctor_asks(client: Client, user: User) -> None:
    assert client.post(reverse("docport:profile_preview", args=["nothing"])).status_code == 404
    assert client.get(PREVIEW).url == reverse("registry:profile_edit", args=["identity"])  # type: ignore[attr-defined]  # A redirect.

    client.force_login(make_user(doctor=user.doctor, role=User.Role.DELEGATE))
    assert client.post(PREVIEW, FORM).status_code == 404
    client.logout()
    assert client.post(PREVIEW, FORM).status_code == 302


def test_each_insurer_costs_two_queries(
    client: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(19):
        asked(client, fee="750")
    for _ in range(3):
        make_consent(doctor=user.doctor)
    with django_assert_num_queries(25):
        asked(client, fee="750")
