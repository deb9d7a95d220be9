"""Who changed what of a doctor's record."""

import html
from datetime import date

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from registry import views
from registry.actions import versions
from registry.models import Doctor, DoctorRevision, User
from registry.revisions import Change, changes, steps_of
from registry.tests.factories import (
    NOW,
    make_admin,
    make_credential,
    make_doctor,
    make_draft_doctor,
    make_location,
    make_user,
)

pytestmark = pytest.mark.django_db

HISTORY = reverse("registry:profile_history")


@pytest.fixture
def user() -> User:
    return make_user()


@pytest.fixture
def doctor(user: User) -> Doctor:
    assert user.doctor
    return user.doctor


def keep(doctor: Doctor, by: User | None = None, **changed: object) -> DoctorRevision:
    """Change the record, as an action would, and keep how it stands then."""
    for name, value in changed.items():
        setattr(doctor, name, value)
    versions.stamp(doctor, by=by, at=NOW, fields=changed)
    return DoctorRevision.objects.get(doctor=doctor, version=doctor.version)


def between(before: DoctorRevision, after: DoctorRevision) -> list[Change]:
    return list(changes(before.snapshot, after.snapshot))


def test_each_field_that_differs_is_named_in_words(doctor: Doctor) -> None:
    doctor.languages, doctor.hpr_id = ["en"], None
    before = keep(doctor, languages=["en"], status="ACTIVE")

    after = keep(doctor, languages=["en", "hi"], hpr_id="21152138283227", status="SUSPENDED")

    assert between(before, after) == [
        Change("HPR ID", "", "21152138283227"),
        Change("Languages", "English", "English, Hindi"),
        Change("Status", "Active", "Suspended"),
    ]
    assert between(after, after) == []


def test_places_and_credentials_are_followed_one_by_one(doctor: Doctor) -> None:
    place = make_location(doctor, name="Old clinic")
    before = keep(doctor)
    place.is_active = False
    place.save()
    make_location(doctor, name="New clinic", pin="560011", state="KA")
    make_credential(doctor, degree="MD", valid_until=date(2030, 3, 31))

    found = between(before, keep(doctor))

    assert Change("Old clinic: in use", "yes", "no") in found
    assert Change("New clinic: PIN", "", "560011") in found
    assert Change("New clinic: state", "", "Karnataka") in found
    assert Change("MD: valid until", "", "31 March 2030") in found


def test_the_oldest_holds_all_and_hours_change_nothing_here(doctor: Doctor) -> None:
    first, second = keep(doctor), keep(doctor)

    newest, oldest = steps_of([second, first])

    assert newest.changes == ()
    assert Change("Email", "", doctor.email) in oldest.changes


def shown(client: Client, **query: str) -> str:
    answer = client.get(HISTORY, query)
    assert answer.status_code == 200
    return " ".join(html.unescape(answer.content.decode()).split())


def test_the_doctor_reads_who_it_was(client: Client, user: User, doctor: Doctor) -> None:
    client.force_login(user)
    assert "Nothing has been changed yet" in shown(client)

    keep(doctor, by=user)
    keep(doctor, by=make_admin(), full_name="Asha Rao Iyer")
    delegate = make_user(doctor=doctor, role=User.Role.DELEGATE, email="desk@example.org")
    keep(doctor, by=delegate)
    page = shown(client)

    assert "by you" in page
    assert "by DocPort" in page
    assert "by desk@example.org" in page
    assert "<ins>Asha Rao Iyer</ins>" in page
    assert "Hours, leave or booking rules" in page


def test_older_versions_are_on_the_next_page(
    client: Client, user: User, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "REVISIONS", 2)
    client.force_login(user)
    names = ["One", "Two", "Three"]
    newest = [keep(doctor, full_name=name).version for name in names][-1]

    first, last = client.get(HISTORY), client.get(HISTORY, {"before": str(newest - 1)})

    assert first.context["before"] == newest - 1
    assert [step.changes for step in first.context["steps"]] == [
        (Change("Name", "Two", "Three"),),
        (Change("Name", "One", "Two"),),
    ]
    assert [step.revision.version for step in last.context["steps"]] == [newest - 2]
    assert last.context["before"] is None
    assert client.get(HISTORY, {"before": "9" * 40}).status_code == 200


def test_only_the_doctor_opens_the_page(client: Client, doctor: Doctor) -> None:
    assert client.get(HISTORY).status_code == 302

    client.force_login(make_user(doctor=doctor, role=User.Role.DELEGATE))
    assert client.get(HISTORY).status_code == 404

    other = make_user(doctor=make_draft_doctor())
    keep(make_doctor(), full_name="Somebody Else")
    client.force_login(other)
    assert "Somebody Else" not in shown(client)


def test_the_page_takes_as_many_queries_for_many_as_for_few(
    client: Client, user: User, doctor: Doctor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(user)
    for _ in range(10):
        keep(doctor, by=user)

    # Session, user, doctor and revisions.
    with django_assert_num_queries(4):
        client.get(HISTORY)
