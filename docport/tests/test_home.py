from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries

from consent.models import visible_doctors
from consent.tests.factories import make_consent, make_request
from docport import views
from docport.today import today_of
from integrations.models import ProviderDoctorSync
from registry.models import AuditLog, Doctor, InsuranceProvider, User
from registry.tests.factories import (
    NOW,
    make_admin,
    make_doctor,
    make_draft_doctor,
    make_location,
    make_provider,
    make_user,
)
from scheduling.models import Appointment
from scheduling.tests.factories import make_appointment, make_window

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MOST_QUERIES = 12


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "now", lambda: NOW)


@pytest.fixture
def doctor() -> Doctor:
    return make_doctor(full_name="Asha Rao")


def open_today(client: Client, user: User) -> str:
    client.force_login(user)
    response = client.get("/")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def sync(doctor: Doctor, provider: InsuranceProvider, status: str, **given: object) -> None:
    ProviderDoctorSync.objects.create(
        doctor=doctor,
        insurance_provider=provider,
        sync_status=status,
        next_attempt_at=NOW,
        **given,
    )


def test_stranger_reads_what_docport_is(client: Client) -> None:
    response = client.get("/")

    page = response.content.decode()
    assert response.status_code == 200
    assert reverse("account_signup") in page
    assert reverse("account_login") in page
    assert 'aria-label="Main"' not in page


def test_admin_goes_to_the_admin(client: Client) -> None:
    client.force_login(make_admin())

    response = client.get("/")

    assert response["Location"] == reverse("admin:index")


def test_insurers_person_is_told_about_keys(client: Client) -> None:
    page = open_today(client, make_user(role=User.Role.INSURER))

    assert "API keys" in page
    assert 'aria-label="Main"' not in page


def test_doctor_sees_todays_appointments_and_the_next_one(client: Client, doctor: Doctor) -> None:
    provider, place = make_provider(name="Arogya Health"), make_location(doctor)
    make_appointment(doctor, provider, place, appointment_time=NOW - HOUR, status="COMPLETED")
    make_appointment(doctor, provider, place, appointment_time=NOW + HOUR)
    cancelled = make_appointment(
        doctor, provider, place, appointment_time=NOW + MINUTE, status="CANCELLED"
    )

    page = open_today(client, make_user(doctor=doctor))

    assert "Good morning, Dr Asha Rao" in page
    assert "Monday 23 November 2026" in page
    assert "2 appointments today" in page
    assert '<p class="figure">Today, 10am to 10:15am</p>' in page
    assert reverse("scheduling:appointment", args=[cancelled.pk]) in page
    assert "Cancelled" in page


def test_another_doctors_appointments_are_not_shown(client: Client, doctor: Doctor) -> None:
    make_appointment(make_doctor(), make_provider(), appointment_time=NOW + HOUR)

    page = open_today(client, make_user(doctor=doctor))

    assert "0 appointments today" in page
    assert "Nobody has booked for today" in page


def test_holds_are_nobodys_appointment(doctor: Doctor) -> None:
    make_appointment(doctor, make_provider(), appointment_time=NOW + HOUR, status="HELD")

    today = today_of(doctor, at=NOW)

    assert today.visits == []
    assert today.next_visit is None


def test_next_appointment_may_be_on_a_later_day(doctor: Doctor) -> None:
    make_appointment(doctor, make_provider(), appointment_time=NOW + timedelta(days=1))

    today = today_of(doctor, at=NOW)

    assert today.visits == []
    assert today.next_visit is not None
    assert today.next_visit.day == "Tuesday 24 November"


def test_appointment_under_way_is_the_next_one(doctor: Doctor) -> None:
    make_appointment(doctor, make_provider(), appointment_time=NOW - MINUTE)

    next_visit = today_of(doctor, at=NOW).next_visit

    assert next_visit is not None
    assert next_visit.hours == "8:59am to 9:14am"


def test_day_is_the_doctors_own() -> None:
    doctor = make_doctor(timezone="America/New_York")
    make_appointment(doctor, make_provider(), appointment_time=NOW - HOUR)

    today = today_of(doctor, at=NOW)

    assert today.date == "Sunday 22 November 2026"
    assert today.greeting.startswith("Good evening")
    assert len(today.visits) == 1


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (NOW, "Good morning"),
        (NOW + 3 * HOUR, "Good afternoon"),
        (NOW + 8 * HOUR, "Good evening"),
    ],
)
def test_greeting_follows_the_clock(doctor: Doctor, at: datetime, words: str) -> None:
    assert today_of(doctor, at=at).greeting == f"{words}, Dr Asha Rao"


def test_insurers_are_counted_and_their_state_is_in_words(client: Client, doctor: Doctor) -> None:
    address = "https://insurer.example/api"
    in_step, silent = (
        make_provider(name=name, api_base_url=address) for name in ("Arogya", "Bharat")
    )
    make_provider(name="Chirayu")
    make_consent(doctor=doctor, insurance_provider=in_step)
    make_consent(doctor=doctor, insurance_provider=silent)
    sync(doctor, in_step, "IN_STEP", last_profile_sync=NOW - 2 * MINUTE)
    sync(doctor, silent, "FAILING", failing_since=NOW - timedelta(days=1))

    page = open_today(client, make_user(doctor=doctor))

    assert "Visible to 2 of 3 insurers" in page
    assert "Last sent today at 8:58am" in page
    assert "Since Sunday 22 November at 9am, because its system does not answer." in page
    assert "Sees nothing" in page
    assert "No insurer can see you" not in page


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED", "ACTIVE", "SUSPENDED"])
def test_who_sees_the_doctor_is_what_visible_doctors_says(status: str) -> None:
    doctor = make_doctor(status=status)
    consented, other = make_provider(), make_provider()
    make_provider(integration_status="LIVE")
    make_consent(doctor=doctor, insurance_provider=consented)

    insurers = today_of(doctor, at=NOW).insurers

    assert {insurer.provider for insurer in insurers} == {consented, other}
    for insurer in insurers:
        assert insurer.sees == (doctor in visible_doctors(insurer.provider, at=NOW))


