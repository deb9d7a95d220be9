"""Every page in a real browser: nothing axe finds, nothing the CSP stops, no sideways scroll."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils.timezone import now
from pytest_django.live_server_helper import LiveServer

from consent.actions import decline, give
from consent.models import ConsentEvent, DataClass
from consent.tests.factories import make_consent, make_request, make_withdrawn_consent
from docport.tests.browser import faults, faults_shown, new_page, sign_in
from integrations.models import ProviderDoctorSync
from integrations.tests.factories import make_sync
from registry.models import DoctorLocation, InsuranceProvider, User
from registry.tests.factories import (
    make_admin,
    make_credential,
    make_doctor,
    make_draft_doctor,
    make_location,
    make_provider,
    make_user,
    make_verified_credential,
)
from scheduling.models import Appointment, AvailabilityException
from scheduling.tests.factories import make_appointment, make_exception, make_window

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Status = ProviderDoctorSync.Status


@dataclass
class Cast:
    """Who opens the pages, and the paths that their rows give."""

    user: User
    paths: list[str]


def faults_on(server: LiveServer, paths: list[str], user: User | None = None) -> list[str]:
    """List what is wrong with some pages, as the user sees them."""
    with new_page() as page:
        if user:
            sign_in(page, server, user)
        return [fault for path in paths for fault in faults(page, f"{server.url}{path}")]


def strangers_paths() -> list[str]:
    names = [
        "docport:home",
        "account_login",
        "account_signup",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key_done",
        "account_email_verification_sent",
        "account_inactive",
    ]
    return [
        *(reverse(name) for name in names),
        reverse("account_confirm_email", args=["no-such-key"]),
    ]


def make_busy_doctor() -> Cast:
    """Add a doctor with a full day, whom one insurer sees, one fails to reach and one does not."""
    at = now()
    doctor = make_doctor(full_name="Asha Rao")
    user = make_user(doctor=doctor)
    place = make_location(doctor)
    make_verified_credential(doctor)
    for day in range(7):
        make_window(doctor, place, day_of_week=day)
    names = ["Arogya Health", "Bharat Suraksha", "Chirayu General Insurance Company of India"]
    address = "https://insurer.example/api"
    seeing, failing, other = (make_provider(name=name, api_base_url=address) for name in names)
    for provider in (seeing, failing):
        give(
            doctor=doctor,
            provider=provider,
            data_classes=DataClass.values,
            expires_at=None,
            language="en",
            by=user,
            at=at,
        )
    make_sync(
        doctor=doctor, insurance_provider=seeing, sync_status=Status.IN_STEP, last_profile_sync=at
    )
    make_sync(
        doctor=doctor,
        insurance_provider=failing,
        sync_status=Status.FAILING,
        failing_since=at - timedelta(hours=2),
    )
    hour = at.replace(minute=0, second=0, microsecond=0)
    states = ["COMPLETED", "NO_SHOW", "CANCELLED", "ARRIVED", "BOOKED"]
    appointments = [
        make_appointment(
            doctor, seeing, place, appointment_time=hour + timedelta(hours=later), status=state
        )
        for later, state in enumerate(states, start=-2)
    ]
    return Cast(
        user,
        [
            *account_paths(),
            *registry_paths(place),
            *consent_paths(seeing, other),
            *request_paths(user, at),
            *scheduling_paths(appointments[-1], seeing),
            *calendar_paths(place, hour),
            *leave_paths(place, hour),
        ],
    )


def account_paths() -> list[str]:
    names = [
        "docport:home",
        "docport:setup",
        "account_email",
        "account_change_password",
        "account_logout",
        "account_reauthenticate",
    ]
    return [reverse(name) for name in names]


def registry_paths(place: DoctorLocation) -> list[str]:
    names = [
        "registry:profile",
        "registry:profile_history",
        "registry:place_add",
        "registry:credential_list",
        "registry:credential_add",
        "registry:submit",
    ]
    sections = ["identity", "registration", "practice", "contact"]
    return [
        *(reverse(name) for name in names),
        *(reverse("registry:profile_edit", args=[section]) for section in sections),
        reverse("registry:place_edit", args=[place.pk]),
    ]


def consent_paths(seeing: InsuranceProvider, other: InsuranceProvider) -> list[str]:
    step = ConsentEvent.objects.filter(consent__insurance_provider=seeing).get()
    return [
        reverse("docport:insurers"),
        reverse("docport:insurer", args=[seeing.slug]),
        reverse("docport:insurer", args=[other.slug]),
        reverse("docport:access"),
        reverse("docport:activity"),
        reverse("docport:preview", args=[seeing.slug]),
        reverse("docport:preview", args=[other.slug]),
        reverse("docport:why_insurer", args=[seeing.slug]),
        reverse("docport:why_insurer", args=[other.slug]),
        reverse("consent:give", args=[other.slug]),
        reverse("consent:receipt", args=[step.pk]),
    ]


def request_paths(user: User, at: datetime) -> list[str]:
    """Add an insurer that asks, one that was refused and one that is late; give their pages."""
    doctor = user.doctor
    assert doctor is not None
    asking = make_request(
        doctor=doctor,
        insurance_provider=make_provider(name="Dhanvantari Mutual"),
        asked_at=at - timedelta(days=2),
        message="Our members in Jayanagar look for a doctor near them.",
    ).insurance_provider
    refused = make_request(doctor=doctor, asked_at=at - timedelta(days=3))
    no = decline(request=refused, doctor=doctor, by=user, at=at)
    late = make_withdrawn_consent(
        doctor=doctor,
        insurance_provider=make_provider(contact_email="desk@late.example.org"),
        granted_at=at - timedelta(days=90),
        revoked_at=at - timedelta(days=31),
        erase_by=at - timedelta(days=1),
    ).insurance_provider
    make_consent(
        doctor=doctor,
        granted_at=at - timedelta(days=350),
        expires_at=at + timedelta(days=15),
    )
    asked_again = make_consent(
        doctor=doctor,
        granted_at=at - timedelta(days=90),
        asked_again_at=at - timedelta(days=1),
        expires_at=at + timedelta(days=29),
    ).insurance_provider
    insurers = [asking, late, refused.insurance_provider, asked_again]
    return [
        *(reverse("docport:insurer", args=[insurer.slug]) for insurer in insurers),
        reverse("consent:give", args=[asking.slug]),
        reverse("consent:give", args=[asked_again.slug]),
        reverse("consent:receipt", args=[no.pk]),
    ]


def scheduling_paths(appointment: Appointment, seeing: InsuranceProvider) -> list[str]:
    return [
        reverse("scheduling:hours"),
        reverse("scheduling:week"),
        reverse("scheduling:day", args=[appointment.appointment_time.date()]),
        reverse("scheduling:appointment", args=[appointment.pk]),
        reverse("scheduling:appointment_cancel", args=[appointment.pk]),
        *moving_paths(appointment),
        reverse("scheduling:withdraw", args=[seeing.slug]),
    ]


def moving_paths(appointment: Appointment) -> list[str]:
    """Give the free times, and the question about one of them."""
    address = reverse("scheduling:appointment_move", args=[appointment.pk])
    start = appointment.appointment_time + timedelta(days=7)
    chosen = {
        "start": f"{start:%Y-%m-%dT%H:%MZ}",
        "place": appointment.location_id,
        "version": appointment.version,
        "seen": f"{appointment.appointment_time:%Y-%m-%dT%H:%MZ}",
    }
    return [address, f"{address}?{urlencode(chosen)}"]


def calendar_paths(place: DoctorLocation, hour: datetime) -> list[str]:
    """Add leave, extra hours and a hold to next week, and give the pages that show them."""
    day = (hour + timedelta(days=7)).astimezone(ZoneInfo(place.timezone))
    nine = day.replace(hour=9, minute=0)
    make_exception(
        place.doctor, starts_at=nine + timedelta(hours=1), ends_at=nine + timedelta(hours=2)
    )
    make_exception(
        place.doctor,
        kind="EXTRA",
        location=place,
        starts_at=nine + timedelta(hours=9),
        ends_at=nine + timedelta(hours=10),
    )
    hold = {"status": "HELD", "hold_expires_at": hour + timedelta(hours=2)}
    make_appointment(place.doctor, make_provider(), place, appointment_time=nine, **hold)
    why = reverse("scheduling:why", args=[day.date()])
    week = f"{reverse('scheduling:week')}?week={day.date()}"
    return [
        week,
        # On a phone the table waits until it is asked for.
        f"{week}&table=1#all-week",
        reverse("scheduling:day", args=[day.date()]),
        reverse("scheduling:day", args=[day.date() + timedelta(days=365)]),
        why,
        *(f"{why}?time={asked}" for asked in ("09:00", "10:00", "09:15", "09:07", "20:00")),
    ]


def leave_paths(place: DoctorLocation, hour: datetime) -> list[str]:
    """Add leave that has begun and leave with a note, and give the pages about them."""
    begun = make_exception(place.doctor, starts_at=hour, ends_at=hour + timedelta(hours=3))
    later = make_exception(
        place.doctor,
        starts_at=hour + timedelta(days=20),
        ends_at=hour + timedelta(days=24),
        location=place,
        reason="A family wedding in Udaipur",
    )
    extra = AvailabilityException.objects.get(doctor=place.doctor, kind="EXTRA")
    names = ["leave_list", "leave_add", "extra_add", "holidays", "booking_rules"]
    return [
        f"{reverse('docport:home')}?undo={begun.pk}",
        *(reverse(f"scheduling:{name}") for name in names),
        *(reverse("scheduling:exception_edit", args=[one.pk]) for one in (begun, later, extra)),
        *(reverse("scheduling:exception_remove", args=[one.pk]) for one in (begun, extra)),
    ]


def test_strangers_pages_have_no_fault(live_server: LiveServer) -> None:
    assert faults_on(live_server, strangers_paths()) == []


def test_doctors_pages_have_no_fault(live_server: LiveServer) -> None:
    cast = make_busy_doctor()

    assert faults_on(live_server, cast.paths, cast.user) == []


def test_pages_of_a_new_doctor_have_no_fault(live_server: LiveServer) -> None:
    doctor = make_draft_doctor()
    make_credential(doctor, status="NEEDS_CHANGE", reason="The photo is too dark to read.")
    user = make_user(doctor=doctor)
    paths = [reverse("docport:home"), reverse("docport:setup")]

    assert faults_on(live_server, paths, user) == []


def test_reference_of_the_api_has_no_fault(live_server: LiveServer) -> None:
    assert faults_on(live_server, [reverse("integrations:docs")]) == []


def test_pages_of_the_admin_have_no_fault(live_server: LiveServer) -> None:
    cast = make_busy_doctor()
    doctor = cast.user.doctor_id
    paths = [
        reverse("admin:index"),
        f"{reverse('admin:registry_auditlog_changelist')}?q={doctor}",
        reverse("admin:consent_consent_changelist"),
        reverse("docport:why_doctor", args=[doctor]),
    ]

    assert faults_on(live_server, paths, make_admin()) == []


def test_pages_behind_a_form_have_no_fault(live_server: LiveServer) -> None:
    """What consent would share, and what a change of the profile would change."""
    cast = make_busy_doctor()
    unseen = InsuranceProvider.objects.get(name__startswith="Chirayu")

    with new_page() as page:
        sign_in(page, live_server, cast.user)
        page.goto(f"{live_server.url}{reverse('consent:give', args=[unseen.slug])}")
        page.get_by_role("button", name="Check what is shared").click()
        page.get_by_role("heading", name="will see").wait_for()
        found = faults_shown(page)
        page.goto(f"{live_server.url}{reverse('registry:profile_edit', args=['identity'])}")
        page.get_by_label("Consultation fee").fill("905")
        page.get_by_role("button", name="See what would change").click()
        page.get_by_text("Word for word").first.click()
        found += faults_shown(page)

    assert found == []


def test_page_of_an_insurers_person_has_no_fault(live_server: LiveServer) -> None:
    user = make_user(role=User.Role.INSURER)

    assert faults_on(live_server, [reverse("docport:home")], user) == []


def test_missing_page_has_no_fault(live_server: LiveServer) -> None:
    with new_page() as page:
        found = faults(page, f"{live_server.url}/nothing-here/", status=404)

    assert found == []


def test_refused_form_moves_to_its_summary_and_has_no_fault(live_server: LiveServer) -> None:
    with new_page() as page:
        page.goto(f"{live_server.url}{reverse('account_signup')}")
        page.locator("main").get_by_role("button").click()
        focused = page.evaluate("document.activeElement.hasAttribute('data-error-summary')")
        found = faults_shown(page)

    assert found == []
    assert focused


def test_refusals_of_the_calendar_have_no_fault(live_server: LiveServer) -> None:
    cast = make_busy_doctor()
    day = now().date()
    booked = Appointment.objects.get(status="BOOKED")
    move, version = moving_paths(booked)[1], f"version={booked.version}"

    with new_page() as page:
        sign_in(page, live_server, cast.user)
        why = f"{live_server.url}{reverse('scheduling:why', args=[day])}?time=99"
        found = faults(page, why, status=422)
        stale = f"{live_server.url}{move.replace(version, 'version=99')}"
        found += faults(page, stale, status=409)

    assert found == []
