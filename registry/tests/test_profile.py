from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from registry import actions
from registry.models import AuditLog, Doctor, DoctorRevision, OutboxEvent, User
from registry.tests.factories import (
    NOW,
    make_credential,
    make_doctor,
    make_draft_doctor,
    make_location,
    make_user,
)
from registry.tests.traces import nothing_happened, recorded, told

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


def update(doctor: Doctor, by: User | None = None, **changes: Any) -> Doctor:
    by = by or make_user(doctor=doctor)
    return actions.update_profile(doctor=doctor, changes=changes, by=by, at=NOW)


def signed_in(client: Client, doctor: Doctor, **given: Any) -> User:
    user = make_user(doctor=doctor, **given)
    client.force_login(user)
    return user


def section(name: str) -> str:
    return reverse("registry:profile_edit", args=[name])


def test_a_change_moves_the_version_and_leaves_its_traces() -> None:
    doctor = make_doctor(fee="600.00")
    user = make_user(doctor=doctor)

    saved = update(doctor, user, fee=Decimal("650"), years_of_experience=12)

    assert (saved.fee, saved.version, saved.status) == (Decimal("650"), 2, "ACTIVE")
    assert recorded(doctor) == ["doctor.updated"]
    assert AuditLog.objects.get().metadata == {"changed": ["fee"], "check_again": False}
    assert AuditLog.objects.get().performed_by == user
    assert told(doctor) == [("doctor.updated", 2)]
    assert OutboxEvent.objects.get().payload == {"doctor_id": str(doctor.pk)}
    revision = DoctorRevision.objects.get()
    assert (revision.version, revision.changed_by, revision.changed_at) == (2, user, NOW)
    assert revision.snapshot["profile"]["fee"] == "650.00"


def test_a_revision_keeps_places_and_credentials_too() -> None:
    doctor = make_doctor()
    make_location(doctor, name="City Clinic")
    make_credential(doctor, degree="MD")

    update(doctor, fee="1")

    snapshot = DoctorRevision.objects.get().snapshot
    assert [place["name"] for place in snapshot["places"]] == ["City Clinic"]
    assert [paper["degree"] for paper in snapshot["credentials"]] == ["MD"]


def test_where_nothing_differs_nothing_is_written() -> None:
    doctor = make_doctor(fee="600.00", hpr_id=None)

    update(doctor, fee=Decimal("600"), full_name=doctor.full_name, hpr_id="")

    assert nothing_happened(doctor)


@pytest.mark.parametrize(
    "change",
    [
        {"full_name": "Asha Iyer"},
        {"registration_council": "DMC", "registration_number": "9"},
        {"hpr_id": "21152138283227"},
    ],
)
def test_an_active_doctor_who_changes_what_was_checked_leaves_insurers_sight(
    change: dict[str, Any],
) -> None:
    doctor = make_doctor()

    saved = update(doctor, **change)

    assert saved.status == Doctor.Status.SUBMITTED
    assert told(doctor) == [("doctor.withdrawn", 2)]
    assert AuditLog.objects.get().metadata["check_again"] is True


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED", "SUSPENDED"])
def test_only_an_active_doctor_changes_status_by_an_edit(status: str) -> None:
    doctor = make_doctor(status=status)

    saved = update(doctor, full_name="Asha Iyer")

    assert saved.status == status
    assert told(doctor) == [("doctor.updated", 2)]


def test_an_active_profile_cannot_become_incomplete() -> None:
    doctor = make_doctor()

    with pytest.raises(actions.Incomplete, match=r"Still missing: phone\.") as refusal:
        update(doctor, phone="")

    assert refusal.value.lacks == ["phone"]
    assert nothing_happened(doctor)


def test_a_draft_may_empty_what_it_filled_in() -> None:
    doctor = make_doctor(status="DRAFT")

    saved = update(doctor, phone="", registration_council="", registration_number=None)

    assert (saved.phone, saved.registration_number) == (None, None)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("45123", "KMC-45123"),
        ("kmc 45123", "KMC-45123"),
        ("KMC-45123", "KMC-45123"),
        ("KMC/ 2011/08/12a", "KMC-2011/08/12A"),
        ("KMCA7", "KMC-KMCA7"),
    ],
)
def test_a_registration_number_has_one_spelling(written: str, stored: str) -> None:
    doctor = make_draft_doctor()

    saved = update(doctor, registration_council="KMC", registration_number=written)

    assert saved.registration_number == stored


@pytest.mark.parametrize(
    ("field", "words", "change"),
    [
        ("phone", "phone number", {"phone": "+919845012345"}),
        ("hpr_id", "HPR ID", {"hpr_id": "21152138283227"}),
        (
            "registration_number",
            "registration number",
            {"registration_council": "KMC", "registration_number": "KMC-77"},
        ),
    ],
)
def test_what_another_doctor_has_is_refused(field: str, words: str, change: dict[str, Any]) -> None:
    make_doctor(**change)
    doctor = make_draft_doctor()

    with pytest.raises(actions.AlreadyTaken, match=words) as refusal:
        update(doctor, **change)

    assert refusal.value.field == field
    assert nothing_happened(doctor)


def test_another_broken_rule_is_no_refusal_but_an_error() -> None:
    with pytest.raises(IntegrityError, match="doctor_fee_not_negative"):
        update(make_doctor(), fee=-1)


def test_status_and_version_are_not_part_of_the_profile() -> None:
    doctor = make_draft_doctor()

    with pytest.raises(TypeError, match="status"):
        update(doctor, status="ACTIVE")

    assert nothing_happened(doctor)


def test_the_profile_page_shows_the_record_and_who_changed_it(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    doctor = make_doctor(hpr_id="21152138283227")
    user = signed_in(client, doctor)
    make_location(doctor, name="City Clinic")
    make_credential(doctor)
    update(doctor, user, fee="700")

    with django_assert_max_num_queries(7):
        page = client.get(reverse("registry:profile")).content.decode()

    for text in (doctor.full_name, "21-1521-3828-3227", "City Clinic", "MBBS", "₹700.00"):
        assert text in page
    assert "English, Kannada" in page
    assert "Monday 23 November 2026" in page
    assert "by you." in " ".join(page.split())


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


@pytest.mark.parametrize(
    ("name", "addressed"),
    [
        ("Asha Rao", "Dr Asha Rao"),
        ("Drishti Sharma", "Dr Drishti Sharma"),
        ("Dr Asha Rao", "Dr Asha Rao"),
        ("Dr. Asha Rao", "Dr. Asha Rao"),
        ("", "asha@example.org"),
    ],
)
def test_everybody_is_addressed_with_one_title(name: str, addressed: str) -> None:
    assert Doctor(full_name=name, email="asha@example.org").addressed_as == addressed


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