def test_active_doctor_is_warned_of_no_hours_and_no_insurers(
    client: Client, doctor: Doctor
) -> None:
    page = open_today(client, make_user(doctor=doctor))

    assert "You have set no hours" in page
    assert "No insurer can see you" in page


def test_warnings_go_when_hours_and_an_insurer_are_there(doctor: Doctor) -> None:
    make_window(doctor)
    make_consent(doctor=doctor, insurance_provider=make_provider())

    assert today_of(doctor, at=NOW).warnings == []


def test_what_insurers_ask_and_what_ends_soon_waits_on_the_page(
    client: Client, doctor: Doctor
) -> None:
    asking, ending = make_provider(name="Arogya"), make_provider(name="Bharat")
    make_request(doctor=doctor, insurance_provider=asking)
    soon = NOW + timedelta(days=30)
    make_consent(doctor=doctor, insurance_provider=ending, expires_at=soon)
    make_consent(doctor=doctor, expires_at=soon + MINUTE)
    make_request()

    page = open_today(client, make_user(doctor=doctor))

    assert "Arogya asks to see you. You can answer until Wednesday 23 December at 9am." in page
    assert reverse("docport:insurer", args=[asking.slug]) in page
    assert "Bharat sees you only until Wednesday 23 December at 9am." in page
    assert reverse("consent:give", args=[ending.slug]) in page
    assert page.count("sees you only until") == 1
    assert page.count("asks to see you") == 1


def test_new_doctor_sees_the_checklist_and_no_warnings(client: Client) -> None:
    page = open_today(client, make_user(doctor=make_draft_doctor()))

    assert "Finish setting up: 0 of 7 done" in page
    assert "notice-warn" not in page


def test_receptionist_without_rights_sees_no_appointments(client: Client, doctor: Doctor) -> None:
    make_appointment(doctor, make_provider(name="Arogya Health"), appointment_time=NOW + HOUR)
    receptionist = make_user(role=User.Role.DELEGATE, doctor=doctor)

    page = open_today(client, receptionist)

    assert "Arogya Health" not in page
    assert reverse("docport:insurers") not in page
    assert reverse("registry:profile") not in page


def test_receptionist_with_rights_sees_appointments_but_no_consents(
    client: Client, doctor: Doctor
) -> None:
    make_appointment(doctor, make_provider(name="Arogya Health"), appointment_time=NOW + HOUR)
    receptionist = make_user(role=User.Role.DELEGATE, doctor=doctor)
    assign_perm("registry.manage_appointments", receptionist, doctor)

    page = open_today(client, receptionist)

    assert "Arogya Health" in page
    assert "Visible to" not in page


def test_today_takes_few_queries_however_much_there_is(
    client: Client, doctor: Doctor, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    place = make_location(doctor)
    for quarter in range(12):
        provider = make_provider(api_base_url="https://insurer.example/api")
        make_consent(doctor=doctor, insurance_provider=provider)
        sync(doctor, provider, "PENDING")
        start = NOW - quarter * 15 * MINUTE
        make_appointment(
            doctor, provider, place, appointment_time=start, status=Appointment.Status.COMPLETED
        )
    client.force_login(make_user(doctor=doctor))

    with django_assert_max_num_queries(MOST_QUERIES):
        response = client.get("/")

    assert b"12 appointments today" in response.content


def test_colours_are_kept_in_the_account_and_lead_back(client: Client) -> None:
    user = make_user()
    client.force_login(user)

    response = client.post(reverse("docport:theme"), {"theme": "dark", "next": "/setup/"})

    user.refresh_from_db()
    assert user.theme == User.Theme.DARK
    assert response["Location"] == "/setup/"
    assert 'data-theme="dark"' in client.get("/").content.decode()
    assert AuditLog.objects.filter(action="user.theme_set", entity_id=user.pk).count() == 1


def test_colours_chosen_again_change_nothing(client: Client) -> None:
    client.force_login(make_user())

    client.post(reverse("docport:theme"), {"theme": "auto"})

    assert not AuditLog.objects.exists()


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example/", ""])
def test_unknown_colours_and_foreign_addresses_are_ignored(client: Client, back: str) -> None:
    user = make_user()
    client.force_login(user)

    response = client.post(reverse("docport:theme"), {"theme": "pink", "next": back})

    user.refresh_from_db()
    assert user.theme == User.Theme.AUTO
    assert response["Location"] == reverse("docport:home")


def test_colours_need_a_signed_in_person_and_a_post(client: Client) -> None:
    assert client.post(reverse("docport:theme"), {"theme": "dark"}).status_code == 302
    client.force_login(make_user())
    assert client.get(reverse("docport:theme")).status_code == 405
