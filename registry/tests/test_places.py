from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from registry import actions
from registry.models import AuditLog, DoctorLocation, DoctorRevision
from registry.tests.factories import NOW, make_doctor, make_draft_doctor, make_location, make_user
from registry.tests.pages import signed_in
from registry.tests.traces import nothing_happened, recorded, told

pytestmark = pytest.mark.django_db(transaction=True)

PLACE = {
    "name": "City Clinic",
    "address": "12, 4th Block",
    "city": "Bengaluru",
    "state": "KA",
    "pin": "560011",
    "phone": "080 2663 1234",
    "timezone": "Asia/Kolkata",
}


def test_a_new_place_moves_the_doctors_version() -> None:
    doctor = make_doctor()
    user = make_user(doctor=doctor)
    values = PLACE | {"phone": "+918026631234"}

    place = actions.add_place(doctor=doctor, values=values, by=user, at=NOW)

    assert DoctorLocation.objects.get(doctor=doctor) == place
    assert recorded(place) == ["place.added"]
    assert AuditLog.objects.get().doctor == doctor
    assert told(doctor) == [("doctor.updated", 2)]
    assert DoctorRevision.objects.get().snapshot["places"][0]["pin"] == "560011"


def test_a_changed_place_moves_the_doctors_version() -> None:
    doctor = make_doctor()
    place = make_location(doctor)
    user = make_user(doctor=doctor)

    saved = actions.update_place(
        location=place, changes={"is_active": False, "city": place.city}, by=user, at=NOW
    )

    assert not saved.is_active
    assert AuditLog.objects.get().metadata["changed"] == ["is_active"]
    assert recorded(place) == ["place.updated"]
    assert told(doctor) == [("doctor.updated", 2)]


def test_a_place_saved_as_it_is_changes_nothing() -> None:
    doctor = make_doctor()
    place = make_location(doctor)

    actions.update_place(
        location=place, changes={"city": place.city}, by=make_user(doctor=doctor), at=NOW
    )

    assert nothing_happened(doctor)


def test_a_place_cannot_be_given_to_another_doctor() -> None:
    doctor = make_doctor()

    with pytest.raises(TypeError, match="doctor"):
        actions.add_place(
            doctor=doctor, values={"doctor": make_doctor()}, by=make_user(doctor=doctor), at=NOW
        )

    assert nothing_happened(doctor)


def test_the_page_adds_a_place(client: Client) -> None:
    doctor = make_draft_doctor()
    signed_in(client, doctor)

    page = client.post(reverse("registry:place_add"), PLACE, follow=True).content.decode()

    assert "City Clinic was added" in page
    assert DoctorLocation.objects.get(doctor=doctor).phone == "+918026631234"


def test_the_page_changes_and_closes_a_place(client: Client) -> None:
    doctor = make_draft_doctor()
    signed_in(client, doctor)
    place = make_location(doctor)
    path = reverse("registry:place_edit", args=[place.pk])
    assert place.name in client.get(path).content.decode()

    page = client.post(path, PLACE | {"phone": ""}, follow=True).content.decode()

    place.refresh_from_db()
    assert (place.name, place.is_active, place.phone) == ("City Clinic", False, "")
    assert "Closed" in page


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"pin": "56001"}, "6 digits"),
        ({"pin": "०६००११"}, "6 digits"),
        ({"state": "ZZ"}, "ZZ"),
        ({"timezone": "Asia/Atlantis"}, "Atlantis"),
        ({"phone": "12"}, "full phone number"),
        ({"name": ""}, "required"),
    ],
)
def test_a_place_with_errors_keeps_what_was_typed(
    client: Client, wrong: dict[str, Any], error: str
) -> None:
    doctor = make_draft_doctor()
    signed_in(client, doctor)

    response = client.post(reverse("registry:place_add"), PLACE | wrong)

    page = response.content.decode()
    assert response.status_code == 422
    assert error in page
    assert "12, 4th Block" in page
    assert nothing_happened(doctor)


def test_another_doctors_place_is_not_found(client: Client) -> None:
    signed_in(client)
    place = make_location(make_doctor())
    path = reverse("registry:place_edit", args=[place.pk])

    assert client.get(path).status_code == 404
    assert client.post(path, PLACE).status_code == 404
    place.refresh_from_db()
    assert place.name != "City Clinic"
