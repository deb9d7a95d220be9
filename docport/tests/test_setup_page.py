from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from consent.tests.factories import make_consent
from docport.checklist import Facts, State, Task, checklist, facts_of
from registry.models import Doctor, DoctorCredential, User
from registry.tests.factories import (
    NOW,
    make_credential,
    make_doctor,
    make_draft_doctor,
    make_location,
    make_user,
    make_verified_credential,
)
from scheduling.tests.factories import make_window

TODAY = date(2026, 11, 23)
Status = Doctor.Status


def task(facts: Facts, title: str) -> Task:
    return next(task for task in checklist(facts).tasks if task.title == title)


def credential(status: str, **given: object) -> DoctorCredential:
    return DoctorCredential(
        status=status, verified=status == DoctorCredential.Status.VERIFIED, **given
    )


def empty(status: str = Status.DRAFT) -> Facts:
    return Facts(doctor=Doctor(status=status), today=TODAY)


def filled_in() -> Facts:
    doctor = Doctor(
        status=Status.DRAFT,
        full_name="Asha Rao",
        phone="+919800000001",
        specialization="general_medicine",
        registration_council="KMC",
        registration_number="KMC-000001",
    )
    return Facts(doctor=doctor, credentials=(credential("UPLOADED"),), has_place=True, today=TODAY)


def test_nothing_is_started_after_signing_up() -> None:
    tasks = checklist(empty())

    assert {task.state for task in tasks.tasks} == {State.NOT_STARTED}
    assert (tasks.done, tasks.total, tasks.is_done) == (0, 7, False)
    assert tasks.next_task == tasks.tasks[0]


def test_details_are_in_progress_until_all_are_there() -> None:
    facts = empty()
    facts.doctor.full_name = "Asha Rao"

    assert task(facts, "Your details").state is State.IN_PROGRESS
    assert task(filled_in(), "Your details").state is State.DONE


def test_registration_place_and_hours_are_done_when_there() -> None:
    facts = replace(filled_in(), has_hours=True)

    for title in ("Council registration", "Place of work", "Weekly hours"):
        assert task(facts, title).state is State.DONE


@pytest.mark.parametrize(
    ("credentials", "state"),
    [
        ((), State.NOT_STARTED),
        ((credential("UPLOADED"),), State.IN_PROGRESS),
        ((credential("IN_REVIEW"),), State.BEING_CHECKED),
        ((credential("VERIFIED"),), State.DONE),
        ((credential("VERIFIED", valid_until=TODAY),), State.DONE),
        ((credential("VERIFIED", valid_until=TODAY - timedelta(days=1)),), State.NEEDS_CHANGE),
        ((credential("EXPIRED"),), State.NEEDS_CHANGE),
        ((credential("VERIFIED"), credential("IN_REVIEW")), State.BEING_CHECKED),
        ((credential("VERIFIED"), credential("NEEDS_CHANGE")), State.NEEDS_CHANGE),
    ],
)
def test_certificate_has_the_state_that_most_needs_the_doctor(
    credentials: tuple[DoctorCredential, ...], state: State
) -> None:
    assert task(replace(empty(), credentials=credentials), "Degree certificate").state is state


def test_refused_certificate_tells_the_reason() -> None:
    refused = credential("NEEDS_CHANGE", reason="The photo is too dark.")

    found = task(replace(empty(), credentials=(refused,)), "Degree certificate")

    assert found.note == "The photo is too dark."
    assert found.href == reverse("registry:credential_list")


def test_sending_names_what_is_missing_first() -> None:
    note = task(empty(), "Check your answers and send").note

    assert note == "First: your details, council registration, place of work, degree certificate."


def test_sending_is_next_once_all_is_there() -> None:
    next_task = checklist(replace(filled_in(), has_hours=True)).next_task

    assert next_task is not None
    assert next_task.title == "Check your answers and send"
    assert next_task.note == "Everything is there. Send it now."


@pytest.mark.parametrize("status", [Status.SUBMITTED, Status.SUSPENDED])
def test_nothing_is_next_while_the_doctor_waits_for_us(status: str) -> None:
    facts = replace(filled_in(), has_hours=True, credentials=(credential("IN_REVIEW"),))
    facts.doctor.status = status

    assert checklist(facts).next_task is None


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (Status.DRAFT, State.NOT_STARTED),
        (Status.SUBMITTED, State.BEING_CHECKED),
        (Status.ACTIVE, State.DONE),
        (Status.SUSPENDED, State.NEEDS_CHANGE),
    ],
)
def test_sending_follows_the_profiles_status(status: str, state: State) -> None:
    assert task(empty(status), "Check your answers and send").state is state


def test_insurers_open_once_the_profile_is_checked() -> None:
    assert task(empty(), "Choose insurers").note == "You can choose once your profile is checked."
    assert task(empty(Status.ACTIVE), "Choose insurers").note == ""
    assert task(replace(empty(), is_visible=True), "Choose insurers").state is State.DONE


def test_every_state_but_the_first_has_a_tone() -> None:
    assert [state for state in State if not state.tone] == [State.NOT_STARTED]


@pytest.mark.django_db
def test_facts_come_from_the_doctors_own_rows() -> None:
    stranger = make_doctor()
    make_window(stranger)
    make_verified_credential(stranger)
    make_consent(doctor=stranger)

    facts = facts_of(make_draft_doctor(), at=NOW)

    assert facts.credentials == ()
    assert (facts.has_place, facts.has_hours, facts.is_visible) == (False, False, False)


@pytest.mark.django_db
def test_closed_places_and_ended_hours_do_not_count() -> None:
    doctor = make_doctor()
    place = make_location(doctor, is_active=False)
    make_window(doctor, place, valid_to=TODAY)
    make_window(doctor, place, is_active=False)

    facts = facts_of(doctor, at=NOW)

    assert (facts.has_place, facts.has_hours) == (False, False)


@pytest.mark.django_db
def test_all_is_done_for_a_doctor_whom_an_insurer_sees() -> None:
    doctor = make_doctor()
    make_window(doctor)
    make_verified_credential(doctor)
    make_consent(doctor=doctor)

    tasks = checklist(facts_of(doctor, at=NOW))

    assert tasks.is_done
    assert tasks.next_task is None


@pytest.mark.django_db
def test_page_lists_papers_first_and_shows_progress(client: Client) -> None:
    client.force_login(make_user(doctor=make_draft_doctor()))

    response = client.get(reverse("docport:setup"))

    page = response.content.decode()
    assert page.index("Have these at hand") < page.index("0 of 7 done")
    assert '<progress class="progress" max="7" value="0"' in page
    assert "Go on: Your details" in page


@pytest.mark.django_db
def test_page_shows_why_a_certificate_needs_a_change(client: Client) -> None:
    doctor = make_draft_doctor(status=Status.SUBMITTED)
    make_credential(doctor, status="NEEDS_CHANGE", reason="The photo is too dark.")
    client.force_login(make_user(doctor=doctor))

    page = client.get(reverse("docport:setup")).content.decode()

    assert "Needs a change" in page
    assert "The photo is too dark." in page


@pytest.mark.django_db
def test_stranger_is_asked_to_sign_in(client: Client) -> None:
    response = client.get(reverse("docport:setup"))

    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


@pytest.mark.django_db
@pytest.mark.parametrize("role", [User.Role.ADMIN, User.Role.INSURER, User.Role.DELEGATE])
def test_set_up_is_the_doctors_alone(client: Client, role: str) -> None:
    client.force_login(make_user(role=role))

    assert client.get(reverse("docport:setup")).status_code == 404
