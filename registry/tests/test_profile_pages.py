from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from registry import actions
from registry.actions import versions
from registry.models import Doctor, User
from registry.tests.factories import (
    NOW,
    make_credential,
    make_doctor,
    make_draft_doctor,
    make_location,
    make_user,
)
from registry.tests.pages import signed_in
from registry.tests.traces import nothing_happened

pytestmark = pytest.mark.django_db(transaction=True)

IDENTITY = {
    "full_name": " Asha   Rao ",
    "years_of_experience": "12",
    "languages": ["en", "kn"],
    "fee": "650",
}

REGISTRATION = {
    "registration_council": "KMC",
    "registration_number": "kmc 45123",
    "hpr_id": "21-1521-3828-3227",
}


def section(name: str) -> str:
    return reverse("registry:profile_edit", args=[name])


def test_the_profile_page_shows_the_record_and_who_changed_it(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    doctor = make_doctor(hpr_id="21152138283227")
    user = signed_in(client, doctor)
    make_location(doctor, name="City Clinic")
    make_credential(doctor)
    actions.update_profile(doctor=doctor, changes={"fee": "700"}, by=user, at=NOW)

    with django_assert_max_num_queries(7):
        page = client.get(reverse("registry:profile")).content.decode()

    for text in (doctor.full_name, "21-1521-3828-3227", "City Clinic", "MBBS", "₹700.00"):
        assert text in page
    assert "English, Kannada" in page
    assert "Monday 23 November 2026" in page
    assert "by you." in " ".join(page.split())


def test_the_last_change_is_a_receptionists_where_it_was(client: Client) -> None:
    doctor = make_doctor()
    signed_in(client, doctor)
    receptionist = make_user(
        doctor=doctor, role=User.Role.DELEGATE, email="desk@clinic.example.org"
    )
    versions.stamp(doctor, by=receptionist, at=NOW)

    page = client.get(reverse("registry:profile")).content.decode()

    assert "by desk@clinic.example.org." in " ".join(page.split())


def test_the_profile_page_says_why_a_doctor_is_suspended(client: Client) -> None:
    doctor = make_doctor()
    user = signed_in(client, doctor)
    actions.suspend(doctor=doctor, reason="Registration lapsed", by=user, at=NOW)

    page = client.get(reverse("registry:profile")).content.decode()

    assert "Registration lapsed" in page


@pytest.mark.parametrize(
    ("name", "sent", "stored"),
    [
        ("identity", IDENTITY, {"full_name": "Asha Rao", "fee": Decimal(650)}),
        (
            "registration",
            REGISTRATION,
            {"registration_number": "KMC-45123", "hpr_id": "21152138283227"},
        ),
        (
            "practice",
            {"specialization": "cardiology", "timezone": "Asia/Kolkata"},
            {"specialization": "cardiology"},
        ),
        ("contact", {"phone": "098450 12345"}, {"phone": "+919845012345"}),
    ],
)
def test_each_section_is_saved_by_itself(
    client: Client, name: str, sent: dict[str, Any], stored: dict[str, Any]
) -> None:
    doctor = make_draft_doctor()
    signed_in(client, doctor)

    response = client.post(section(name), sent)

    assert response.status_code == 302
    assert response["Location"] == reverse("registry:profile")
    doctor.refresh_from_db()
    assert {field: getattr(doctor, field) for field in stored} == stored


def test_a_section_opens_filled_in_as_people_write_it(client: Client) -> None:
    doctor = make_doctor(
        registration_number="KMC-45123", hpr_id="21152138283227", phone="+919845012345"
    )
    signed_in(client, doctor)

    registration = client.get(section("registration")).content.decode()
    contact = client.get(section("contact")).content.decode()

    assert 'value="45123"' in registration
    assert 'value="21-1521-3828-3227"' in registration
    assert 'value="+91 98450 12345"' in contact


@pytest.mark.parametrize("name", ["identity", "registration"])
def test_the_page_says_beforehand_that_an_active_doctor_is_checked_again(
    client: Client, name: str
) -> None:
    doctor = make_doctor()
    signed_in(client, doctor)

    assert b"no insurer sees you until we have checked again" in client.get(section(name)).content
    Doctor.objects.update(status="DRAFT")
    assert b"no insurer sees you" not in client.get(section(name)).content


def test_after_such_a_change_the_page_says_what_follows(client: Client) -> None:
    doctor = make_doctor()
    signed_in(client, doctor)

    page = client.post(section("registration"), REGISTRATION, follow=True).content.decode()

    assert "Insurers see you again once we have checked the change" in page
    assert "Being checked" in page


def test_saving_the_same_again_says_so(client: Client) -> None:
    doctor = make_doctor(phone="+919845012345")
    signed_in(client, doctor)

    page = client.post(section("contact"), {"phone": "9845012345"}, follow=True).content.decode()

    assert "nothing was changed" in page
    assert nothing_happened(doctor)


def test_the_same_languages_in_another_order_are_no_change(client: Client) -> None:
    doctor = make_doctor(languages=["kn", "en"])
    signed_in(client, doctor)

    page = client.post(
        section("identity"), IDENTITY | {"full_name": doctor.full_name, "fee": "600"}, follow=True
    )

    assert "nothing was changed" in page.content.decode()
    assert Doctor.objects.get().languages == ["kn", "en"]
    assert nothing_happened(doctor)


@pytest.mark.parametrize(
    ("name", "sent", "error"),
    [
        ("identity", IDENTITY | {"full_name": " "}, "required"),
        ("identity", IDENTITY | {"years_of_experience": "81"}, "80"),
        ("identity", IDENTITY | {"fee": "-1"}, "0"),
        ("identity", IDENTITY | {"languages": ["xx"]}, "xx"),
        ("registration", REGISTRATION | {"registration_council": "XYZ"}, "XYZ"),
        ("registration", REGISTRATION | {"registration_number": "45 & 3"}, "Use only letters"),
        ("registration", REGISTRATION | {"registration_number": "KMC-"}, "Use only letters"),
        ("registration", REGISTRATION | {"hpr_id": "21-1521"}, "14 digits"),
        ("practice", {"specialization": "magic", "timezone": "Asia/Kolkata"}, "magic"),
        ("practice", {"specialization": "ent", "timezone": "Asia/Atlantis"}, "Atlantis"),
        ("contact", {"phone": "12"}, "full phone number"),
        ("contact", {"phone": "my phone"}, "full phone number"),
        ("contact", {}, "required"),
    ],
)
def test_a_section_with_errors_keeps_what_was_typed(
    client: Client, name: str, sent: dict[str, Any], error: str
) -> None:
    doctor = make_draft_doctor()
    signed_in(client, doctor)

    response = client.post(section(name), sent)

    page = response.content.decode()
    assert response.status_code == 422
    assert "There is a problem" in page
    assert error in page
    for typed in sent.values():
        assert isinstance(typed, list) or typed == " " or typed.replace("&", "&amp;") in page
    assert nothing_happened(doctor)


def test_a_taken_registration_number_is_an_error_of_its_field(client: Client) -> None:
    make_doctor(registration_number="KMC-45123")
    doctor = make_draft_doctor()
    signed_in(client, doctor)

    response = client.post(section("registration"), REGISTRATION)

    page = response.content.decode()
    assert response.status_code == 422
    assert "Another doctor already has this registration number" in page
    assert 'href="#id_registration_number"' in page
    assert 'value="kmc 45123"' in page
    assert nothing_happened(doctor)


def test_an_unknown_section_is_not_found(client: Client) -> None:
    signed_in(client, make_doctor())

    assert client.get(section("salary")).status_code == 404


PAGES = [
    reverse("registry:profile"),
    section("identity"),
    reverse("registry:submit"),
    reverse("registry:place_add"),
    reverse("registry:credential_list"),
    reverse("registry:credential_add"),
]


@pytest.mark.parametrize("section_or_place", [section("practice"), reverse("registry:place_add")])
def test_a_zone_is_a_place_on_earth_or_utc(client: Client, section_or_place: str) -> None:
    signed_in(client, make_doctor())

    page = client.get(section_or_place).content.decode()

    for zone in ("Asia/Kolkata", "America/Indiana/Knox", "UTC"):
        assert f'value="{zone}"' in page
    for zone in ("localtime", "Factory", "Etc/GMT-5", "EST"):
        assert f'value="{zone}"' not in page


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_asked_to_sign_in(client: Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 302
    assert response["Location"] == f"{reverse('account_login')}?next={path}"


@pytest.mark.parametrize("path", PAGES)
def test_receptionists_never_reach_profile_or_certificates(client: Client, path: str) -> None:
    doctor = make_doctor()
    admin = make_user(role=User.Role.ADMIN)
    receptionist = actions.delegate(
        doctor=doctor,
        email="desk@example.org",
        permissions=["manage_schedule", "manage_appointments"],
        by=admin,
        at=NOW,
    )
    client.force_login(receptionist)

    assert client.get(path).status_code == 404
    assert client.post(path, IDENTITY).status_code in {404, 405}


@pytest.mark.parametrize("path", PAGES)
def test_people_without_a_doctor_find_nothing(client: Client, path: str) -> None:
    client.force_login(make_user(role=User.Role.ADMIN))

    assert client.get(path).status_code == 404
